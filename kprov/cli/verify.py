"""``kprov verify``: does the cluster do what its file promises."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from kprov.cli.options import Settings, common_options, file_option, output_option

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kprov.cli.options import Output
    from kprov.report.model import Check, Results
    from kprov.spec.load import Loaded
    from kprov.verify.settings import Settings as Promise
    from kprov.verify.watch import Watched

_TITLE: Final = "Prove that it works"
_DEADLINE_S: Final = 600.0


def seconds(text: str) -> float:
    """A span of time as people write it, in seconds.

    Raises:
        click.BadParameter: it is none.

    >>> seconds("1m30s"), seconds("45")
    (90.0, 45.0)
    """
    found = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?", text)
    parts = zip(found.groups(), (3600, 60, 1), strict=True) if found else ()
    total = sum(int(part or 0) * unit for part, unit in parts)
    if not total:
        raise click.BadParameter(f"{text!r} is no span of time. Write 90s, 10m or 1h30m.")
    return float(total)


@click.command()
@file_option
@output_option
@click.option("--junit", type=click.Path(path_type=Path), help="Also write the results as JUnit XML.")
@click.option("--html", type=click.Path(path_type=Path), help="Also write the results as one HTML page.")
@click.option("--nodes", default="", metavar="NAME,...", help="Check these machines only.")
@click.option("--workload", is_flag=True, help="Also run programs as people do: roll out, roll back, kill, keep data.")
@click.option("--watch", is_flag=True, help="Check again and again, until all is well or the deadline passes.")
@click.option(
    "--deadline",
    metavar="TIME",
    callback=lambda _context, _parameter, text: None if text is None else seconds(text),
    help="How long --watch goes on: 90s, 10m, 1h.  [default: 10m]",
)
@common_options
@click.pass_obj
def verify(
    settings: Settings,
    file: Path,
    output: Output,
    junit: Path | None,
    html: Path | None,
    nodes: str,
    workload: bool,
    watch: bool,
    deadline: float | None,
) -> None:
    """Put every question to the cluster: machines, control plane, etcd, network, DNS, storage, add-ons.

    Nothing is changed: what is made to be asked, small pods of the bundle's own image, lives in a namespace of its own
    and is removed again. What failed comes first in the table; -v also lists every check that passed. The exit code is
    1 where a check failed, and 3 where a machine cannot be reached; with --watch it is 1 when the deadline passes.
    """
    from kprov.cli.settle import load_settled  # noqa: PLC0415 - help needs none of these
    from kprov.console.tables import print_json  # noqa: PLC0415
    from kprov.report.results import junit_xml, results_dict  # noqa: PLC0415
    from kprov.spec.rules import WAIVABLE  # noqa: PLC0415
    from kprov.verify.run import unreachable  # noqa: PLC0415

    if deadline is not None and not watch:
        raise click.UsageError("--deadline says how long --watch goes on, and there is no --watch")
    for path in filter(None, (junit, html)):
        _refuse_unwritable(path)
    loaded = load_settled(file, WAIVABLE)
    promised = replace(_promised(loaded), workload=workload)
    only = [name.strip() for name in nodes.split(",") if name.strip()]
    deadline_s = (_DEADLINE_S if deadline is None else deadline) if watch else None
    watched = _asked(settings, promised, only, deadline_s)
    results = watched.results
    if junit:
        junit.write_text(junit_xml(results), encoding="utf-8")
    if html:
        _write_html(html, loaded.spec.cluster, watched)
    if output == "json":
        print_json(results_dict(results))
    else:
        _show(results, verbose=settings.verbosity == "verbose", color=settings.color)
    if not results.ok:
        raise click.exceptions.Exit(3 if unreachable(results) and not watch else 1)


def _refuse_unwritable(path: Path) -> None:
    """Say before a minute of work that its result could not be kept."""
    from kprov.errors import InputError  # noqa: PLC0415 - help needs none of these

    if path.is_dir() or not path.absolute().parent.is_dir():
        raise InputError(
            "cannot write the results",
            where=str(path),
            why="this is a folder" if path.is_dir() else "there is no such folder",
            remedy="Name a file in a folder that is there.",
        )


def _asked(settings: Settings, promised: Promise, only: list[str], deadline_s: float | None) -> Watched:
    """Ask once, or until a deadline, showing progress meanwhile."""
    from kprov.console.sink import open_sink  # noqa: PLC0415 - help needs none of these
    from kprov.events import PhaseFinished, PhaseStarted  # noqa: PLC0415
    from kprov.report.model import PhaseRow  # noqa: PLC0415
    from kprov.verify.run import PHASE  # noqa: PLC0415
    from kprov.verify.run import verify as run  # noqa: PLC0415
    from kprov.verify.watch import Watched, watch  # noqa: PLC0415

    with open_sink(settings.verbosity, color=settings.color, stream="stderr") as emit:
        emit(PhaseStarted(PHASE, _TITLE, 1, 1))
        if deadline_s is None:
            found = run(promised, emit, only)
            row = PhaseRow(_TITLE, "done" if found.ok else "failed", 0.0, found.duration_s, summary(found))
            watched = Watched(found, (row,))
        else:
            watched = watch(lambda within_s: run(promised, emit, only, within_s), emit, deadline_s)
        results = watched.results
        emit(PhaseFinished(PHASE, "done" if results.ok else "failed", results.duration_s, summary(results)))
    return watched


def _promised(loaded: Loaded) -> Promise:
    """What the cluster file, the lab's provider and what earlier runs left beside the file promise."""
    from kprov.lab.providers import provider  # noqa: PLC0415 - help needs none of these
    from kprov.phases.verify_cluster import promised  # noqa: PLC0415

    lab = loaded.spec.lab
    return promised(loaded, shared_kernel=lab is not None and provider(lab.provider).facts()["shared_kernel"])


