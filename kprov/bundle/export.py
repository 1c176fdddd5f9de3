"""A bundle from one machine's store to another's: everything that a lock lists, in one file."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from kprov.bundle import lockfile
from kprov.bundle.envelope import check_seal, need_zstd, seal, unseal
from kprov.bundle.model import Bundle
from kprov.bundle.store import Store, verify, write_atomically
from kprov.errors import CheckFailed, InputError
from kprov.events import Progress

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from kprov.bundle.envelope import Index
    from kprov.bundle.model import Artifact, Lock, Wanted
    from kprov.events import Emit

CLUSTER: Final = "cluster.yaml"
WHEELS: Final = "wheels"
_STORE: Final = "store"
_IMPORTED: Final = "imported"
_PLACES: Final = ("files", "imports", "parts")


def export(
    bundle: Bundle, cluster: str, cluster_file: bytes, target: Path, more: Mapping[str, Path], emit: Emit
) -> Index:
    """Write a bundle into one file; ``more`` is what travels beside it, by path.

    Raises:
        InputError: zstd is missing.
        CheckFailed: the store does not have what the lock says, or the file cannot be written.
    """
    need_zstd()
    emit(Progress("bundle", "checking the bundle"))
    if wrong := verify(bundle.lock, bundle.store):
        raise CheckFailed(
            "the bundle is not what its lock says",
            where=str(bundle.store),
            why=", ".join(wrong),
            remedy="Run 'kprov bundle build': it makes them anew.",
        )
    emit(Progress("bundle", f"writing {target.name}"))
    paths = {path for artifact in bundle.lock.artifacts for path in _with_companions(bundle.store, artifact)}
    contents: dict[str, Path | bytes] = {f"{_STORE}/{path}": bundle.store / path for path in paths}
    contents |= {lockfile.NAME: lockfile.render(bundle.lock).encode(), CLUSTER: cluster_file, **more}
    lock = bundle.lock
    fields = {"kubernetes": lock.kubernetes, "source": lock.source, "architecture": lock.architecture}
    return seal(target, contents, {"cluster": cluster, **fields})


def arrive(path: Path, store: Path, emit: Emit) -> tuple[Lock, bytes]:
    """Take a bundle's file into the store, checked as a whole before; return its lock and its cluster file.

    Raises:
        InputError: the file was damaged or is no bundle; nothing of it was taken.
    """
    need_zstd()
    emit(Progress("bundle", f"checking {path.name}"))
    check_seal(path)
    with Store.opened(store, emit) as opened, opened.scratch(_IMPORTED) as scratch:
        emit(Progress("bundle", f"unpacking {path.name}"))
        folder = scratch / "all"
        folder.mkdir()
        index = unseal(path, folder)
        lock = lockfile.parse((folder / lockfile.NAME).read_text(encoding="utf-8"), where=str(path))
        listed = {entry.path: entry.sha256 for entry in index.files}
        if lacking := [part.name for part in lock.artifacts if listed.get(f"{_STORE}/{part.path}") != part.sha256]:
            why = f"it lacks {', '.join(lacking)}"
            raise InputError("this is no bundle that can be used; nothing of it was taken", where=str(path), why=why)
        paths = [entry.path.removeprefix(f"{_STORE}/") for entry in index.files if entry.path.startswith(f"{_STORE}/")]
        if strange := [each for each in paths if each.partition("/")[0] not in _PLACES]:
            why = f"{strange[0]} is no place in a store"
            raise InputError("this is no bundle that can be used; nothing of it was taken", where=str(path), why=why)
        for relative in sorted(paths):
            _place(opened, folder / _STORE / relative, relative, listed[f"{_STORE}/{relative}"])
        text = lockfile.render(lock)
        kept = store / f"{_IMPORTED}-{lock.source}-{lock.kubernetes}-{lock.architecture}"
        kept.mkdir(mode=0o700, exist_ok=True)
        write_atomically(kept / lockfile.NAME, text)
        return lock, (folder / CLUSTER).read_bytes()


def arrived(store: Path) -> tuple[Lock, ...]:
    """The locks of all bundles that were imported, the one that came last first."""
    found = sorted(store.glob(f"{_IMPORTED}-*/{lockfile.NAME}"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    return tuple(map(lockfile.read, found))


def fitting(wanted: Wanted, store: Path, emit: Emit) -> Bundle | None:
    """The imported bundle that has all that is wanted, intact; None where there is none.

    What the caller adds itself is left out of its lock: the controller's own files, and archives that were brought.
    """
    candidates = [lock for lock in arrived(store) if _fits(lock, wanted)] if store.is_dir() else []
    if not candidates:
        return None
    with Store.opened(store, emit) as opened:
        for lock in candidates:
            parts = tuple(part for part in lock.artifacts if _is_needed(part, wanted))
            if all(opened.holds(part.path, part.sha256) for part in parts):
                left_out = tuple(left for left in lock.left_out if left.name not in _images(lock))
                return Bundle(replace(lock, artifacts=parts, left_out=left_out), store, changed=False)
    return None


def _fits(lock: Lock, wanted: Wanted) -> bool:
    known = _images(lock) | {left.name for left in lock.left_out}
    digests = {
        image: digest for part in lock.artifacts for image, digest in zip(part.images, part.digests, strict=False)
    }
    architectures = {part.architecture or lock.architecture for part in lock.artifacts if "worker" in part.targets}
    return (
        lock.kubernetes == wanted.kubernetes
        and known.issuperset(wanted.images)
        and architectures.issuperset(wanted.architectures)
        and all(wanted.pinned.get(image, digest) == digest for image, digest in digests.items())
    )


def _is_needed(part: Artifact, wanted: Wanted) -> bool:
    """Not what is for another set of add-ons, nor what the caller adds."""
    if part.path.startswith("imports/") or (part.targets == ("controller",) and part.name != "kubectl"):
        return False
    if part.kind != "images" or part.name in ("node-images", "control-plane-images"):
        return True
    return bool(set(part.images) & set(wanted.images))


def _images(lock: Lock) -> set[str]:
    return {image for part in lock.artifacts for image in part.images}


def _with_companions(store: Path, artifact: Artifact) -> tuple[str, ...]:
    """The paths of an artifact, and of what the store keeps beside it to know what it is."""
    path = artifact.path
    beside = (
        f"{path.rpartition('/')[0]}/part.json" if path.startswith("parts/") else f"{path.removesuffix('.tar')}.json"
    )
    return (path, beside) if beside != path and (store / beside).is_file() else (path,)


def _place(store: Store, source: Path, relative: str, sha256: str) -> None:
    """Put one file in its place, unless it is there."""
    if store.holds(relative, sha256):
        return
    final = store.root / relative
    if final.is_dir():
        shutil.rmtree(final)
    store.adopt(source, relative, sha256)
