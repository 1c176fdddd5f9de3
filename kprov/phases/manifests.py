"""The objects of add-ons as files beside the cluster file: YAML for people, JSON for control planes."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from kprov.bundle.store import write_atomically

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from kprov.addons.model import Document
    from kprov.inventory.model import JSON
    from kprov.phases.addons import Rendered

_SUFFIXES = (".json", ".yaml")
_MODE = 0o600
"""For their owner alone: kprov's own add-ons have no secret in an object, manifests and charts of the user's may."""


def write(folder: Path, addons: Sequence[Rendered]) -> tuple[Path, ...]:
    """Have two files for each add-on with objects; return those written or removed, none if all was right."""
    wanted = {folder / f"{addon.name}.yaml": addon.text for addon in addons if addon.objects}
    wanted |= {folder / f"{addon.name}.json": addon.data for addon in addons if addon.objects}
    changed = [path for path, text in wanted.items() if not path.is_file() or path.read_bytes() != text.encode()]
    stale = sorted(path for path in folder.glob("*") if path.suffix in _SUFFIXES and path not in wanted)
    if changed:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in changed:
        write_atomically(path, wanted[path])
        path.chmod(_MODE)
    for path in stale:
        path.unlink()
    return (*changed, *stale)


def read(folder: Path) -> Mapping[str, Sequence[Document]]:
    """What ``write`` left there: the objects of each add-on by its name."""
    return {path.stem: json.loads(path.read_bytes())["items"] for path in sorted(folder.glob("*.json"))}


def entries(addons: Sequence[Rendered]) -> tuple[Mapping[str, JSON], ...]:
    """What control planes fetch, as they are told of it.

    >>> from kprov.phases.addons import Rendered
    >>> [entry["path"] for entry in entries([Rendered("bridge", ""), Rendered("shop", "", ({"kind": "Pod"},))])]
    ['manifests/shop.json']
    """
    texts = {addon.name: addon.data.encode() for addon in addons if addon.objects}
    return tuple(
        {
            "name": name,
            "kind": "manifest",
            "path": f"manifests/{name}.json",
            "sha256": hashlib.sha256(text).hexdigest(),
            "size": len(text),
            "images": [],
        }
        for name, text in texts.items()
    )
