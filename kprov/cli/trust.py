"""``kprov trust``: the first contact with machines that exist already, and its undoing."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kprov.cli.options import common_options, file_option

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from kprov.spec.load import Loaded

_PASSWORD = "KPROV_SSH_PASSWORD"  # noqa: S105 - the variable's name


@click.command()
@file_option
@click.option("--accept-new", is_flag=True, help="Pin the host keys of new machines without asking.")
@click.option("--ask-password", is_flag=True, help="Ask for the login password at once, not only where it is needed.")
@click.option(
    "--password-file",
    type=click.Path(path_type=Path),
    help=f"Read the login password from the first line of this file; ${_PASSWORD} does the same.",
)
@click.option("--sudo", type=click.Choice(["nopasswd"]), help="Let ssh.user become root there without a password.")
@click.option("--mesh", is_flag=True, help="Let the machines reach each other too, each with a key of its own.")
@click.option("--revoke", is_flag=True, help="Undo all of it: the key, the mesh, the sudo rule, the pinned host keys.")
@common_options
def trust(
    file: Path,
    accept_new: bool,
    ask_password: bool,
    password_file: Path | None,
    sudo: str | None,
    mesh: bool,
    revoke: bool,
) -> None:
    """Let every machine of the cluster file know our key, and pin its host key.

    The key is the one of ssh.key, or one of the cluster's own, made at the first time. Where a machine refuses it, the
    login password installs it: asked for once, or read from a file or the environment, never from the command line. A
    machine that shows another host key than the pinned one stops everything, and nothing is sent to it. A second run
    changes nothing. sshd's own settings are never touched.
    """
    from kprov.cli.session import exclusive  # noqa: PLC0415 - help needs none of these
    from kprov.errors import InputError  # noqa: PLC0415
    from kprov.spec.load import load  # noqa: PLC0415
    from kprov.spec.rules import WAIVABLE  # noqa: PLC0415

    if revoke and (sudo or mesh or accept_new or ask_password or password_file):
        raise InputError("--revoke undoes everything and goes with no other option", remedy="Leave the others out.")
    loaded = load(file, waived=WAIVABLE)
    password = None if revoke else _password(ask_password, password_file)
    with exclusive(loaded):
        if revoke:
            _revoke(loaded)
        else:
            _trust(loaded, password, accept_new=accept_new, sudo=bool(sudo), mesh=mesh)


def _trust(loaded: Loaded, password: str | None, *, accept_new: bool, sudo: bool, mesh: bool) -> None:
    from kprov.phases.establish_trust import write_ssh_config  # noqa: PLC0415
    from kprov.phases.machines import key_path, public_key, targets, way  # noqa: PLC0415
    from kprov.phases.widen_trust import grant_sudo, make_mesh  # noqa: PLC0415
    from kprov.ssh.errors import KeyProtected  # noqa: PLC0415
    from kprov.ssh.keys import load_key  # noqa: PLC0415
    from kprov.ssh.trust import trust as make_trust  # noqa: PLC0415

    ask, passphrase = _asker(loaded.spec.ssh.user), None
    try:
        public_key(loaded)
        private = load_key(key_path(loaded))
    except KeyProtected:
        if not sys.stdin.isatty():
            raise
        passphrase = str(click.prompt(f"Passphrase of {key_path(loaded)}", hide_input=True, err=True))
        private = load_key(key_path(loaded), passphrase)
    reached = way(loaded, private)
    accept = (lambda _prints: True) if accept_new else _confirm
    outcomes = make_trust(
        targets(loaded),
        reached,
        key=key_path(loaded),
        accept=accept,
        password=password,
        passphrase=passphrase,
        ask=ask,
    )
    write_ssh_config(loaded)
    installed = [outcome.name for outcome in outcomes if outcome.done == "installed"]
    told = [f"the key was installed on {', '.join(installed)}"] if installed else []
    if sudo:
        granted = grant_sudo(loaded, private, password, ask)
        told += [f"sudo asks for no password now on {', '.join(granted)}"] if granted else []
    if mesh:
        meshed = make_mesh(loaded, private)
        told += [f"the mesh was set up on {', '.join(meshed)}"] if meshed else []
    click.echo(f"{len(outcomes)} machines let us in; {'; '.join(told) or 'nothing had to be changed'}")
    if passphrase:
        click.echo(f"the key has a passphrase: run 'ssh-add {key_path(loaded)}' before the other commands", err=True)


def _revoke(loaded: Loaded) -> None:
    from kprov.errors import InputError  # noqa: PLC0415
    from kprov.phases.revoke_trust import revoke_trust  # noqa: PLC0415

    if loaded.spec.lab:
        raise InputError(
            "the machines of a lab are kprov's own",
            where=str(loaded.paths.file),
            why="it would lose the only way in",
            remedy="Remove them with 'kprov lab down'.",
        )
    if not loaded.paths.known_hosts.exists():
        click.echo("nothing to undo: no machine is pinned")
        return
    for name, done in revoke_trust(loaded).items():
        parts = {"key": done.key, "mesh": done.mesh, "sudo rule": done.sudo}
        removed = [part for part, gone in parts.items() if gone]
        kept = "" if done.key else "; the key was there before kprov and stays"
        click.echo(f"{name}: {', '.join(removed) or 'nothing'} removed{kept}")


def _confirm(prints: Mapping[str, str]) -> bool:
    """Show the fingerprints of new machines and ask; without anybody at the keyboard the answer is no."""
    if not sys.stdin.isatty():
        return False
    for name, fingerprint in prints.items():
        click.echo(f"{name}: {fingerprint}")
    return click.confirm(f"Are these the host keys of the {len(prints)} new machines?")


def _asker(user: str) -> Callable[[Sequence[str]], str | None]:
    """Asks for the login password once, at the first need; without anybody at the keyboard there is none."""
    known: list[str] = []

    def ask(names: Sequence[str]) -> str | None:
        if not known:
            if not sys.stdin.isatty():
                return None
            known.append(str(click.prompt(f"Password of {user} on {', '.join(names)}", hide_input=True, err=True)))
        return known[0]

    return ask


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
    return os.environ.get(_PASSWORD) or None
