"""``kprov kubeconfig``: the admin kubeconfig, fetched and merged."""

from __future__ import annotations

import os
from pathlib import Path

import click

from kprov.cli.options import Settings, common_options, file_option, to_option


@click.command()
@file_option
@to_option
@click.option("--use", is_flag=True, help="Make this cluster the current context.")
@common_options
@click.pass_obj
def kubeconfig(settings: Settings, file: Path, to: Path | None, use: bool) -> None:
    """Fetch the admin kubeconfig and merge it into yours.

    It goes into the first file of $KUBECONFIG, else ~/.kube/config, or where --to says; mode 0600. Other clusters in
    that file stay as they are. With '--to -' it is printed alone.
    """
    import yaml  # noqa: PLC0415 - help needs none of these

    from kprov.cli.session import session  # noqa: PLC0415
    from kprov.cli.settle import load_settled  # noqa: PLC0415
    from kprov.phases import kubeconfig as configs  # noqa: PLC0415
    from kprov.phases.fetch_kubeconfig import ask  # noqa: PLC0415
    from kprov.spec.rules import WAIVABLE  # noqa: PLC0415

    with session("kubeconfig", load_settled(file, WAIVABLE), (), settings, shown_on="stderr") as context:
        admin, _ = ask(context)
    own = configs.for_this_machine(admin, context.spec)
    if str(to) == "-":
        click.echo(yaml.safe_dump(own, sort_keys=False), nl=False)
        return
    first = os.environ.get("KUBECONFIG", "").split(os.pathsep)[0]
    path = to or (Path(first) if first else Path.home() / ".kube" / "config")
    wanted = configs.merged(configs.read(path), own)
    if use:
        wanted["current-context"] = own["current-context"]
    changed = configs.write(path, wanted)
    click.echo(f"{path}: context {own['current-context']} {'written' if changed else 'was there already'}")
