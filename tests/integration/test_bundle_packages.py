"""The real build from Debian's packages. Minutes on a fresh machine, seconds with the user's cache."""

from __future__ import annotations

import io
import json
import os
import platform
import subprocess
import tarfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kprov.bundle import lockfile
from kprov.bundle.ensure import ensure, sources_for
from kprov.bundle.model import Wanted
from kprov.bundle.packages import host
from kprov.bundle.packages.apt import mirrors
from kprov.bundle.store import default_store, verify
from kprov.events import silent

if TYPE_CHECKING:
    from kprov.bundle.model import Bundle

VERSION = "1.20.2"


def missing() -> str:
    """What this machine lacks for the real build, by name."""
    release = platform.freedesktop_os_release()
    if (release.get("ID"), release.get("VERSION_ID")) != ("debian", "12"):
        return f"needs Debian 12, this is {release.get('PRETTY_NAME')}"
    tools = [tool.package for tool in host.TOOLS if not tool.present()]
    if tools:
        return f"needs the packages {' '.join(tools)}"
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT) $(CREATED_BY) $(ORIGIN)"]
    targets = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return "" if mirrors(targets) else "needs a mirror of Debian 12 in apt's sources"


pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return ensure(sources_for(["packages"], {}, os.environ), Wanted(VERSION), default_store(os.environ), silent)


def output(bundle: Bundle, name: str, *arguments: str) -> str:
    artifact = next(artifact for artifact in bundle.lock.artifacts if artifact.name == name)
    command = [bundle.path(artifact), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def images(bundle: Bundle, name: str) -> dict[str, list[str]]:
    """The references in an archive, each with the paths of all files in its layers."""
    artifact = next(artifact for artifact in bundle.lock.artifacts if artifact.name == name)
    with tarfile.open(bundle.path(artifact)) as archive:

        def blob(digest: str) -> bytes:
            return archive.extractfile(f"blobs/{digest.replace(':', '/')}").read()

        return {
            entry["annotations"]["io.containerd.image.name"]: [
                path for layer in json.loads(blob(entry["digest"]))["layers"] for path in names(blob(layer["digest"]))
            ]
            for entry in json.load(archive.extractfile("index.json"))["manifests"]
        }


def names(layer: bytes) -> list[str]:
    tar = subprocess.run(["zstd", "-d"], input=layer, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(tar)) as unpacked:
        return unpacked.getnames()


def test_every_artifact_is_what_the_lock_says(bundle: Bundle) -> None:
    assert verify(bundle.lock, bundle.store) == ()
    path = lockfile.lock_path(bundle.store, "packages", VERSION, bundle.lock.architecture)
    assert lockfile.read(path) == bundle.lock


def test_a_second_time_takes_seconds_and_changes_nothing(bundle: Bundle) -> None:
    begin = time.monotonic()
    again = ensure(sources_for(["packages"], {}, os.environ), Wanted(VERSION), bundle.store, silent)
    assert not again.changed
    assert again.lock == bundle.lock
    assert time.monotonic() - begin < 15


def test_programs_run_and_know_their_version(bundle: Bundle) -> None:
    assert output(bundle, "kubelet", "--version").strip() == f"Kubernetes v{VERSION}"
    assert output(bundle, "kubeadm", "version", "-o", "short").strip() == f"v{VERSION}"
    assert f'"gitVersion": "v{VERSION}"' in output(bundle, "kubectl", "version", "--client", "-o", "json")


def test_images_are_those_that_kubeadm_asks_for(bundle: Bundle) -> None:
    asked = output(bundle, "kubeadm", "config", "images", "list", "--kubernetes-version", VERSION).split()
    there = {reference for artifact in bundle.lock.artifacts for reference in artifact.images}
    left_out = {left.name for left in bundle.lock.left_out}
    assert [image for image in asked if image not in there] == (
        ["k8s.gcr.io/coredns:1.7.0"] if "coredns" in left_out else []
    )


def test_images_hold_what_their_programs_call(bundle: Bundle) -> None:
    proxy = images(bundle, "node-images")[f"k8s.gcr.io/kube-proxy:v{VERSION}"]
    needed = {"usr/local/bin/kube-proxy", "usr/sbin/iptables", "usr/sbin/conntrack", "usr/sbin/ipset", "bin/kmod"}
    assert needed <= set(proxy)
    assert {"bin/httpd", "bin/wget", "bin/nslookup"} <= set(images(bundle, "node-images")["kprov.local/probe:1"])
    assert {"usr/bin/etcd", "usr/bin/etcdctl"} <= set(
        images(bundle, "control-plane-images")["k8s.gcr.io/etcd:3.4.13-0"]
    )


def test_the_store_is_private(bundle: Bundle) -> None:
    assert Path(bundle.store).stat().st_mode & 0o077 == 0


def test_what_cannot_be_had_is_said(bundle: Bundle) -> None:
    names = {artifact.name for artifact in bundle.lock.artifacts}
    left_out = {left.name: left for left in bundle.lock.left_out}
    assert ("crictl" in names) != ("crictl" in left_out)
    assert all(left.why and left.consequence for left in left_out.values())
