"""One measurement, and what the journal of a run of kprov adds to it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kprov.events import TaskFinished
from kprov.journal.folders import EVENTS
from kprov.journal.read import read
from kprov.report.timeline import run_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from meter import Cost


@dataclass(frozen=True, slots=True)
class Sample:
    """One measured command.

    ``busy_before`` is how busy the machine was just before, from 0 to 1. ``phases`` has the seconds of each of kprov's
    phases, ``tasks`` for each host how many tasks had which status.
    """

    case: str
    round: int
    cost: Cost
    busy_before: float
    load_before: float
    phases: Mapping[str, float] = field(default_factory=dict)
    tasks: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


def told(run: Path) -> tuple[dict[str, float], dict[str, dict[str, int]]]:
    """What a run's journal says: seconds by phase, and by host how many tasks had which status."""
    events = read(run / EVENTS)
    tasks: dict[str, Counter[str]] = {}
    for stamped in events:
        if isinstance(stamped.event, TaskFinished):
            tasks.setdefault(stamped.event.host, Counter())[stamped.event.status] += 1
    phases = {row.title: round(row.duration_s, 2) for row in run_of(events).phases if row.outcome != "skipped"}
    return phases, {host: dict(counts) for host, counts in sorted(tasks.items()) if host != "localhost"}
