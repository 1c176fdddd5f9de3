"""A finished run and a set of findings as data. Whoever obtained them fills these in; this room only shows them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from kprov.events import Event, LeftOut, Notice, PhaseOutcome, TaskFinished, TaskStatus

CheckOutcome: TypeAlias = Literal["passed", "failed", "skipped", "error"]
RowOutcome: TypeAlias = "PhaseOutcome | Literal['stopped']"


@dataclass(frozen=True, slots=True)
class Check:
    """One question that was put to the cluster, and its answer.

    ``suite`` groups checks for people (``nodes``, ``network``); ``host`` is empty where the whole cluster is meant.
    ``message`` is one line: why it failed or was skipped. ``evidence`` is what was seen, in as many lines as needed.
    """

    suite: str
    name: str
    host: str
    outcome: CheckOutcome
    duration_s: float
    message: str = ""
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class NodeRow:
    """A node as the cluster reports it; ``system`` and ``runtime`` with versions: ``Debian GNU/Linux 12``.

    ``note`` is what is out of the ordinary: ``cordoned``.
    """

    name: str
    address: str
    roles: tuple[str, ...]
    ready: bool
    version: str
    system: str = ""
    runtime: str = ""
    kernel: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing worth knowing about what was made: ``Network``, ``bridge, pods 10.244.0.0/16``."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class CertificateRow:
    """A certificate on a node: the file that holds it, the name in it, and its end in UTC."""

    host: str
    file: str
    subject: str
    ends: datetime


@dataclass(frozen=True, slots=True)
class Results:
    """All checks of one go; ``started`` is in UTC, ``duration_s`` is wall time.

    ``nodes``, ``versions`` and ``certificates`` are what was seen of the cluster on the way.
    """

    checks: tuple[Check, ...]
    started: datetime
    duration_s: float
    nodes: tuple[NodeRow, ...] = ()
    versions: tuple[Fact, ...] = ()
    certificates: tuple[CertificateRow, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing failed; an empty set proves nothing and is not ok."""
        return any(c.outcome == "passed" for c in self.checks) and not self.bad

    @property
    def bad(self) -> tuple[Check, ...]:
        """The checks that failed or could not be made."""
        return tuple(c for c in self.checks if c.outcome in ("failed", "error"))

    @property
    def counts(self) -> Mapping[CheckOutcome, int]:
        """How many checks had which outcome; an outcome that did not occur is absent."""
        return Counter(c.outcome for c in self.checks)


@dataclass(frozen=True, slots=True)
class Stamped:
    """An event with its time: ``time`` in UTC, ``offset_s`` on the monotonic clock since the journal was opened."""

    time: datetime
    offset_s: float
    event: Event


@dataclass(frozen=True, slots=True)
class PhaseRow:
    """One phase of a run; ``start_s`` counts from the run's start; ``stopped`` is one that never came to its end."""

    title: str
    outcome: RowOutcome
    start_s: float
    duration_s: float
    summary: str = ""


@dataclass(frozen=True, slots=True)
class TaskRow:
    """One task on one host; ``start_s`` counts from the run's start; ``label`` is ``role : task``."""

    host: str
    label: str
    status: TaskStatus
    start_s: float
    duration_s: float


@dataclass(frozen=True, slots=True)
class Run:
    """A run as its events tell it; ``exit_code`` is None where it was killed; ``tasks`` counts one per host.

    ``work`` are those tasks that were not skipped.
    """

    command: str
    cluster: str
    started: datetime
    duration_s: float
    exit_code: int | None
    phases: tuple[PhaseRow, ...]
    notices: tuple[Notice, ...]
    failures: tuple[TaskFinished, ...]
    hosts: tuple[str, ...]
    tasks: int
    changed_tasks: int
    work: tuple[TaskRow, ...] = ()


@dataclass(frozen=True, slots=True)
class Summary:
    """What ``kprov up`` says at its end.

    ``facts`` are shown in the given order. ``next_steps`` are commands, each to be copied as it is; a comment may
    follow after ``  # ``. ``hosts`` and ``changed_tasks`` are the totals of the run. ``alarms`` are what nobody may
    overlook, ``notes`` what is good to know of the parts that were chosen; both are whole sentences.
    """

    cluster: str
    nodes: tuple[NodeRow, ...]
    phases: tuple[PhaseRow, ...]
    duration_s: float
    hosts: int
    changed_tasks: int
    kubeconfig: Path | None = None
    facts: tuple[Fact, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    notices: tuple[Notice, ...] = ()
    alarms: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    next_steps: tuple[str, ...] = ()
