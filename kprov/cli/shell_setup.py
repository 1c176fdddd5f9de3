"""``kprov shell-setup``: kubectl made comfortable in the user's own shell."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kprov.cli.options import Settings, common_options

if TYPE_CHECKING:
    from kprov.shell import Shell


@click.command("shell-setup")
@click.option("--show", is_flag=True, help="List the commands and change nothing.")
@click.option("--shell", type=click.Choice(["bash", "zsh"]), default=None, show_default="$SHELL", help="Which shell.")
@click.option("--remove", is_flag=True, help="Take everything back.")
@common_options
@click.pass_obj
def shell_setup(settings: Settings, show: bool, shell: Shell | None, remove: bool) -> None:
    """Give your own account kubectl's completion, k for short, and commands that take pods by number.

    It writes ~/.config/kprov/shell.sh and one line in ~/.bashrc or ~/.zshrc that reads it. Control planes have the same
    for every login.
    """
    from kprov import shell as setup  # noqa: PLC0415 - help needs none of these
    from kprov.console.tables import Column, print_table  # noqa: PLC0415

    if show:
        print_table([Column("command"), Column("does")], setup.commands(), color=settings.color)
        return
    home = Path.home()
    changed = setup.remove(home) if remove else setup.install(home, shell or setup.own_shell(os.environ))
    for path in changed:
        click.echo(f"{path}: {'written' if path.exists() else 'removed'}")
    if not changed:
        click.echo("nothing to change")
    elif not remove:
        click.echo("Open a new shell, or read it in this one: . ~/.config/kprov/shell.sh")
