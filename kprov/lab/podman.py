"""The container lab: nodes that are containers with systemd and sshd, by podman or, through the same code, docker."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kprov.errors import CheckFailed, InputError
from kprov.events import Emit, Notice, Progress
from kprov.lab import image, needs
from kprov.lab.checks import Seen, objections
from kprov.lab.engine import Container, Engine, NodeNetwork, NodeRequest, Survey
from kprov.lab.host import REMEMBERED, Host
from kprov.lab.limits import INOTIFY, raise_limits
from kprov.lab.lock import alone
from kprov.lab.provider import LabRequest, Machine, MachineRequest
from kprov.lab.sweep import restore_after_last, sweep, until
from kprov.ssh.authorized import ADMIT, one_line
from kprov.ssh.fan_out import fan_out

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kprov.lab.recipe import Recipe

_PHASE = "lab"
_GREETING_S = 1
_HOST_KEY = "/etc/ssh/ssh_host_ed25519_key.pub"
_AUTHORIZED = "/root/.ssh/authorized_keys"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds.

    ``boot_s``: until every node answers SSH; it takes two on an idle host, and took twenty for nine on two busy cores.
    ``settle_s``: for an engine's command that outlived a killed kprov. ``lock_s``: for another kprov on this lab.
    """

    boot_s: float = 180
    settle_s: float = 15
    lock_s: float = 10


PATIENCE = Patience()


