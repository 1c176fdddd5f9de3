"""``kprov report``: the last run as one HTML page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kprov.cli.options import common_options, file_option, to_option

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@file_option
@to_option
@common_options
def report(file: Path, to: Path | None) -> None:
    """Write the last run as one HTML page.

    It shows what was done when, what failed, what to know, and every check that was made. The page needs nothing but
    itself: it can be mailed, printed and read on a phone. Without --to it goes into the folder of the run, beside the
    cluster file under artifacts/runs; '--to -' writes it to standard output.
    """
    from kprov.errors import InputError  # noqa: PLC0415 - help needs none of these
    from kprov.journal.folders import EVENTS, PAGE, run_folders  # noqa: PLC0415
    from kprov.journal.read import read  # noqa: PLC0415
    from kprov.report.html import render_html, write_html  # noqa: PLC0415
    from kprov.report.results import RESULTS, load_results  # noqa: PLC0415
    from kprov.report.timeline import run_of  # noqa: PLC0415
    from kprov.spec.paths import ClusterPaths  # noqa: PLC0415

    runs = ClusterPaths(file).runs
    folders = [folder for folder in run_folders(runs) if (folder / EVENTS).is_file()]
    if not folders:
        raise InputError(
            "there is no run to report",
            where=str(runs),
            remedy="Make one with 'kprov up', or name the cluster with -f.",
        )
    events = read(folders[-1] / EVENTS)
    if not events:
        raise InputError("the last run has no events", where=str(folders[-1]), remedy="Run 'kprov up' again.")
    checks = folders[-1] / RESULTS
    page = render_html(run_of(events), load_results(checks) if checks.is_file() else None)
    if str(to) == "-":
        click.echo(page)
        return
    path = to or folders[-1] / PAGE
    write_html(path, page)
    click.echo(path)
