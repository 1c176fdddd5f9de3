"""What `up` would change, host by host: its playbook in check mode, on an inventory of its own that nobody keeps."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from kprov.errors import KprovError, PlaybookError, UnreachableError
from kprov.events import PhaseFinished, PhaseStarted, TaskFinished
from kprov.inventory.groups import inventory
from kprov.inventory.model import Variables
from kprov.inventory.variables import variables
from kprov.inventory.write import write
from kprov.lab.providers import lab_request
from kprov.phases.at_hand import AtHand, at_hand
from kprov.phases.establish_trust import ssh_config
from kprov.phases.machines import log_in
from kprov.report.words import count
from kprov.ssh.fan_out import fan_out
from kprov.ssh.files import write_private

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Final

    from kprov.ansible.runner import Playbooks
    from kprov.events import Emit, Event
    from kprov.inventory.variables import Machines
    from kprov.lab.provider import Provider
    from kprov.release.catalog import Release
    from kprov.spec.load import Loaded

PHASE: Final = "plan"
_ANSWER_S = 15.0
_ABSENT: Final = "kprov_absent"
"""The variable of hosts that Ansible must not reach; ``kprov/ansible/plugins/foresight`` answers for them."""

HostState: TypeAlias = Literal["reached", "absent", "stopped", "unreached"]


@dataclass(frozen=True, slots=True)
class Host:
    """A machine as it is found; ``why`` says why it was not reached."""

    state: HostState
    why: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """A task that would change a host; ``what`` are the names of what it would change, where they are known."""

    host: str
    role: str
    task: str
    what: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What `up` would change. ``stopped`` is the error that `up` would end with, after these changes."""

    hosts: Mapping[str, Host]
    changes: tuple[Change, ...]
    bundle: AtHand
    notes: tuple[str, ...]
    stopped: KprovError | None = None


def foresee_changes(
    loaded: Loaded,
    release: Release,
    machines: Machines,
    provider: Provider | None,
    store: Path,
    playbooks: Callable[[Path, Path], Playbooks],
    emit: Emit,
) -> Plan:
    """Look at every machine and let Ansible say what it would change; nothing is changed, here or there.

    Args:
        loaded: the cluster file.
        release: its Kubernetes.
        machines: what the machines are like.
        provider: who makes them, where there is a lab.
        store: the folder of bundles.
        playbooks: how playbooks are run, from the path of an inventory and that of a log.
        emit: takes the progress.

    Raises:
        InputError: the lab's engine cannot be used, or the lock cannot be read.
        SpecError: one of the user's own files cannot be used.
    """
    began = time.monotonic()
    emit(PhaseStarted(PHASE, "See what would change", 1, 1))
    hosts, bundle = look(loaded, provider), at_hand(loaded, release, store)
    seen = _Changes(emit)
    stopped: KprovError | None = None
    with tempfile.TemporaryDirectory(prefix="kprov-plan.") as folder:
        home = Path(folder)
        config = home / "ssh_config"
        write_private(config, ssh_config(loaded).encode())
        values = variables(loaded.spec, release, machines, bundle.deliveries, config)
        write(home, inventory(loaded.spec, "modern"), _with_absent(values, hosts), "ini")
        try:
            playbooks(home / loaded.paths.inventory.name, home / "ansible.log").run("up", seen, check=True)
        except (PlaybookError, UnreachableError) as error:
            stopped = _here(error)
            if not error.host:
                raise stopped from error
    told = count(len(seen.changes), "change")
    emit(PhaseFinished(PHASE, "failed" if stopped else "done", time.monotonic() - began, told))
    notes = tuple(_notes(loaded, release, machines, hosts, bundle, seen.changes))
    return Plan(hosts, tuple(seen.changes), bundle, notes, stopped)


class _Changes:
    """Keeps the tasks that would change a host, and passes every event on."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self.changes: list[Change] = []

    def __call__(self, event: Event, /) -> None:
        if isinstance(event, TaskFinished) and event.status == "changed" and event.host != "localhost":
            self.changes.append(Change(event.host, event.role, event.task, event.message))
        self._emit(event)


def look(loaded: Loaded, provider: Provider | None) -> Mapping[str, Host]:
    """Every machine, in the order of the cluster file: whether it is there and lets us in."""
    found: dict[str, Host] = {}
    if provider is not None:
        for machine in provider.status(lab_request(loaded.spec, "", loaded.paths.file)):
            if machine.state != "running":
                found[machine.name] = Host(machine.state, f"{provider.name}: {machine.state}")

    def knock(name: str) -> Host:
        try:
            with log_in(loaded, name) as remote:
                remote.run("true", timeout_s=_ANSWER_S)
        except KprovError as error:
            return Host("unreached", str(error))
        return Host("reached")

    found |= fan_out({name: name for name in loaded.spec.nodes if name not in found}, knock)
    return {name: found[name] for name in loaded.spec.nodes}


def _with_absent(values: Variables, hosts: Mapping[str, Host]) -> Variables:
    away = {name for name, host in hosts.items() if host.state != "reached"}
    return Variables(
        values.group,
        {name: {**own, _ABSENT: True} if name in away else own for name, own in values.hosts.items()},
    )


def _here(error: KprovError) -> KprovError:
    """The error without its log, which is gone when it is read."""
    remedy = "Mend the cause: 'kprov up' would end here too."
    return type(error)(error.what, where=error.where, why=error.why, remedy=remedy, host=error.host)


def _notes(
    loaded: Loaded,
    release: Release,
    machines: Machines,
    hosts: Mapping[str, Host],
    bundle: AtHand,
    changes: Sequence[Change],
) -> Iterator[str]:
    """What the changes cannot say: what is known only when an earlier step is done."""
    away = [name for name, host in hosts.items() if host.state in ("stopped", "unreached")]
    if away:
        yield (
            f"{', '.join(away)}: not looked at; what is listed is what a bare machine would be given, "
            "the more there is already, the less is changed."
        )
    new = [name for name, host in hosts.items() if host.state == "absent"]
    if new and not machines.shared_kernel:
        yield (
            f"{', '.join(new)}: what a new machine lacks (packages, its hostname, swap that is on, the time) is known "
            "when it runs: tasks of the role node may be added."
        )
    if bundle.missing:
        yield "The bundle is not complete here: run 'kprov bundle build', and what nodes fetch of it is known exactly."
    planes = loaded.spec.control_planes
    if release.loses_watches and len(planes) > 1 and any(change.host in planes for change in changes):
        yield (
            f"Kubernetes {loaded.spec.kubernetes.version} may lose its clients' watches while etcd is busy: API "
            "servers that say so are restarted at the end (control_plane: Have clients that were cut off connect anew)."
        )
