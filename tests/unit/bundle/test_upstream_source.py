"""The source upstream: what it makes of made files in the release servers' layout, and of a made registry."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from kprov.bundle.ensure import ensure as bundle_from
from kprov.bundle.imagefile import references_in
from kprov.bundle.model import Wanted
from kprov.bundle.store import sha256_of, verify
from kprov.bundle.upstream.source import PROBE, UpstreamSource
from kprov.errors import CheckFailed, InputError, UnreachableError
from kprov.events import silent
from tests.unit.bundle.published import VERSION, MadeRegistry, publish

if TYPE_CHECKING:
    from pathlib import Path

    from kprov.bundle.model import Artifact, Bundle

WANTED = Wanted(VERSION)
FLANNEL = "ghcr.io/flannel-io/flannel:v0.28.9"


@pytest.fixture
def registry() -> MadeRegistry:
    return MadeRegistry()


@pytest.fixture
def source(registry: MadeRegistry, tmp_path: Path) -> UpstreamSource:
    folder = tmp_path / "mirror"
    known = publish(folder, VERSION, "amd64", "arm64")
    return UpstreamSource(known, {"*": folder.as_uri()}, lambda *_: registry, "amd64")


def ensure(source: UpstreamSource, tmp_path: Path, wanted: Wanted = WANTED) -> Bundle:
    return source.ensure(wanted, tmp_path / "store", silent)


def by_name(bundle: Bundle, architecture: str = "amd64") -> dict[str, Artifact]:
    return {part.name: part for part in bundle.lock.artifacts if part.architecture == architecture}


def test_the_lock_is_what_was_fetched(source: UpstreamSource, tmp_path: Path) -> None:
    bundle = ensure(source, tmp_path)
    assert bundle.changed
    assert (bundle.lock.source, bundle.lock.kubernetes, bundle.lock.architecture) == ("upstream", VERSION, "amd64")
    assert verify(bundle.lock, bundle.store) == ()
    parts = by_name(bundle)
    assert {part.kind: [each.name for each in parts.values() if each.kind == part.kind] for part in parts.values()} == {
        "binary": ["kubeadm", "kubelet", "kubectl", "crictl"],
        "runtime": ["containerd", "containerd-shim-runc-v2", "ctr", "runc"],
        "cni-plugin": ["bandwidth", "bridge", "firewall", "host-local", "loopback", "portmap", "static", "tuning"],
        "images": ["node-images", "control-plane-images"],
    }
    kubelet = parts["kubelet"]
    assert kubelet.source == f"https://dl.k8s.io/release/v{VERSION}/bin/linux/amd64/kubelet"
    assert kubelet.sha256 == source.catalog.artifacts["kubelet"].sha256[VERSION]["amd64"]
    assert bundle.path(kubelet).read_bytes() == f"kubelet {VERSION} amd64".encode()
    version = source.catalog.minors["1.36"].tools["containerd"]
    assert bundle.path(parts["ctr"]).read_bytes() == f"containerd {version} amd64 bin/ctr".encode()
    assert (parts["ctr"].version, parts["kubectl"].targets[-1]) == (version, "controller")


def test_each_kind_of_node_gets_its_images_alone(source: UpstreamSource, tmp_path: Path) -> None:
    bundle = ensure(source, tmp_path)
    nodes, planes = by_name(bundle)["node-images"], by_name(bundle)["control-plane-images"]
    release = source.catalog.minors["1.36"]
    assert references_in(bundle.path(nodes), "amd64") == tuple(sorted(nodes.images))
    assert set(nodes.images) == {
        f"registry.k8s.io/kube-proxy:v{VERSION}", release.image(release.pause_image), release.image(release.dns_image),
        PROBE,
    }  # fmt: skip
    assert nodes.targets == ("control-plane", "worker")
    assert references_in(bundle.path(planes), "amd64") == tuple(sorted(planes.images))
    assert release.image(release.etcd_image) in planes.images
    assert not set(planes.images) & set(nodes.images)
    assert planes.targets == ("control-plane",)
    assert [f"{image}@{digest}" for image, digest in zip(planes.images, planes.digests, strict=True)] == (
        planes.source.split(", ")
    )


def test_a_second_run_asks_nobody(source: UpstreamSource, registry: MadeRegistry, tmp_path: Path) -> None:
    first = ensure(source, tmp_path)
    registry.pulled.clear()
    again = ensure(replace(source, mirrors={"*": "file:///nowhere"}), tmp_path)
    assert (again.lock, again.changed, registry.pulled) == (first.lock, False, [])


def test_what_was_damaged_is_made_again(source: UpstreamSource, registry: MadeRegistry, tmp_path: Path) -> None:
    first = ensure(source, tmp_path)
    for name in ("kubelet", "ctr", "node-images"):
        first.path(by_name(first)[name]).write_bytes(b"damaged")
    next((tmp_path / "store" / "blobs" / "sha256").iterdir()).unlink()
    again = ensure(source, tmp_path)
    assert again.lock == first.lock
    assert verify(again.lock, again.store) == ()


def test_nodes_of_two_architectures_get_their_own(source: UpstreamSource, tmp_path: Path) -> None:
    bundle = ensure(source, tmp_path, Wanted(VERSION, architectures=("amd64", "arm64")))
    here, there = by_name(bundle), by_name(bundle, "arm64")
    assert here.keys() == there.keys()
    assert bundle.path(there["runc"]).read_bytes().endswith(b"arm64")
    assert references_in(bundle.path(there["node-images"]), "arm64") == tuple(sorted(here["node-images"].images))
    assert "controller" not in there["kubectl"].targets


def test_a_controller_of_another_architecture_than_all_nodes_gets_kubectl(
    source: UpstreamSource, tmp_path: Path
) -> None:
    bundle = ensure(source, tmp_path, Wanted(VERSION, architectures=("arm64",)))
    own = by_name(bundle)
    assert [(part.name, part.targets) for part in own.values()] == [("kubectl", ("controller",))]


def test_a_wrong_file_is_refused_and_no_other_source_stands_in(source: UpstreamSource, tmp_path: Path) -> None:
    (tmp_path / f"mirror/dl.k8s.io/release/v{VERSION}/bin/linux/amd64/kubelet").write_bytes(b"another")
    registry = MadeRegistry()
    with pytest.raises(InputError, match="kubelet"):
        bundle_from([source, replace(source, registry=lambda *_: registry)], WANTED, tmp_path / "store", silent)
    assert registry.pulled == []
    assert list((tmp_path / "store").rglob("*.yaml")) == []


@pytest.mark.parametrize("version", ["1.20.2", "1.99.0"])
def test_a_version_that_upstream_does_not_serve_is_refused(
    source: UpstreamSource, tmp_path: Path, version: str
) -> None:
    with pytest.raises(InputError, match="has no Kubernetes"):
        ensure(source, tmp_path, Wanted(version))


def test_a_file_whose_sha256_nobody_knows_is_not_fetched(source: UpstreamSource, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be checked") as caught:
        ensure(source, tmp_path, Wanted("1.36.3"))
    assert "kubeadm 1.36.3" in caught.value.why
    assert not (tmp_path / "store").exists()


def test_an_archive_without_what_is_needed_is_refused(source: UpstreamSource, tmp_path: Path) -> None:
    version = source.catalog.minors["1.36"].tools["crictl"]
    plain = tmp_path / f"mirror/github.com/kubernetes-sigs/cri-tools/releases/download/v{version}"
    (file,) = plain.glob("*amd64*")
    file.write_bytes(b"no archive")
    source.catalog.artifacts["crictl"].sha256[version]["amd64"] = sha256_of(file)
    with pytest.raises(CheckFailed, match="cannot use a published archive"):
        ensure(source, tmp_path)


def test_images_of_add_ons_are_pulled_each_in_an_archive_of_its_own(source: UpstreamSource, tmp_path: Path) -> None:
    bundle = ensure(source, tmp_path, replace(WANTED, images=(FLANNEL,)))
    (own,) = [part for part in bundle.lock.artifacts if FLANNEL in part.images]
    assert own.images == (FLANNEL,)
    assert references_in(bundle.path(own), "amd64") == (FLANNEL,)


def test_an_image_of_an_add_on_that_no_registry_has_is_left_out(
    source: UpstreamSource, registry: MadeRegistry, tmp_path: Path
) -> None:
    registry.lacking = {FLANNEL}
    bundle = ensure(source, tmp_path, replace(WANTED, images=(FLANNEL, "kprov.local/kube-web-view:21.2.0")))
    assert [left.name for left in bundle.lock.left_out] == [FLANNEL, "kprov.local/kube-web-view:21.2.0"]


def test_without_an_image_of_kubernetes_there_is_no_bundle(
    source: UpstreamSource, registry: MadeRegistry, tmp_path: Path
) -> None:
    registry.lacking = {f"registry.k8s.io/kube-proxy:v{VERSION}"}
    with pytest.raises(UnreachableError, match="kube-proxy"):
        ensure(source, tmp_path)


def test_an_image_that_an_earlier_lock_has_is_pulled_by_its_digest(
    source: UpstreamSource, registry: MadeRegistry, tmp_path: Path
) -> None:
    wanted = replace(WANTED, images=(FLANNEL,))
    first = ensure(source, tmp_path, wanted)
    digests = {
        image: digest for part in first.lock.artifacts for image, digest in zip(part.images, part.digests, strict=False)
    }
    registry.moved = "to another image"
    elsewhere = source.ensure(replace(wanted, pinned=digests), tmp_path / "another", silent)
    assert elsewhere.lock == first.lock
    assert (FLANNEL, digests[FLANNEL], "amd64") in registry.pulled


def test_another_digest_than_the_pinned_one_is_pulled_anew(
    source: UpstreamSource, registry: MadeRegistry, tmp_path: Path
) -> None:
    ensure(source, tmp_path)
    pause = next(image for image in (part[0] for part in registry.pulled) if "pause" in image)
    registry.pulled.clear()
    pinned = f"sha256:{'a' * 64}"
    bundle = ensure(source, tmp_path, replace(WANTED, pinned={pause: pinned}))
    assert registry.pulled == [(pause, pinned, "amd64")]
    assert bundle.changed
