"""The images that were pulled: blobs in one folder of the store, and for each image what it consists of."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from kprov.bundle.store import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

    from kprov.bundle.store import Store

BLOBS = "blobs"
"""Below the store's root: ``sha256/<hex>``, shared by all images of all architectures."""


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """An image that is whole in the store.

    ``digest`` is the one that the registry has, of the index where the image is for several platforms; ``manifest`` is
    the descriptor of the one for ``architecture``, ``blobs`` the sha256 of all that belongs to it.
    """

    reference: str
    architecture: str
    digest: str
    manifest: dict[str, str | int]
    blobs: tuple[str, ...]


_RECORD = TypeAdapter(ImageRecord)


def recall(store: Store, reference: str, architecture: str) -> ImageRecord | None:
    """What the store has of an image, None where it is not there or not whole."""
    try:
        record = _RECORD.validate_json(_path(store.root, reference, architecture).read_bytes())
    except (OSError, ValidationError):
        return None
    whole = all(store.holds(f"{BLOBS}/sha256/{blob}", blob) for blob in record.blobs)
    return record if whole and (record.reference, record.architecture) == (reference, architecture) else None


def remember(store: Store, record: ImageRecord) -> None:
    """Write down that an image is whole."""
    path = _path(store.root, record.reference, record.architecture)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomically(path, _RECORD.dump_json(record, indent=1).decode() + "\n")


def _path(root: Path, reference: str, architecture: str) -> Path:
    return root / "images" / f"{hashlib.sha256(f'{reference} {architecture}'.encode()).hexdigest()}.json"
