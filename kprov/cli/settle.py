"""The cluster file as commands use it: read, checked, and with a version where it says ``newest``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from kprov.spec.load import Loaded


def load_settled(file: Path, waived: Collection[str] = ()) -> Loaded:
    """Read a cluster file; ``newest`` is what its lock has, where there is one, else the newest of its sources.

    Raises:
        InputError: the file or its lock cannot be read.
        SpecError: with every problem of the file, or none of the sources has a newest version.
    """
    from kprov.bundle.lockfile import read  # noqa: PLC0415 - help needs none of these
    from kprov.release.catalog import settled  # noqa: PLC0415
    from kprov.spec.load import load  # noqa: PLC0415
    from kprov.spec.types import NEWEST  # noqa: PLC0415

    loaded = load(file, waived)
    if loaded.spec.kubernetes.version != NEWEST:
        return loaded
    return settled(loaded, read(loaded.paths.lock).kubernetes if loaded.paths.lock.exists() else None)
