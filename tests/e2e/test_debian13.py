"""A worker of Debian 13 beside nodes of Debian 12: one cluster, proven, and the same after a second run."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from kprov.preflight.facts import ARCHITECTURES
from tests.e2e.made import Cluster

if TYPE_CHECKING:
    from collections.abc import Iterator

NODES = """\
  m1: {address: "{net}.11", roles: [control-plane, etcd]}
  w1: {address: "{net}.101", roles: [worker]}
  w2: {address: "{net}.102", roles: [worker], machine: {system: debian-13}}
"""
NETWORK = "plugin: bridge, pods: 10.99.192.0/20, services: 10.99.208.0/20"
RELEASES = {"m1": "12", "w1": "12", "w2": "13"}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster.of(tmp_path_factory.mktemp("e2e"), "e2e-debian13", 13, NODES, network=NETWORK)
    made.kprov("lab", "down")
    try:
        made.kprov("up", "--skip", "verify")
        yield made
    finally:
        made.kprov("lab", "down")


def seen(cluster: Cluster) -> dict[str, dict[str, str]]:
    """What Kubernetes knows of each node's system."""
    return {item["metadata"]["name"]: item["status"]["nodeInfo"] for item in cluster.kubectl("get", "nodes")["items"]}


def test_kubernetes_sees_both_releases_side_by_side(cluster: Cluster) -> None:
    assert cluster.ready() == dict.fromkeys(RELEASES, True)
    for name, info in seen(cluster).items():
        assert info["osImage"].startswith(f"Debian GNU/Linux {RELEASES[name]} "), name
        assert info["architecture"] == ARCHITECTURES[os.uname().machine]


def test_each_release_brings_its_own_containerd(cluster: Cluster) -> None:
    running = {name: info["containerRuntimeVersion"] for name, info in seen(cluster).items()}
    assert running["w2"].startswith("containerd://1.7."), running
    assert running["m1"].startswith("containerd://1.6."), running


def test_the_cluster_is_proven_with_a_workload_on_both(cluster: Cluster) -> None:
    said = json.loads(cluster.kprov("verify", "--workload", "-q", "-o", "json"))
    assert said["totals"]["failed"] == said["totals"]["error"] == 0
    assert {node["name"]: node["ready"] for node in said["nodes"]} == dict.fromkeys(RELEASES, True)
    passed = [check for check in said["checks"] if check["outcome"] == "passed"]
    assert {check["host"] for check in passed} >= set(RELEASES)
    assert "workload" in {check["suite"] for check in passed}


def test_a_second_up_changes_nothing(cluster: Cluster) -> None:
    cluster.kprov("up", "--skip", "verify")
    changed = {host: statuses.count("changed") for host, statuses in cluster.tasks().items()}
    assert changed == dict.fromkeys(RELEASES, 0)
