"""From the events of a run to what happened in it: phases with start and length, notices, failures, totals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kprov.events import Notice, PhaseFinished, PhaseStarted, RunFinished, RunStarted, TaskFinished
from kprov.report.model import PhaseRow, Run, TaskRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from kprov.report.model import Stamped


def phase_rows(events: Iterable[Stamped]) -> tuple[PhaseRow, ...]:
    """Every phase in the order of its end; one that has none is ``stopped`` at the last event.

    A phase that was skipped may have an end without a start: it is a row of no length, under its own name.
    """
    rows: list[PhaseRow] = []
    open_phases: dict[str, tuple[PhaseStarted, float]] = {}
    last_s = 0.0
    for stamped in events:
        last_s = stamped.offset_s
        match stamped.event:
            case PhaseStarted() as started:
                open_phases[started.phase] = started, stamped.offset_s
            case PhaseFinished() as end:
                begun = open_phases.pop(end.phase, None)
                title = begun[0].title if begun else end.phase
                start_s = begun[1] if begun else stamped.offset_s
                rows.append(PhaseRow(title, end.outcome, start_s, end.duration_s, end.summary))
            case _:
                pass
    rows += [PhaseRow(s.title, "stopped", at, max(last_s - at, 0.0)) for s, at in open_phases.values()]
    return tuple(rows)


def run_of(events: Sequence[Stamped]) -> Run:
    """The run as a whole.

    Args:
        events: at least one, in the order of their times.
    """
    first, last = events[0], events[-1]
    plain = [s.event for s in events]
    begun = next((e for e in plain if isinstance(e, RunStarted)), RunStarted("", "", ()))
    end = next((e for e in reversed(plain) if isinstance(e, RunFinished)), None)
    results = [e for e in plain if isinstance(e, TaskFinished)]
    return Run(
        command=begun.command,
        cluster=begun.cluster,
        started=first.time,
        duration_s=end.duration_s if end else last.offset_s,
        exit_code=end.exit_code if end else None,
        phases=phase_rows(events),
        notices=tuple(e for e in plain if isinstance(e, Notice)),
        failures=tuple(e for e in results if e.status in ("failed", "unreachable")),
        hosts=tuple(dict.fromkeys(e.host for e in results)),
        tasks=len(results),
        changed_tasks=sum(e.status == "changed" for e in results),
        work=tuple(_work(events)),
    )


def _work(events: Iterable[Stamped]) -> Iterator[TaskRow]:
    """The tasks with their times; an event comes when its task is over."""
    for stamped in events:
        match stamped.event:
            case TaskFinished(status="skipped"):
                pass
            case TaskFinished() as task:
                label = f"{task.role} : {task.task}" if task.role else task.task
                start_s = max(stamped.offset_s - task.duration_s, 0.0)
                yield TaskRow(task.host, label, task.status, start_s, task.duration_s)
            case _:
                pass
