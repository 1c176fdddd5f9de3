"""Which version a command that makes something works with, where the cluster file says ``newest``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kprov.phases.choose_version import Choice
    from kprov.spec.load import Loaded


def chosen_for(loaded: Loaded, mirrors: Sequence[str] = (), *, update: bool = False) -> Choice:
    """The cluster file with the version that its lock pins, else an imported bundle, else what a source can serve.

    ``mirrors`` are those of the command line; ``update``: whatever the lock pins.

    Raises:
        InputError: the lock or a mirror cannot be used.
        UnreachableError: no source is reached.
        SpecError: none of the sources has a version to choose.
    """
    from kprov.bundle.export import arrived  # noqa: PLC0415 - help needs none of these
    from kprov.bundle.lockfile import read  # noqa: PLC0415
    from kprov.bundle.mirrors import merged  # noqa: PLC0415
    from kprov.bundle.store import default_store  # noqa: PLC0415
    from kprov.phases.choose_version import choose  # noqa: PLC0415

    locks = (read(loaded.paths.lock),) if loaded.paths.lock.exists() else arrived(default_store(os.environ))
    return choose(loaded, () if update else locks, merged(loaded.spec.bundle.mirrors, os.environ, mirrors))
