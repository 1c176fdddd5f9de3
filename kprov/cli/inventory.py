"""``kprov inventory``: Ansible inventories made from the cluster file, and cluster files made from inventories."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kprov.cli.options import Settings, common_options, file_option, to_option
from kprov.cli.settle import load_settled
from kprov.console.sink import open_sink
from kprov.errors import SpecError
from kprov.events import Notice
from kprov.inventory.importer import from_file
from kprov.inventory.model import Variables
from kprov.release.catalog import resolve
from kprov.spec.files import save
from kprov.spec.load import loads

if TYPE_CHECKING:
    from kprov.events import Emit
    from kprov.inventory.model import Format, GroupStyle
    from kprov.spec.load import Loaded

_STANDARD = Path("cluster.yaml")


@click.group()
@common_options
def inventory() -> None:
    """Make the Ansible inventory from the cluster file, or a cluster file from an inventory."""


@inventory.command()
@file_option
@click.option(
    "--group-style",
    "style",
    type=click.Choice(["modern", "legacy"]),
    default="modern",
    show_default=True,
    help="Names of groups: kube_control_plane, or kube-master as kubespray had it before 2.16.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["ini", "yaml", "json"]),
    default="ini",
    show_default=True,
    help="hosts.ini or hosts.yaml, with group_vars/ and host_vars/ beside it; or what a dynamic inventory prints.",
)
@to_option
@common_options
@click.pass_obj
def render(settings: Settings, file: Path, style: GroupStyle, form: Format, to: Path | None) -> None:
    """Write the Ansible inventory beside the cluster file, or into the folder --to ('-': standard output).

    JSON goes to standard output unless --to names a folder: a script that runs 'kprov inventory render --format json'
    is a dynamic inventory. Files that kprov did not render are never touched.
    """
    from kprov.inventory import groups  # noqa: PLC0415 - help needs none of these
    from kprov.inventory.write import files, write  # noqa: PLC0415

    loaded = load_settled(file)
    with open_sink(settings.verbosity, color=settings.color, stream="stderr") as emit:
        values = _variables(loaded, emit)
    made = groups.inventory(loaded.spec, style)
    if str(to) == "-" or (to is None and form == "json"):
        click.echo(next(iter(files(made, values, form).values())), nl=False)
        return
    folder = to or file.parent
    changed = write(folder, made, values, form)
    if to is None:
        changed += _for_vagrant(loaded)
    for path in changed:
        click.echo(f"{path}: {'written' if path.exists() else 'removed'}")
    if not changed:
        click.echo(f"{folder}: nothing to change")


@inventory.command("import")
@click.argument("source", metavar="FILE", type=click.Path(path_type=Path))
@to_option
@click.option("--force", is_flag=True, help="Overwrite the cluster file if it exists.")
@common_options
@click.pass_obj
def import_(settings: Settings, source: Path, to: Path | None, force: bool) -> None:
    """Make a cluster file from FILE, an inventory as kubespray has it, INI or YAML, in old or new group names.

    It is written to ./cluster.yaml, or where --to says ('-': standard output). The variables in group_vars/ and
    host_vars/ beside FILE are read too; whatever could not be taken over is told. Nothing in FILE is run.

    Example: kprov inventory import inventory/mycluster/hosts.yaml --to cluster.yaml
    """
    imported = from_file(source)
    path = to or _STANDARD
    is_shown = str(to) == "-"
    if not is_shown:
        save(path, imported.text, force=force)
    loaded = loads(imported.text, str(path))
    with open_sink(settings.verbosity, color=settings.color, stream="stderr") as emit:
        for notice in imported.notices:
            emit(notice)
        _tell_unknown_version(loaded, emit)
        if not is_shown and path.absolute().parent == source.absolute().parent:
            text = f"{path} lies beside {source.name}, whose variables Ansible would go on reading"
            emit(Notice("warning", text, "Move one of them into a folder of its own."))
    if is_shown:
        click.echo(imported.text, nl=False)
        return
    option = "" if path == _STANDARD else f" -f {shlex.quote(str(path))}"
    click.echo(f"{path}: written: {len(loaded.spec.nodes)} nodes\nNext: look it over, then: kprov up{option}")


def _for_vagrant(loaded: Loaded) -> tuple[Path, ...]:
    """What a plain `vagrant up` needs: the machines as data, the cluster's key, and the way in."""
    from kprov.lab.definition import definition  # noqa: PLC0415 - only rendering needs these
    from kprov.lab.vagrant_files import render  # noqa: PLC0415
    from kprov.phases.establish_trust import write_ssh_config  # noqa: PLC0415
    from kprov.phases.machines import public_key  # noqa: PLC0415

    if loaded.spec.lab is None or loaded.spec.lab.provider != "vagrant":
        return ()
    loaded.paths.artifacts.mkdir(mode=0o700, parents=True, exist_ok=True)
    changed = render(loaded.paths.vagrant, definition(loaded.spec, public_key(loaded)))
    write_ssh_config(loaded)
    return (loaded.paths.vagrant,) if changed else ()


def _tell_unknown_version(loaded: Loaded, emit: Emit) -> None:
    """Say it now if ``kprov up`` will refuse the version."""
    try:
        resolve(loaded.spec, file=str(loaded.paths.file))
    except SpecError as error:
        problem = error.problems[0]
        emit(Notice("warning", f"{problem.key}: {problem.wrong}", f"Set {problem.right}."))


def _variables(loaded: Loaded, emit: Emit) -> Variables:
    """The same variables as ``kprov up`` renders, as far as they are known before it; hosts and groups need none."""
    from kprov.bundle import lockfile  # noqa: PLC0415 - only rendering needs these
    from kprov.bundle.model import Bundle  # noqa: PLC0415
    from kprov.bundle.store import default_store  # noqa: PLC0415
    from kprov.inventory.variables import Deliveries, Machines, variables  # noqa: PLC0415
    from kprov.phases import manifests  # noqa: PLC0415
    from kprov.phases.addons import recalled  # noqa: PLC0415
    from kprov.phases.render_inventory import deliveries, with_own_files  # noqa: PLC0415

    spec, paths = loaded.spec, loaded.paths
    try:
        release = resolve(spec, file=str(paths.file))
    except SpecError as error:
        text = f"the roles' variables are left out: {error.problems[0].wrong}"
        emit(Notice("warning", text, "Hosts and groups are complete; kprov up needs another version."))
        return Variables({"ansible_user": spec.ssh.user, "ansible_port": spec.ssh.port})
    delivered = Deliveries()
    if paths.lock.exists():
        bundle = Bundle(lockfile.read(paths.lock), default_store(os.environ), changed=False)
        if addons := recalled(loaded, release, bundle.store):
            manifests.write(paths.manifests, addons)
        else:
            text = "what add-ons need is left out: the files that they are made of are not in the bundle"
            emit(Notice("warning", text, "Run 'kprov bundle build', then this again."))
        delivered = deliveries(bundle, addons, paths)
    # Containers share the host's kernel, virtual machines and other machines have their own.
    machines = Machines(shared_kernel=spec.lab is not None and spec.lab.provider != "vagrant")
    return variables(spec, release, machines, with_own_files(delivered, loaded), paths.ssh_config)
