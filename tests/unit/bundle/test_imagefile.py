"""Archives of images, read as containerd will read them."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import pytest

from kprov.bundle.imagefile import Unusable, references_in
from tests.unit.bundle.archives import CNI, NODE, Files, blob, config, digest, docker, layer, layout, write

if TYPE_CHECKING:
    from pathlib import Path


def read(tmp_path: Path, files: Files, architecture: str = "amd64") -> tuple[str, ...]:
    return references_in(write(tmp_path / "images.tar", files), architecture)


def refused(tmp_path: Path, files: Files, architecture: str = "amd64") -> Unusable:
    with pytest.raises(Unusable) as caught:
        read(tmp_path, files, architecture)
    assert caught.value.remedy
    return caught.value


def test_names_of_docker_are_brought_into_containerds_form(tmp_path: Path) -> None:
    names = read(tmp_path, docker("calico/node:v3.24.5", "calico/cni:v3.24.5", "busybox:1"))
    assert names == (CNI, NODE, "docker.io/library/busybox:1")


def test_a_layout_names_its_images_in_full(tmp_path: Path) -> None:
    assert read(tmp_path, layout(NODE, CNI)) == (CNI, NODE)


def test_podman_and_skopeo_write_the_name_where_oci_has_the_tag(tmp_path: Path) -> None:
    assert read(tmp_path, layout(NODE, key="org.opencontainers.image.ref.name")) == (NODE,)


def test_of_an_image_for_several_platforms_only_ours_must_be_there(tmp_path: Path) -> None:
    files = layout(NODE, architectures=("amd64", "arm64"))
    assert read(tmp_path, files) == (NODE,)
    assert "is missing" in str(refused(tmp_path, files, "arm64"))
    assert "is not for linux/riscv64" in str(refused(tmp_path, files, "riscv64"))


def test_where_an_archive_is_both_the_layout_counts(tmp_path: Path) -> None:
    """``docker save`` from version 25 on writes both, over the same blobs."""
    assert read(tmp_path, docker("wrong:1") | layout(NODE)) == (NODE,)


def test_paths_may_begin_with_a_dot(tmp_path: Path) -> None:
    dotted = {f"./{name}": content for name, content in docker(NODE).items()}
    assert read(tmp_path, dotted) == (NODE,)


def test_a_layer_of_docker_may_be_compressed(tmp_path: Path) -> None:
    plain = layer("calico")
    described = config(plain)
    listed = [{"Config": "config.json", "RepoTags": [NODE], "Layers": ["layer.tar.gz"]}]
    files: Files = {"layer.tar.gz": gzip.compress(plain), "config.json": described}
    assert read(tmp_path, files | {"manifest.json": json.dumps(listed).encode()}) == (NODE,)


def without(files: Files, part: str) -> Files:
    (found,) = [name for name in files if part in name]
    return {name: content for name, content in files.items() if name != found}


@pytest.mark.parametrize("part", ["1/layer", "3/layer"])
def test_a_missing_layer_of_docker_is_named(tmp_path: Path, part: str) -> None:
    assert f"a layer of {NODE} is missing" in str(refused(tmp_path, without(docker(NODE), part)))


def test_a_missing_configuration_is_named(tmp_path: Path) -> None:
    files = docker(NODE)
    (found,) = [name for name in files if len(name) == len(digest(b"")) + len(".json")]
    del files[found]
    assert str(refused(tmp_path, files)) == f"the configuration of {NODE} is missing: {found}"


@pytest.mark.parametrize("what", ["manifest", "configuration", "layer"])
def test_a_missing_blob_of_a_layout_is_named(tmp_path: Path, what: str) -> None:
    files = layout(NODE)
    manifest = json.loads(files["index.json"])["manifests"][0]["digest"]
    parts = json.loads(files[f"blobs/{manifest.replace(':', '/')}"])
    found = {"manifest": manifest, "configuration": parts["config"]["digest"], "layer": parts["layers"][0]["digest"]}
    del files[f"blobs/{found[what].replace(':', '/')}"]
    assert f"{what} of {NODE} is missing" in str(refused(tmp_path, files))


def test_a_damaged_blob_is_found(tmp_path: Path) -> None:
    files = layout(NODE)
    for name, content in files.items():
        if name.startswith("blobs/"):
            assert isinstance(content, bytes)
            assert "a blob is damaged" in str(refused(tmp_path, files | {name: content + b" "}))


def test_a_damaged_layer_of_docker_is_found(tmp_path: Path) -> None:
    assert "a layer of" in str(refused(tmp_path, docker(NODE) | {"1/layer.tar": layer("calicO")}))


def test_a_damaged_configuration_of_docker_is_found(tmp_path: Path) -> None:
    files = docker(NODE)
    (name,) = [name for name in files if name.endswith(".json") and name != "manifest.json"]
    content = files[name]
    assert isinstance(content, bytes)
    assert "is damaged" in str(refused(tmp_path, files | {name: content + b" "}))


def test_a_layer_too_few_is_found(tmp_path: Path) -> None:
    files = docker(NODE)
    listed = json.loads(files["manifest.json"])
    listed[0]["Layers"].pop()
    files["manifest.json"] = json.dumps(listed).encode()
    assert "has 1 layers, its configuration names 2" in str(refused(tmp_path, files))


@pytest.mark.parametrize("files", [docker(NODE, architecture="arm64"), layout(NODE, architectures=("arm64",))])
def test_an_image_for_another_architecture_is_refused(tmp_path: Path, files: Files) -> None:
    problem = refused(tmp_path, files)
    assert str(problem) == f"{NODE} is not for linux/amd64"
    assert "--platform linux/amd64" in problem.remedy


@pytest.mark.parametrize(
    "files",
    [
        docker(),
        docker("Not/A Name"),
        layout(""),
        layout("latest", key="org.opencontainers.image.ref.name"),
        layout("calico/node:v3.24.5"),
    ],
)
def test_an_image_without_a_full_name_is_refused(tmp_path: Path, files: Files) -> None:
    assert "full name" in refused(tmp_path, files).remedy


@pytest.mark.parametrize(
    "files",
    [
        {"etc/passwd": b"root"},
        {"manifest.json": b"[]"},
        {"manifest.json": b"{"},
        {"manifest.json": b"{}"},
        {"manifest.json": b'[{"RepoTags": ["a:1"]}]'},
        {"oci-layout": b"{}"},
        {"oci-layout": b"{}", "index.json": b"[]"},
        {"oci-layout": b"{}", "index.json": b'{"manifests": [{}]}'},
        {"manifest.json": "manifest.json"},
        {},
    ],
)
def test_what_is_no_archive_of_images_is_refused(tmp_path: Path, files: Files) -> None:
    refused(tmp_path, files)


def test_what_is_no_tar_or_was_cut_short_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "images.tar", docker(NODE))
    whole = path.read_bytes()
    for content in (b"", b"hello", whole[:700], whole[:2000]):
        path.write_bytes(content)
        with pytest.raises(Unusable):
            references_in(path, "amd64")


def test_a_document_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    assert "too large" in str(refused(tmp_path, {"manifest.json": b" " * (5 << 20)}))


def test_an_index_may_lead_nowhere(tmp_path: Path) -> None:
    files: Files = {"oci-layout": b"{}"}
    entry = blob(files, json.dumps({"manifests": []}).encode())
    kind = "application/vnd.oci.image.index.v1+json"
    listed = {"manifests": [entry | {"mediaType": kind, "annotations": {"io.containerd.image.name": NODE}}]}
    assert "is not for linux/amd64" in str(refused(tmp_path, files | {"index.json": json.dumps(listed).encode()}))
