"""``kprov bundle``: what a cluster is made of."""

from __future__ import annotations

import os
from pathlib import Path  # noqa: TC003 - click passes it
from typing import TYPE_CHECKING

import click

from kprov.cli.options import Settings, common_options, file_option, output_option

if TYPE_CHECKING:
    from kprov.cli.options import Output


@click.group()
@common_options
def bundle() -> None:
    """Build, list and verify what a cluster is made of."""


@bundle.command()
@file_option
@common_options
@click.pass_obj
def build(settings: Settings, file: Path) -> None:
    """Have everything that the cluster needs in the cache, verified; 'kprov up' does this too.

    The first build from packages compiles Kubernetes and takes some minutes; what is there already is not made again.
    """
    from kprov.cli.session import session  # noqa: PLC0415 - help needs none of these
    from kprov.phases.base import run_all  # noqa: PLC0415
    from kprov.phases.ensure_bundle import EnsureBundle  # noqa: PLC0415
    from kprov.spec.load import load  # noqa: PLC0415

    phases = (EnsureBundle(),)
    with session("bundle build", load(file), phases, settings) as context:
        run_all(phases, context)


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
    rows = [
        (part.name, part.version, f"{part.size / 1e6:.0f} MB", part.sha256[:12], part.source) for part in lock.artifacts
    ]
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
