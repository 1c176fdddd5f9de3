"""``kprov preflight``: are the machines fit to become the cluster."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from kprov.cli.options import Settings, common_options, file_option, output_option

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from kprov.cli.options import Output
    from kprov.phases.mend_machines import Mended
    from kprov.preflight import Finding


@click.command()
@file_option
@output_option
@click.option("--junit", type=click.Path(path_type=Path), help="Also write every rule on every machine as JUnit XML.")
@click.option("--fsync", is_flag=True, help="Also measure, for two seconds, the disks that etcd will lie on.")
@click.option(
    "--fix", is_flag=True, help="Mend what is safe (swap, kernel, hostname, time, packages), then look again."
)
@common_options
@click.pass_obj
def preflight(settings: Settings, file: Path, output: Output, junit: Path | None, fsync: bool, fix: bool) -> None:
    """Look at every machine, and at what lies between them, without changing anything.

    All findings are told at once, together where the same thing helps: an error stops 'kprov up', a warning does not,
    an info says what 'kprov up' will change. The exit code is 1 where there is an error, and 3 where a machine cannot
    be reached.
    """
    import time  # noqa: PLC0415 - help needs none of these
    from datetime import UTC, datetime  # noqa: PLC0415

    from kprov.cli.session import exclusive  # noqa: PLC0415
    from kprov.cli.settle import load_settled  # noqa: PLC0415
    from kprov.console.sink import open_sink  # noqa: PLC0415
    from kprov.events import PhaseFinished, PhaseStarted  # noqa: PLC0415
    from kprov.journal.folders import new_run_folder  # noqa: PLC0415
    from kprov.lab.providers import provider  # noqa: PLC0415
    from kprov.phases.check_machines import examine  # noqa: PLC0415
    from kprov.phases.mend_machines import mend, mendable  # noqa: PLC0415
    from kprov.phases.supported import line_of  # noqa: PLC0415
    from kprov.preflight.gather import PHASE  # noqa: PLC0415
    from kprov.release.catalog import resolve  # noqa: PLC0415
    from kprov.report.words import count  # noqa: PLC0415
    from kprov.spec.rules import WAIVABLE  # noqa: PLC0415

    loaded = load_settled(file, WAIVABLE)
    release = resolve(loaded.spec, file=str(file), line=line_of(loaded, "kubernetes.version"))
    lab, hosts = loaded.spec.lab, tuple(loaded.spec.nodes)
    shared_kernel = lab is not None and bool(provider(lab.provider).facts()["shared_kernel"])
    started, clock = datetime.now(UTC), time.monotonic()
    mended: tuple[Mended, ...] = ()
    with open_sink(settings.verbosity, color=settings.color, stream="stderr") as emit:

        def look(title: str) -> tuple[Finding, ...]:
            began = time.monotonic()
            emit(PhaseStarted(PHASE, title, 1, 1))
            found = examine(loaded, release, shared_kernel=shared_kernel, emit=emit, fsync=fsync)
            told = f"{count(len(hosts), 'machine')}, {count(len(found), 'finding')}"
            emit(PhaseFinished(PHASE, "failed" if exit_code(found) else "done", time.monotonic() - began, told))
            return found

        findings = look("Check the machines")
        if fix and (unfit := mendable(findings)):
            with exclusive(loaded):
                began, run = time.monotonic(), new_run_folder(loaded.paths.runs)
                emit(PhaseStarted("mend", "Mend the machines", 1, 1))
                mended = mend(loaded, release, unfit, run, shared_kernel=shared_kernel, emit=emit)
                told = count(len(unfit), "machine")
                emit(PhaseFinished("mend", "done" if mended else "unchanged", time.monotonic() - began, told))
            findings = look("Check the machines again")
    if junit:
        _write_junit(junit, findings, hosts, started, time.monotonic() - clock)
    _show(findings, mended, hosts, output, color=settings.color)
    code = exit_code(findings)
    if code:
        raise click.exceptions.Exit(code)


def _write_junit(
    path: Path, findings: Sequence[Finding], hosts: Sequence[str], started: datetime, took_s: float
) -> None:
    from kprov.preflight.checks import checks  # noqa: PLC0415 - help needs none of these
    from kprov.report.model import Results  # noqa: PLC0415
    from kprov.report.results import junit_xml  # noqa: PLC0415

    results = Results(checks(findings, hosts), started, took_s)
    path.write_text(junit_xml(results, "kprov preflight"), encoding="utf-8")


def _show(
    findings: Sequence[Finding], mended: Sequence[Mended], hosts: Sequence[str], output: Output, *, color: bool
) -> None:
    from kprov.console.tables import Column, print_json, print_table  # noqa: PLC0415 - help needs none of these
    from kprov.preflight import rule_names  # noqa: PLC0415
    from kprov.report.words import count  # noqa: PLC0415

    if output == "json":
        print_json({"ok": exit_code(findings) == 0, "hosts": hosts, "fixed": mended, "findings": findings})
        return
    for each in mended:
        click.echo(f"mended on {', '.join(each.hosts)}: {each.task}")
    if not findings:
        click.echo(f"{count(len(hosts), 'machine')}, {count(len(rule_names()), 'rule')}: nothing to say")
        return
    levels = {"error": "bold red", "warning": "yellow", "info": "cyan"}
    columns = [
        Column("level", styles=levels),
        Column("machines"),
        Column("rule", spare=1),
        Column("finding"),
        Column("do"),
    ]
    print_table(columns, rows(findings), color=color)
    if any(each.fixable for each in findings) and not mended:
        click.echo("Some of it can be mended now: kprov preflight --fix")


def rows(findings: Sequence[Finding]) -> list[tuple[str, str, str, str, str]]:
    """The lines of the table; what is to be done stands once for all that it helps against.

    >>> from kprov.preflight import Finding
    >>> [row[4] for row in rows([Finding(rule, "error", ("m1",), "what", "why", "Do.") for rule in ("a", "b")])]
    ['Do.', '"']
    """
    shown: list[tuple[str, str, str, str, str]] = []
    before = ""
    for each in findings:
        do = '"' if each.remedy == before else each.remedy
        shown.append((each.level, ", ".join(each.hosts), each.rule, f"{each.what}: {each.why}", do))
        before = each.remedy
    return shown


def exit_code(findings: Sequence[Finding]) -> int:
    """What the findings mean for whoever called the command: 3 unreachable, 1 errors, else 0."""
    from kprov.preflight.judge import REACHABLE  # noqa: PLC0415 - help needs none of these

    if any(each.rule == REACHABLE for each in findings):
        return 3
    return int(any(each.level == "error" for each in findings))
