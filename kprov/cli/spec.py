"""``kprov spec``: the cluster file checked, shown with its defaults, and described."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Literal

import click

from kprov.cli.options import common_options, file_option, output_option
from kprov.spec.load import load
from kprov.spec.reference import table
from kprov.spec.schema import schema_text
from kprov.spec.show import show_json, show_yaml, summary

if TYPE_CHECKING:
    from pathlib import Path

    from kprov.cli.options import Output


@click.group()
@common_options
def spec() -> None:
    """Check the cluster file, show it with its defaults, describe it."""


@spec.command()
@file_option
@output_option
@common_options
def show(file: Path, output: Output) -> None:
    """Show the whole cluster file: ranges expanded, every default filled in.

    Behind each value stands where it comes from: the line of the file, or 'default'. What is shown is a cluster file
    itself. As JSON, 'nodes' is a mapping by name.
    """
    loaded = load(file)
    click.echo(show_json(loaded) if output == "json" else show_yaml(loaded), nl=False)


@spec.command()
@file_option
@output_option
@common_options
def validate(file: Path, output: Output) -> None:
    """Check the cluster file; every problem is told at once, with its line and what would be right."""
    from kprov.cli.settle import load_settled  # noqa: PLC0415 - help needs none of these
    from kprov.phases.supported import line_of  # noqa: PLC0415
    from kprov.release.catalog import resolve  # noqa: PLC0415

    found, settled = load(file).spec, load_settled(file)
    lines = partial(line_of, settled)
    resolve(settled.spec, file=str(file), line=lines("kubernetes.version"), line_of=lines)
    if output == "json":
        report = {
            "file": str(file),
            "valid": True,
            "cluster": found.cluster,
            "kubernetes": found.kubernetes.version,
            "network": found.network.plugin,
            "nodes": len(found.nodes),
            "control_planes": len(found.control_planes),
            "workers": len(found.workers),
            "etcd_members": len(found.etcd_members),
        }
        click.echo(json.dumps(report, indent=2))
    else:
        click.echo(f"{file}: valid: {summary(found)}")


@spec.command()
@click.option(
    "-o",
    "--output",
    type=click.Choice(["json", "table"]),
    default="json",
    show_default=True,
    help="JSON Schema for editors, or a Markdown table of every key for people.",
)
@common_options
def schema(output: Literal["json", "table"]) -> None:
    """Print the JSON Schema of the cluster file (draft 2020-12), so that an editor can check and complete it."""
    click.echo(schema_text() if output == "json" else table(), nl=False)
