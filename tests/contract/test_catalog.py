"""The version catalog: every entry can be used, nothing is missing, nothing is left over."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import yaml

from kprov.errors import SpecError
from kprov.release import artifacts, catalog, published
from kprov.release.artifacts import KUBERNETES, downloads, images
from kprov.release.documents import node_documents
from tests.unit.release.samples import cluster

KNOWN = catalog.catalog()
PATCHES = [(minor, patch) for minor, release in KNOWN.minors.items() for patch in release.patches]
UPSTREAM = [patch for minor, patch in PATCHES if "upstream" in KNOWN.minors[minor].sources]
UNCHECKED = {"1.33.13"}
"""Known, but nobody at hand had its sha256: it is refused, not downloaded."""


def test_minor_versions_and_their_patches_stand_in_their_order_and_once():
    assert [patch for _, patch in PATCHES] == sorted({patch for _, patch in PATCHES}, key=catalog.number)


@pytest.mark.parametrize("patch", UPSTREAM)
def test_every_file_of_a_version_has_its_address_and_its_sha256(patch):
    for architecture in ("amd64", "arm64"):
        files = downloads(KNOWN, patch, architecture)
        assert {file.name for file in files} >= {*KUBERNETES, "containerd", "runc", "cni-plugins", "crictl", "etcd"}
        lacking = [file.name for file in files if not file.sha256]
        assert lacking == (list(KUBERNETES) if patch in UNCHECKED else [])
        assert all(re.fullmatch(r"https://[a-z0-9./-]+[^{}]+", file.url) for file in files)
        assert all(file.version in file.url and architecture in file.url for file in files)
    assert KNOWN.served(patch, "upstream", ("amd64", "arm64")) == (patch not in UNCHECKED)


def test_no_two_files_have_one_sha256():
    sums = [
        total
        for file in KNOWN.artifacts.values()
        for by_architecture in file.sha256.values()
        for total in by_architecture.values()
    ]
    assert len(sums) == len(set(sums))


def test_no_file_is_in_the_catalog_for_nothing():
    used = {(name, patch) for patch in UPSTREAM for name in KUBERNETES}
    used |= {pair for release in KNOWN.minors.values() for pair in release.tools.items()}
    assert {(name, version) for name, file in KNOWN.artifacts.items() for version in file.sha256} <= used


@pytest.mark.parametrize(("minor", "patch"), PATCHES)
def test_every_image_of_a_version_has_its_full_name(minor, patch):
    release = KNOWN.minors[minor]
    plane, worker = (images(release, patch, place) for place in ("control-plane", "worker"))
    assert len(plane) == 7
    assert set(worker) < set(plane)
    assert all(re.fullmatch(rf"{release.image_repository}/[a-z/-]+:v?[0-9][0-9.-]*", image) for image in plane)
    assert sum(image.endswith(f":v{patch}") for image in plane) == 4


@pytest.mark.parametrize("minor", KNOWN.minors)
def test_etcd_as_an_image_and_as_a_program_is_the_same_version(minor):
    release = KNOWN.minors[minor]
    program = release.tools.get("etcd")
    assert program is None or release.etcd_image == f"etcd:{program}-0"


@pytest.mark.parametrize("patch", [patch for _, patch in PATCHES if patch not in UNCHECKED])
def test_every_patch_can_be_asked_for(patch):
    release = KNOWN.of(patch)
    for source in release.sources:
        assert catalog.resolve(cluster(patch, bundle=source_of(source)), file="cluster.yaml") == release


def source_of(source):
    return {"source": source, **({"directory": "parts"} if source == "directory" else {})}


@pytest.fixture
def with_next_version(monkeypatch, tmp_path):
    """The catalog as it is after somebody has added 1.37.0 to the file, and has touched nothing else."""
    data = yaml.safe_load(catalog.catalog_file().read_text(encoding="utf-8"))
    tools = {**data["minors"]["1.36"]["tools"], "crictl": "1.37.0"}
    data["minors"]["1.37"] = {**data["minors"]["1.36"], "patches": ["1.37.0"], "tools": tools}
    for name, version in [*((name, "1.37.0") for name in KUBERNETES), ("crictl", "1.37.0")]:
        data["artifacts"][name]["sha256"][version] = {"amd64": "a" * 64, "arm64": "b" * 64}
    (tmp_path / "catalog.yaml").write_text(yaml.safe_dump(data, sort_keys=False))
    shutil.copytree(Path(published.__file__).with_name("published"), tmp_path / "published")
    shutil.copy(tmp_path / "published" / "1.36.json", tmp_path / "published" / "1.37.json")
    monkeypatch.setattr(catalog, "catalog_file", lambda: tmp_path / "catalog.yaml")
    monkeypatch.setattr(published, "files", lambda _package: tmp_path)
    for cached in (catalog.catalog, published.published):
        cached.cache_clear()
    yield catalog.catalog()
    monkeypatch.undo()
    for cached in (catalog.catalog, published.published):
        cached.cache_clear()


def test_adding_a_version_is_a_change_to_data_alone(with_next_version):
    assert catalog.newest(["upstream"], ("amd64", "arm64")) == "1.37.0"
    spec = cluster("1.37.0")
    release = catalog.resolve(spec, file="cluster.yaml")
    assert "registry.k8s.io/kube-proxy:v1.37.0" in images(release, "1.37.0", "worker")
    founding = node_documents(spec, release, "m1")["kubeadm-init.yaml"]
    assert [document.get("kubernetesVersion") for document in founding][1] == "v1.37.0"
    with pytest.raises(SpecError):
        catalog.resolve(cluster("1.37.0", api_server={"args": {"no-such-thing": "1"}}), file="cluster.yaml")
    kubeadm = next(file for file in downloads(with_next_version, "1.37.0", "arm64") if file.name == "kubeadm")
    assert kubeadm == artifacts.Download(
        "kubeadm",
        "1.37.0",
        "arm64",
        "https://dl.k8s.io/release/v1.37.0/bin/linux/arm64/kubeadm",
        "b" * 64,
        ("control-plane", "worker"),
    )


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"patches": ["1.35.1"]}, "a patch of another minor version"),
        ({"tools": {"podman": "1.0.0"}}, "no artifact: podman"),
        ({"patches": []}, "at least 1 item"),
        ({"taints": []}, "Extra inputs are not permitted"),
    ],
)
def test_a_catalog_that_contradicts_itself_cannot_be_loaded(change, why):
    data = KNOWN.model_dump(mode="json")
    data["minors"]["1.36"] |= change
    with pytest.raises(ValueError, match=why):
        catalog.Catalog.model_validate(data)


@pytest.mark.parametrize("minor", KNOWN.minors)
def test_what_a_minor_version_publishes_is_there_and_whole(minor):
    found = published.published(minor)
    assert set(found.arguments) == {"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "etcd"}
    assert min(map(len, found.arguments.values())) > 50
    assert len(found.feature_gates) > 100
    kinds = {"InitConfiguration", "ClusterConfiguration", "JoinConfiguration"}
    assert set(found.documents) == kinds | {"KubeletConfiguration", "KubeProxyConfiguration", "etcd"}
    assert not any(undescribed(found.documents[kind]) for kind in set(found.documents) - {"etcd"})


def undescribed(description):
    match description:
        case dict():
            return any(map(undescribed, description.values()))
        case [inner]:
            return undescribed(inner)
    return description == "any"
