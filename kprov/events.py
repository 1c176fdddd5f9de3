"""The vocabulary of a run: what phases say, and what console and journal listen to.

Events are frozen, plain data. No event carries a secret: no token, key, password or certificate key.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

TaskStatus: TypeAlias = Literal["ok", "changed", "skipped", "failed", "unreachable"]
PhaseOutcome: TypeAlias = Literal["done", "unchanged", "skipped", "failed"]
Level: TypeAlias = Literal["info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A part that could not be had here, and what the cluster does without."""

    name: str
    why: str
    consequence: str


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A command with phases begins: which command, for which cluster, with which phases in order."""

    command: str
    cluster: str
    phases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PhaseStarted:
    """A phase begins; ``index`` counts from 1 to ``total``."""

    phase: str
    title: str
    index: int
    total: int


@dataclass(frozen=True, slots=True)
class Progress:
    """What the running phase does now; ``host`` where one machine is meant; ``done`` of ``total`` where countable."""

    phase: str
    text: str
    host: str = ""
    done: int | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True)
class TaskStarted:
    """Ansible begins a task on ``hosts`` hosts."""

    play: str
    role: str
    task: str


@dataclass(frozen=True, slots=True)
class TaskFinished:
    """Ansible finished a task on one host; ``message`` is the module's own error where it failed, and what it
    did, in names, where it changed something.
    """

    host: str
    play: str
    role: str
    task: str
    status: TaskStatus
    duration_s: float
    message: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the user should know: what was left out and why, what was raised on the host, what to do."""

    level: Level
    text: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class PhaseFinished:
    """A phase ended; ``summary`` is one line for people: ``4 nodes, 31 changed``."""

    phase: str
    outcome: PhaseOutcome
    duration_s: float
    summary: str = ""


@dataclass(frozen=True, slots=True)
class RunFinished:
    """The command ended with this exit code."""

    command: str
    exit_code: int
    duration_s: float


Event: TypeAlias = (
    RunStarted | PhaseStarted | Progress | TaskStarted | TaskFinished | Notice | PhaseFinished | RunFinished
)


class Emit(Protocol):
    """Anything that takes events: a sink, or a bus in front of several."""

    def __call__(self, event: Event, /) -> None:
        """Take an event."""


class Bus:
    """Passes each event to every sink, in order."""

    def __init__(self, sinks: Sequence[Emit]) -> None:
        self._sinks = tuple(sinks)

    def __call__(self, event: Event, /) -> None:
        """Pass an event on."""
        for sink in self._sinks:
            sink(event)


def silent(_event: Event, /) -> None:
    """Take an event and do nothing: for code that is used without a run around it."""


def as_dict(event: Event) -> dict[str, object]:
    """The event as plain JSON-ready data, its class name under ``event``.

    >>> as_dict(Notice("info", "CoreDNS is left out"))
    {'event': 'Notice', 'level': 'info', 'text': 'CoreDNS is left out', 'remedy': ''}
    """
    return {"event": type(event).__name__, **dataclasses.asdict(event)}