def _write_html(path: Path, cluster: str, watched: Watched) -> None:
    from kprov.report.html import render_html, write_html  # noqa: PLC0415 - help needs none of these
    from kprov.report.model import Run  # noqa: PLC0415

    results = watched.results
    run = Run(
        command="verify",
        cluster=cluster,
        started=results.started,
        duration_s=results.duration_s,
        exit_code=0 if results.ok else 1,
        phases=watched.rounds,
        notices=(),
        failures=(),
        hosts=tuple(dict.fromkeys(check.host for check in results.checks if check.host)),
        tasks=0,
        changed_tasks=0,
    )
    write_html(path, render_html(run, results))


def _show(results: Results, *, verbose: bool, color: bool) -> None:
    from kprov.console.tables import Column, print_table  # noqa: PLC0415 - help needs none of these

    styles = {"failed": "bold red", "error": "bold red", "skipped": "yellow", "passed": "green"}
    columns = [Column("result", styles=styles), Column("suite"), Column("node"), Column("check"), Column("why")]
    print_table(columns, list(rows(results.checks, verbose=verbose)), color=color)
    click.echo(f"\n{summary(results)}")


def rows(checks: Sequence[Check], *, verbose: bool) -> Iterator[tuple[str, str, str, str, str]]:
    """The table: bad checks one by one; skipped ones counted by suite and reason, passed ones by suite and node."""
    from kprov.report.words import count  # noqa: PLC0415 - help needs none of these

    for check in checks:
        if check.outcome in ("failed", "error"):
            yield check.outcome, check.suite, check.host, check.name, check.message
    for outcome in ("skipped", "passed"):
        some = [check for check in checks if check.outcome == outcome]
        if verbose:
            yield from ((outcome, check.suite, check.host, check.name, check.message) for check in some)
        else:
            same = Counter((check.suite, check.host if outcome == "passed" else "", check.message) for check in some)
            yield from (
                (outcome, suite, host, count(number, "check"), why) for (suite, host, why), number in same.items()
            )


def summary(results: Results) -> str:
    """One line: how many checks, how they ended, how long it took."""
    from kprov.report.words import count, duration  # noqa: PLC0415 - help needs none of these

    numbers = ", ".join(f"{number} {outcome}" for outcome, number in results.counts.items())
    return f"{count(len(results.checks), 'check')} in {duration(results.duration_s)}: {numbers}"
