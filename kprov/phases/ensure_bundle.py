"""Have everything that the cluster is made of, before any machine is touched."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from kprov.bundle import charts, files, lockfile
from kprov.bundle.ensure import elsewhere_for, ensure, machine_architecture, sources_for
from kprov.bundle.helm import HelmProgram, HelmSource
from kprov.bundle.imports import references
from kprov.bundle.model import Wanted
from kprov.bundle.packages.workshop import DebianWorkshop
from kprov.errors import InputError
from kprov.events import Notice
from kprov.phases.addons import asked, charts_of, own_files, rendered, upstreams
from kprov.phases.base import Context, Done
from kprov.phases.supported import line_of
from kprov.release.catalog import resolve

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kprov.addons.model import Addon
    from kprov.bundle.model import Artifact
    from kprov.events import LeftOut
    from kprov.lab.provider import Provider
    from kprov.phases.addons import Rendered
    from kprov.spec.load import Loaded

_CUT_OFF: Final = ("podman", "docker")
"""Labs of containers have a network of their own, which leads nowhere."""


@dataclass(frozen=True, slots=True)
class EnsureBundle:
    """Fetches what add-ons are made of, builds or finds the bundle, and pins it in the cluster's lock.

    ``update``: take the images that registries have now, instead of those that the lock pins.
    """

    update: bool = False
    name: Final = "bundle"
    title: Final = "Gather the bundle"

    def should_run(self, context: Context) -> bool:  # noqa: D102 - see Phase
        return bool(context.spec.nodes)

    def foresee(self, loaded: Loaded, provider: Provider | None) -> None:  # noqa: ARG002, D102 - see Foresees
        file, line = str(loaded.paths.file), line_of(loaded, "kubernetes.version")
        own_files(loaded, asked(loaded, resolve(loaded.spec, file=file, line=line)))

    def run(self, context: Context) -> Done:  # noqa: D102 - see Phase
        spec = context.spec
        addons = asked(context.loaded, context.release)
        published = upstreams(addons)
        elsewhere = elsewhere_for(spec.bundle.source, context.store, os.environ)
        paths = files.fetch(published, context.store, context.mirrors, context.emit, elsewhere=elsewhere)
        contents = {url: path.read_bytes() for url, path in paths.items()}
        contents |= own_files(context.loaded, addons)
        helm = helm_for(context).have(context.emit) if charts_of(addons) else None
        contents |= _rendered_charts(context, addons, contents, helm)
        held = references(context.store)
        made = rendered(addons, contents, held)
        sources = sources_for(spec.bundle.source, context.mirrors, os.environ)
        bundle = ensure(
            sources, _wanted(context, made, update=self.update), context.store, context.emit, anew=self.update
        )
        bundle = bundle.having([*files.artifacts(published, context.store), *([helm] if helm else [])])
        written = lockfile.write(bundle.lock, context.paths.lock)
        if spec.lab and spec.lab.provider in _CUT_OFF:
            _refuse_without(made, bundle.lock.left_out)
        for addon in made:
            for note in addon.notes:
                context.emit(Notice("info", note))
            for alarm in addon.alarms:
                context.emit(Notice("warning", alarm))
        for part in bundle.lock.left_out:
            context.emit(Notice("warning", f"{part.name} is left out: {part.why}", part.consequence))
        size_mib = sum(artifact.size for artifact in bundle.lock.artifacts) >> 20
        summary = f"Kubernetes {bundle.lock.kubernetes} from {bundle.lock.source}, {size_mib} MiB"
        context = replace(context, bundle=bundle, addons=made)
        return Done(context, "done" if bundle.changed or written else "unchanged", summary)


def helm_for(context: Context) -> HelmSource:
    """Where Helm comes from for this cluster."""
    return HelmSource(
        context.spec.bundle.source,
        context.store,
        context.mirrors,
        lambda store: DebianWorkshop(store, dict(os.environ)),
        machine_architecture,
    )


def _rendered_charts(
    context: Context, addons: tuple[Addon, ...], contents: Mapping[str, bytes], helm: Artifact | None
) -> Mapping[str, bytes]:
    """What Helm makes of all charts; without a chart there is no Helm."""
    if helm is None:
        return {}
    program = HelmProgram(context.store / helm.path)
    return charts.render(charts_of(addons), contents, context.store, lambda: program, helm.version, context.emit)


def _refuse_without(addons: Sequence[Rendered], left_out: Sequence[LeftOut]) -> None:
    """Refuse add-ons that would wait for images for ever, on machines that reach no registry.

    Raises:
        InputError: an image is in no archive and can not be made; with all of them.
    """
    why = {part.name: part.why for part in left_out}
    lacking = {image: addon.name for addon in addons for image in addon.images if image in why}
    if not lacking:
        return
    words = " ".join(lacking)
    raise InputError(
        f"{'an image is' if len(lacking) == 1 else f'{len(lacking)} images are'} missing, "
        "and the lab's machines reach no registry",
        where=", ".join(dict.fromkeys(lacking.values())),
        why="; ".join(f"{image}: {why[image]}" for image in lacking),
        remedy=f"Where there is a registry, pull and save them (podman save -m -o images.tar {words}); "
        "then run: kprov bundle import images.tar",
    )


def _wanted(context: Context, addons: tuple[Rendered, ...], *, update: bool) -> Wanted:
    """Kubernetes, and the images of all add-ons, each once; images by the digests that the cluster's lock has."""
    spec = context.spec
    named = {node.architecture for node in spec.nodes.values()}
    locked = context.bundle.lock.artifacts if context.bundle and not update else ()
    return Wanted(
        spec.kubernetes.version,
        images=tuple(dict.fromkeys(image for addon in addons for image in addon.images)),
        architectures=tuple(sorted({each or machine_architecture() for each in named})) if any(named) else (),
        pinned={image: digest for part in locked for image, digest in zip(part.images, part.digests, strict=False)},
    )