class ContainerLab:
    """Labs on one host, in one engine. What exists is always asked of the engine; nothing is kept in files.

    A lab's network is made first and removed last: it carries what must be known to clean up after an interrupted run.
    """

    def __init__(self, engine: Engine, host: Host, recipe: Recipe, cache: Path, patience: Patience = PATIENCE) -> None:
        self.name: str = engine.name
        self._engine = engine
        self._host = host
        self._recipe = recipe
        self._cache = cache
        self._patience = patience

    def check(self, lab: LabRequest) -> None:
        """Refuse, before anything is made, what cannot work here.

        Raises:
            InputError: every reason at once.
        """
        needs.require(self._engine, self._host, building=True)
        self._survey(lab)

    def up(self, lab: LabRequest, emit: Emit) -> int:
        """Make every machine that is missing, start every one that is stopped; return how many changed.

        Raises:
            InputError: see ``check``; or another kprov works on this lab.
            CheckFailed: the engine failed, or a machine does not boot.
        """
        with alone(lab.name, self._patience.lock_s):
            needs.require(self._engine, self._host, building=True)
            seen = self._survey(lab)
            existing = {one.node: one for one in seen.containers if one.cluster == lab.name}
            born = {node for node, container in existing.items() if container.state != "unborn"}
            networks = [network.name for network in seen.networks if network.cluster == lab.name]
            for system in dict.fromkeys(machine.system for machine in lab.machines if machine.name not in born):
                image.ensure(self._recipe.of(system), self._engine, self._cache, emit)
            if networks and not born:
                # Nothing ever ran: what an interrupted run may have left is not worth mending.
                sweep(self._engine, self._host, lab.name, emit, self._patience.settle_s)
                existing, networks = {}, []
            network_name = networks[0] if networks else self._connect(lab)
            raise_limits(self._host, emit)
            for inside in {lab.subnet, *lab.unreachable} - self._host.unreachable():
                self._host.refuse(inside)
            _tell_extra(lab, existing, emit)
            emit(Progress(_PHASE, "starting machines", done=0, total=len(lab.machines)))

            def ensure(machine: MachineRequest) -> bool:
                return self._ensure(lab, network_name, machine, existing.get(machine.name))

            changed = fan_out({machine.name: machine for machine in lab.machines}, ensure)
            self._await_ssh(lab, emit)
            return sum(changed.values())

    def down(self, name: str, emit: Emit, home: str = "") -> int:
        """Remove everything that ``up`` made but the node image; return how many machines were removed.

        Raises:
            InputError: the engine cannot be used; another kprov works on this lab; it belongs to another cluster file.
            CheckFailed: the engine failed.
        """
        needs.require(self._engine, self._host)
        with alone(name, self._patience.lock_s):
            _refuse_other(name, home, self._engine.networks())
            removed = sweep(self._engine, self._host, name, emit, self._patience.settle_s)
            restore_after_last(self._engine, self._host, emit)
        return removed

    def status(self, lab: LabRequest) -> tuple[Machine, ...]:
        """Every machine of the request, with its state and host keys.

        Raises:
            InputError: the engine cannot be used.
        """
        needs.require(self._engine, self._host)
        existing = {one.node: one for one in needs.survey(self._engine).containers if one.cluster == lab.name}
        return tuple(self._see(machine, existing.get(machine.name)) for machine in lab.machines)

    def snapshot(self, lab: LabRequest, label: str, emit: Emit) -> None:  # noqa: ARG002 - see Provider
        """Refuse: an image of a node holds neither its volume nor what runs.

        Raises:
            InputError: always.
        """
        raise _no_snapshots(lab.name)

    def restore(self, lab: LabRequest, label: str, emit: Emit) -> None:  # noqa: ARG002 - see Provider
        """Refuse, as ``snapshot``.

        Raises:
            InputError: always.
        """
        raise _no_snapshots(lab.name)

    def facts(self) -> Mapping[str, bool]:
        """``shared_kernel``: swap, modules, clock and kernel parameters belong to the host, not to a node."""
        return {"shared_kernel": True}

    def private_folders(self) -> tuple[Path, ...]:
        """Where the host's kernel parameters are noted while a lab is up."""
        return (REMEMBERED,)

    def _survey(self, lab: LabRequest) -> Survey:
        """Look at the engine and the host, and refuse what stands against the lab."""
        seen = Seen(
            containers_by_node={machine.name: _container_name(lab.name, machine.name) for machine in lab.machines},
            images_by_node={machine.name: self._recipe.of(machine.system).tag for machine in lab.machines},
            taken=self._host.taken(),
            engine=needs.survey(self._engine),
            inotify=self._host.parameter(INOTIFY) or 0,
            inotify_can_be_set=self._host.can_set(INOTIFY),
        )
        _refuse_other(lab.name, lab.home, seen.engine.networks)
        needs.refuse(objections(lab, seen), f"the lab {lab.name} cannot be made on this host")
        return seen.engine

    def _see(self, machine: MachineRequest, container: Container | None) -> Machine:
        if container is None or container.state == "unborn":
            return Machine(machine.name, machine.address, "absent")
        if container.state != "running":
            return Machine(machine.name, container.address, "stopped")
        kind, key = (*self._engine.read(container, _HOST_KEY).split(), "", "")[:2]
        return Machine(machine.name, container.address, "running", (f"{kind} {key}",) if key else ())

    def _connect(self, lab: LabRequest) -> str:
        """Make the lab's network; return its name.

        Each network gets a name of its own: podman 4.3 keeps the addresses of a container whose making was killed for
        good, and by the network's name, even when that network is removed.
        """
        name = f"kprov-{lab.name}-{secrets.token_hex(2)}"
        try:
            self._engine.create_network(NodeNetwork(name, lab.name, (lab.subnet,), "", lab.unreachable, lab.home))
        except CheckFailed:
            # A podman that outlived a killed kprov may have made it meanwhile.
            made = [network.name for network in self._engine.networks() if network.cluster == lab.name]
            if not made:
                raise
            return made[0]
        return name

    def _ensure(self, lab: LabRequest, network: str, machine: MachineRequest, container: Container | None) -> bool:
        """Have one machine running, with the SSH key admitted; return whether it had to be made or started."""
        name = _container_name(lab.name, machine.name)
        if container is not None and container.state == "unborn":
            self._engine.remove([name])
            container = None
        if container is None:
            self._create(lab, network, machine, name)
        elif container.state != "running":
            self._engine.start(container)
        elif one_line(lab.public_key).decode() in self._engine.read(container, _AUTHORIZED):
            return False
        admitted = self._engine.execute(name, ["sh", "-c", ADMIT], one_line(lab.public_key))
        if admitted.code:
            raise CheckFailed(
                "the machine does not take the SSH key",
                where=machine.name,
                why=admitted.why,
                remedy=_look_into(self._engine, name),
            )
        return container is None or container.state != "running"

    def _await_ssh(self, lab: LabRequest, emit: Emit) -> None:
        """Wait until every machine greets, in the main thread, so that an interruption is heeded at once."""
        waiting = {machine.name: machine.address for machine in lab.machines}

        def all_answer() -> bool:
            for name, address in list(waiting.items()):
                if self._host.ssh_answers(address, _GREETING_S):
                    del waiting[name]
                    done = len(lab.machines) - len(waiting)
                    emit(Progress(_PHASE, "answers SSH", host=name, done=done, total=len(lab.machines)))
            return not waiting

        if not until(all_answer, self._patience.boot_s):
            name, address = next(iter(waiting.items()))
            raise CheckFailed(
                f"no answer over SSH within {self._patience.boot_s:.0f} s",
                where=", ".join(waiting),
                why=f"nothing greets at {address} port 22",
                remedy=_look_into(self._engine, _container_name(lab.name, name)),
            )

    def _create(self, lab: LabRequest, network: str, machine: MachineRequest, name: str) -> None:
        try:
            self._engine.create(
                NodeRequest(
                    name=name,
                    cluster=lab.name,
                    node=machine.name,
                    address=machine.address,
                    image=self._recipe.of(machine.system).tag,
                    network=network,
                    ulimits=self._host.ulimits(),
                    devices=self._host.existing(["/dev/kmsg"]),
                    read_only=self._host.existing(["/lib/modules"]),
                )
            )
        except CheckFailed:
            # A podman that outlived a killed kprov may be making it.
            if until(lambda: self._runs(lab.name, name), self._patience.settle_s):
                return
            self._engine.remove([name])
            raise

    def _runs(self, cluster: str, name: str) -> bool:
        return any(one.name == name and one.state == "running" for one in self._engine.containers(cluster))


def _no_snapshots(name: str) -> InputError:
    return InputError(
        "containers cannot be kept and restored",
        where=name,
        why="an image of a node has neither its volume nor its processes",
        remedy="Make the lab anew, which takes seconds, or use virtual machines: lab: {provider: vagrant}.",
    )


def _refuse_other(name: str, home: str, networks: Sequence[NodeNetwork]) -> None:
    """Refuse a lab of this name that belongs to another cluster file, as long as that file is there.

    Raises:
        InputError: with the file that it belongs to.
    """
    owner = next((network.home for network in networks if network.cluster == name and network.home), home)
    if home and owner != home and Path(owner).is_file():
        raise InputError(
            f"the lab {name} belongs to another cluster file",
            where=owner,
            why="names of labs are unique on a host",
            remedy=f"Give this cluster another name (key `cluster`), or remove that lab: kprov lab down -f {owner}",
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


def _look_into(engine: Engine, name: str) -> str:
    return f"See `{engine.name} logs {name}` and `{engine.name} exec {name} journalctl -b`, or run `kprov lab down`."
