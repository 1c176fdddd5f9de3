"""Numbers as people read them: durations, counts, lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def duration(seconds: float) -> str:
    """A span of time in at most two units.

    >>> [duration(s) for s in (0.04, 9.96, 31.4, 59.7, 72, 3725)]
    ['0.0s', '10s', '31s', '1m 00s', '1m 12s', '1h 02m']
    """
    if seconds < 9.95:
        return f"{max(seconds, 0.0):.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02d}s"
    return f"{whole // 3600}h {whole % 3600 // 60:02d}m"


def count(number: int, noun: str) -> str:
    """A number with its noun.

    >>> count(1, "node"), count(1200, "task")
    ('1 node', '1,200 tasks')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def listing(parts: Sequence[str]) -> str:
    """Words joined as in a sentence.

    >>> listing(["3 control planes", "1 worker"]), listing(["a", "b", "c"]), listing([])
    ('3 control planes and 1 worker', 'a, b and c', '')
    """
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def sentences(*parts: str) -> str:
    """Clauses as sentences in one line; empty ones are passed over.

    >>> sentences("swap is on", "", "Turn it off.")
    'swap is on. Turn it off.'
    """
    stripped = [part.strip() for part in parts if part.strip()]
    ended = [part if part.endswith((".", "!", "?", ":")) else f"{part}." for part in stripped[:-1]]
    return " ".join([*ended, *stripped[-1:]])
