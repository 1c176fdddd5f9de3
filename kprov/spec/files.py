"""Cluster files on disk: read with clear refusals, written whole or not at all."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from kprov.errors import InputError, Problem, SpecError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BYTES = 1 << 20
"""A file of 5000 nodes written one by one, without ranges, has about 500 KiB."""


def read_text(path: Path) -> str:
    """The text of a cluster file.

    Raises:
        InputError: there is no such file, it is a folder, it cannot be read, or it is far too large.
        SpecError: it is not UTF-8.
    """
    where = str(path)
    try:
        if path.is_dir():
            inside = path / "cluster.yaml"
            remedy = f"Name the file: -f {inside}" if inside.is_file() else "Name a file in it, or use kprov init."
            raise InputError("the cluster file is a folder", where=where, remedy=remedy)
        if path.exists() and not path.is_file():
            raise InputError("the cluster file is no regular file", where=where, remedy="Name a regular file with -f.")
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        remedy = "Write one with kprov init, or name yours with -f or KPROV_FILE."
        raise InputError("there is no cluster file", where=where, remedy=remedy) from None
    except OSError as error:
        why = error.strerror or str(error)
        raise InputError("cannot read the cluster file", where=where, why=why, remedy="Make it readable.") from None
    except ValueError as error:
        raise InputError("this cannot be a path", where=repr(where), why=str(error), remedy="Name a file.") from None
    if len(content) > MAX_BYTES:
        remedy = "Write the nodes as ranges: w[1:500]."
        raise InputError(f"the cluster file has more than {MAX_BYTES >> 20} MiB", where=where, remedy=remedy)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        wrong = f"is not UTF-8 text: there is the byte 0x{content[error.start]:02x}"
        raise SpecError(
            [Problem(where, line, "", wrong, "Save it as UTF-8, or name the right file with -f.")]
        ) from None


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Have a cluster file for oneself, from reading it to writing it: other commands that change it wait.

    Its folder is locked, because the file itself is replaced when it is written; where a file system knows no locks,
    ``rewrite`` still sees that another was faster.
    """
    handle = -1
    with suppress(OSError):
        handle = os.open(path.resolve().parent, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        yield
    finally:
        if handle >= 0:
            os.close(handle)


def rewrite(path: Path, text: str, before: str) -> None:
    """Put another text into a cluster file, in one step; its mode, and a link that leads to it, stay.

    Args:
        path: the file.
        text: what it is to hold.
        before: what was read from it: where it holds something else by now, an editor's save say, that is kept.

    Raises:
        InputError: it cannot be written, or was changed meanwhile.
    """
    if read_text(path) != before:
        remedy = "Run the same command again."
        raise InputError("the cluster file was changed by somebody else meanwhile", where=str(path), remedy=remedy)
    target = path.resolve()
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".kprov-") as folder:
            draft = Path(folder) / target.name
            draft.write_bytes(text.encode())
            shutil.copymode(target, draft)
            draft.replace(target)
    except OSError as error:
        why, remedy = error.strerror or str(error), "Make it and its folder writable."
        raise InputError("cannot write the cluster file", where=str(path), why=why, remedy=remedy) from None


def save(path: Path, text: str, *, force: bool = False) -> None:
    """Write a cluster file, whole or not at all; folders on the way are made.

    Raises:
        InputError: it exists and ``force`` was not given, or it cannot be written.
    """
    where = str(path)
    try:
        if path.is_dir():
            raise InputError("this is a folder", where=where, remedy="Name a file in it with --to.")
        if path.exists() and not path.is_file():
            raise InputError("this is no regular file", where=where, remedy="Name another file with --to; '-' prints.")
        if not force and os.path.lexists(path):
            raise InputError("there is a file already", where=where, remedy="Choose another with --to, or use --force.")
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".kprov-") as folder:
            draft = Path(folder) / path.name
            draft.write_text(text, encoding="utf-8")
            draft.replace(path)
    except OSError as error:
        why = error.strerror or str(error)
        raise InputError("cannot write the cluster file", where=where, why=why, remedy="Choose another --to.") from None
