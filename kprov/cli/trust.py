"""``kprov trust``: the first contact with machines that exist already."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kprov.cli.options import common_options, file_option

if TYPE_CHECKING:
    from collections.abc import Mapping

_PASSWORD = "KPROV_SSH_PASSWORD"  # noqa: S105 - the variable's name


@click.command()
@file_option
@click.option("--accept-new", is_flag=True, help="Pin the host keys of new machines without asking.")
@click.option("--ask-password", is_flag=True, help="Ask for the login password once, for machines that refuse the key.")
@click.option(
    "--password-file",
    type=click.Path(path_type=Path),
    help=f"Read the login password from the first line of this file; ${_PASSWORD} does the same.",
)
@common_options
def trust(file: Path, accept_new: bool, ask_password: bool, password_file: Path | None) -> None:
    """Let every machine of the cluster file know our key, and pin its host key.

    The key is the one of ssh.key, or one of the cluster's own, made at the first time. Where a machine refuses it, the
    login password installs it: asked for once, or read from a file or the environment, never from the command line. A
    machine that shows another host key than the pinned one stops everything, and nothing is sent to it. A second run
    changes nothing.
    """
    from kprov.cli.session import exclusive  # noqa: PLC0415 - help needs none of these
    from kprov.phases.establish_trust import write_ssh_config  # noqa: PLC0415
    from kprov.phases.machines import key_path, public_key, targets, way  # noqa: PLC0415
    from kprov.spec.load import load  # noqa: PLC0415
    from kprov.spec.rules import WAIVABLE  # noqa: PLC0415
    from kprov.ssh.trust import trust as make_trust  # noqa: PLC0415

    loaded = load(file, waived=WAIVABLE)
    password = _password(ask_password, password_file)
    with exclusive(loaded.paths):
        public_key(loaded)
        accept = (lambda _prints: True) if accept_new else _confirm
        outcomes = make_trust(targets(loaded), way(loaded), key=key_path(loaded), accept=accept, password=password)
        write_ssh_config(loaded)
    installed = [outcome.name for outcome in outcomes if outcome.done == "installed"]
    click.echo(
        f"{len(outcomes)} machines let us in"
        + (f"; the key was installed on {', '.join(installed)}" if installed else "; nothing had to be changed")
    )


def _confirm(prints: Mapping[str, str]) -> bool:
    """Show the fingerprints of new machines and ask; without anybody at the keyboard the answer is no."""
    if not sys.stdin.isatty():
        return False
    for name, fingerprint in prints.items():
        click.echo(f"{name}: {fingerprint}")
    return click.confirm(f"Are these the host keys of the {len(prints)} new machines?")


def _password(ask: bool, file: Path | None) -> str | None:
    """The login password from where the user said, or None.

    Raises:
        InputError: the file cannot be read, or is empty.
    """
    from kprov.errors import InputError  # noqa: PLC0415 - help needs none of these

    if file is not None:
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(
                "cannot read the password file",
                where=str(file),
                why=getattr(error, "strerror", None) or "it is not text",
                remedy="Name a file whose first line is the password.",
            ) from error
        if not lines or not lines[0]:
            raise InputError(
                "the password file is empty", where=str(file), remedy="Write the password on its first line."
            )
        return lines[0]
    if ask:
        return str(click.prompt("Login password", hide_input=True, err=True))
    return os.environ.get(_PASSWORD)
