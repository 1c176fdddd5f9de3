"""What of the bundle is on this machine already; nothing is fetched, built or written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kprov.bundle import lockfile
from kprov.bundle.ensure import machine_architecture
from kprov.bundle.imports import references
from kprov.bundle.model import Bundle
from kprov.errors import InputError
from kprov.inventory.variables import Deliveries
from kprov.phases.addons import asked, recalled
from kprov.phases.render_inventory import deliveries, with_own_files

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from kprov.bundle.model import Lock
    from kprov.inventory.model import JSON
    from kprov.phases.addons import Rendered
    from kprov.release.catalog import Release
    from kprov.spec.load import Loaded


@dataclass(frozen=True, slots=True)
class AtHand:
    """What nodes would be given, as far as it is known without the network.

    ``source`` is where the bundle is from, or would be asked for first. ``missing`` is what `up` gathers first, in
    words; where it is not empty, ``deliveries`` stand for what is not known.
    """

    source: str
    deliveries: Deliveries
    missing: tuple[str, ...] = ()


def at_hand(loaded: Loaded, release: Release, store: Path) -> AtHand:
    """Look into the lock beside the cluster file and into the store.

    Raises:
        InputError: the lock cannot be read.
        SpecError: one of the user's own files cannot be used.
    """
    bundle, addons = _bundle(loaded, store), recalled(loaded, release, store)
    missing = tuple(_missing(loaded, bundle, addons, references(store)))
    if bundle and addons:
        known = deliveries(bundle, addons, loaded.paths)
        return AtHand(bundle.lock.source, with_own_files(known, loaded), missing)
    source = loaded.spec.bundle.source[0]
    sets = tuple(addon.name for addon in asked(loaded, release))
    return AtHand(source, with_own_files(_guessed(source, sets), loaded), missing)


def _bundle(loaded: Loaded, store: Path) -> Bundle | None:
    """The bundle of the wanted version: by the cluster's own lock, else the first of its sources that the store has."""
    spec, version = loaded.spec, loaded.spec.kubernetes.version
    if loaded.paths.lock.exists() and (lock := lockfile.read(loaded.paths.lock)).kubernetes == version:
        return Bundle(lock, store, changed=False)
    for source in spec.bundle.source:
        path = lockfile.lock_path(store, source, version, machine_architecture())
        if path.is_file():
            return Bundle(lockfile.read(path), store, changed=False)
    return None


def _missing(
    loaded: Loaded, bundle: Bundle | None, addons: tuple[Rendered, ...], imported: Collection[str]
) -> Iterator[str]:
    if bundle is None:
        yield f"Kubernetes {loaded.spec.kubernetes.version} from {' or '.join(loaded.spec.bundle.source)}"
    if not addons:
        yield "the files that the add-ons are made of"
    if bundle is None:
        return
    for artifact in bundle.lock.artifacts:
        path = bundle.path(artifact)
        if not path.is_file() or path.stat().st_size != artifact.size:
            yield artifact.name
    had = _images(bundle.lock).union(imported)
    yield from (image for addon in addons for image in addon.images if image not in had)


def _images(lock: Lock) -> set[str]:
    """The images that the bundle has, or is known not to have."""
    had = {image for artifact in lock.artifacts for image in artifact.images}
    return had | {left.name for left in lock.left_out}


def _guessed(source: str, sets: tuple[str, ...]) -> Deliveries:
    """One piece of each kind that the source brings to nodes, and a set of objects for each add-on."""
    kinds = ("runtime", "cni-plugin", "binary", "images") if source == "upstream" else ("binary", "images")
    pieces = tuple(_piece(kind, kind) for kind in kinds)
    objects = tuple(_piece(name, "manifest") for name in sets)
    try:
        machine = machine_architecture()
    except InputError:
        machine = "amd64"
    return Deliveries(control_plane=(*pieces, *objects), worker=pieces, machine=machine, addons=sets)


def _piece(name: str, kind: str) -> Mapping[str, JSON]:
    return {"name": name, "kind": kind, "path": name, "sha256": "", "size": 0, "images": []}
