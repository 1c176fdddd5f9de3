"""``kprov init``: a commented cluster file to begin with."""

from __future__ import annotations

import shlex
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from kprov.cli.options import common_options, to_option
from kprov.errors import InputError
from kprov.spec.files import save
from kprov.spec.load import loads
from kprov.spec.model import NetworkPlugin
from kprov.spec.show import summary
from kprov.spec.template import Provider, Wish, template

if TYPE_CHECKING:
    from collections.abc import Callable

_STANDARD = Path("cluster.yaml")


def _parsed(
    parse: Callable[[str], object], what: str, example: str
) -> Callable[[click.Context, click.Parameter, str | None], object]:
    """A click callback that parses a text, or says what it should have been."""

    def callback(_context: click.Context, parameter: click.Parameter, text: str | None) -> object:
        try:
            return None if text is None else parse(text)
        except ValueError:
            raise InputError(f"{parameter.opts[0]} {text} is no {what}", remedy=f"Write it as {example}.") from None

    return callback


def _hosts(text: str) -> tuple[IPv4Address, ...]:
    return tuple(IPv4Address(part.strip()) for part in text.split(","))


@click.command()
@click.option("--control-planes", type=click.IntRange(min=1), default=3, show_default=True, help="An odd number.")
@click.option(
    "--workers",
    type=click.IntRange(min=0),
    show_default="1, or the rest of --hosts",
    help="With none, the control planes carry the workloads too.",
)
@click.option(
    "--provider",
    type=click.Choice(get_args(Provider)),
    default="podman",
    show_default=True,
    help="What makes the machines; none: they exist.",
)
@click.option("--name", default="lab", show_default=True, help="Name of the cluster.")
@click.option(
    "--subnet",
    callback=_parsed(IPv4Network, "network", "10.98.0.0/24"),
    help="Network of the machines.  [default: by provider]",
)
@click.option(
    "--network",
    "plugin",
    type=click.Choice(get_args(NetworkPlugin)),
    help="What connects the pods.  [default: bridge, for nodes on one layer-2 segment]",
)
@click.option(
    "--hosts",
    callback=_parsed(_hosts, "list of addresses", "10.0.0.11,10.0.0.12"),
    help="Addresses of existing machines with commas between, control planes first.",
)
@to_option
@click.option("--force", is_flag=True, help="Overwrite the file if it exists.")
@common_options
def init(
    control_planes: int,
    workers: int | None,
    provider: Provider,
    name: str,
    subnet: IPv4Network | None,
    plugin: NetworkPlugin | None,
    hosts: tuple[IPv4Address, ...] | None,
    to: Path | None,
    force: bool,
) -> None:
    """Write a commented cluster file to begin with: ./cluster.yaml, or where --to says ('-': standard output).

    Example: kprov init --control-planes 3 --workers 6 --provider vagrant
    """
    given = hosts or ()
    left = max(0, len(given) - control_planes) if given else 1
    wish = Wish(name, control_planes, left if workers is None else workers, provider, subnet, plugin, given)
    text = template(wish)
    if str(to) == "-":
        click.echo(text, nl=False)
        return
    path = to or _STANDARD
    save(path, text, force=force)
    option = "" if path == _STANDARD else f" -f {shlex.quote(str(path))}"
    click.echo(f"{path}: written: {summary(loads(text, str(path)).spec)}\nNext: look it over, then: kprov up{option}")
