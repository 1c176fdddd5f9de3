"""Ask again and again until everything is well, or until a deadline passes."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from kprov.events import Notice
from kprov.report.model import PhaseRow
from kprov.report.words import count, duration
from kprov.verify.run import CUT_SHORT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kprov.events import Emit
    from kprov.report.model import Check, Results, RowOutcome

BETWEEN_S: Final = 3.0
"""A round takes as long again; what is on its way comes seldom faster."""
_FEW: Final = 3


@dataclass(frozen=True, slots=True)
class Watched:
    """How it ended: the last round that was complete, timed from the very start, and every round as a phase."""

    results: Results
    rounds: tuple[PhaseRow, ...]


def watch(
    look: Callable[[float], Results],
    emit: Emit,
    deadline_s: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Watched:
    """Look until nothing fails; a round that the deadline cuts short counts only where no other is complete.

    Args:
        look: makes one round, within so many seconds.
        emit: takes a notice whenever something else fails than in the round before.
        deadline_s: seconds from now.
        clock: seconds that only grow.
        sleep: waits for so many seconds.
    """
    began, rounds, told = clock(), list[PhaseRow](), ""
    last: Results | None = None
    while True:
        at_s = clock() - began
        found = look(max(deadline_s - at_s, 0.0))
        took_s = clock() - began - at_s
        left_s = deadline_s - (clock() - began)
        cut = CUT_SHORT in found.checks
        rounds.append(PhaseRow(f"Round {len(rounds) + 1}", _outcome(found, cut=cut), at_s, took_s, told_of(found.bad)))
        last = found if last is None or not cut else last
        if found.ok or cut or left_s <= BETWEEN_S:
            return Watched(replace(last, duration_s=clock() - began), tuple(rounds))
        if (news := told_of(found.bad)) != told:
            told = news
            emit(Notice("info", f"after {duration(clock() - began)} {news}"))
        sleep(BETWEEN_S)


def _outcome(found: Results, *, cut: bool) -> RowOutcome:
    return "stopped" if cut else "done" if found.ok else "failed"


def told_of(bad: Sequence[Check]) -> str:
    """What fails, in a line; empty where nothing does.

    >>> from kprov.report.model import Check
    >>> told_of([Check("nodes", "the node is Ready", "w1", "failed", 0.1)])
    '1 check fails: w1: the node is Ready'
    """
    if not bad:
        return ""
    names = [f"{check.host}: {check.name}" if check.host else check.name for check in bad[:_FEW]]
    more = f" and {len(bad) - _FEW} more" if len(bad) > _FEW else ""
    return f"{count(len(bad), 'check')} {'fails' if len(bad) == 1 else 'fail'}: {'; '.join(names)}{more}"
