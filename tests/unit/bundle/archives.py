"""Small archives of images, in the forms that docker, podman, skopeo and ctr write; every part can be spoilt."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NODE = "docker.io/calico/node:v3.24.5"
CNI = "docker.io/calico/cni:v3.24.5"

Files = dict[str, "bytes | str"]
"""Contents by path; a text is the target of a symbolic link."""


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def layer(text: str) -> bytes:
    """A layer with one file that holds this text."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo("bin/tool")
        info.size = len(text)
        tar.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()


def config(*layers: bytes, architecture: str = "amd64") -> bytes:
    digests = [f"sha256:{digest(each)}" for each in layers]
    return json.dumps({"architecture": architecture, "os": "linux", "rootfs": {"diff_ids": digests}}).encode()


def docker(*names: str, content: str = "calico", architecture: str = "amd64") -> Files:
    """What ``docker save`` wrote before version 25: one image, its layer below an id, the same layer by a link."""
    lowest, shared = layer(content), layer("shared")
    described = config(lowest, shared, architecture=architecture)
    listed = [{"Config": f"{digest(described)}.json", "RepoTags": [*names], "Layers": ["1/layer.tar", "2/layer.tar"]}]
    return {
        "1/layer.tar": lowest,
        "2/layer.tar": "../3/layer.tar",
        "3/layer.tar": shared,
        f"{digest(described)}.json": described,
        "manifest.json": json.dumps(listed).encode(),
    }


def blob(files: Files, content: bytes) -> dict[str, object]:
    files[f"blobs/sha256/{digest(content)}"] = content
    return {"digest": f"sha256:{digest(content)}", "size": len(content)}


def layout(*names: str, key: str = "io.containerd.image.name", architectures: tuple[str, ...] = ("amd64",)) -> Files:
    """An OCI layout; with several architectures each name is an index, of which only the first image is there."""
    files: Files = {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}'}
    entries = []
    for name in names:
        images = []
        for architecture in architectures:
            kept = files if architecture == architectures[0] else {}
            bottom = layer(name + architecture)
            described = blob(kept, config(bottom, architecture=architecture))
            manifest = blob(kept, json.dumps({"config": described, "layers": [blob(kept, bottom)]}).encode())
            images.append(manifest | {"platform": {"os": "linux", "architecture": architecture}})
        entry = images[0]
        if len(images) > 1:
            kind = "application/vnd.oci.image.index.v1+json"
            entry = blob(files, json.dumps({"manifests": images}).encode()) | {"mediaType": kind}
        entries.append(entry | ({"annotations": {key: name}} if name else {}))
    files["index.json"] = json.dumps({"manifests": entries}).encode()
    return files


def write(path: Path, files: Mapping[str, bytes | str]) -> Path:
    """Write an archive; the same files give the same bytes."""
    with tarfile.open(path, "w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                tar.addfile(info)
            else:
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return path
