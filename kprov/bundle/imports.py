"""Archives of images that a person brought: kept in the store as they are, found again by the images in them."""

from __future__ import annotations

import gzip
import os
import shutil
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from pydantic import TypeAdapter, ValidationError

from kprov.bundle.imagefile import Unusable, references_in
from kprov.bundle.model import Artifact
from kprov.bundle.packages.process import environment, run
from kprov.bundle.references import tag_of
from kprov.bundle.store import Store, sha256_of, write_atomically
from kprov.errors import CheckFailed, InputError
from kprov.events import Progress

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import BinaryIO

    from kprov.bundle.model import Target
    from kprov.events import Emit
    from kprov.release.artifacts import Architecture

FOLDER = "imports"
"""Below the store's root: ``<sha256>.tar``, and beside it ``<sha256>.json`` once the archive is whole."""

_NODES: tuple[Target, ...] = ("control-plane", "worker")
_CHUNK = 1 << 20
_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"


@dataclass(frozen=True, slots=True)
class Imported:
    """An archive in the store: the name of the file that it was, and its images in normal form. ``size`` in bytes."""

    name: str
    sha256: str
    size: int
    architecture: str
    images: tuple[str, ...]

    @property
    def path(self) -> str:
        """Where it lies, relative to the store's root."""
        return f"{FOLDER}/{self.sha256}.tar"

    def artifact(self, wanted: Sequence[str]) -> Artifact:
        """The archive as a part of a bundle that needs these images of it, for nodes of its architecture alone."""
        tags = ", ".join(dict.fromkeys(map(tag_of, wanted)))
        name, source = f"import-{self.sha256[:12]}", f"import:{self.name}"
        return Artifact(
            *(name, "images", tags, source, self.sha256, self.size, self.path, _NODES, tuple(wanted)),
            architecture=cast("Architecture", self.architecture),
        )


@dataclass(frozen=True, slots=True)
class Brought:
    """What became of one archive; ``new`` is False where the store had it."""

    archive: Path
    imported: Imported
    new: bool


_IMPORTED = TypeAdapter(Imported)


def bring(archives: Sequence[Path], store: Path, architecture: str, emit: Emit) -> tuple[Brought, ...]:
    """Check archives and keep them: all of them, or none where one cannot be used.

    They are kept without compression, because containerd 1.6 reads no other.

    Raises:
        InputError: an archive cannot be read or used; with the reason and the remedy.
    """
    with Store.opened(store, emit) as opened, opened.scratch(FOLDER) as scratch:
        found = []
        for number, archive in enumerate(archives):
            emit(Progress("bundle", f"checking {archive.name}", done=number, total=len(archives)))
            tar = scratch / f"{number}.tar"
            found.append((archive, tar, _checked(archive, tar, architecture, opened)))
        return tuple(Brought(archive, imported, _keep(opened, tar, imported)) for archive, tar, imported in found)


def references(store: Path) -> frozenset[str]:
    """Every image that archives in a store hold, in normal form; whether they are intact, ``holding`` tells."""
    records = (_read(record) for record in (store / FOLDER).glob("*.json"))
    return frozenset(image for imported in records if imported for image in imported.images)


def holding(store: Store, wanted: Sequence[str]) -> Mapping[str, Imported]:
    """For each wanted image that an intact archive holds, the archive that was brought last."""
    found: dict[str, Imported] = {}
    for record in sorted((store.root / FOLDER).glob("*.json"), key=lambda path: path.stat().st_mtime_ns, reverse=True):
        imported = _read(record)
        if imported is None or not (new := [image for image in wanted if image in imported.images]):
            continue
        if store.holds(imported.path, imported.sha256):
            found |= {image: imported for image in new if image not in found}
    return found


def _checked(archive: Path, tar: Path, architecture: str, store: Store) -> Imported:
    """The archive copied to ``tar`` without compression, and checked.

    Raises:
        InputError: it cannot be read or used.
    """
    try:
        source = archive.open("rb")
    except OSError as error:
        raise _refused(archive, error.strerror or str(error), "Name a file that can be read.") from error
    try:
        with source:
            _unpack(source, tar, store)
        images = references_in(tar, architecture)
    except Unusable as error:
        raise _refused(archive, str(error), error.remedy) from error
    return Imported(archive.name, sha256_of(tar), tar.stat().st_size, architecture, images)


def _unpack(source: BinaryIO, tar: Path, store: Store) -> None:
    """Copy an archive, decompressed."""
    magic = source.read(4)
    source.seek(0)
    if magic.startswith(_ZSTD):
        _unpack_zstd(source, tar, store)
        return
    try:
        with tar.open("wb") as out, gzip.open(source) if magic.startswith(_GZIP) else source as plain:
            shutil.copyfileobj(plain, out, _CHUNK)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise Unusable(f"it was compressed with gzip and is damaged: {error}") from error


def _unpack_zstd(source: BinaryIO, tar: Path, store: Store) -> None:
    if shutil.which("zstd") is None:
        raise Unusable("it was compressed with zstd, which this machine has not", "Run: apt-get install -y zstd")
    try:
        run(
            ["zstd", "-q", "-d", "-o", tar, Path(source.name).absolute()],
            what="it was compressed with zstd and is damaged",
            log=store.log(FOLDER),
            env=environment(os.environ),
        )
    except CheckFailed as error:
        raise Unusable(f"{error.what}: {error.why}") from error


def _keep(store: Store, tar: Path, imported: Imported) -> bool:
    """Put an archive in its place; return whether the store did not have it."""
    record = store.root / FOLDER / f"{imported.sha256}.json"
    if _read(record) and store.holds(imported.path, imported.sha256):
        return False
    store.adopt(tar, imported.path, imported.sha256)
    write_atomically(record, _IMPORTED.dump_json(imported, indent=1).decode() + "\n")
    return True


def _read(record: Path) -> Imported | None:
    """What the store says of an archive, None where it says nothing that can be read."""
    try:
        return _IMPORTED.validate_json(record.read_bytes())
    except (OSError, ValidationError):
        return None


def _refused(archive: Path, why: str, remedy: str) -> InputError:
    return InputError("cannot import this archive of images", where=str(archive), why=why, remedy=remedy)
