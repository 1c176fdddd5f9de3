"""``kprov verify``: does the cluster do what its file promises."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kprov.cli.options import Settings, common_options, file_option, output_option

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kprov.cli.options import Output
    from kprov.events import PhaseOutcome
    from kprov.report.model import Check, Results
    from kprov.spec.load import Loaded
    from kprov.verify.settings import Settings as Promise


@click.command()
@file_option
@output_option
@click.option("--junit", type=click.Path(path_type=Path), help="Also write the results as JUnit XML.")
@click.option("--html", type=click.Path(path_type=Path), help="Also write the results as one HTML page.")
@click.option("--nodes", default="", metavar="NAME,...", help="Check these machines only.")
@common_options
@click.pass_obj
def verify(settings: Settings, file: Path, output: Output, junit: Path | None, html: Path | None, nodes: str) -> None:
    """Put every question to the cluster: machines, control plane, etcd, network, DNS, storage, add-ons.

    Nothing is changed: the small pods that ask each other live in a namespace of their own and are removed again. What
    failed comes first in the table; -v also lists every check that passed. The exit code is 1 where a check failed, and
    3 where a machine cannot be reached.
    """
    from kprov.cli.settle import load_settled  # noqa: PLC0415
    from kprov.console.sink import open_sink  # noqa: PLC0415 - help needs none of these
    from kprov.console.tables import print_json  # noqa: PLC0415
    from kprov.events import PhaseFinished, PhaseStarted  # noqa: PLC0415
    from kprov.report.results import junit_xml, results_dict  # noqa: PLC0415
    from kprov.spec.rules import WAIVABLE  # noqa: PLC0415
    from kprov.verify.run import PHASE, unreachable  # noqa: PLC0415
    from kprov.verify.run import verify as run  # noqa: PLC0415

    loaded = load_settled(file, WAIVABLE)
    promised = _promised(loaded)
    only = [name.strip() for name in nodes.split(",") if name.strip()]
    with open_sink(settings.verbosity, color=settings.color, stream="stderr") as emit:
        emit(PhaseStarted(PHASE, "Prove that it works", 1, 1))
        results = run(promised, emit, only)
        emit(PhaseFinished(PHASE, "done" if results.ok else "failed", results.duration_s, summary(results)))
    if junit:
        junit.write_text(junit_xml(results), encoding="utf-8")
    if html:
        _write_html(html, loaded.spec.cluster, results)
    if output == "json":
        print_json(results_dict(results))
    else:
        _show(results, verbose=settings.verbosity == "verbose", color=settings.color)
    if not results.ok:
        raise click.exceptions.Exit(3 if unreachable(results) else 1)


def _promised(loaded: Loaded) -> Promise:
    """What the cluster file, the lab's provider and what earlier runs left beside the file promise."""
    from kprov.lab.providers import provider  # noqa: PLC0415 - help needs none of these
    from kprov.phases.verify_cluster import promised  # noqa: PLC0415

    lab = loaded.spec.lab
    return promised(loaded, shared_kernel=lab is not None and provider(lab.provider).facts()["shared_kernel"])


def _write_html(path: Path, cluster: str, results: Results) -> None:
    from kprov.report.html import render_html, write_html  # noqa: PLC0415 - help needs none of these
    from kprov.report.model import PhaseRow, Run  # noqa: PLC0415

    outcome: PhaseOutcome = "done" if results.ok else "failed"
    run = Run(
        command="verify",
        cluster=cluster,
        started=results.started,
        duration_s=results.duration_s,
        exit_code=0 if results.ok else 1,
        phases=(PhaseRow("Prove that it works", outcome, 0.0, results.duration_s, summary(results)),),
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
