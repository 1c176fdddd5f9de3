"""``kprov addons``: what can run in the cluster beside Kubernetes, switched on and off in the cluster file."""

from __future__ import annotations

import re
from difflib import unified_diff
from pathlib import Path  # noqa: TC003 - click passes it
from typing import TYPE_CHECKING

import click

from kprov.cli.options import Settings, common_options, file_option, output_option

if TYPE_CHECKING:
    from collections.abc import Callable

    from kprov.addons.model import Addon
    from kprov.cli.options import Output


@click.group()
@common_options
def addons() -> None:
    """List, enable and disable what runs in the cluster beside Kubernetes.

    The cluster file is changed in its place, its comments and layout stay; 'kprov up' brings the cluster to it.
    """


@addons.command("list")
@file_option
@output_option
@common_options
@click.pass_obj
def list_(settings: Settings, file: Path, output: Output) -> None:
    """Show everything that can be had, whether it is enabled, and in which version for this Kubernetes."""
    from kprov.addons.offers import offers  # noqa: PLC0415 - help needs none of these
    from kprov.cli.settle import load_settled  # noqa: PLC0415
    from kprov.console.tables import Column, print_json, print_table  # noqa: PLC0415
    from kprov.release.catalog import minor_of  # noqa: PLC0415
    from kprov.spec.rules import WAIVABLE  # noqa: PLC0415

    spec = load_settled(file, WAIVABLE).spec
    found = offers(spec)
    if output == "json":
        print_json(found)
        return
    columns = [
        Column("name"),
        Column("kind", spare=1),
        Column("enabled", styles={"yes": "green", "no": "dim"}),
        Column("version"),
        Column("what", spare=2),
    ]
    none = f"none for {minor_of(spec.kubernetes.version)}"
    rows = [(o.name, o.kind, "yes" if o.enabled else "no", o.version if o.served else none, o.about) for o in found]
    print_table(columns, rows, color=settings.color)


@addons.command()
@file_option
@click.argument("name")
@click.argument("settings", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--apply", is_flag=True, help="Run 'kprov up' then.")
@click.option("--yes-really", is_flag=True, help="Take what is dangerous as it is: access=lab-open without a lab.")
@common_options
@click.pass_context
def enable(
    context: click.Context, file: Path, name: str, settings: tuple[str, ...], apply: bool, yes_really: bool
) -> None:
    """Have an add-on, or give one that is there other settings.

    NAME is a key below 'addons' of the cluster file, or a kind of dashboard. A list is written with commas between:

        kprov addons enable metallb addresses=10.0.0.200-10.0.0.220
    """
    from kprov.addons import switch  # noqa: PLC0415 - help needs none of these

    wanted = switch.settings_of(name, settings)
    _change(file, name, lambda text: switch.enable(text, name, wanted, str(file)), yes_really=yes_really)
    _apply(context, file, apply=apply, yes_really=yes_really)


@addons.command()
@file_option
@click.argument("name")
@click.option("--apply", is_flag=True, help="Run 'kprov up' then.")
@common_options
@click.pass_context
def disable(context: click.Context, file: Path, name: str, apply: bool) -> None:
    """Have an add-on no more: its objects are removed from the cluster, and nothing else."""
    from kprov.addons import switch  # noqa: PLC0415 - help needs none of these

    _change(file, name, lambda text: switch.disable(text, name, str(file)), yes_really=True)  # it opens no door
    _apply(context, file, apply=apply)


def _apply(context: click.Context, file: Path, *, apply: bool, yes_really: bool = False) -> None:
    if apply:
        from kprov.cli.up import up  # noqa: PLC0415 - only where it is asked for

        context.invoke(up, file=file, yes_really=yes_really)


def _change(file: Path, name: str, change: Callable[[str], str], *, yes_really: bool = False) -> None:
    """Write the changed cluster file if it can be used, and tell what changed.

    Raises:
        InputError: it cannot be used, neither before nor after; nothing was written.
    """
    from kprov.spec.files import alone, read_text, rewrite  # noqa: PLC0415 - help needs none of these
    from kprov.spec.load import loads  # noqa: PLC0415
    from kprov.spec.rules import WAIVABLE  # noqa: PLC0415

    with alone(file):
        text = read_text(file)
        loads(text, str(file), WAIVABLE)
        changed = change(text)
        if changed == text:
            click.echo(f"{file}: nothing to change for {name}")
            return
        chosen = _checked(changed, file, name, yes_really=yes_really)
        rewrite(file, changed, text)
    click.echo(f"{file}:")
    for line in unified_diff(text.splitlines(), changed.splitlines(), n=0, lineterm=""):
        if not line.startswith(("---", "+++", "@@")):
            click.echo(f"  {line[0]} {line[1:]}")
    for addon in chosen:
        for alarm in addon.alarms:
            click.echo(f"warning: {alarm}")
        for note in addon.notes:
            click.echo(f"note: {note}")
    click.echo(f"'kprov up{' --yes-really' if _dangerous(changed, file) else ''}' brings the cluster to it.")


def _dangerous(text: str, file: Path) -> bool:
    """Whether `kprov up` refuses this file unless it is told to take it as it is."""
    from kprov.errors import SpecError  # noqa: PLC0415 - help needs none of these
    from kprov.spec.load import loads  # noqa: PLC0415

    try:
        loads(text, str(file))
    except SpecError:
        return True
    return False


def _checked(text: str, file: Path, name: str, *, yes_really: bool) -> tuple[Addon, ...]:
    """The add-on that the changed file asks for under this name, if it does.

    Raises:
        InputError: the file could not be used.
    """
    from kprov.addons.switch import key_of  # noqa: PLC0415 - help needs none of these
    from kprov.errors import InputError, SpecError  # noqa: PLC0415
    from kprov.phases.addons import asked  # noqa: PLC0415
    from kprov.release.catalog import resolve, settled  # noqa: PLC0415
    from kprov.spec.load import loads  # noqa: PLC0415
    from kprov.spec.rules import WAIVABLE  # noqa: PLC0415

    try:
        loaded = settled(loads(text, str(file), WAIVABLE if yes_really else ()))
        addons = asked(loaded, resolve(loaded.spec, file=str(file)))
    except SpecError as error:
        # The lines of a file that is not written help nobody.
        wrong = [f"{problem.key}: {re.sub(', see line [0-9]+$', '', problem.wrong)}" for problem in error.problems]
        what, first = "the cluster file stays as it is", error.problems[0].right
        raise InputError(what, where=str(file), why="; ".join(wrong), remedy=first) from None
    return tuple(addon for addon in addons if addon.name == key_of(name))
