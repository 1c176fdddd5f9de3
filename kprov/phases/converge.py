"""Bring the machines to what the inventory says, through Ansible."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kprov.phases.base import Context, Done
from kprov.phases.explained import explained
from kprov.report.words import count

if TYPE_CHECKING:
    from typing import Final


@dataclass(frozen=True, slots=True)
class Converge:
    """Runs the playbook `up`."""

    name: Final = "cluster"
    title: Final = "Make the cluster"

    def should_run(self, context: Context) -> bool:  # noqa: D102 - see Phase
        return bool(context.spec.nodes)

    def run(self, context: Context) -> Done:  # noqa: D102 - see Phase
        with explained(context.loaded):
            recap = context.playbooks.run("up", context.emit)
        tasks = max((tally.total for tally in recap.hosts.values()), default=0)
        summary = f"{recap.changed} changed on {count(len(recap.hosts), 'node')}, at most {count(tasks, 'task')} on one"
        return Done(replace(context, recap=recap), "done" if recap.changed else "unchanged", summary)
