"""The archive of images, read back as containerd would read it."""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
import zlib
from typing import TYPE_CHECKING, Any

from kprov.bundle.archive import Image, Layer, write_archive, write_layer

if TYPE_CHECKING:
    from pathlib import Path


def write(folder: Path) -> Path:
    folder.mkdir()
    program, base, top = folder / "program", folder / "base.tar", folder / "top.tar"
    program.write_bytes(b"#!")
    os.utime(program, ns=(0, hash(folder.name) % 10**18))
    write_layer(base, {"bin/sh": program})
    write_layer(top, {"usr/local/bin/proxy": program})
    target = folder / "images.tar"
    for tar in (base, top):
        tar.with_suffix(".zst").write_bytes(zlib.compress(tar.read_bytes()))
    low, high = (Layer(tar, tar.with_suffix(".zst")) for tar in (base, top))
    images = [
        Image("k8s.gcr.io/kube-proxy:v1.20.2", (low, high), ("/usr/local/bin/proxy",), {"b": "2", "a": "1"}),
        Image("kprov.local/probe:1", (low,), ("/bin/sh",), {}),
    ]
    write_archive(target, images, "amd64")
    return target


def documents(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]


def load(files: dict[str, bytes], digest: str) -> Any:
    return json.loads(files[f"blobs/sha256/{digest.removeprefix('sha256:')}"])


def test_the_same_content_is_the_same_bytes(tmp_path: Path) -> None:
    assert write(tmp_path / "one").read_bytes() == write(tmp_path / "two").read_bytes()


def test_every_blob_is_what_its_name_says_and_shared_layers_are_stored_once(tmp_path: Path) -> None:
    files = documents(write(tmp_path / "a"))
    blobs = {name: data for name, data in files.items() if name.startswith("blobs/")}
    assert all(name.endswith(hashlib.sha256(data).hexdigest()) for name, data in blobs.items())
    assert len(blobs) == 2 + 2 + 2  # layers, configs, manifests


def test_containerd_finds_images_by_the_names_that_kubeadm_uses(tmp_path: Path) -> None:
    files = documents(write(tmp_path / "a"))
    index = json.loads(files["index.json"])["manifests"]
    names = [entry["annotations"]["io.containerd.image.name"] for entry in index]
    assert names == ["k8s.gcr.io/kube-proxy:v1.20.2", "kprov.local/probe:1"]
    manifest = load(files, index[0]["digest"])
    config = load(files, manifest["config"]["digest"])
    layers = [files[f"blobs/sha256/{layer['digest'].removeprefix('sha256:')}"] for layer in manifest["layers"]]
    unpacked = [hashlib.sha256(zlib.decompress(layer)).hexdigest() for layer in layers]
    assert config["rootfs"]["diff_ids"] == [f"sha256:{digest}" for digest in unpacked]
    assert (config["architecture"], config["os"]) == ("amd64", "linux")
    assert config["config"]["Entrypoint"] == ["/usr/local/bin/proxy"]
    assert "/usr/local/bin" in config["config"]["Env"][0]


def test_programs_are_roots_and_executable(tmp_path: Path) -> None:
    layer = write(tmp_path / "a").with_name("top.tar")
    with tarfile.open(layer) as tar:
        (member,) = tar.getmembers()
    assert (member.name, member.mode, member.uid, member.mtime) == ("usr/local/bin/proxy", 0o755, 0, 0)
