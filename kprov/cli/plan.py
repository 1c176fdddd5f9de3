"""``kprov plan``: what `up` would change."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - click passes it
from typing import TYPE_CHECKING

import click

from kprov.ansible.runner import Strategy  # noqa: TC001 - click passes it
from kprov.cli.options import Settings, common_options, file_option, output_option

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kprov.cli.options import Output
    from kprov.inventory.variables import Machines
    from kprov.phases.foresight import Plan
    from kprov.release.catalog import Release
    from kprov.spec.load import Loaded


@click.command()
@file_option
@output_option
@click.option("--show-config", is_flag=True, help="Print kubeadm's documents of every node instead; needs no machine.")
@click.option(
    "--strategy",
    type=click.Choice(["auto", "linear", "mitogen"]),
    default="auto",
    show_default=True,
    help="How Ansible runs tasks; see 'kprov up --help'.",
)
@common_options
@click.pass_obj
def plan(settings: Settings, file: Path, output: Output, show_config: bool, strategy: Strategy) -> None:
    """See what 'kprov up' would change, host by host; change nothing, on machines or here.

    Machines that run are asked by Ansible in check mode. For machines that do not exist yet the plan says what a bare
    machine would be given. Nothing is fetched: where the bundle is not here yet, that is said. The exit code is 0
    whether or not there is something to do, and that of 'kprov up' where it would end with an error.
    """
    from kprov.cli.settle import load_settled  # noqa: PLC0415 - help needs none of these
    from kprov.inventory.variables import Machines  # noqa: PLC0415
    from kprov.lab.providers import provider  # noqa: PLC0415
    from kprov.phases.supported import line_of  # noqa: PLC0415
    from kprov.release.catalog import resolve  # noqa: PLC0415
    from kprov.spec.rules import WAIVABLE  # noqa: PLC0415

    loaded = load_settled(file, WAIVABLE)
    release = resolve(loaded.spec, file=str(file), line=line_of(loaded, "kubernetes.version"))
    maker = provider(loaded.spec.lab.provider) if loaded.spec.lab else None
    machines = Machines(shared_kernel=maker is not None and maker.facts()["shared_kernel"])
    if show_config:
        _show_config(loaded, release, machines, output)
        return
    made = _plan(loaded, release, machines, settings, strategy)
    if output == "json":
        _print_data(loaded, made)
    else:
        _print_table(loaded, made, color=settings.color)
    if made.stopped:
        raise made.stopped


def _plan(loaded: Loaded, release: Release, machines: Machines, settings: Settings, strategy: Strategy) -> Plan:
    import os  # noqa: PLC0415 - help needs none of these

    from kprov.ansible.runner import AnsiblePlaybooks  # noqa: PLC0415
    from kprov.bundle.store import default_store  # noqa: PLC0415
    from kprov.console.sink import open_sink  # noqa: PLC0415
    from kprov.lab.providers import provider  # noqa: PLC0415
    from kprov.phases.base import foresee  # noqa: PLC0415
    from kprov.phases.foresight import foresee_changes  # noqa: PLC0415
    from kprov.phases.supported import refuse_unsupported  # noqa: PLC0415
    from kprov.phases.up import UP  # noqa: PLC0415

    refuse_unsupported(loaded)
    maker = provider(loaded.spec.lab.provider) if loaded.spec.lab else None
    foresee(UP, loaded, maker)

    def playbooks(inventory: Path, log: Path) -> AnsiblePlaybooks:
        return AnsiblePlaybooks(inventory, log, strategy)

    with open_sink(settings.verbosity, color=settings.color, stream="stderr") as emit:
        return foresee_changes(loaded, release, machines, maker, default_store(os.environ), playbooks, emit)


def _show_config(loaded: Loaded, release: Release, machines: Machines, output: Output) -> None:
    """kubeadm's documents as they are rendered for each node; secrets are put in on the nodes alone."""
    from kprov.console.tables import print_json  # noqa: PLC0415 - help needs none of these
    from kprov.phases.control_plane import own_files  # noqa: PLC0415
    from kprov.release.documents import node_documents, text  # noqa: PLC0415

    own, shared = own_files(loaded), machines.shared_kernel
    made = {
        name: node_documents(loaded.spec, release, name, shared_kernel=shared, own=own) for name in loaded.spec.nodes
    }
    if output == "json":
        print_json({name: dict(documents) for name, documents in made.items()})
        return
    parts = [f"# {name}/{path}\n{text(each)}" for name, files in made.items() for path, each in files.items()]
    click.echo("---\n".join(parts), nl=False)


def _print_data(loaded: Loaded, made: Plan) -> None:
    from kprov.console.tables import print_json  # noqa: PLC0415 - help needs none of these

    stopped = made.stopped
    hosts = [
        {
            "name": name,
            "state": host.state,
            "why": host.why,
            "changes": [
                {"role": each.role, "task": each.task, "what": each.what} for each in made.changes if each.host == name
            ],
        }
        for name, host in made.hosts.items()
    ]
    print_json(
        {
            "cluster": loaded.spec.cluster,
            "kubernetes": loaded.spec.kubernetes.version,
            "changes": len(made.changes),
            "machines_to_make": [name for name, host in made.hosts.items() if host.state == "absent"],
            "machines_to_start": [name for name, host in made.hosts.items() if host.state == "stopped"],
            "bundle": {"source": made.bundle.source, "missing": made.bundle.missing},
            "hosts": hosts,
            "notes": made.notes,
            "error": {"what": stopped.what, "where": stopped.where, "why": stopped.why} if stopped else None,
        }
    )


def _print_table(loaded: Loaded, made: Plan, *, color: bool) -> None:
    from kprov.console.tables import Column, print_table  # noqa: PLC0415 - help needs none of these
    from kprov.report.words import count  # noqa: PLC0415

    for line in before(loaded, made):
        click.echo(line)
    if made.changes:
        rows = [
            (each.host, each.role, each.task, each.what)
            for name in made.hosts
            for each in made.changes
            if each.host == name
        ]
        columns = [Column("machine"), Column("role", spare=1), Column("change"), Column("what", spare=2)]
        print_table(columns, rows, color=color)
    changed = {each.host for each in made.changes}
    if made.changes:
        click.echo(f"{count(len(made.changes), 'change')} on {count(len(changed), 'machine')}")
    elif not made.stopped:
        click.echo(f"{count(len(made.hosts), 'machine')}: nothing to change")
    for note in made.notes:
        click.echo(note)


def before(loaded: Loaded, made: Plan) -> Iterator[str]:
    """What comes before the playbook: the bundle, and the machines that are made or started."""
    if made.bundle.missing:
        yield f"bundle: would be gathered first: {', '.join(made.bundle.missing)}"
    states = {"absent": "would be made", "stopped": "would be started", "unreached": "not reached"}
    for state, words in states.items():
        names = [name for name, host in made.hosts.items() if host.state == state]
        if not names:
            continue
        maker = f" by {loaded.spec.lab.provider}" if loaded.spec.lab and state != "unreached" else ""
        yield f"machines: {words}{maker}: {', '.join(names)}"
        if state == "unreached":
            yield from (f"  {name}: {made.hosts[name].why}" for name in names)
