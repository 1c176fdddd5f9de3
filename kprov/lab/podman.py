"""The container lab: nodes that are containers with systemd and sshd, by podman or, through the same code, docker."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from kprov.errors import CheckFailed, InputError
from kprov.events import Emit, Notice, Progress
from kprov.lab import image
from kprov.lab.checks import Objection, Seen, objections
from kprov.lab.engine import Container, Engine, NodeNetwork, NodeRequest
from kprov.lab.host import REMEMBERED, Host
from kprov.lab.limits import INOTIFY, raise_limits
from kprov.lab.lock import alone
from kprov.lab.provider import LabRequest, Machine, MachineRequest
from kprov.lab.sweep import SETTLE_S, restore_after_last, sweep, until
from kprov.ssh.fan_out import fan_out

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from kprov.lab.recipe import Recipe

_PHASE = "lab"
_BOOT_S = 120
"""A node answers SSH after two seconds on an idle host; nine at once on two busy cores took twenty."""
_LOCK_WAIT_S = 10
_GREETING_S = 1

_COMMANDS = {"ip": "iproute2", "iptables": "iptables", "mmdebstrap": "mmdebstrap", "apt-get": "apt"}
_ENGINE_COMMANDS = {"podman": {"podman": "podman", "runc": "runc"}, "docker": {"docker": "docker.io"}}
_NETAVARK = tuple(
    f"{folder}/podman/netavark" for folder in ("/usr/lib", "/usr/libexec", "/usr/local/lib", "/usr/local/libexec")
)
"""The folders in which podman looks for its helpers (containers.conf(5), helper_binaries_dir)."""

_ADMIT = """\
set -eu
read -r key
mkdir -p -m 0700 /root/.ssh
touch /root/.ssh/authorized_keys
chmod 0600 /root/.ssh/authorized_keys
grep -qxF -- "$key" /root/.ssh/authorized_keys || printf '%s\\n' "$key" >>/root/.ssh/authorized_keys
"""


class ContainerLab:
    """Labs on one host, in one engine. What exists is always asked of the engine; nothing is kept in files.

    A lab's network is made first and removed last: it carries what must be known to clean up after an interrupted run.
    """

    def __init__(self, engine: Engine, host: Host, recipe: Recipe, cache: Path) -> None:
        self.name: str = engine.name
        self._engine = engine
        self._host = host
        self._recipe = recipe
        self._cache = cache

    def check(self, lab: LabRequest) -> None:
        """Refuse, before anything is made, what cannot work here.

        Raises:
            InputError: every reason at once.
        """
        self._usable()
        _refuse(objections(lab, self._look(lab)), f"the lab {lab.name} cannot be made on this host")

    def up(self, lab: LabRequest, emit: Emit) -> int:
        """Make every machine that is missing, start every one that is stopped; return how many changed.

        Raises:
            InputError: see ``check``; or another kprov works on this lab.
            CheckFailed: the engine failed, or a machine does not boot.
        """
        with alone(lab.name, _LOCK_WAIT_S):
            self.check(lab)
            image.ensure(self._recipe, self._engine, self._cache, emit)
            existing = self._existing(lab.name)
            if not any(container.state != "unborn" for container in existing.values()):
                # Nothing ever ran: what an interrupted run may have left is not worth mending.
                sweep(self._engine, self._host, lab.name, emit)
                existing = {}
            network_name = self._connect(lab)
            raise_limits(self._host, emit)
            for inside in (lab.subnet, *lab.unreachable):
                self._host.refuse(inside)
            _tell_extra(lab, existing, emit)
            total = len(lab.machines)
            emit(Progress(_PHASE, "starting machines", done=0, total=total))

            def ensure(machine: MachineRequest) -> bool:
                changed = self._ensure(lab, network_name, machine, existing.get(machine.name))
                emit(Progress(_PHASE, "answers SSH", host=machine.name))
                return changed

            changed = fan_out({machine.name: machine for machine in lab.machines}, ensure)
            emit(Progress(_PHASE, "all machines answer SSH", done=total, total=total))
            return sum(changed.values())

    def down(self, name: str, emit: Emit) -> int:
        """Remove everything that ``up`` made but the node image; return how many machines were removed.

        Raises:
            InputError: the engine cannot be used; or another kprov works on this lab.
            CheckFailed: the engine failed.
        """
        self._usable()
        with alone(name, _LOCK_WAIT_S):
            removed = sweep(self._engine, self._host, name, emit)
            restore_after_last(self._engine, self._host, emit)
        return removed

    def status(self, lab: LabRequest) -> tuple[Machine, ...]:
        """Every machine of the request, with its state and host keys.

        Raises:
            InputError: the engine cannot be used.
        """
        self._usable()
        existing = self._existing(lab.name)

        def see(machine: MachineRequest) -> Machine:
            container = existing.get(machine.name)
            if container is None or container.state == "unborn":
                return Machine(machine.name, machine.address, "absent")
            if container.state != "running":
                return Machine(machine.name, container.address, "stopped")
            return Machine(machine.name, container.address, "running", self._host_keys(container))

        return tuple(fan_out({machine.name: machine for machine in lab.machines}, see).values())

    def facts(self) -> Mapping[str, bool]:
        """``shared_kernel``: swap, modules, clock and kernel parameters belong to the host, not to a node."""
        return {"shared_kernel": True}

    def private_folders(self) -> tuple[Path, ...]:
        """Where the host's kernel parameters are noted while a lab is up."""
        return (REMEMBERED,)

    def _usable(self) -> None:
        """Refuse where the engine cannot be driven at all."""
        commands = _COMMANDS | _ENGINE_COMMANDS[self._engine.name]
        missing = {command: package for command, package in commands.items() if not self._host.has(command)}
        if self._engine.name == "podman" and not self._host.existing(_NETAVARK):
            missing["netavark"] = "netavark"
        found = []
        if missing:
            found.append(
                Objection(
                    f"missing here: {', '.join(missing)}",
                    f"Run `apt-get install {' '.join(missing.values())}` as root.",
                )
            )
        if not self._host.is_root():
            found.append(
                Objection("kprov does not run as root, which node containers need", "Run it as root, or with sudo.")
            )
        if not found and (why := self._engine.unusable()):
            found.append(
                Objection(f"{self._engine.name} does not work here: {why}", f"Mend {self._engine.name}: see `info`.")
            )
        _refuse(tuple(found), f"{self._engine.name} cannot make nodes on this host")

    def _look(self, lab: LabRequest) -> Seen:
        return Seen(
            containers_by_node={machine.name: _container_name(lab.name, machine.name) for machine in lab.machines},
            image=self._recipe.tag,
            taken=self._host.taken(),
            networks=self._engine.networks(),
            containers=self._engine.containers(),
            names=self._engine.names(),
            inotify=self._host.parameter(INOTIFY) or 0,
            inotify_can_be_set=self._host.can_set(INOTIFY),
        )

    def _existing(self, cluster: str) -> dict[str, Container]:
        return {container.node: container for container in self._engine.containers(cluster)}

    def _connect(self, lab: LabRequest) -> str:
        """Have the lab's network; return its name.

        Each network gets a name of its own: podman 4.3 keeps the addresses of a container whose making was killed for
        good, and by the network's name, even when that network is removed.
        """
        if names := self._networks(lab.name):
            return names[0]
        name = f"kprov-{lab.name}-{secrets.token_hex(2)}"
        try:
            self._engine.create_network(NodeNetwork(name, lab.name, (lab.subnet,), "", lab.unreachable))
        except CheckFailed:
            # A podman that outlived a killed kprov may have made it meanwhile.
            if not (names := self._networks(lab.name)):
                raise
            return names[0]
        return name

    def _networks(self, cluster: str) -> list[str]:
        return [network.name for network in self._engine.networks() if network.cluster == cluster]

    def _ensure(self, lab: LabRequest, network: str, machine: MachineRequest, container: Container | None) -> bool:
        """Have one machine running and answering SSH; return whether it had to be made or started."""
        name = _container_name(lab.name, machine.name)
        if container is not None and container.state == "unborn":
            self._engine.remove([name])
            container = None
        if container is None:
            self._create(lab, network, machine, name)
        elif container.state != "running":
            self._engine.start(container)
        admitted = self._engine.execute(name, ["sh", "-c", _ADMIT], lab.public_key.strip().encode() + b"\n")
        if admitted.code:
            raise CheckFailed(
                "the machine does not take the SSH key",
                where=machine.name,
                why=admitted.why,
                remedy=_see(self._engine, name),
            )
        if not until(lambda: self._host.ssh_answers(machine.address, _GREETING_S), _BOOT_S):
            raise CheckFailed(
                f"the machine does not answer SSH within {_BOOT_S} s",
                where=machine.name,
                why=f"nothing greets at {machine.address} port 22",
                remedy=_see(self._engine, name),
            )
        return container is None or container.state != "running"

    def _create(self, lab: LabRequest, network: str, machine: MachineRequest, name: str) -> None:
        try:
            self._engine.create(
                NodeRequest(
                    name=name,
                    cluster=lab.name,
                    node=machine.name,
                    address=machine.address,
                    image=self._recipe.tag,
                    network=network,
                    ulimits=self._host.ulimits(),
                    devices=self._host.existing(["/dev/kmsg"]),
                    read_only=self._host.existing(["/lib/modules"]),
                )
            )
        except CheckFailed:
            # A podman that outlived a killed kprov may be making it.
            if name in self._engine.names() and until(lambda: self._runs(lab.name, name), SETTLE_S):
                return
            self._engine.remove([name])
            raise

    def _runs(self, cluster: str, name: str) -> bool:
        return any(one.name == name and one.state == "running" for one in self._engine.containers(cluster))

    def _host_keys(self, container: Container) -> tuple[str, ...]:
        shown = self._engine.execute(container.name, ["cat", "/etc/ssh/ssh_host_ed25519_key.pub"])
        return (" ".join(shown.out.split()[:2]),) if shown.code == 0 and shown.out.strip() else ()


def _refuse(found: tuple[Objection, ...], what: str) -> None:
    if found:
        raise InputError(
            what,
            why="; ".join(objection.why for objection in found),
            remedy=" ".join(dict.fromkeys(objection.remedy for objection in found)),
        )


def _tell_extra(lab: LabRequest, existing: Mapping[str, Container], emit: Emit) -> None:
    extra = sorted(set(existing) - {machine.name for machine in lab.machines})
    if extra:
        emit(
            Notice(
                "warning",
                f"machines of this lab that the cluster file does not name are left as they are: {', '.join(extra)}",
                "`kprov lab down` removes them with the whole lab.",
            )
        )


def _container_name(cluster: str, node: str) -> str:
    return f"kprov-{cluster}-{node}"


def _see(engine: Engine, name: str) -> str:
    return f"See `{engine.name} logs {name}` and `{engine.name} exec {name} journalctl -b`, or run `kprov lab down`."
