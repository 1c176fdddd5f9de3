"""``kprov bundle``: what a cluster is made of."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kprov.cli.options import Settings, common_options, file_option, mirror_option, output_option

if TYPE_CHECKING:
    from kprov.cli.options import Output


@click.group()
@common_options
def bundle() -> None:
    """Build, list and verify what a cluster is made of; bring images for it."""


@bundle.command()
@file_option
@mirror_option
@click.option("--update", is_flag=True, help="Look for a newer version and newer images than the cluster's lock pins.")
@common_options
@click.pass_obj
def build(settings: Settings, file: Path, mirror: tuple[str, ...], *, update: bool) -> None:
    """Have everything that the cluster needs in the cache, verified; 'kprov up' does this too.

    The first build from packages compiles Kubernetes and takes some minutes; what is there already is not made again.
    Where the cluster file says 'newest', the lock pins what was taken, and later runs take the same.
    """
    from kprov.cli.choose import chosen_for  # noqa: PLC0415 - help needs none of these
    from kprov.cli.session import session  # noqa: PLC0415
    from kprov.phases.base import run_all  # noqa: PLC0415
    from kprov.phases.ensure_bundle import EnsureBundle  # noqa: PLC0415
    from kprov.spec.load import load  # noqa: PLC0415

    phases = (EnsureBundle(update=update),)
    choice = chosen_for(load(file), mirror, update=update)
    with session("bundle build", choice.loaded, phases, settings, mirrors=mirror, told=choice.why) as context:
        run_all(phases, context)


@bundle.command(name="import")
@click.argument("archives", metavar="ARCHIVE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@common_options
@click.pass_obj
def import_(settings: Settings, archives: tuple[Path, ...]) -> None:
    """Keep archives of images for add-ons, which nodes then get from the bundle instead of a registry.

    An ARCHIVE is what 'docker save', 'podman save', 'skopeo copy' or 'ctr images export' writes, also compressed with
    gzip or zstd. Each is checked as a whole first; where one cannot be used, none is kept. 'kprov bundle build' and
    'kprov up' then take from them what the cluster's add-ons need.
    """
    from kprov.bundle.imports import bring  # noqa: PLC0415 - help needs none of these
    from kprov.bundle.packages.host import architecture  # noqa: PLC0415
    from kprov.bundle.store import default_store  # noqa: PLC0415
    from kprov.console.sink import open_sink  # noqa: PLC0415

    with open_sink(settings.verbosity, color=settings.color, stream="stderr") as emit:
        brought = bring(archives, default_store(os.environ), architecture(), emit)
    for each in brought:
        click.echo(f"{each.archive}: {'imported' if each.new else 'is there already'}")
        for image in each.imported.images:
            click.echo(f"  {image}")


@bundle.command(name="list")
@file_option
@output_option
@common_options
def list_(file: Path, output: Output) -> None:
    """List every artifact of the cluster's lock with version, size, sha256 and source, and what was left out."""
    from kprov.bundle.lockfile import read  # noqa: PLC0415 - help needs none of these
    from kprov.console.tables import Column, print_json, print_table  # noqa: PLC0415
    from kprov.spec.paths import ClusterPaths  # noqa: PLC0415

    lock = read(ClusterPaths(file.absolute()).lock)
    if output == "json":
        print_json(lock)
        return
    rows = [(part.name, part.version, _size(part.size), part.sha256[:12], part.source) for part in lock.artifacts]
    print_table([Column("NAME"), Column("VERSION"), Column("SIZE"), Column("SHA256"), Column("SOURCE")], rows)
    for missing in lock.left_out:
        click.echo(f"left out: {missing.name}: {missing.why} ({missing.consequence})")


@bundle.command()
@file_option
@common_options
def verify(file: Path) -> None:
    """Hash every artifact of the cluster's lock anew; exit code 1 if one is missing or differs."""
    from kprov.bundle.lockfile import read  # noqa: PLC0415 - help needs none of these
    from kprov.bundle.store import default_store  # noqa: PLC0415
    from kprov.bundle.store import verify as wrong_in  # noqa: PLC0415
    from kprov.errors import CheckFailed  # noqa: PLC0415
    from kprov.spec.paths import ClusterPaths  # noqa: PLC0415

    lock = read(ClusterPaths(file.absolute()).lock)
    store = default_store(os.environ)
    if wrong := wrong_in(lock, store):
        raise CheckFailed(
            "the bundle is not what its lock says",
            where=str(store),
            why=", ".join(wrong),
            remedy="Run 'kprov bundle build': it makes them anew.",
        )
    click.echo(f"{len(lock.artifacts)} artifacts are what the lock says")


def _size(size: int) -> str:
    """A number of bytes for people.

    >>> _size(43_500_000), _size(6_100)
    ('44 MB', '6 kB')
    """
    return f"{size / 1e6:.0f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"
