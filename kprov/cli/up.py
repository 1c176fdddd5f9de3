"""``kprov up``: all phases to a working cluster."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - click passes it

import click

from kprov.ansible.runner import Strategy  # noqa: TC001 - click passes it
from kprov.cli.options import Settings, common_options, file_option, mirror_option


@click.command()
@file_option
@click.option("--from", "first", default="", metavar="PHASE", help="Begin with this phase.")
@click.option("--until", "last", default="", metavar="PHASE", help="End after this phase.")
@click.option("--skip", multiple=True, metavar="PHASE", help="Leave this phase out; may be given several times.")
@click.option(
    "--strategy",
    type=click.Choice(["auto", "linear", "mitogen"]),
    default="auto",
    show_default=True,
    help="How Ansible runs tasks: by Mitogen (kprov[fast]), its own way (linear), or by Mitogen where it is there.",
)
@mirror_option
@click.option("--yes-really", is_flag=True, help="Take what is dangerous as it is: a lab-open dashboard without a lab.")
@common_options
@click.pass_obj
def up(
    settings: Settings,
    file: Path,
    first: str,
    last: str,
    skip: tuple[str, ...],
    strategy: Strategy,
    mirror: tuple[str, ...],
    yes_really: bool,
) -> None:
    """Make the cluster that the cluster file describes, and prove that it works.

    The phases, in order: bundle, lab, trust, preflight, inventory, cluster, kubeconfig, verify. Each may be repeated:
    what is done already is left alone, and a run that was interrupted goes on from there.
    """
    from kprov.cli.choose import chosen_for  # noqa: PLC0415 - help needs none of these
    from kprov.cli.session import session  # noqa: PLC0415
    from kprov.cli.upshot import summary_of  # noqa: PLC0415
    from kprov.console.summary import print_summary  # noqa: PLC0415
    from kprov.phases.base import chosen, run_all  # noqa: PLC0415
    from kprov.phases.supported import refuse_unsupported  # noqa: PLC0415
    from kprov.phases.up import UP  # noqa: PLC0415
    from kprov.spec.load import load  # noqa: PLC0415
    from kprov.spec.rules import WAIVABLE  # noqa: PLC0415

    phases = chosen(UP, first=first, last=last, skip=skip)
    loaded = load(file, waived=WAIVABLE if yes_really else ())
    refuse_unsupported(loaded)
    choice = chosen_for(loaded, mirror)
    with session("up", choice.loaded, phases, settings, strategy, mirror, choice.why) as context:
        done = run_all(phases, context)
    print_summary(summary_of(done), color=settings.color)
