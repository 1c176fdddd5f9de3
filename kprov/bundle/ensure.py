"""Have a bundle: the archives that a person brought, and the sources of the cluster file, tried in order."""

from __future__ import annotations

import platform
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kprov.bundle import imports
from kprov.bundle.export import fitting
from kprov.bundle.model import WITHOUT_IMAGE
from kprov.bundle.packages.modulefiles import ModuleFiles
from kprov.bundle.packages.source import PackagesSource
from kprov.bundle.packages.workshop import DebianWorkshop
from kprov.bundle.store import Store
from kprov.bundle.transfer import Refused
from kprov.bundle.upstream.registry import Skopeo
from kprov.bundle.upstream.source import UpstreamSource
from kprov.errors import InputError, UnreachableError
from kprov.events import LeftOut, Notice
from kprov.release.catalog import catalog

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from kprov.bundle.files import Elsewhere
    from kprov.bundle.imports import Imported
    from kprov.bundle.model import Bundle, Source, Wanted
    from kprov.events import Emit
    from kprov.release.artifacts import Architecture


@dataclass(frozen=True)
class UnknownSource:
    """A source that the cluster file may name but that this version of kprov does not have."""

    name: str

    def ensure(self, wanted: Wanted, store: Path, emit: Emit) -> Bundle:  # noqa: ARG002
        """Refuse.

        Raises:
            InputError: always.
        """
        raise InputError(
            f"the bundle's source `{self.name}` is not in this version of kprov",
            where="bundle.source",
            why="it has `upstream` and `packages`",
            remedy="Set bundle.source to upstream or packages, or to a list of them.",
        )


def sources_for(names: Sequence[str], mirrors: Mapping[str, str], environment: Mapping[str, str]) -> tuple[Source, ...]:
    """The sources of these names, in order; ``names`` is ``bundle.source`` of the cluster file."""
    known: Mapping[str, Callable[[], Source]] = {
        "upstream": lambda: upstream_source(mirrors, environment),
        "packages": lambda: PackagesSource(lambda store: DebianWorkshop(store, dict(environment))),
    }
    return tuple(known[name]() if name in known else UnknownSource(name) for name in names)


def upstream_source(mirrors: Mapping[str, str], environment: Mapping[str, str]) -> UpstreamSource:
    """The source ``upstream`` for this machine.

    Raises:
        InputError: this machine's architecture is not one that it serves.
    """
    return UpstreamSource(
        catalog=catalog(),
        mirrors=mirrors,
        registry=lambda folder, log: Skopeo(folder, mirrors, environment, log),
        machine=machine_architecture(),
    )


def machine_architecture() -> Architecture:
    """This machine's architecture as upstream names it.

    Raises:
        InputError: upstream publishes nothing for it that kprov knows.
    """
    known: Mapping[str, Architecture] = {"x86_64": "amd64", "aarch64": "arm64"}
    machine = platform.machine()
    if machine not in known:
        remedy = "Run kprov on a machine of one of these architectures: x86_64, aarch64."
        raise InputError(f"the bundle's source `upstream` has nothing for {machine}", remedy=remedy)
    return known[machine]


def elsewhere_for(names: Sequence[str], store: Path, environment: Mapping[str, str]) -> Elsewhere | None:
    """Where published files may lie beside their URLs, for the sources of these names."""
    if PackagesSource.name not in names:
        return None
    return ModuleFiles(store / "work" / "module-files", environment, store / "logs" / "module-files.log")


def ensure(sources: Sequence[Source], wanted: Wanted, store: Path, emit: Emit, *, anew: bool = False) -> Bundle:
    """Have a bundle from the first source that can serve it, and images from archives where a person brought them.

    A bundle that was imported goes before all sources where it has everything, but not where ``anew`` is asked for.

    A source that cannot serve this machine or version, or does not answer, hands over to the next one; a build that
    fails and a file that is not what it should be do not. What neither has is left out. Where nothing is missing this
    takes a second.

    Raises:
        InputError: no source can serve this machine or version; the last one's error.
        UnreachableError: the last source does not answer.
        CheckFailed: a build failed, or a checksum differs.
    """
    brought = _brought(wanted, store, emit)
    rest = tuple(image for image in wanted.images if image not in brought)
    needed = replace(wanted, images=rest)
    bundle = (None if anew else fitting(needed, store, emit)) or _from_first(sources, needed, store, emit)
    archives = dict.fromkeys(brought.values())
    artifacts = [
        archive.artifact([image for image in wanted.images if brought.get(image) == archive]) for archive in archives
    ]
    known = {image for artifact in bundle.lock.artifacts for image in artifact.images}
    known |= {left.name for left in bundle.lock.left_out}
    missing = [LeftOut(image, "no source of the bundle has it", WITHOUT_IMAGE) for image in rest if image not in known]
    return bundle.having(artifacts, missing)


def _brought(wanted: Wanted, store: Path, emit: Emit) -> Mapping[str, Imported]:
    """The wanted images that an archive in the store holds."""
    if not wanted.images or not (store / imports.FOLDER).is_dir():
        return {}
    with Store.opened(store, emit) as opened:
        return imports.holding(opened, wanted.images)


def _from_first(sources: Sequence[Source], wanted: Wanted, store: Path, emit: Emit) -> Bundle:
    for source in sources[:-1]:
        try:
            return source.ensure(wanted, store, emit)
        except Refused:
            raise
        except (InputError, UnreachableError) as error:
            emit(Notice("info", f"the bundle does not come from {source.name}: {error}", error.remedy))
    return sources[-1].ensure(wanted, store, emit)
