"""``bundle.lock.yaml``: a lock as a file, the same bytes for the same bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml
from pydantic import TypeAdapter, ValidationError

from kprov.bundle.model import Lock
from kprov.bundle.store import write_atomically
from kprov.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

NAME = "bundle.lock.yaml"

_LOCK = TypeAdapter(Lock)
_HEADER = "# What the cluster is made of. Written by kprov; paths are relative to the store's root.\n"


def render(lock: Lock) -> str:
    """A lock as YAML; what is empty is left out of artifacts.

    >>> print(render(Lock("packages", "1.20.2", "amd64", (), ())), end="")
    # What the cluster is made of. Written by kprov; paths are relative to the store's root.
    source: packages
    kubernetes: 1.20.2
    architecture: amd64
    artifacts: []
    left_out: []
    """
    data = _LOCK.dump_python(lock, mode="json")
    for artifact in data["artifacts"]:
        for name in ("images", "digests", "architecture"):
            if not artifact[name]:
                del artifact[name]
    return _HEADER + yaml.safe_dump(data, sort_keys=False, width=120)


def parse(text: str, *, where: str) -> Lock:
    """A lock from YAML.

    Raises:
        InputError: the text is no lock; ``where`` names it.
    """
    try:
        return _LOCK.validate_python(yaml.safe_load(text))
    except (yaml.YAMLError, ValidationError) as error:
        raise InputError(
            "cannot read the bundle's lock",
            where=where,
            why=" ".join(str(error).split())[:200],
            remedy="Delete the file and run `kprov bundle build`, which writes it anew.",
        ) from error


def read(path: Path) -> Lock:
    """Read a lock file.

    Raises:
        InputError: it cannot be read or is no lock.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            "cannot read the bundle's lock",
            where=str(path),
            why=str(error),
            remedy="Run `kprov bundle build`, which writes it.",
        ) from error
    return parse(text, where=str(path))


def write(lock: Lock, path: Path) -> bool:
    """Write a lock file where it is absent or differs; return whether it was written."""
    text = render(lock)
    if path.is_file() and path.read_bytes() == text.encode():
        return False
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomically(path, text)
    return True


def lock_path(store: Path, source: str, kubernetes: str, architecture: str) -> Path:
    """Where the store keeps the lock of one bundle.

    >>> from pathlib import Path
    >>> str(lock_path(Path("/s"), "packages", "1.20.2", "amd64"))
    '/s/packages-1.20.2-amd64/bundle.lock.yaml'
    """
    return store / f"{source}-{kubernetes}-{architecture}" / NAME


def locks(store: Path) -> tuple[Path, ...]:
    """The lock files of all bundles in a store, by name."""
    return tuple(sorted(store.glob(f"*/{NAME}")))
