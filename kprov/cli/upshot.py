"""What a finished run made, gathered for the summary at its end."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from kprov.journal.folders import EVENTS
from kprov.journal.read import read
from kprov.report.model import Fact, Summary
from kprov.report.timeline import run_of

if TYPE_CHECKING:
    from kprov.phases.base import Context


def summary_of(context: Context) -> Summary:
    """The summary of a run that ended well."""
    run = run_of(read(context.run / EVENTS))
    return Summary(
        cluster=context.spec.cluster,
        nodes=context.nodes,
        phases=run.phases,
        duration_s=run.duration_s,
        hosts=len(context.recap.hosts) if context.recap else 0,
        changed_tasks=context.recap.changed if context.recap else 0,
        kubeconfig=context.paths.kubeconfig if context.paths.kubeconfig.exists() else None,
        facts=_facts(context),
        left_out=context.bundle.lock.left_out if context.bundle else (),
        notices=tuple(notice for notice in run.notices if notice.level != "info"),
        next_steps=_next_steps(context),
    )


def _facts(context: Context) -> tuple[Fact, ...]:
    spec = context.spec
    facts = [
        Fact("Endpoint", f"{spec.endpoint.mode}, https://{spec.endpoint_host}:{spec.endpoint_port}"),
        Fact("Network", f"{spec.network.plugin}, pods {spec.network.pods}, services {spec.network.services}"),
    ]
    if context.bundle:
        lock = context.bundle.lock
        facts.append(
            Fact("Bundle", f"{len(lock.artifacts)} artifacts from {lock.source}, pinned in {_near(context.paths.lock)}")
        )
    if context.results:
        facts.append(Fact("Proof", f"{context.results.counts.get('passed', 0)} checks passed"))
    return tuple(facts)


def _next_steps(context: Context) -> tuple[str, ...]:
    """Commands to copy: only such that work from here."""
    steps: list[str] = []
    file = _near(context.paths.file)
    if context.paths.kubeconfig.exists():
        kubectl = shutil.which("kubectl") or _near(context.paths.kubectl)
        steps.append(f"export KUBECONFIG={context.paths.kubeconfig}")
        steps.append(f"{'kubectl' if shutil.which('kubectl') else kubectl} get nodes -o wide")
    steps.append(f"kprov verify -f {file}  # the proof again")
    if context.provider:
        first = context.spec.control_planes[0]
        steps.append(f"kprov lab ssh -f {file} {first}  # a shell on a control plane")
        steps.append(f"kprov lab down -f {file}  # remove the machines")
    return tuple(steps)


def _near(path: Path) -> str:
    """The path as short as it can be typed from here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
