"""``kprov preflight``: are the machines fit to become the cluster."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from kprov.cli.options import Settings, common_options, file_option, output_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kprov.cli.options import Output
    from kprov.preflight import Finding


@click.command()
@file_option
@output_option
@click.option("--junit", type=click.Path(path_type=Path), help="Also write every rule on every machine as JUnit XML.")
@common_options
@click.pass_obj
def preflight(settings: Settings, file: Path, output: Output, junit: Path | None) -> None:
    """Look at every machine, and at what lies between them, without changing anything.

    All findings are told at once: an error stops 'kprov up', a warning does not, an info says what 'kprov up' will
    change. The exit code is 1 where there is an error, and 3 where a machine cannot be reached.
    """
    import time  # noqa: PLC0415 - help needs none of these
    from datetime import UTC, datetime  # noqa: PLC0415

    from kprov.cli.settle import load_settled  # noqa: PLC0415
    from kprov.console.sink import open_sink  # noqa: PLC0415
    from kprov.events import PhaseFinished, PhaseStarted  # noqa: PLC0415
    from kprov.lab.providers import provider  # noqa: PLC0415
    from kprov.phases.addons import asked  # noqa: PLC0415
    from kprov.phases.supported import line_of  # noqa: PLC0415
    from kprov.preflight import expect, gather, judge  # noqa: PLC0415
    from kprov.preflight.checks import checks  # noqa: PLC0415
    from kprov.preflight.gather import PHASE  # noqa: PLC0415
    from kprov.release.catalog import resolve  # noqa: PLC0415
    from kprov.report.model import Results  # noqa: PLC0415
    from kprov.report.results import junit_xml  # noqa: PLC0415
    from kprov.report.words import count  # noqa: PLC0415
    from kprov.spec.rules import WAIVABLE  # noqa: PLC0415

    loaded = load_settled(file, WAIVABLE)
    addons = asked(loaded, resolve(loaded.spec, file=str(file), line=line_of(loaded, "kubernetes.version")))
    lab, hosts = loaded.spec.lab, tuple(loaded.spec.nodes)
    shared_kernel = lab is not None and provider(lab.provider).facts()["shared_kernel"]
    started, clock = datetime.now(UTC), time.monotonic()
    with open_sink(settings.verbosity, color=settings.color, stream="stderr") as emit:
        emit(PhaseStarted(PHASE, "Check the machines", 1, 1))
        facts = gather(hosts, loaded.paths.ssh_config, emit=emit)
        findings = judge(facts, expect(loaded.spec, addons, shared_kernel=shared_kernel))
        told = f"{count(len(hosts), 'machine')}, {count(len(findings), 'finding')}"
        emit(PhaseFinished(PHASE, "failed" if exit_code(findings) else "done", time.monotonic() - clock, told))
    if junit:
        results = Results(checks(findings, hosts), started, time.monotonic() - clock)
        junit.write_text(junit_xml(results, "kprov preflight"), encoding="utf-8")
    _show(findings, hosts, output, color=settings.color)
    code = exit_code(findings)
    if code:
        raise click.exceptions.Exit(code)


def _show(findings: Sequence[Finding], hosts: Sequence[str], output: Output, *, color: bool) -> None:
    from kprov.console.tables import Column, print_json, print_table  # noqa: PLC0415 - help needs none of these
    from kprov.preflight import rule_names  # noqa: PLC0415
    from kprov.report.words import count  # noqa: PLC0415

    if output == "json":
        print_json({"ok": exit_code(findings) == 0, "hosts": hosts, "findings": findings})
        return
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
    rows = [
        (each.level, ", ".join(each.hosts), each.rule, f"{each.what}: {each.why}", each.remedy) for each in findings
    ]
    print_table(columns, rows, color=color)


def exit_code(findings: Sequence[Finding]) -> int:
    """What the findings mean for whoever called the command: 3 unreachable, 1 errors, else 0."""
    from kprov.preflight.judge import REACHABLE  # noqa: PLC0415 - help needs none of these

    if any(each.rule == REACHABLE for each in findings):
        return 3
    return int(any(each.level == "error" for each in findings))
