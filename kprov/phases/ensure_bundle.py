"""Have everything that the cluster is made of, before any machine is touched."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kprov.bundle import lockfile
from kprov.bundle.ensure import ensure, sources_for
from kprov.events import Notice
from kprov.phases.base import Context, Done

if TYPE_CHECKING:
    from typing import Final


@dataclass(frozen=True, slots=True)
class EnsureBundle:
    """Builds or finds the bundle, and pins it in the cluster's lock."""

    name: Final = "bundle"
    title: Final = "Gather the bundle"

    def should_run(self, context: Context) -> bool:  # noqa: D102 - see Phase
        return bool(context.spec.nodes)

    def run(self, context: Context) -> Done:  # noqa: D102 - see Phase
        spec = context.spec
        bundle = ensure(sources_for(spec.bundle.source), spec.kubernetes.version, context.store, context.emit)
        for part in bundle.lock.left_out:
            context.emit(Notice("warning", f"{part.name} is left out: {part.why}", part.consequence))
        lockfile.write(bundle.lock, context.paths.lock)
        size_mib = sum(artifact.size for artifact in bundle.lock.artifacts) >> 20
        summary = f"Kubernetes {bundle.lock.kubernetes} from {bundle.lock.source}, {size_mib} MiB"
        return Done(replace(context, bundle=bundle), "done" if bundle.changed else "unchanged", summary)
