"""``kprov release``: what upstream ships, as the catalog knows it."""

from __future__ import annotations

import os
from pathlib import Path  # noqa: TC003 - click passes it

import click

from kprov.cli.options import Settings, common_options, mirror_option, to_option


@click.group()
@common_options
def release() -> None:
    """Bring the catalog of versions up to date from the release servers, where they are reached."""


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
