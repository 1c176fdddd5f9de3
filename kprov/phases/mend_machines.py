"""Mend on machines what is safe to mend before anything else is made of them: what the role `node` does."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kprov.ansible.runner import AnsiblePlaybooks
from kprov.events import TaskFinished
from kprov.inventory.groups import inventory
from kprov.inventory.variables import Deliveries, Machines, variables
from kprov.inventory.write import write

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from kprov.events import Emit, Event
    from kprov.preflight.finding import Finding
    from kprov.release.catalog import Release
    from kprov.spec.load import Loaded

PLAYBOOK = "prepare"
_KEEPS_OUT = frozenset({"reachable", "privileged", "python", "systemd", "leftovers", "running-cluster"})
"""Rules by whose errors a machine is none of ours to change, or cannot be changed."""


@dataclass(frozen=True, slots=True)
class Mended:
    """One task of the role that changed something, and the machines on which it did."""

    task: str
    hosts: tuple[str, ...]


@dataclass(slots=True)
class _Changes:
    """Passes events on, and keeps which task changed what."""

    emit: Emit
    by_task: dict[str, list[str]] = field(default_factory=dict)

    def __call__(self, event: Event, /) -> None:
        if isinstance(event, TaskFinished) and event.status == "changed":
            self.by_task.setdefault(event.task, []).append(event.host)
        self.emit(event)


def mendable(findings: Sequence[Finding]) -> tuple[str, ...]:
    """The machines on which something can be mended, but for those that are not ours to change.

    >>> from kprov.preflight.finding import Finding
    >>> swap = Finding("swap-off", "info", ("m1", "w1"), "", "", "", fixable=True)
    >>> mendable([swap, Finding("python", "error", ("w1",), "", "", "")])
    ('m1',)
    """
    shut = {host for each in findings if each.rule in _KEEPS_OUT and each.level == "error" for host in each.hosts}
    wanted = dict.fromkeys(host for each in findings if each.fixable for host in each.hosts)
    return tuple(host for host in wanted if host not in shut)


def mend(
    loaded: Loaded, release: Release, hosts: Sequence[str], run: Path, *, shared_kernel: bool, emit: Emit
) -> tuple[Mended, ...]:
    """Run the role on these machines; what it changed. Inventory and log lie in ``run``, a folder of its own.

    Raises:
        PlaybookError: a task failed.
        UnreachableError: a machine was not reached.
    """
    values = variables(loaded.spec, release, Machines(shared_kernel), Deliveries(), loaded.paths.ssh_config)
    write(run / "inventory", inventory(loaded.spec, "modern"), values, "ini")
    changes = _Changes(emit)
    AnsiblePlaybooks(run / "inventory" / "hosts.ini", run / "ansible.log", limit=hosts).run(PLAYBOOK, changes)
    return tuple(Mended(task, tuple(where)) for task, where in changes.by_task.items())
