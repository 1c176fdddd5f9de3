"""``kprov dashboard``: the way to the dashboard, and a token that lets people in."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - click passes it
from typing import TYPE_CHECKING

import click

from kprov.cli.options import common_options, file_option

if TYPE_CHECKING:
    from kprov.kubectl.client import Kubectl
    from kprov.kubectl.dashboard import Door, Token


@click.command()
@file_option
@click.option("--admin", is_flag=True, help="A token that may change everything, instead of one that may look.")
@click.option("--print", "only_print", is_flag=True, help="Print URL and token, one on each line, and open nothing.")
@common_options
def dashboard(file: Path, admin: bool, only_print: bool) -> None:
    """Open the way to the dashboard until Ctrl-C, and print its URL and a token for an hour.

    The way is a free port of this machine. With --print the URL is the one at which the API server itself leads there
    whoever shows the token: curl can, browsers cannot. A dashboard with access lab-open needs no way: the addresses of
    the nodes are printed.
    """
    from kprov.cli.settle import load_settled  # noqa: PLC0415
    from kprov.kubectl.client import program  # noqa: PLC0415 - help needs none of these
    from kprov.kubectl.dashboard import find, node_urls, request_token, wanted  # noqa: PLC0415
    from kprov.spec.rules import WAIVABLE  # noqa: PLC0415

    loaded = load_settled(file, WAIVABLE)
    asked = wanted(loaded.spec, str(file))
    kubectl = program(loaded.paths)
    door, urls = find(kubectl, asked), node_urls(loaded.spec)
    token = request_token(kubectl, door, admin=admin) if admin or not urls else None
    if admin and token:
        warning = (
            f"warning: until {token.expires} whoever has this token may change and delete everything in the cluster"
        )
        click.echo(warning, err=True)
    if urls or only_print:
        for line in (*(urls or [door.url]), *([token.text] if token else [])):
            click.echo(line)
    elif token:
        _hold_open(kubectl, door, token, login=asked.kind != "kube-web-view")


def _hold_open(kubectl: Kubectl, door: Door, token: Token, *, login: bool) -> None:
    """Have the way open until Ctrl-C.

    Raises:
        CheckFailed: it cannot be opened.
        UnreachableError: it was cut.
    """
    from kprov.errors import UnreachableError  # noqa: PLC0415 - help needs none of these
    from kprov.kubectl.dashboard import opened  # noqa: PLC0415

    try:
        with opened(kubectl, door) as (url, way):
            click.echo(f"URL    {url}{'  (its certificate is its own)' if door.scheme == 'https' else ''}")
            click.echo(f"Token  {token.text}")
            use = "log in with it" if login else "this dashboard asks for none; kubectl and the API take it"
            click.echo(f"       until {token.expires}; {use}")
            click.echo("The way is open; Ctrl-C closes it.")
            for _ in way.lines():
                pass
            why, remedy = way.error(), "Run the same command again."
            raise UnreachableError("the way to the dashboard was cut", where=url, why=why, remedy=remedy)
    except KeyboardInterrupt:
        click.echo("closed", err=True)
