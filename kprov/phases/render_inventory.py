"""Write the inventory, its variables and the SSH configuration beside the cluster file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from kprov.errors import InputError
from kprov.inventory.groups import inventory
from kprov.inventory.variables import Deliveries, variables
from kprov.inventory.write import write
from kprov.phases import control_plane, manifests
from kprov.phases.base import Context, Done

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Final

    from kprov.bundle.model import Artifact, Bundle, Target
    from kprov.inventory.model import JSON
    from kprov.phases.addons import Rendered
    from kprov.spec.load import Loaded
    from kprov.spec.paths import ClusterPaths


@dataclass(frozen=True, slots=True)
class RenderInventory:
    """Renders what Ansible reads; only files whose bytes differ are written."""

    name: Final = "inventory"
    title: Final = "Render the inventory"

    def should_run(self, context: Context) -> bool:  # noqa: D102 - see Phase
        return bool(context.spec.nodes)

    def run(self, context: Context) -> Done:  # noqa: D102 - see Phase
        paths = context.paths
        if not context.addons:
            raise InputError(
                "the files that add-ons are made of are not in the bundle",
                where=str(context.store),
                remedy="Run 'kprov bundle build', or 'kprov up' from its first phase on.",
            )
        written = manifests.write(paths.manifests, context.addons)
        values = variables(
            context.spec,
            context.release,
            context.machines,
            _deliveries(context),
            paths.ssh_config,
        )
        written += write(paths.home, inventory(context.spec, "modern"), values, "ini")
        return Done(context, "done" if written else "unchanged", str(paths.inventory))


def _deliveries(context: Context) -> Deliveries:
    found = deliveries(context.bundle, context.addons, context.paths) if context.bundle else Deliveries()
    return with_own_files(found, context.loaded)


def with_own_files(found: Deliveries, loaded: Loaded) -> Deliveries:
    """With what the user's own files on the control plane say.

    Raises:
        SpecError: one of them cannot be used.
    """
    return replace(found, own=control_plane.own_files(loaded), key_file=control_plane.key_file(loaded))


def deliveries(bundle: Bundle, addons: Sequence[Rendered], paths: ClusterPaths) -> Deliveries:
    """What each kind of node fetches, and from which files of the bundle and beside the cluster file it is served."""
    sets = manifests.entries(addons)
    served = {artifact.path: str(bundle.path(artifact)) for artifact in bundle.lock.artifacts if _for_nodes(artifact)}
    return Deliveries(
        control_plane=(*_for("control-plane", bundle), *sets),
        worker=_for("worker", bundle),
        machine=bundle.lock.architecture,
        files=served | {str(entry["path"]): str(paths.manifests / f"{entry['name']}.json") for entry in sets},
        addons=tuple(str(entry["name"]) for entry in sets),
        secrets=tuple(
            {
                "set": addon.name,
                "namespace": secret.namespace,
                "name": secret.name,
                "key": secret.key,
                "also": dict(secret.also),
                "file": str(paths.home / Path(secret.file).expanduser()),
            }
            for addon in addons
            for secret in addon.secrets
        ),
    )


def _for_nodes(artifact: Artifact) -> bool:
    return any(target != "controller" for target in artifact.targets)


def _for(target: Target, bundle: Bundle) -> tuple[Mapping[str, JSON], ...]:
    return tuple(_entry(artifact) for artifact in bundle.lock.artifacts if target in artifact.targets)


def _entry(artifact: Artifact) -> Mapping[str, JSON]:
    own: dict[str, JSON] = {"architecture": artifact.architecture} if artifact.architecture else {}
    return own | {
        "name": artifact.name,
        "kind": artifact.kind,
        "path": artifact.path,
        "sha256": artifact.sha256,
        "size": artifact.size,
        "images": list(artifact.images),
    }
