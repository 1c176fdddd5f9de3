"""``kprov encryption``: what the control planes encrypt with, and another key."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - click passes it
from typing import TYPE_CHECKING

import click

from kprov.cli.options import Settings, common_options, file_option, output_option

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kprov.cli.options import Output
    from kprov.phases.encryption import Seen


@click.group()
@common_options
def encryption() -> None:
    """See how stored objects are encrypted, and change the key."""


@encryption.command()
@file_option
@output_option
@common_options
@click.pass_obj
def status(settings: Settings, file: Path, output: Output) -> None:
    """Show what every control plane encrypts with, and how objects are really stored in etcd.

    Of each resource in question some objects are read from etcd itself; only how each begins leaves the node. Nothing
    is changed. The exit code is 1 where control planes differ, have more than one key, or store something otherwise
    than the cluster file says.
    """
    from dataclasses import asdict  # noqa: PLC0415 - help needs none of these

    from kprov.cli.settle import load_settled  # noqa: PLC0415
    from kprov.console.tables import print_json  # noqa: PLC0415
    from kprov.phases.encryption import flaws, look  # noqa: PLC0415

    loaded = load_settled(file)
    seen = look(loaded)
    wrong = list(flaws(loaded.spec, seen))
    if output == "json":
        planes = {name: {key: asdict(value) for key, value in each.items()} for name, each in seen.items()}
        print_json({"ok": not wrong, "control_planes": planes, "wrong": wrong})
    else:
        _show(seen, wrong, color=settings.color)
    if wrong:
        raise click.exceptions.Exit(1)


@encryption.command()
@file_option
@click.option("--check", is_flag=True, help="Change nothing; show which control planes would be changed.")
@common_options
@click.pass_obj
def rotate(settings: Settings, file: Path, check: bool) -> None:
    """Change the key, and write everything that is encrypted with the new one.

    Every API server is restarted three times, one after another, so that each can read at every moment what any other
    writes. May be interrupted anywhere and run again: a change that is under way is ended then. With a key_file of
    your own, put a new key there before. Refused, before anything, where a control plane cannot be reached.
    """
    from kprov.cli.session import session  # noqa: PLC0415 - help needs none of these
    from kprov.cli.settle import load_settled  # noqa: PLC0415
    from kprov.phases.base import run_all  # noqa: PLC0415
    from kprov.phases.encryption import RotateKeys, refuse_unencrypted  # noqa: PLC0415
    from kprov.phases.supported import refuse_unsupported  # noqa: PLC0415

    loaded = load_settled(file)
    refuse_unsupported(loaded)
    refuse_unencrypted(loaded)
    phases = (RotateKeys(check=check),)
    with session("encryption rotate", loaded, phases, settings) as context:
        run_all(phases, context)


def _show(seen: Seen, wrong: Sequence[str], *, color: bool) -> None:
    from kprov.console.tables import Column, print_table  # noqa: PLC0415 - help needs none of these

    columns = [Column("node"), Column("resource"), Column("writes with"), Column("keys"), Column("in etcd")]
    print_table(columns, list(_rows(seen)), color=color)
    for each in wrong:
        click.echo(f"\n{each}")


def _rows(seen: Seen) -> Iterator[tuple[str, str, str, str, str]]:
    for node, resources in seen.items():
        for resource, each in resources.items():
            stored = ", ".join(f"{count} {mark}" for mark, count in each.stored.items()) or "none"
            yield node, resource, each.writes, str(each.keys), stored
