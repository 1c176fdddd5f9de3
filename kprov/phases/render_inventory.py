"""Write the inventory, its variables and the SSH configuration beside the cluster file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kprov.inventory.groups import inventory
from kprov.inventory.variables import Deliveries, variables
from kprov.inventory.write import write
from kprov.phases.base import Context, Done

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

    from kprov.bundle.model import Artifact, Bundle, Target
    from kprov.inventory.model import JSON


@dataclass(frozen=True, slots=True)
class RenderInventory:
    """Renders what Ansible reads; only files whose bytes differ are written."""

    name: Final = "inventory"
    title: Final = "Render the inventory"

    def should_run(self, context: Context) -> bool:  # noqa: D102 - see Phase
        return bool(context.spec.nodes)

    def run(self, context: Context) -> Done:  # noqa: D102 - see Phase
        values = variables(
            context.spec,
            context.release,
            context.machines,
            deliveries(context.bundle) if context.bundle else Deliveries(),
            context.paths.ssh_config,
        )
        written = write(context.paths.home, inventory(context.spec, "modern"), values, "ini")
        return Done(context, "done" if written else "unchanged", str(context.paths.inventory))


def deliveries(bundle: Bundle) -> Deliveries:
    """What each kind of node fetches, and from which files it is served."""
    return Deliveries(
        control_plane=_for("control-plane", bundle),
        worker=_for("worker", bundle),
        files={artifact.path: str(bundle.path(artifact)) for artifact in bundle.lock.artifacts},
    )


def _for(target: Target, bundle: Bundle) -> tuple[Mapping[str, JSON], ...]:
    return tuple(_entry(artifact) for artifact in bundle.lock.artifacts if target in artifact.targets)


def _entry(artifact: Artifact) -> Mapping[str, JSON]:
    return {
        "name": artifact.name,
        "kind": artifact.kind,
        "path": artifact.path,
        "sha256": artifact.sha256,
        "size": artifact.size,
        "images": list(artifact.images),
    }
