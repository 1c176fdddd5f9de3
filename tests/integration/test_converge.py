"""One real machine that is control plane and worker at once: made, proven, and left alone by the second run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.e2e.made import Cluster

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster.of(
        tmp_path_factory.mktemp("one"), "e2e-one", 5, '  n1: {address: "{net}.11", roles: [control-plane, worker]}\n'
    )
    made.kprov("lab", "down")
    try:
        yield made
    finally:
        made.kprov("lab", "down")


def test_one_machine_becomes_a_cluster(cluster: Cluster) -> None:
    said = cluster.kprov("up")
    assert cluster.ready() == {"n1": True}
    assert re.search(r"n1 +10\.99\.5\.11 +control-plane", said)
    taints = cluster.kubectl("get", "node", "n1")["spec"].get("taints", [])
    assert taints == [], "a worker takes pods"


def test_the_second_run_changes_nothing(cluster: Cluster) -> None:
    cluster.kprov("up")
    (statuses,) = cluster.tasks().values()
    assert set(statuses) <= {"ok", "skipped"}
    phases = [event for event in cluster.events() if event["event"] == "PhaseFinished"]
    assert {str(event["phase"]): str(event["outcome"]) for event in phases} == dict.fromkeys(
        ("bundle", "lab", "trust", "preflight", "inventory", "cluster", "kubeconfig", "verify"), "unchanged"
    )
