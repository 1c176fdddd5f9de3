"""``kprov bundle``: what a cluster is made of."""

from __future__ import annotations

import os
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kprov.cli.options import Settings, common_options, file_option, mirror_option, output_option, to_option

if TYPE_CHECKING:
    from kprov.cli.options import Output
    from kprov.events import Emit


@click.group()
@common_options
def bundle() -> None:
    """Build, list and verify what a cluster is made of; carry it to other machines; bring images for it."""


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


@bundle.command()
@click.argument("target", metavar="FILE.kprov", type=click.Path(path_type=Path, dir_okay=False))
@file_option
@click.option("--without-wheels", is_flag=True, help="Leave out kprov itself and what it needs.")
@common_options
@click.pass_obj
def export(settings: Settings, target: Path, file: Path, *, without_wheels: bool) -> None:
    """Write everything that the cluster's lock lists into one file, for a machine that reaches nothing.

    It holds binaries, images, manifests and charts, the lock, the cluster file, and kprov itself with what it needs as
    wheels. The same lock gives the same bytes. 'kprov bundle build' has to have been run before.
    """
    from kprov.bundle import export as exports  # noqa: PLC0415 - help needs none of these
    from kprov.bundle.lockfile import read  # noqa: PLC0415
    from kprov.bundle.model import Bundle  # noqa: PLC0415
    from kprov.bundle.store import default_store, sha256_of  # noqa: PLC0415
    from kprov.bundle.wheels import wheels  # noqa: PLC0415
    from kprov.console.sink import open_sink  # noqa: PLC0415
    from kprov.events import PhaseFinished, PhaseStarted  # noqa: PLC0415
    from kprov.project import ansible_home  # noqa: PLC0415
    from kprov.spec.load import load  # noqa: PLC0415

    loaded, store = load(file), default_store(os.environ)
    held = Bundle(read(loaded.paths.lock), store, changed=False)
    started = time.monotonic()
    with open_sink(settings.verbosity, color=settings.color, stream="stderr") as emit:
        emit(PhaseStarted("bundle", "Export the bundle", 1, 1))
        more = {} if without_wheels else wheels(ansible_home(), store, emit)
        more = {f"{exports.WHEELS}/{name}": path for name, path in more.items()}
        index = exports.export(held, loaded.spec.cluster, loaded.paths.file.read_bytes(), target, more, emit)
        summary = f"{len(index.files)} files, {target.stat().st_size / 1e6:.0f} MB"
        emit(PhaseFinished("bundle", "done", time.monotonic() - started, summary))
    click.echo(f"{target}: Kubernetes {index.kubernetes} from {index.source}")
    click.echo(f"sha256 {sha256_of(target)}")


@bundle.command()
@click.argument("target", metavar="FILE.kprov", type=click.Path(path_type=Path))
@click.option(
    "--key",
    required=True,
    type=click.Path(path_type=Path),
    help="A private key of SSH, or a public one whose private part ssh-agent has.",
)
@common_options
def sign(target: Path, key: Path) -> None:
    """Sign a bundle's file with an SSH key; the signature lies beside it, as FILE.kprov.sig.

    'kprov bundle import --verify-key' checks it, and so does 'ssh-keygen -Y verify -n kprov-bundle'.
    """
    from kprov.bundle.sign import sign as signed  # noqa: PLC0415 - help needs none of these

    click.echo(f"{signed(target, key.expanduser())}: written")


@bundle.command(name="import")
@click.argument("archives", metavar="ARCHIVE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--verify-key",
    type=click.Path(path_type=Path),
    default=None,
    help="Take a FILE.kprov only where it was signed with this public key of SSH.",
)
@to_option
@common_options
@click.pass_obj
def import_(settings: Settings, archives: tuple[Path, ...], verify_key: Path | None, to: Path | None) -> None:
    """Take a bundle's file that 'kprov bundle export' wrote, or keep archives of images for add-ons.

    A FILE.kprov is checked as a whole before anything of it is taken. 'kprov up' then needs nothing else. With --to its
    cluster file and its lock are written into that folder, which must not have them yet.

    Another ARCHIVE is what 'docker save', 'podman save', 'skopeo copy' or 'ctr images export' writes, also compressed
    with gzip or zstd. Nodes then get its images from the bundle instead of a registry. Each is checked as a whole
    first; where one cannot be used, none is kept.
    """
    from kprov.bundle.envelope import is_sealed  # noqa: PLC0415 - help needs none of these
    from kprov.bundle.store import default_store  # noqa: PLC0415
    from kprov.console.sink import open_sink  # noqa: PLC0415
    from kprov.errors import InputError  # noqa: PLC0415

    whole = [path for path in archives if path.suffix == ".kprov" or is_sealed(path)]
    if whole and len(archives) > 1:
        remedy = "Import a bundle's file by itself."
        raise InputError("cannot import these together", where=str(whole[0]), why="it is a whole bundle", remedy=remedy)
    if (verify_key or to) and not whole:
        option = "--verify-key" if verify_key else "--to"
        raise InputError(f"{option} is for a bundle's file", where=str(archives[0]), remedy="Name a FILE.kprov.")
    store = default_store(os.environ)
    with open_sink(settings.verbosity, color=settings.color, stream="stderr") as emit:
        if whole:
            _arrive(whole[0], store, verify_key, to, emit)
        else:
            _bring(archives, store, emit)


def _bring(archives: tuple[Path, ...], store: Path, emit: Emit) -> None:
    from kprov.bundle.imports import bring  # noqa: PLC0415 - help needs none of these
    from kprov.bundle.packages.host import architecture  # noqa: PLC0415

    for each in bring(archives, store, architecture(), emit):
        click.echo(f"{each.archive}: {'imported' if each.new else 'is there already'}")
        for image in each.imported.images:
            click.echo(f"  {image}")


def _arrive(path: Path, store: Path, verify_key: Path | None, to: Path | None, emit: Emit) -> None:
    from kprov.bundle import lockfile  # noqa: PLC0415 - help needs none of these
    from kprov.bundle.export import CLUSTER, arrive  # noqa: PLC0415
    from kprov.bundle.sign import check  # noqa: PLC0415
    from kprov.bundle.store import write_atomically  # noqa: PLC0415
    from kprov.errors import InputError  # noqa: PLC0415
    from kprov.events import PhaseFinished, PhaseStarted  # noqa: PLC0415
    from kprov.spec.paths import ClusterPaths  # noqa: PLC0415

    paths = ClusterPaths((to / CLUSTER).absolute()) if to else None
    if paths and (there := [each for each in (paths.file, paths.lock) if each.exists()]):
        remedy = "Name an empty folder."
        raise InputError("this would be overwritten", where=str(there[0]), why="it is there already", remedy=remedy)
    if verify_key:
        check(path, verify_key.expanduser())
    started = time.monotonic()
    emit(PhaseStarted("bundle", "Import the bundle", 1, 1))
    lock, cluster_file = arrive(path, store, emit)
    emit(PhaseFinished("bundle", "done", time.monotonic() - started, f"{len(lock.artifacts)} artifacts"))
    click.echo(f"{path}: imported: Kubernetes {lock.kubernetes} from {lock.source}")
    if paths:
        paths.home.mkdir(parents=True, exist_ok=True)
        write_atomically(paths.file, cluster_file.decode())
        lockfile.write(lock, paths.lock)
        click.echo(f"{paths.file}: written\nNext: kprov up -f {shlex.quote(str(to / CLUSTER if to else ''))}")


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
