"""Container images written as one OCI archive: tars and JSON, the same bytes for the same content, no engine needed.

The archive is an OCI image layout. Layers are compressed with zstd, once: measured on the images of Kubernetes 1.20,
containerd 1.6 imports them with three quarters of the CPU time that plain tars take (gzip: the same as plain), and a
quarter of the bytes travels.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kprov.bundle.references import tag_of
from kprov.bundle.store import sha256_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_EPOCH = "1970-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer: ``tar`` as it is unpacked, ``blob`` the same compressed with zstd."""

    tar: Path
    blob: Path


@dataclass(frozen=True, slots=True)
class Image:
    """An image: its full reference, its layers (lowest first), its entrypoint, its labels."""

    reference: str
    layers: tuple[Layer, ...]
    entrypoint: tuple[str, ...]
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Blob:
    """Content by its sha256; ``content`` is a file for layers, bytes for the JSON documents."""

    sha256: str
    size: int
    content: Path | bytes

    def descriptor(self, media_type: str) -> dict[str, object]:
        return {"mediaType": media_type, "digest": f"sha256:{self.sha256}", "size": self.size}


def entry(name: str, mode: int, *, size: int = 0, link: str = "") -> tarfile.TarInfo:
    """A tar entry of root's without a time: a file, or a symbolic link where ``link`` is given."""
    info = tarfile.TarInfo(name)
    info.mode, info.size = mode, size
    if link:
        info.type, info.linkname = tarfile.SYMTYPE, link
    return info


def write_layer(target: Path, files: Mapping[str, Path], mode: int = 0o755) -> None:
    """Write a layer of files, executables by default; keys are paths in the image without a leading slash."""
    with tarfile.open(target, "w", format=tarfile.USTAR_FORMAT) as tar:
        for name, path in sorted(files.items()):
            with path.open("rb") as content:
                tar.addfile(entry(name, mode, size=path.stat().st_size), content)


def write_archive(target: Path, images: Sequence[Image], architecture: str) -> None:
    """Write the images into one archive; a layer that several share is stored once."""
    layers = {layer: _layer_blob(layer) for image in images for layer in image.layers}
    blobs = {blob.sha256: blob.content for blob in layers.values()}
    manifests: list[tuple[str, Mapping[str, object]]] = []
    for image in images:
        config = _json_blob(_config(image, architecture))
        manifest = _json_blob(_manifest(config, [layers[layer] for layer in image.layers]))
        blobs |= {config.sha256: config.content, manifest.sha256: manifest.content}
        manifests.append((image.reference, manifest.descriptor("application/vnd.oci.image.manifest.v1+json")))
    write_layout(target, manifests, blobs, architecture)


def write_layout(
    target: Path,
    manifests: Sequence[tuple[str, Mapping[str, object]]],
    blobs: Mapping[str, Path | bytes],
    architecture: str,
) -> None:
    """Write images into one archive: for each its reference and its manifest's descriptor, and all blobs by sha256."""
    index = [
        {
            **manifest,
            "platform": {"architecture": architecture, "os": "linux"},
            "annotations": {
                "io.containerd.image.name": reference,
                "org.opencontainers.image.ref.name": tag_of(reference),
            },
        }
        for reference, manifest in manifests
    ]
    with tarfile.open(target, "w", format=tarfile.USTAR_FORMAT) as tar:
        _add(tar, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
        _add(tar, "index.json", _json({"schemaVersion": 2, "manifests": index}))
        for sha256, content in sorted(blobs.items()):
            _add(tar, f"blobs/sha256/{sha256}", content)


def _config(image: Image, architecture: str) -> dict[str, object]:
    return {
        "architecture": architecture,
        "os": "linux",
        "created": _EPOCH,
        "config": {"Env": [_PATH], "Entrypoint": list(image.entrypoint), "Labels": dict(sorted(image.labels.items()))},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{sha256_of(layer.tar)}" for layer in image.layers]},
    }


def _manifest(config: _Blob, layers: Sequence[_Blob]) -> dict[str, object]:
    return {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": config.descriptor("application/vnd.oci.image.config.v1+json"),
        "layers": [blob.descriptor("application/vnd.oci.image.layer.v1.tar+zstd") for blob in layers],
    }


def _layer_blob(layer: Layer) -> _Blob:
    return _Blob(sha256_of(layer.blob), layer.blob.stat().st_size, layer.blob)


def _json(data: object) -> bytes:
    return json.dumps(data, separators=(",", ":")).encode()


def _json_blob(data: object) -> _Blob:
    content = _json(data)
    return _Blob(hashlib.sha256(content).hexdigest(), len(content), content)


def _add(tar: tarfile.TarFile, name: str, content: Path | bytes) -> None:
    if isinstance(content, bytes):
        tar.addfile(entry(name, 0o644, size=len(content)), io.BytesIO(content))
        return
    with content.open("rb") as file:
        tar.addfile(entry(name, 0o644, size=content.stat().st_size), file)
