"""A whole bundle in one file, ``NAME.kprov``: the same bytes for the same content, and no byte of it unguarded.

The file is a tar compressed with zstd, behind which a *skippable frame* (RFC 8878, 3.1.2) holds the sha256 of all
bytes before it: every tool that knows zstd reads the tar and passes over the frame (``zstd -dc lab.kprov | tar t``).
The first entry of the tar, ``kprov.json``, lists every other with its sha256 and size, in their order.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pydantic import TypeAdapter, ValidationError

from kprov.bundle.archive import entry
from kprov.bundle.store import sha256_of
from kprov.errors import CheckFailed, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import IO

INDEX: Final = "kprov.json"
FORMAT: Final = 1
_MAGIC: Final = (0x184D2A5B).to_bytes(4, "little")
_MARK: Final = b"kprov bundle sha256 "
_TRAILER_SIZE: Final = len(_MAGIC) + 4 + len(_MARK) + 32
_CHUNK: Final = 1 << 20
_LARGEST_INDEX: Final = 4 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in the envelope."""

    path: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Index:
    """What is in the envelope, and what it is for."""

    format: int
    cluster: str
    kubernetes: str
    source: str
    architecture: str
    files: tuple[Entry, ...]


_INDEX: Final = TypeAdapter(Index)


def need_zstd() -> None:
    """Refuse a machine without zstd.

    Raises:
        InputError: with the remedy.
    """
    if shutil.which("zstd") is None:
        raise InputError(
            "zstd is missing", why="a bundle's file is compressed with it", remedy="Run: apt-get install -y zstd"
        )


def seal(target: Path, contents: Mapping[str, Path | bytes], describe: Mapping[str, str]) -> Index:
    """Write files by their paths into a new file; ``describe`` has the fields of the index beside the files.

    Raises:
        CheckFailed: the disk is full, or zstd failed; nothing is left.
    """
    ordered = dict(sorted(contents.items()))
    files = tuple(Entry(path, *_measured(content)) for path, content in ordered.items())
    index = Index(
        FORMAT, describe["cluster"], describe["kubernetes"], describe["source"], describe["architecture"], files
    )
    draft = target.with_name(f".{target.name}.draft")
    try:
        with _compressed(draft) as stream, tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as tar:
            _add(tar, INDEX, json.dumps(_INDEX.dump_python(index, mode="json"), indent=1).encode() + b"\n")
            for path, content in ordered.items():
                _add(tar, path, content)
        digest = bytes.fromhex(sha256_of(draft))
        with draft.open("ab") as out:
            out.write(_MAGIC + (len(_MARK) + len(digest)).to_bytes(4, "little") + _MARK + digest)
            out.flush()
            os.fsync(out.fileno())
        draft.chmod(0o644)
        draft.replace(target)
    except OSError as error:
        why = error.strerror or str(error)
        raise CheckFailed("cannot write the bundle's file", where=str(target), why=why) from error
    finally:
        draft.unlink(missing_ok=True)
    return index


def is_sealed(path: Path) -> bool:
    """Whether a file ends like a bundle's; damaged ones of that name are told by their name."""
    try:
        with path.open("rb") as file:
            file.seek(-min(_TRAILER_SIZE, path.stat().st_size), os.SEEK_END)
            return _MARK in file.read()
    except OSError:
        return False


def check_seal(path: Path) -> None:
    """Read a file whole, and compare it with its seal.

    Raises:
        InputError: it cannot be read, or a byte of it is not what was written.
    """
    try:
        size = path.stat().st_size - _TRAILER_SIZE
        if size < 0:
            raise _damaged(path, "it is too short to be a bundle")
        digest = hashlib.sha256()
        with path.open("rb") as file:
            left = size
            while left and (chunk := file.read(min(_CHUNK, left))):
                digest.update(chunk)
                left -= len(chunk)
            trailer = file.read()
    except OSError as error:
        why, remedy = error.strerror or str(error), "Name a file that can be read."
        raise InputError("cannot read the bundle's file", where=str(path), why=why, remedy=remedy) from error
    wanted = _MAGIC + (len(_MARK) + digest.digest_size).to_bytes(4, "little") + _MARK + digest.digest()
    if trailer != wanted:
        raise _damaged(path, "it was cut short, or some of its bytes are not those that were written")


