"""Writing a file so that it is either as it was or whole, and nobody else's to read."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from kprov.errors import InputError


def write_private(path: Path, content: bytes, *, replace: bool = True) -> None:
    """Write a file with mode 0600, in a folder that is made with mode 0700 where it is missing.

    Args:
        path: the file.
        content: all of it.
        replace: False: a file that is there already is kept as it is.

    Raises:
        InputError: the folder or the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            if replace:
                Path(part).replace(path)
            else:
                path.hardlink_to(part)
        except FileExistsError:
            return
        finally:
            Path(part).unlink(missing_ok=True)
    except OSError as error:
        raise InputError(
            f"cannot write {path}",
            why=error.strerror or str(error),
            remedy="Make the folder writable, or free some space.",
        ) from error
