"""Networks whose images come from an archive that a person brought, on nodes that have never seen a registry."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kprov.bundle.store import default_store
from tests.e2e import standins
from tests.e2e.made import Cluster, missing, podman

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())

NODES = """\
  m1: {address: "{net}.11", roles: [control-plane, etcd]}
  w1: {address: "{net}.101", roles: [worker]}
"""
OWN = """\
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: kube-system}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec:
      hostNetwork: true
      tolerations: [{operator: Exists}]
      initContainers:
        - name: install
          image: registry.example/team/agent:v1@sha256:%s
          imagePullPolicy: Always
          command: [/stand-in/install, agent, 10-agent.conflist]
          volumeMounts:
            - {name: bin, mountPath: /host/opt/cni/bin}
            - {name: conf, mountPath: /host/etc/cni/net.d}
      containers:
        - name: agent
          image: registry.example/team/agent:v1
          imagePullPolicy: Always
          readinessProbe: {exec: {command: [/stand-in/api]}}
      volumes:
        - {name: bin, hostPath: {path: /opt/cni/bin}}
        - {name: conf, hostPath: {path: /etc/cni/net.d}}
""" % ("5" * 64)


@dataclass(frozen=True)
class Plugin:
    """A network, the images that its archive has, what it consists of, and its file on nodes."""

    network: str
    images: tuple[str, ...]
    workloads: tuple[str, ...]
    configuration: str


PLUGINS = {
    # What is saved from a registry of one's own, and has lost its digest, is used all the same.
    "own": Plugin(
        "plugin: none, manifests: [{file: own.yaml}]", ("mirror.example/hub/team/agent:v1",), ("ds/agent",), "10-agent"
    ),
    "calico": Plugin(
        "plugin: calico, version: 3.24.5",
        tuple(f"docker.io/calico/{part}:v3.24.5" for part in ("cni", "node", "kube-controllers")),
        ("ds/calico-node", "deployment/calico-kube-controllers"),
        "10-calico",
    ),
    # The makers' manifest says latest; either name will do.
    "weave": Plugin(
        "plugin: weave, version: 2.8.1",
        ("docker.io/weaveworks/weave-kube:latest", "docker.io/weaveworks/weave-npc:latest"),
        ("ds/weave-net",),
        "10-weave",
    ),
}


@pytest.fixture(scope="module", params=PLUGINS)
def plugin(request: pytest.FixtureRequest) -> Plugin:
    """Each network; the makers' manifests are in no repository, so that some are skipped by name without them."""
    if request.param != "own" and not os.environ.get("KPROV_MIRROR"):
        pytest.skip(f"KPROV_MIRROR names no folder that has the manifest of {request.param}")
    return PLUGINS[request.param]


@pytest.fixture(scope="module")
def _cache() -> Iterator[None]:
    """A cache of its own, in which what is imported here stays; it shares what the big one has made already."""
    big = default_store(os.environ).parent
    with tempfile.TemporaryDirectory(dir=big.parent, prefix="kprov-e2e-") as folder, pytest.MonkeyPatch.context() as to:
        for name in ("bundle/parts", "bundle/hashes.json", "node-image"):
            copy = Path(folder, "kprov", name)
            copy.parent.mkdir(parents=True, exist_ok=True)
            if (big / name).exists():
                subprocess.run(["cp", "-al", big / name, copy], check=True)
        to.setenv("XDG_CACHE_HOME", folder)
        yield


@pytest.fixture(scope="module")
def refusal(plugin: Plugin, cluster: Cluster) -> str:
    """What `up` says while nobody has the images, and that it leaves nothing behind."""
    said = cluster.kprov("up", code=2)
    assert f"{cluster.name}-" not in podman("ps", "--all", "--format={{.Names}}")
    return said


@pytest.fixture(scope="module")
def cluster(plugin: Plugin, _cache: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A folder with the cluster file; its machines are removed at the end."""
    folder = tmp_path_factory.mktemp("imported")
    third = 200 + [*PLUGINS.values()].index(plugin)
    made = Cluster.of(folder, f"e2e-imported-{third}", third, NODES, network=plugin.network, second=103)
    (folder / "own.yaml").write_text(OWN)
    made.kprov("lab", "down")
    yield made
    made.kprov("lab", "down")


@pytest.fixture(scope="module")
def up(plugin: Plugin, cluster: Cluster, refusal: str, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """The cluster, with the images imported."""
    archive = standins.archive(tmp_path_factory.mktemp("images"), plugin.images, "10.244.77.0/24")
    said = cluster.kprov("bundle", "import", str(archive))
    assert all(image in said for image in plugin.images)
    cluster.kprov("up", "--skip", "verify")
    return cluster


def kubectl(cluster: Cluster, words: str) -> str:
    return cluster.on("m1", f"kubectl --kubeconfig /etc/kubernetes/admin.conf {words}")


def test_without_its_images_it_is_refused_before_a_machine_is_made(refusal: str) -> None:
    assert "missing, and the lab's machines reach no registry" in " ".join(refusal.split())
    assert "kprov bundle import images.tar" in " ".join(refusal.split())


def test_all_its_pods_are_ready_on_every_node(up: Cluster, plugin: Plugin) -> None:
    for workload in plugin.workloads:
        kubectl(up, f"-n kube-system rollout status {workload} --timeout 100s")
    assert up.ready() == {"m1": True, "w1": True}


def test_no_node_ever_asked_a_registry(up: Cluster) -> None:
    reasons = {(item["reason"], item["message"]) for item in up.kubectl("get", "events", "-A")["items"]}
    assert not [message for reason, message in reasons if reason == "Pulling" or "ImagePull" in message]


def test_pods_get_their_network_from_it(up: Cluster, plugin: Plugin) -> None:
    kubectl(up, "-n kube-system rollout status deployment/coredns --timeout 100s")
    addresses = kubectl(up, "-n kube-system get pods -l k8s-app=kube-dns -o jsonpath={.items[*].status.podIP}").split()
    assert addresses
    assert all(address.startswith("10.244.77.") for address in addresses)
    for node in ("m1", "w1"):
        assert up.on(node, "ls /etc/cni/net.d/*.conflist").split() == [
            f"/etc/cni/net.d/{plugin.configuration}.conflist"
        ]


def test_calico_finds_what_its_kubernetes_lacks(up: Cluster, plugin: Plugin) -> None:
    if "calico" not in plugin.network:
        pytest.skip("it asks for nothing that Kubernetes 1.20 does not serve")
    found = json.loads(kubectl(up, "get --raw /apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices"))
    nodes = {each["nodeName"] for item in found["items"] for each in item["endpoints"]}
    assert nodes <= {"m1", "w1"}
    assert nodes
    watched = kubectl(up, "get --raw '/apis/discovery.k8s.io/v1/endpointslices?watch=1&timeoutSeconds=2'")
    assert {json.loads(line)["object"]["apiVersion"] for line in watched.splitlines()} == {"discovery.k8s.io/v1"}


def test_a_second_run_changes_nothing_not_even_programs_that_it_replaced(up: Cluster) -> None:
    before = up.on("w1", "sha256sum /opt/cni/bin/*")
    said = up.kprov("up", "--skip", "verify")
    assert not [status for statuses in up.tasks().values() for status in statuses if status == "changed"], said
    assert up.on("w1", "sha256sum /opt/cni/bin/*") == before
