"""What a finished run made, gathered for the summary at its end."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from kprov.addons.dashboards.common import NAME as DASHBOARD
from kprov.inventory.variables import NETWORK_SET
from kprov.journal.folders import EVENTS
from kprov.journal.read import read
from kprov.kubectl.dashboard import node_urls
from kprov.report.model import Fact, Summary
from kprov.report.timeline import run_of
from kprov.spec.addresses import host_port, joined

if TYPE_CHECKING:
    from kprov.phases.base import Context

_WAYS = {
    "token": "opens the way to the dashboard, with a token that lets you look",
    "lab-open": "the dashboard's addresses",
}


def summary_of(context: Context) -> Summary:
    """The summary of a run that ended well."""
    run = run_of(read(context.run / EVENTS))
    # Nobody is let in before there is a cluster.
    alarms = tuple(alarm for addon in context.addons for alarm in addon.alarms) if context.nodes else ()
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
        notices=tuple(notice for notice in run.notices if notice.level != "info" and notice.text not in alarms),
        alarms=alarms,
        notes=tuple(note for addon in context.addons for note in addon.notes),
        next_steps=_next_steps(context),
    )


def _facts(context: Context) -> tuple[Fact, ...]:
    spec, network = context.spec, context.spec.network
    named = {addon.name: " ".join(filter(None, (addon.name, addon.version))) for addon in context.addons}
    plugin = named.pop(network.plugin, network.plugin)
    named.pop(NETWORK_SET, "")
    dashboard = named.pop(DASHBOARD, "").removeprefix(DASHBOARD)
    facts = [
        Fact("Endpoint", f"{spec.endpoint.mode}, https://{host_port(spec.endpoint_host, spec.endpoint_port)}"),
        Fact("Network", f"{plugin}, pods {joined(network.pods)}, services {joined(network.services)}"),
    ]
    if named:
        facts.append(Fact("Add-ons", ", ".join(named.values())))
    if spec.addons.dashboard:
        facts.append(Fact("Dashboard", f"{spec.addons.dashboard.kind}{dashboard}, {_reached(context)}"))
    if context.bundle:
        lock = context.bundle.lock
        facts.append(
            Fact("Bundle", f"{len(lock.artifacts)} artifacts from {lock.source}, pinned in {_near(context.paths.lock)}")
        )
    if context.results:
        facts.append(Fact("Proof", f"{context.results.counts.get('passed', 0)} checks passed"))
    return tuple(facts)


def _reached(context: Context) -> str:
    """How people get to the dashboard."""
    urls = node_urls(context.spec)
    others = " and at every other node" if len(urls) > 1 else ""
    return f"{urls[0]}{others}" if urls else "by token: kprov dashboard"


def _next_steps(context: Context) -> tuple[str, ...]:
    """Commands to copy: only such that work from here."""
    steps: list[str] = []
    file = _near(context.paths.file)
    if context.paths.kubeconfig.exists():
        kubectl = shutil.which("kubectl") or _near(context.paths.kubectl)
        steps.append(f"export KUBECONFIG={context.paths.kubeconfig}")
        steps.append(f"{'kubectl' if shutil.which('kubectl') else kubectl} get nodes -o wide")
    kprov = program()
    if context.nodes:
        steps.append(f"{kprov} verify -f {file}  # the proof{' again' if context.results else ''}")
    else:
        steps.append(f"{kprov} up -f {file}  # the cluster")
    if context.spec.addons.dashboard and context.nodes:
        steps.append(f"{kprov} dashboard -f {file}  # {_WAYS[context.spec.addons.dashboard.access]}")
    if context.provider:
        first = context.spec.control_planes[0]
        steps.append(f"{kprov} lab ssh -f {file} {first}  # a shell on a control plane")
        steps.append(f"{kprov} lab down -f {file}  # remove the machines")
    return tuple(steps)


def program() -> str:
    """What is typed here to start this very program: its name where PATH leads to it, else its path."""
    own = Path(sys.argv[0])
    found = shutil.which("kprov")
    if own.name != "kprov" or (found and Path(found).resolve() == own.resolve()):
        return "kprov"
    return _near(own.absolute())


def _near(path: Path) -> str:
    """The path as short as it can be typed from here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
