"""A run as one HTML page that needs nothing but itself: it can be mailed, printed and read on a phone."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined

from kprov.errors import InputError
from kprov.report.redact import redact
from kprov.report.words import count, duration

if TYPE_CHECKING:
    from pathlib import Path

    from kprov.report.model import Check, PhaseRow, Results, Run


@dataclass(frozen=True, slots=True)
class Bar:
    """A phase on the time axis; ``left`` and ``width`` in percent of the run."""

    row: PhaseRow
    left: float
    width: float


def bars(phases: tuple[PhaseRow, ...], duration_s: float) -> tuple[Bar, ...]:
    """Where each phase's bar begins and how wide it is; none is too thin to be seen or reaches beyond the axis.

    >>> from kprov.report.model import PhaseRow
    >>> [(b.left, b.width) for b in bars((PhaseRow("a", "done", 0, 30), PhaseRow("b", "done", 30, 10)), 40)]
    [(0.0, 75.0), (75.0, 25.0)]
    """
    whole_s = max([duration_s, 0.001, *(p.start_s + p.duration_s for p in phases)])
    made = []
    for row in phases:
        width = max(100 * row.duration_s / whole_s, 0.5)
        made.append(Bar(row, round(min(100 * row.start_s / whole_s, 100 - width), 2), round(width, 2)))
    return tuple(made)


def render_html(run: Run, results: Results | None = None) -> str:
    """The page of a run; with ``results``, also every check, the failed ones first."""
    environment = Environment(
        loader=PackageLoader("kprov.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["duration"] = duration
    environment.filters["redact"] = redact
    environment.globals["count"] = count
    page = environment.get_template("run.html.j2")
    return page.render(
        run=run,
        verdict=_verdict(run, results),
        bars=bars(run.phases, run.duration_s),
        results=results,
        suites=_suites(results.checks) if results else {},
    )


def write_html(path: Path, page: str) -> None:
    """Write the page; it names hosts and addresses, so only its owner may read it (mode 0600).

    Raises:
        InputError: there is no such folder, or it cannot be written.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor, not a path
            file.write(page)
    except OSError as error:
        raise InputError(
            "cannot write the report", where=str(path), why=error.strerror or "", remedy="Name another file with --to."
        ) from error


def _verdict(run: Run, results: Results | None) -> tuple[str, str]:
    """The state (a CSS class) and its words."""
    if run.exit_code is None or run.exit_code == 130:
        return "stopped", "stopped before its end"
    if run.exit_code:
        return "failed", f"failed (exit code {run.exit_code})"
    if results and not results.ok:
        return "failed", "made, but not all checks passed"
    return "done", "made and proven" if results else "finished"


def _suites(checks: tuple[Check, ...]) -> dict[str, tuple[Check, ...]]:
    """The checks by suite, the bad ones first in each; suites with bad ones come first."""
    order = {"failed": 0, "error": 0, "skipped": 1, "passed": 2}
    ranked = sorted(checks, key=lambda c: order[c.outcome])
    return {suite: tuple(c for c in ranked if c.suite == suite) for suite in dict.fromkeys(c.suite for c in ranked)}
