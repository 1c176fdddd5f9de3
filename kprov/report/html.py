"""A run as one HTML page that needs nothing but itself: it can be mailed, printed and read on a phone."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined

from kprov.errors import InputError
from kprov.report import page
from kprov.report.redact import redact
from kprov.report.words import count, duration, listing

if TYPE_CHECKING:
    from pathlib import Path

    from kprov.report.model import Results, Run

# Controls but for line ends and tabs; and what turns the direction of text, behind which a name can hide another one.
_UNSHOWABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffe\uffff]")


def render_html(run: Run, results: Results | None = None) -> str:
    """The page of a run; with ``results``, also the nodes, versions and certificates that were seen, and every check.

    Every text may be hostile: nothing of it is taken for HTML, and the page forbids browsers to load or run anything.
    """
    environment = Environment(
        loader=PackageLoader("kprov.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: shown(value) if isinstance(value, str) else value,
    )
    environment.filters["duration"] = duration
    environment.filters["listing"] = listing
    environment.filters["heading"] = heading
    environment.globals["count"] = count
    longest_s = page.whole_s(run)
    return environment.get_template("run.html.j2").render(
        run=run,
        verdict=_verdict(run, results),
        tiles=page.tiles(run, results),
        notices=page.notices(run, results),
        differing=page.differing(results.nodes) if results else {},
        bars=page.bars(run.phases, longest_s),
        ticks=page.ticks(longest_s),
        lanes=page.lanes(run.work, longest_s),
        results=results,
        suites=page.suites(results.checks) if results else {},
        endings=page.endings(results.certificates, results.started) if results else (),
    )


def heading(suite: str) -> str:
    """The name of a suite as a heading; some names are written as they are.

    >>> heading("control plane"), heading("dns"), heading("etcd")
    ('Control plane', 'DNS', 'etcd')
    """
    return {"dns": "DNS", "etcd": "etcd"}.get(suite, suite[:1].upper() + suite[1:])


def shown(text: str) -> str:
    """A text as it may be shown: without what looks like a secret, and without characters that are none.

    >>> shown("m1\\u202egnp.exe\\x1b[31m")
    'm1gnp.exe[31m'
    """
    return _UNSHOWABLE.sub("", redact(text))


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
    if run.exit_code > 1:
        return "failed", f"failed (exit code {run.exit_code})"
    if results and not results.ok:
        return "failed", "is not proven: checks failed"
    if run.exit_code:
        return "failed", "failed"
    if not results:
        return "done", "finished"
    return "done", "is proven" if run.command == "verify" else "is made and proven"
