"""The content store: parts that are either whole and verified, or not there.

A part is a folder ``parts/<name>/`` with its files and a ``part.json`` that says what it was made from. It is built in
a folder of its own under ``tmp/`` and put in place by one rename, so an interrupted build leaves finished parts and
nothing else. The store is private to the user.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from kprov.errors import InputError
from kprov.events import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from kprov.bundle.model import Lock
    from kprov.events import Emit

_MANIFEST = "part.json"


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of a part; ``path`` is relative to the store's root, ``size`` in bytes."""

    path: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Origin:
    """What a part was made from: the version of its content, and where that came from."""

    version: str
    source: str


@dataclass(frozen=True, slots=True)
class Part:
    """A finished part. ``recipe`` is what decides its content: another recipe means another build."""

    name: str
    recipe: dict[str, str]
    origin: Origin
    files: tuple[StoredFile, ...]

    def file(self, name: str) -> StoredFile:
        """The file of this name in the part.

        Raises:
            KeyError: the part has no such file.
        """
        for stored in self.files:
            if Path(stored.path).name == name:
                return stored
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a file looked like when it was hashed: an unchanged file is not hashed again."""

    size: int
    mtime_ns: int
    inode: int
    sha256: str


_PART = TypeAdapter(Part)
_SEEN = TypeAdapter(dict[str, _Seen])


def default_store(environment: Mapping[str, str]) -> Path:
    """Where the store is: ``$XDG_CACHE_HOME/kprov/bundle``, by default ``~/.cache/kprov/bundle``.

    >>> str(default_store({"XDG_CACHE_HOME": "/cache", "HOME": "/home/ann"}))
    '/cache/kprov/bundle'
    >>> str(default_store({"HOME": "/home/ann"}))
    '/home/ann/.cache/kprov/bundle'
    """
    cache = environment.get("XDG_CACHE_HOME", "")
    base = Path(cache) if cache.startswith("/") else Path(environment.get("HOME") or Path.home()) / ".cache"
    return base / "kprov" / "bundle"


def sha256_of(path: Path) -> str:
    """The sha256 of a file as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_atomically(path: Path, text: str) -> None:
    """Replace a file by one rename, mode 0600."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


class Store:
    """An open store: ``opened`` gives one, under a lock that two builds cannot hold at the same time."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._seen = self._read_seen()

    @classmethod
    @contextmanager
    def opened(cls, root: Path, emit: Emit) -> Iterator[Store]:
        """Lock the store, sweep up what an interrupted build left, and remember at the end what was hashed.

        Raises:
            InputError: the folder cannot be made or written.
        """
        try:
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            root.chmod(0o700)
            lock = os.open(root / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise InputError(
                "cannot use the bundle's store",
                where=str(root),
                why=error.strerror or str(error),
                remedy="Make the folder writable, or set XDG_CACHE_HOME to one that is.",
            ) from error
        try:
            _wait_for(lock, emit)
            shutil.rmtree(root / "tmp", ignore_errors=True)
            for folder in ("tmp", "parts", "work", "logs"):
                (root / folder).mkdir(mode=0o700, exist_ok=True)
            store = cls(root)
            try:
                yield store
            finally:
                store._write_seen()
        finally:
            os.close(lock)

    @property
    def work(self) -> Path:
        """Sources and compilers' caches: makes later builds faster, may be deleted at any time."""
        return self.root / "work"

    @contextmanager
    def scratch(self, name: str) -> Iterator[Path]:
        """An empty folder on the store's own file system; what is left in it is removed."""
        folder = Path(tempfile.mkdtemp(dir=self.root / "tmp", prefix=f"{name}."))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def log(self, name: str) -> Path:
        """The log file of a build step."""
        return self.root / "logs" / f"{name}.log"

    def path(self, stored: StoredFile) -> Path:
        """Where a stored file lies."""
        return self.root / stored.path

    def part(self, name: str, recipe: Mapping[str, str]) -> Part | None:
        """The part if it was made by this recipe and every file of it is intact, else None."""
        try:
            part = _PART.validate_json((self.root / "parts" / name / _MANIFEST).read_bytes())
        except (OSError, ValidationError):
            return None
        if part.name != name or part.recipe != dict(recipe) or not all(map(self._intact, part.files)):
            return None
        return part

    def make(self, name: str, recipe: Mapping[str, str], build: Callable[[Path], Origin]) -> Part:
        """Build a part in an empty folder and put it in place; an older one of the name is replaced.

        Every file that ``build`` leaves in the folder belongs to the part.
        """
        final = self.root / "parts" / name
        with self.scratch(name) as folder:
            new = folder / "new"
            new.mkdir()
            origin = build(new)
            files = tuple(
                StoredFile(f"parts/{name}/{path.name}", sha256_of(path), path.stat().st_size)
                for path in sorted(new.iterdir())
            )
            part = Part(name, dict(recipe), origin, files)
            (new / _MANIFEST).write_bytes(_PART.dump_json(part, indent=1))
            if final.exists():
                final.rename(folder / "old")
            new.rename(final)
        for stored in files:
            self._remember(stored.path, stored.sha256)
        return part

    def holds(self, relative: str, sha256: str) -> bool:
        """Whether a file is there and is what it should be."""
        try:
            return self.sha256(relative) == sha256
        except OSError:
            return False

    def adopt(self, path: Path, relative: str, sha256: str) -> None:
        """Move a finished file of a scratch folder, whose sha256 is known, to its place."""
        final = self.root / relative
        final.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.chmod(0o600)
        path.replace(final)
        self._remember(relative, sha256)

    def sha256(self, relative: str) -> str:
        """The sha256 of a file in the store, from memory where the file has not changed since it was hashed.

        Raises:
            OSError: the file cannot be read.
        """
        status = (self.root / relative).stat()
        seen = self._seen.get(relative)
        if seen and (seen.size, seen.mtime_ns, seen.inode) == (status.st_size, status.st_mtime_ns, status.st_ino):
            return seen.sha256
        return self._remember(relative, sha256_of(self.root / relative))

    def _intact(self, stored: StoredFile) -> bool:
        try:
            same_size = self.path(stored).stat().st_size == stored.size
            return same_size and self.sha256(stored.path) == stored.sha256
        except OSError:
            return False

    def _remember(self, relative: str, sha256: str) -> str:
        status = (self.root / relative).stat()
        self._seen[relative] = _Seen(status.st_size, status.st_mtime_ns, status.st_ino, sha256)
        return sha256

    def _read_seen(self) -> dict[str, _Seen]:
        try:
            return _SEEN.validate_json((self.root / "hashes.json").read_bytes())
        except (OSError, ValidationError):
            return {}

    def _write_seen(self) -> None:
        here = {path: seen for path, seen in self._seen.items() if (self.root / path).is_file()}
        text = json.dumps(_SEEN.dump_python(here, mode="json"), indent=1, sort_keys=True)
        write_atomically(self.root / "hashes.json", text)


def verify(lock: Lock, root: Path) -> tuple[str, ...]:
    """Hash every artifact of a lock again; return what is wrong, one line each, nothing where all is well."""
    wrong = []
    for artifact in lock.artifacts:
        path = root / artifact.path
        if not path.is_file():
            wrong.append(f"{artifact.name}: {path} is missing")
        elif sha256_of(path) != artifact.sha256:
            wrong.append(f"{artifact.name}: {path} is not what the lock says")
    return tuple(wrong)


def _wait_for(lock: int, emit: Emit) -> None:
    """Take the lock, and say so where another build holds it."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        emit(Progress("bundle", "waiting for another build to finish"))
        fcntl.flock(lock, fcntl.LOCK_EX)
