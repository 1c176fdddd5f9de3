"""Images pulled by the real skopeo, from a small registry on the loopback address, its mirrors, and through a proxy."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from kprov.bundle.archive import write_layout
from kprov.bundle.imagefile import references_in
from kprov.bundle.upstream.registry import Skopeo
from kprov.errors import CheckFailed, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo is not installed")

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
PAUSE = "registry.k8s.io/pause:3.10.2"


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def packed(text: str) -> bytes:
    """A layer as registries have it."""
    return gzip.compress(text.ljust(512, "\0").encode(), mtime=0)


class Registry(ThreadingHTTPServer):
    """Has images for amd64 and arm64 under ``/v2/``, as a registry answers; as a proxy, for every host."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content: dict[str, tuple[str, bytes]] = {}
        self.asked: list[str] = []

    def keep(self, repository: str, kind: str, media_type: str, content: bytes, tag: str = "") -> dict[str, object]:
        for name in filter(None, (tag, sha256(content))):
            self.content[f"/v2/{repository}/{kind}/{name}"] = (media_type, content)
        return {"mediaType": media_type, "digest": sha256(content), "size": len(content)}

    def add(self, repository: str, tag: str) -> str:
        """Add an image; return its digest."""
        manifests = []
        for architecture in ("amd64", "arm64"):
            layers = [
                self.keep(repository, "blobs", "application/vnd.oci.image.layer.v1.tar+gzip", packed(text))
                for text in ("base", f"{repository} for {architecture}")
            ]
            rootfs = {"type": "layers", "diff_ids": [sha256(gzip.decompress(packed("base")))]}
            config = json.dumps({"architecture": architecture, "os": "linux", "rootfs": rootfs}).encode()
            manifest = {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": self.keep(repository, "blobs", "application/vnd.oci.image.config.v1+json", config),
                "layers": layers,
            }
            kept = self.keep(repository, "manifests", MANIFEST, json.dumps(manifest).encode())
            manifests.append(kept | {"platform": {"architecture": architecture, "os": "linux"}})
        index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}).encode()
        self.keep(repository, "manifests", INDEX, index, tag)
        return sha256(index)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Registry

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        path = urlsplit(self.path).path
        media_type, content = self.server.content.get(path, ("", b""))
        self.send_response(200 if media_type or path == "/v2/" else 404)
        self.send_header("Content-Type", media_type or "application/json")
        self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def registry() -> Iterator[Registry]:
    server = Registry()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def skopeo(tmp_path: Path, mirrors: dict[str, str], **environment: str) -> Skopeo:
    return Skopeo(tmp_path / "skopeo", mirrors, {"HOME": str(tmp_path), **environment}, tmp_path / "log")


def test_an_image_is_pulled_by_digest_for_each_architecture_and_blobs_are_shared(
    registry: Registry, tmp_path: Path
) -> None:
    digest, proxy = registry.add("k8s/pause", "3.10.2"), registry.add("k8s/coredns/coredns", "v1.14.2")
    tool = skopeo(tmp_path, {"registry.k8s.io": f"{registry.base}/k8s"})
    assert tool.digest(PAUSE) == digest
    blobs = tmp_path / "blobs"
    pulled = {each: tool.pull(PAUSE, digest, each, blobs) for each in ("amd64", "arm64")}
    other = tool.pull("registry.k8s.io/coredns/coredns:v1.14.2", proxy, "amd64", blobs)
    shared = set(pulled["amd64"].blobs) & set(pulled["arm64"].blobs) & set(other.blobs)
    assert shared == {sha256(packed("base")).removeprefix("sha256:")}
    for architecture, image in pulled.items():
        archive = tmp_path / f"{architecture}.tar"
        content = {blob: blobs / "sha256" / blob for blob in image.blobs}
        write_layout(archive, [(PAUSE, image.manifest)], content, architecture)
        assert references_in(archive, architecture) == (PAUSE,)


def test_a_mirror_of_all_hosts_has_them_below_their_names(registry: Registry, tmp_path: Path) -> None:
    digest = registry.add("all/registry.k8s.io/pause", "3.10.2")
    assert skopeo(tmp_path, {"*": f"{registry.base}/all"}).digest(PAUSE) == digest


def test_the_proxy_of_the_environment_is_used(registry: Registry, tmp_path: Path) -> None:
    digest = registry.add("pause", "3.10.2")
    tool = skopeo(tmp_path, {"registry.k8s.io": "http://published.invalid"}, HTTP_PROXY=registry.base)
    tool.pull(PAUSE, digest, "amd64", tmp_path / "blobs")
    assert f"http://published.invalid/v2/pause/manifests/{digest}" in registry.asked


def test_layouts_in_a_folder_are_a_mirror(registry: Registry, tmp_path: Path) -> None:
    digest = registry.add("pause", "3.10.2")
    target = tmp_path / "mirror" / "registry.k8s.io" / "pause"
    target.parent.mkdir(parents=True)
    source = f"docker://127.0.0.1:{registry.server_port}/pause:3.10.2"
    copy = [
        "skopeo",
        "--insecure-policy",
        "copy",
        "-q",
        "--all",
        "--src-tls-verify=false",
        source,
        f"oci:{target}:3.10.2",
    ]
    subprocess.run(copy, check=True, env={**os.environ, "HOME": str(tmp_path)}, capture_output=True)
    registry.asked.clear()
    tool = skopeo(tmp_path, {"*": (tmp_path / "mirror").as_uri()})
    assert tool.digest(PAUSE) == digest
    tool.pull(PAUSE, digest, "arm64", tmp_path / "blobs")
    with pytest.raises(CheckFailed, match="wanted was"):
        tool.pull(PAUSE, f"sha256:{'a' * 64}", "arm64", tmp_path / "blobs")
    assert registry.asked == []


def test_an_image_that_no_place_has_is_told_with_what_to_do(registry: Registry, tmp_path: Path) -> None:
    tool = skopeo(tmp_path, {"registry.k8s.io": registry.base})
    with pytest.raises(UnreachableError, match=r"cannot pull registry\.k8s\.io/pause") as caught:
        tool.pull(PAUSE, f"sha256:{'a' * 64}", "amd64", tmp_path / "blobs")
    assert "--mirror" in caught.value.remedy


def test_a_layer_that_is_another_is_refused(registry: Registry, tmp_path: Path) -> None:
    digest = registry.add("pause", "3.10.2")
    (path,) = (path for path, (_, content) in registry.content.items() if content == packed("pause for amd64"))
    registry.content[path] = ("application/octet-stream", packed("another for amd64"))
    tool = skopeo(tmp_path, {"registry.k8s.io": registry.base})
    with pytest.raises(UnreachableError, match=r"(?i)digest"):
        tool.pull(PAUSE, digest, "amd64", tmp_path / "blobs")
