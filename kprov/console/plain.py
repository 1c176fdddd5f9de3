"""The display where nothing can be redrawn: pipes, files, CI. One line per thing worth a line, and signs of life."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kprov.console.base import Sink
from kprov.console.lines import clean, first_lines
from kprov.console.view import View, activity, fold, spoken
from kprov.events import Notice, PhaseFinished, PhaseStarted, Progress, RunStarted, TaskFinished, TaskStarted
from kprov.report.words import count, duration, sentences

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO

    from kprov.console.screen import Verbosity
    from kprov.console.view import Task
    from kprov.events import Event

_BETWEEN_S = 1.0
_LONG_TASK_S = 3.0
_SILENCE_S = 15.0
_ROUTINE = "Check the variables"
"""The task at the beginning of every role, of which nobody wants a line: the callback kprov_events names it so."""


class Plain(Sink):
    """Writes lines to ``file``, each at once, each with the seconds since the run began.

    Phases, failures and notices always get their line. Tasks and progress get one unless another came within the last
    second; a task that runs for three seconds is announced, and after fifteen silent seconds a line says what is still
    being done. ``quiet`` leaves only warnings and errors, ``verbose`` adds the result of every task on every host.
    """

    def __init__(self, file: IO[str], verbosity: Verbosity, clock: Callable[[], float]) -> None:
        super().__init__(clock, tick_s=1.0)
        self._file = file
        self._quiet = verbosity == "quiet"
        self._verbose = verbosity == "verbose"
        self._view = View(clock())
        self._written_s = clock()
        self._waiting = ""
        self._announced_s = -1.0

    def _close(self) -> None:
        if self._view.phase:
            took = duration(self._clock() - self._view.phase_started_s)
            self._line(f"stopped after {took}")

    def _take(self, event: Event) -> None:
        before, now_s = self._view, self._clock()
        self._view = fold(before, event, now_s)
        match event:
            case RunStarted() if event.phases:
                self._write(f"kprov {event.command}: cluster {event.cluster}, {count(len(event.phases), 'phase')}")
            case PhaseStarted():
                self._line(clean(event.title))
            case PhaseFinished():
                self._finish(before, event)
            case Notice():
                self._notice(event)
            case TaskFinished(status="failed" | "unreachable"):
                self._line(f"{event.host}: {event.status}: {_name(event)}")
                for line in first_lines(event.message):
                    self._write(f"{'':12}{line}")
            case TaskFinished() if self._verbose:
                self._line(f"{event.host}: {event.status}: {_name(event)} ({duration(event.duration_s)})")
            case TaskStarted() if not self._verbose:
                self._ended(before.task)
            case Progress():
                self._offer(clean(spoken(event)))
            case _:
                pass

    def _finish(self, before: View, event: PhaseFinished) -> None:
        words = event.outcome if event.outcome == "skipped" else f"{event.outcome} in {duration(event.duration_s)}"
        self._line(f"{words}: {clean(event.summary)}" if event.summary else words, before.phase, event.phase)

    def _ended(self, task: Task | None) -> None:
        """Offer a line on the task before, unless no host was done with it or nobody wants to know."""
        if task and task.done and task.name != _ROUTINE:
            self._offer(_told(task))

    def _notice(self, event: Notice) -> None:
        if self._quiet and event.level == "info":
            return
        label = {"info": "note", "warning": "warning", "error": "error"}[event.level]
        self._write(f"{label}: {sentences(clean(event.text), clean(event.remedy))}", loud=True)

    def _offer(self, text: str) -> None:
        """Write the line if the last one is old enough; else it waits for the next tick, unless another replaces it."""
        if self._clock() - self._written_s >= _BETWEEN_S:
            self._line(text)
        else:
            self._waiting = text

    def _tick(self) -> None:
        now_s, view = self._clock(), self._view
        silent_s = now_s - self._written_s
        doing = activity(view)
        if view.phase is None or silent_s < _BETWEEN_S:
            return
        if self._waiting:
            self._line(self._waiting)
        elif silent_s >= _SILENCE_S:
            text, since_s = doing or ("at work", view.phase_started_s)
            self._line(f"still {clean(text)}, {duration(now_s - since_s)} so far")
        elif view.task and view.task.started_s != self._announced_s and now_s - view.task.started_s >= _LONG_TASK_S:
            self._announced_s = view.task.started_s
            self._line(f"{clean(view.task.label)} ...")

    def _line(self, text: str, phase: PhaseStarted | None = None, name: str = "") -> None:
        """Write a line with time and phase: the given one, else the running one, else its bare name."""
        phase = phase or self._view.phase
        place = f"[{phase.index}/{phase.total} {phase.phase}] " if phase else f"[{name}] " * bool(name)
        self._write(f"{self._clock() - self._view.started_s:7.1f}s  {place}{text}")

    def _write(self, text: str, *, loud: bool = False) -> None:
        self._waiting = ""
        self._written_s = self._clock()
        if not self._quiet or loud:
            self._file.write(f"{text}\n")
            self._file.flush()


def _name(event: TaskFinished) -> str:
    return clean(f"{event.role} : {event.task}" if event.role else event.task)


def _told(task: Task) -> str:
    numbers = [count(task.done, "host")]
    numbers += [f"{task.changed} changed"] if task.changed else []
    numbers += [f"{task.failed} failed"] if task.failed else []
    return f"{clean(task.label)} ({', '.join(numbers)})"