def unseal(path: Path, folder: Path) -> Index:
    """Unpack a file whose seal was checked into an empty folder; each file in it is compared with the index.

    Raises:
        InputError: it is no bundle, or of a later format; or a file differs.
    """
    try:
        with _decompressed(path) as stream, tarfile.open(fileobj=stream, mode="r|") as tar:
            members = iter(tar)
            index = _read_index(tar, next(members, None))
            _check_room(folder, sum(wanted.size for wanted in index.files))
            for wanted in index.files:
                _take(tar, next(members, None), wanted, folder)
            if next(members, None) is not None:
                raise _damaged(path, "there is more in it than its index lists")
    except (tarfile.TarError, ValueError, EOFError) as error:
        raise _damaged(path, str(error)) from error
    return index


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise InputError(
            "the disk is full",
            where=str(folder),
            why=f"the bundle takes {needed >> 20} MiB, {free >> 20} MiB are free",
            remedy="Free some space, or set XDG_CACHE_HOME to a folder on a larger disk.",
        )


def _read_index(tar: tarfile.TarFile, member: tarfile.TarInfo | None) -> Index:
    content = tar.extractfile(member) if member and member.name == INDEX and member.isfile() else None
    if content is None or member is None or member.size > _LARGEST_INDEX:
        raise ValueError("it has no index")
    try:
        index = _INDEX.validate_json(content.read())
    except ValidationError as error:
        raise ValueError(f"its index cannot be read: {error.errors()[0]['msg']}") from error
    if index.format != FORMAT:
        raise ValueError(f"it has format {index.format}, this kprov reads {FORMAT}")
    return index


def _take(tar: tarfile.TarFile, member: tarfile.TarInfo | None, wanted: Entry, folder: Path) -> None:
    """Write one file below the folder; its path is one of ours, or it is refused."""
    parts = wanted.path.split("/")
    if wanted.path.startswith("/") or any(part in ("", ".", "..") for part in parts):
        raise ValueError(f"{wanted.path} is no path in a bundle")
    content = tar.extractfile(member) if member and member.name == wanted.path and member.isfile() else None
    if content is None or member is None or member.size != wanted.size:
        raise ValueError(f"{wanted.path} is missing in it")
    target = folder.joinpath(*parts)
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with target.open("xb") as out:
        while chunk := content.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
            out.write(chunk)
    if (digest.hexdigest(), size) != (wanted.sha256, wanted.size):
        raise ValueError(f"{wanted.path} is not what the index says")


def _measured(content: Path | bytes) -> tuple[str, int]:
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest(), len(content)
    return sha256_of(content), content.stat().st_size


def _add(tar: tarfile.TarFile, name: str, content: Path | bytes) -> None:
    if isinstance(content, bytes):
        tar.addfile(entry(name, 0o644, size=len(content)), io.BytesIO(content))
        return
    with content.open("rb") as file:
        tar.addfile(entry(name, 0o644, size=content.stat().st_size), file)


@contextmanager
def _compressed(target: Path) -> Iterator[IO[bytes]]:
    """A stream whose bytes end in a file, compressed. The number of threads does not change what zstd writes."""
    with target.open("wb") as out:
        process = subprocess.Popen(["zstd", "-q", "-T0", "-3", "-c"], stdin=subprocess.PIPE, stdout=out)
        with process:
            stream = process.stdin
            if stream is None:
                raise AssertionError("stdin is a pipe")
            yield stream
            stream.close()
    if process.returncode:
        raise CheckFailed("cannot write the bundle's file", where=str(target), why="zstd failed")


@contextmanager
def _decompressed(path: Path) -> Iterator[IO[bytes]]:
    with path.open("rb") as source:
        process = subprocess.Popen(
            ["zstd", "-q", "-d", "-c"], stdin=source, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        with process:
            stream = process.stdout
            if stream is None:
                raise AssertionError("stdout is a pipe")
            try:
                yield stream
                stream.read()
            finally:
                stream.close()
                process.terminate()


def _damaged(path: Path, why: str) -> InputError:
    return InputError(
        "this is no bundle that can be used; nothing of it was taken",
        where=str(path),
        why=why,
        remedy="Copy the file again from where it was exported, and compare the sha256 of both.",
    )
