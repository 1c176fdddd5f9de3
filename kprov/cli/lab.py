"""``kprov lab``: the machines of a lab."""

from __future__ import annotations

import os
import shutil
from pathlib import Path  # noqa: TC003 - click passes it
from typing import TYPE_CHECKING

import click

from kprov.cli.options import Settings, common_options, file_option, output_option

if TYPE_CHECKING:
    from kprov.cli.options import Output
    from kprov.spec.load import Loaded

_LIKE_A_LOGIN = "[ ! -r /etc/profile ] || . /etc/profile; "
"""A command finds what an interactive shell has: the kubeconfig of a control plane, and /usr/local/bin."""


@click.group()
@common_options
def lab() -> None:
    """Make, show, enter, keep, restore and remove the machines of a lab."""


@lab.command()
@file_option
@common_options
@click.pass_obj
def up(settings: Settings, file: Path) -> None:
    """Make the machines that are missing and start those that are stopped.

    'kprov up' does this too, and then makes a cluster of them.
    """
    from kprov.cli.session import session  # noqa: PLC0415 - help needs none of these
    from kprov.phases.base import run_all  # noqa: PLC0415
    from kprov.phases.ensure_lab import EnsureLab  # noqa: PLC0415
    from kprov.phases.establish_trust import EstablishTrust  # noqa: PLC0415

    phases = (EnsureLab(), EstablishTrust())
    with session("lab up", _loaded(file), phases, settings) as context:
        run_all(phases, context)


@lab.command()
@file_option
@common_options
@click.pass_obj
def down(settings: Settings, file: Path) -> None:
    """Remove the machines with their data, the lab's network and routes; the cached images stay.

    What kprov rendered beside the cluster file for these machines (inventory, keys, kubeconfig) is removed too; the
    journals of the runs stay.
    """
    from kprov.cli.session import exclusive  # noqa: PLC0415 - help needs none of these
    from kprov.console.sink import open_sink  # noqa: PLC0415
    from kprov.lab.providers import provider  # noqa: PLC0415
    from kprov.phases.remove_lab import forget  # noqa: PLC0415

    loaded = _loaded(file)
    assert loaded.spec.lab is not None  # noqa: S101 - _loaded
    machines = provider(loaded.spec.lab.provider)
    with exclusive(loaded), open_sink(settings.verbosity, color=settings.color) as emit:
        removed = machines.down(loaded.spec.cluster, emit, str(loaded.paths.file.resolve()))
        forget(loaded.paths)
    click.echo(f"{loaded.spec.cluster}: {removed} machine{'s' if removed != 1 else ''} removed")


@lab.command()
@file_option
@output_option
@common_options
def status(file: Path, output: Output) -> None:
    """Show every machine of the lab with its address and state; exit code 1 if one does not run."""
    from kprov.console.tables import Column, print_json, print_table  # noqa: PLC0415 - help needs none of these
    from kprov.lab.providers import lab_request, provider  # noqa: PLC0415

    loaded = _loaded(file)
    assert loaded.spec.lab is not None  # noqa: S101 - _loaded
    machines = provider(loaded.spec.lab.provider).status(lab_request(loaded.spec, "", loaded.paths.file))
    rows = [(machine.name, str(machine.address), machine.state) for machine in machines]
    if output == "json":
        print_json([dict(zip(("name", "address", "state"), row, strict=True)) for row in rows])
    else:
        print_table([Column("NAME"), Column("ADDRESS"), Column("STATE")], rows)
    if any(machine.state != "running" for machine in machines):
        raise click.exceptions.Exit(1)


@lab.command()
@file_option
@click.argument("name")
@common_options
@click.pass_obj
def snapshot(settings: Settings, file: Path, name: str) -> None:
    """Keep all machines as they are now, under NAME; a snapshot of this name is replaced.

    They are stopped for it and started again, so that all of them are kept at the same moment. For virtual machines.
    """
    _keep(settings, file, name, back=False)


@lab.command()
@file_option
@click.argument("name")
@common_options
@click.pass_obj
def restore(settings: Settings, file: Path, name: str) -> None:
    """Have all machines as the snapshot NAME kept them, and running; what came later is lost."""
    _keep(settings, file, name, back=True)


# What follows the node is the command's own: its options too.
@lab.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@file_option
@click.argument("node")
@click.argument("command", nargs=-1)
@common_options
def ssh(file: Path, node: str, command: tuple[str, ...]) -> None:
    """Open a shell on NODE, or run COMMAND there, with its options; for every cluster that kprov knows, lab or not."""
    from kprov.errors import InputError  # noqa: PLC0415 - help needs none of these
    from kprov.spec.load import load  # noqa: PLC0415
    from kprov.spec.rules import WAIVABLE  # noqa: PLC0415

    loaded = load(file, waived=WAIVABLE)
    if node not in loaded.spec.nodes:
        raise InputError("no such node", where=node, remedy=f"Name one of: {', '.join(loaded.spec.nodes)}.")
    if not loaded.paths.ssh_config.exists():
        raise InputError(
            "no machine was reached yet",
            where=str(loaded.paths.ssh_config),
            remedy="Run 'kprov lab up' or 'kprov trust' first.",
        )
    if shutil.which("ssh") is None:
        raise InputError("ssh is not installed here", where="PATH", remedy="Run `apt-get install openssh-client`.")
    asked = [_LIKE_A_LOGIN + " ".join(command)] if command else []
    os.execvp("ssh", ["ssh", "-F", str(loaded.paths.ssh_config), node, *asked])  # noqa: S606 - ssh takes this terminal


def _keep(settings: Settings, file: Path, name: str, *, back: bool) -> None:
    """Make a snapshot, or go back to it."""
    from kprov.cli.session import exclusive  # noqa: PLC0415 - help needs none of these
    from kprov.console.sink import open_sink  # noqa: PLC0415
    from kprov.lab.providers import lab_request, provider  # noqa: PLC0415
    from kprov.ssh.config import hang_up  # noqa: PLC0415

    loaded = _loaded(file)
    assert loaded.spec.lab is not None  # noqa: S101 - _loaded
    machines = provider(loaded.spec.lab.provider)
    request = lab_request(loaded.spec, "", loaded.paths.file)
    with exclusive(loaded), open_sink(settings.verbosity, color=settings.color) as emit:
        if back:
            machines.restore(request, name, emit)
        else:
            machines.snapshot(request, name, emit)
        hang_up(loaded.paths.known_hosts)
    click.echo(
        f"{loaded.spec.cluster}: {len(request.machines)} machines {'restored from' if back else 'kept as'} {name}"
    )


def _loaded(file: Path) -> Loaded:
    """The cluster file, which must have a lab.

    Raises:
        InputError: it has none, or cannot be used.
    """
    from kprov.cli.settle import load_settled  # noqa: PLC0415
    from kprov.errors import InputError  # noqa: PLC0415 - help needs none of these

    loaded = load_settled(file)
    if loaded.spec.lab is None:
        raise InputError(
            "this cluster has no lab",
            where=str(file),
            why="its machines exist already",
            remedy="Add `lab: {provider: podman}` to the cluster file to have machines made.",
        )
    return loaded
