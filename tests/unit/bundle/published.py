"""Small made files in the layout of the release servers, and a registry of made images."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from kprov.bundle.upstream.pieces import USES
from kprov.bundle.upstream.registry import Pulled, blobs_of
from kprov.errors import UnreachableError
from kprov.release.artifacts import downloads
from kprov.release.catalog import Catalog, catalog

if TYPE_CHECKING:
    from pathlib import Path

    from kprov.release.artifacts import Architecture, Download

VERSION = "1.36.4"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def archive(names: list[str], text: str) -> bytes:
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as tar:
        for name in names:
            content = f"{text} {name}".encode()
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o755
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def content_of(download: Download) -> bytes:
    text = f"{download.name} {download.version} {download.architecture}"
    members = USES[download.name].members if download.name in USES else {}
    # The archives of CNI plugins have every name behind a dot, and a license beside.
    return (
        archive([f"./{name}" if "cni" in download.name else name for name in members] + ["LICENSE"], text)
        if (members)
        else text.encode()
    )


def publish(folder: Path, version: str = VERSION, *architectures: Architecture) -> Catalog:
    """Lay out the files of a version by host and path; return a catalog with their sha256."""
    known = catalog()
    made = {name: entry.model_copy(update={"sha256": {}}) for name, entry in known.artifacts.items()}
    for download in (file for each in architectures or ("amd64",) for file in downloads(known, version, each)):
        parts = urlsplit(download.url)
        path = folder / parts.netloc / parts.path.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content_of(download))
        sums = made[download.name].sha256.setdefault(download.version, {})
        sums[download.architecture] = sha256(content_of(download))
    return known.model_copy(update={"artifacts": made})


class MadeRegistry:
    """Has every image but those in ``lacking``; each is of two layers, the first of which all share."""

    def __init__(self) -> None:
        self.lacking: set[str] = set()
        self.pulled: list[tuple[str, str, str]] = []
        self.moved = ""

    def check(self) -> None:
        pass

    def digest(self, reference: str) -> str:
        if reference in self.lacking:
            raise UnreachableError(f"cannot pull {reference}", why="manifest unknown")
        return f"sha256:{sha256((reference + self.moved).encode())}"

    def pull(self, reference: str, digest: str, architecture: str, blobs: Path) -> Pulled:
        self.pulled.append((reference, digest, architecture))
        (blobs / "sha256").mkdir(parents=True, exist_ok=True)
        layers = [self._keep(blobs, text.encode()) for text in ("base", reference + digest + architecture)]
        diff_ids = [layer["digest"] for layer in layers]
        config = {"architecture": architecture, "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids}}
        manifest = {"schemaVersion": 2, "config": self._keep(blobs, json.dumps(config).encode()), "layers": layers}
        kept = self._keep(blobs, json.dumps(manifest).encode())
        descriptor = kept | {"mediaType": "application/vnd.oci.image.manifest.v1+json"}
        return Pulled(descriptor, blobs_of(blobs, descriptor["digest"]))

    def _keep(self, blobs: Path, content: bytes) -> dict[str, object]:
        (blobs / "sha256" / sha256(content)).write_bytes(content)
        return {"digest": f"sha256:{sha256(content)}", "size": len(content)}
