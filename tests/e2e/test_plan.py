"""What the plan says is what `up` then changes, task by task and host by host; and nothing is changed by a plan."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from tests.e2e.made import Cluster

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NODES = """\
  m1: {address: "{net}.11", roles: [control-plane, etcd]}
  w1: {address: "{net}.101", roles: [worker]}
"""
W2 = '  w2: {address: "10.99.15.102", roles: [worker]}\n'
ARGUMENT = "api_server: {args: {event-ttl: 2h0m0s}}\n"
NETWORK = "plugin: bridge, pods: 10.99.160.0/20, services: 10.99.176.0/20"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster that is only described."""
    made = Cluster.of(tmp_path_factory.mktemp("plan"), "e2e-plan", 15, NODES, network=NETWORK)
    made.kprov("lab", "down")
    try:
        yield made
    finally:
        made.kprov("lab", "down")


def files(folder: Path) -> dict[str, str]:
    """Every file beside the cluster file by its content, but for the locks of processes."""
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


def planned(cluster: Cluster) -> set[tuple[str, str, str]]:
    """What the plan says: host, role and task. It writes nothing beside the cluster file."""
    before = files(cluster.folder)
    process = cluster.start("plan", "-q", "-o", "json")
    said = process.communicate(timeout=600)[0]
    assert process.returncode == 0, said
    assert files(cluster.folder) == before
    data = json.loads(said)
    changes = {(host["name"], change["role"], change["task"]) for host in data["hosts"] for change in host["changes"]}
    assert data["changes"] == len(changes)
    return changes


def changed(cluster: Cluster) -> set[tuple[str, str, str]]:
    """What `up` then changes."""
    cluster.kprov("up", "--skip", "verify")
    return {
        (str(event["host"]), str(event["role"]), str(event["task"]))
        for event in cluster.events()
        if event["event"] == "TaskFinished" and event["status"] == "changed" and event["host"] != "localhost"
    }


def test_a_plan_is_what_up_changes(cluster: Cluster) -> None:
    text = (cluster.folder / "cluster.yaml").read_text()
    fresh = planned(cluster)
    assert {host for host, _, _ in fresh} == {"m1", "w1"}
    assert changed(cluster) == fresh
    assert planned(cluster) == set()

    (cluster.folder / "cluster.yaml").write_text(text + ARGUMENT)
    argument = planned(cluster)
    assert ("m1", "control_plane", "Have the static pods as they are asked for") in argument
    assert {host for host, _, _ in argument} == {"m1"}
    assert changed(cluster) == argument

    (cluster.folder / "cluster.yaml").write_text(text + W2 + ARGUMENT)
    worker = planned(cluster)
    assert {host for host, _, _ in worker} == {"m1", "w1", "w2"}
    assert ("w2", "join", "Join the cluster") in worker
    assert ("m1", "control_plane", "Found the cluster") not in worker
    assert changed(cluster) == worker
    assert planned(cluster) == set()


def test_the_documents_of_kubeadm_are_shown_without_a_machine(cluster: Cluster) -> None:
    shown = json.loads(cluster.kprov("plan", "--show-config", "-o", "json"))
    assert set(shown["m1"]) == {"kubeadm-init.yaml", "kubeadm-join.yaml"}
    assert set(shown["w1"]) == {"kubeadm-join.yaml"}
    assert "# w1/kubeadm-join.yaml" in cluster.kprov("plan", "--show-config")
