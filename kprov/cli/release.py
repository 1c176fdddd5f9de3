"""``kprov release``: the versions of Kubernetes that kprov knows, and what belongs to each."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path  # noqa: TC003 - click passes it
from typing import TYPE_CHECKING

import click

from kprov.cli.options import Settings, common_options, mirror_option, output_option, to_option

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kprov.cli.options import Output
    from kprov.release.artifacts import Architecture
    from kprov.release.overview import Details


@click.group()
@common_options
def release() -> None:
    """Show the versions of Kubernetes that kprov knows, and bring the catalog up to date."""


@release.command("list")
@output_option
@common_options
@click.pass_obj
def list_(settings: Settings, output: Output) -> None:
    """List the minor versions, the newest first, each with the newest patch that is to be had."""
    from kprov.console.tables import Column, print_json, print_table  # noqa: PLC0415 - help needs none of these
    from kprov.release.overview import listing  # noqa: PLC0415

    found = listing()
    if output == "json":
        print_json(found)
        return
    names = ("minor", "newest", "sources", "kubeadm", "etcd", "coredns", "patches")
    columns = [Column(name, spare=int(name == "patches")) for name in names]
    rows = [
        (one.minor, one.newest, ", ".join(one.sources), one.kubeadm_api, one.etcd, one.coredns, span(one.patches))
        for one in found
    ]
    print_table(columns, rows, color=settings.color)


def span(patches: tuple[str, ...]) -> str:
    """The patches of a minor version, those in a row as a range.

    >>> span(("1.33.6", "1.33.7", "1.33.8", "1.33.13"))
    '6-8, 13'
    """
    runs: list[list[int]] = []
    for number in (int(patch.rpartition(".")[2]) for patch in patches):
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


@release.command()
@click.argument("version")
@click.option("--arch", type=click.Choice(["amd64", "arm64"]), default="amd64", show_default=True, help="Of its files.")
@output_option
@common_options
@click.pass_obj
def show(settings: Settings, version: str, arch: Architecture, output: Output) -> None:
    """Show what belongs to a version: rules, images, and files with their sha256.

    VERSION is a version in full, a minor version (1.36) or 'newest'.
    """
    from kprov.console.tables import Column, print_json, print_table  # noqa: PLC0415 - help needs none of these
    from kprov.release.overview import details  # noqa: PLC0415

    found = details(version, arch)
    if output == "json":
        print_json(asdict(found))
        return
    print_table([Column("what"), Column("is")], list(_rows(found)), color=settings.color)


def _rows(found: Details) -> Iterator[tuple[str, str]]:
    yield "version", found.version
    yield "sources", ", ".join(found.sources)
    yield "kubeadm's API", found.kubeadm_api
    yield "CRI socket", found.cri_socket
    yield "taints of control planes", ", ".join(found.control_plane_taints)
    yield "cgroup v1", found.cgroup_v1
    yield from (("image", image) for image in found.images)
    for file in found.files:
        yield f"{file.name} {file.version}", file.url
        yield "", f"sha256 {file.sha256}" if file.sha256 else "no sha256 is known: it is not downloaded"
    yield from ((f"arguments of {program}", f"{count} known") for program, count in found.arguments.items())
    yield "feature gates", f"{found.feature_gates} known"


@release.command()
@mirror_option
@to_option
@click.option("--apply", is_flag=True, help="Change the catalog, instead of only showing the difference.")
@common_options
@click.pass_obj
def update(settings: Settings, mirror: tuple[str, ...], to: Path | None, *, apply: bool) -> None:
    """Look for newer patches on the release servers, and show the difference that they make to the catalog.

    The published sha256 of the newest version of each minor are compared with the catalog's; exit code 1 where one is
    another. The difference goes to the terminal, or to the file --to; 'git apply' or --apply takes it. A new minor
    version is named: its rules are for a person to add.
    """
    from difflib import unified_diff  # noqa: PLC0415 - help needs none of these

    from kprov.bundle.mirrors import merged  # noqa: PLC0415
    from kprov.bundle.store import write_atomically  # noqa: PLC0415
    from kprov.bundle.upstream.refresh import refresh  # noqa: PLC0415
    from kprov.console.sink import open_sink  # noqa: PLC0415
    from kprov.release.catalog import catalog_file  # noqa: PLC0415

    path = catalog_file()
    before = path.read_text(encoding="utf-8")
    with open_sink(settings.verbosity, color=settings.color, stream="stderr") as emit:
        found = refresh(before, merged({}, os.environ, mirror), emit)
    names = ("a/kprov/release/catalog.yaml", "b/kprov/release/catalog.yaml")
    diff = "".join(unified_diff(before.splitlines(keepends=True), found.text.splitlines(keepends=True), *names))
    if to:
        write_atomically(to, diff)
    else:
        click.echo(diff, nl=False)
    if apply and diff:
        write_atomically(path, found.text)
        path.chmod(0o644)
    told = f"new: {', '.join(found.patches)}" if found.patches else "nothing is newer"
    click.echo(f"{found.checked} published sha256 are those of the catalog; {told}", err=True)
    if found.minor:
        click.echo(f"note: there is Kubernetes {found.minor}, for which the catalog has no rules yet", err=True)
