"""The host keys of a cluster's machines, pinned in a known_hosts file of the cluster's own."""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from kprov.errors import UnreachableError

if TYPE_CHECKING:
    from collections.abc import Mapping

Place: TypeAlias = tuple[str, int]
"""Address and port."""
Pins: TypeAlias = "Mapping[Place, tuple[str, ...]]"
"""Keys by place, each as ``ssh-ed25519 AAAA...``."""

_STANDARD_PORT = 22


def marker(place: Place) -> str:
    """The place as known_hosts writes it.

    >>> marker(("10.0.0.11", 22)), marker(("10.0.0.11", 2222))
    ('10.0.0.11', '[10.0.0.11]:2222')
    """
    address, port = place
    return address if port == _STANDARD_PORT else f"[{address}]:{port}"


def fingerprint(key: str) -> str:
    """The SHA256 fingerprint of a key line, as OpenSSH shows it."""
    digest = hashlib.sha256(base64.b64decode(key.split()[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode("ascii").rstrip("=")


def read(path: Path) -> dict[str, tuple[str, ...]]:
    """The pinned keys by marker; empty where there is no file yet."""
    if not path.exists():
        return {}
    found: dict[str, tuple[str, ...]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            name, kind, data = line.split()[:3]
            found[name] = (*found.get(name, ()), f"{kind} {data}")
    return found


def pin(path: Path, pins: Pins) -> bool:
    """Add keys; return whether anything was new.

    Raises:
        UnreachableError: a machine shows another key of a kind that is pinned; nothing is written.
    """
    known = read(path)
    changed = [place for place, keys in pins.items() if _differ(known.get(marker(place), ()), keys)]
    if changed:
        place = changed[0]
        old, new = known[marker(place)], pins[place]
        others = f" (and {', '.join(marker(other) for other in changed[1:])})" if changed[1:] else ""
        raise UnreachableError(
            f"the host key has changed{others}",
            where=marker(place),
            why=f"pinned {fingerprint(old[0])}, shown {fingerprint(new[0])}",
            remedy="If the machine was made anew, remove its lines from "
            f"{path} and run 'kprov trust' again; if not, find out who answers at this address.",
        )
    return replace(path, {}, keep={**known, **{marker(place): keys for place, keys in pins.items()}})


def replace(path: Path, pins: Pins, *, keep: Mapping[str, tuple[str, ...]] | None = None) -> bool:
    """Write exactly these keys: for machines whose keys come over a trusted channel; return whether it differed."""
    wanted = {**(keep or {}), **{marker(place): keys for place, keys in pins.items()}}
    lines = sorted(f"{name} {' '.join(key.split()[:2])}" for name, keys in wanted.items() for key in keys)
    text = "".join(line + "\n" for line in lines)
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".known_hosts.")
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        out.write(text)
    Path(temporary).replace(path)
    return True


def _differ(known: tuple[str, ...], shown: tuple[str, ...]) -> bool:
    """Whether a key of a kind that is pinned is another one now."""
    pinned = {key.split()[0]: key.split()[1] for key in known}
    return any(pinned.get(key.split()[0], key.split()[1]) != key.split()[1] for key in shown)
