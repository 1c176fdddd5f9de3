"""What may still become ready is waited for, and what had its time is not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from kprov.verify.view import View

NOW = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
OLD, YOUNG = "2026-01-02T11:50:00Z", "2026-01-02T11:59:30Z"


def pod(made: str, started: str, *, ready: bool, static: bool = False) -> dict[str, Any]:
    notes = {"kubernetes.io/config.mirror": "x"} if static else {}
    state = {"ready": ready, "state": {"running": {"startedAt": started}}}
    return {"metadata": {"creationTimestamp": made, "annotations": notes}, "status": {"containerStatuses": [state]}}


def node(made: str, status: str, turned: str = OLD) -> dict[str, Any]:
    ready = {"type": "Ready", "status": status, "lastTransitionTime": turned}
    return {"metadata": {"creationTimestamp": made}, "status": {"conditions": [ready]}}


@pytest.mark.parametrize(
    ("nodes", "pods", "settled"),
    [
        ([node(OLD, "True")], [pod(OLD, OLD, ready=True)], True),
        ([node(YOUNG, "False")], [], False),
        ([node(OLD, "Unknown")], [], True),
        ([node(OLD, "False", turned=YOUNG)], [], False),
        ([], [pod(YOUNG, YOUNG, ready=False)], False),
        ([], [pod(OLD, YOUNG, ready=False)], False),
        ([], [pod(OLD, OLD, ready=False)], True),
        ([], [pod(YOUNG, YOUNG, ready=False, static=True)], True),
        ([], [{"metadata": {"creationTimestamp": YOUNG}, "status": {"phase": "Pending"}}], False),
    ],
)
def test_only_what_is_young_and_not_ready_is_waited_for(
    nodes: list[dict[str, Any]], pods: list[dict[str, Any]], settled: bool
) -> None:
    seen = View(dict(enumerate(nodes)), dict(enumerate(pods)), NOW)  # type: ignore[arg-type]
    assert seen.settled is settled


@pytest.mark.parametrize(
    ("joined", "pods", "lacks"),
    [(YOUNG, [], True), (YOUNG, ["kube-apiserver-m2"], False), (OLD, [], False), (None, [], False)],
)
def test_a_static_pod_of_a_node_that_just_joined_is_waited_for(
    joined: str | None, pods: list[str], lacks: bool
) -> None:
    nodes = {"m2": node(joined, "True")} if joined else {}
    seen = View(nodes, {name: pod(YOUNG, YOUNG, ready=True, static=True) for name in pods}, NOW)
    assert seen.lacks({"kube-apiserver-m2": "m2"}) is lacks


def test_a_static_pod_that_is_only_announced_is_waited_for() -> None:
    announced = {"metadata": {"creationTimestamp": YOUNG}, "status": {"phase": "Pending"}}
    assert View({"m2": node(YOUNG, "True")}, {"kube-apiserver-m2": announced}, NOW).lacks({"kube-apiserver-m2": "m2"})


def daemons(made: int, wanted: int = 2) -> dict[str, Any]:
    counts = {"desiredNumberScheduled": wanted, "updatedNumberScheduled": made, "numberReady": made}
    return {
        "metadata": {"namespace": "kube-system", "generation": 2},
        "spec": {"selector": {"matchLabels": {"app": "net"}}},
        "status": {"observedGeneration": 2, **counts},
    }


def of_daemons(node_name: str, **status: Any) -> dict[str, Any]:
    made = pod(OLD, OLD, ready=True)
    made["metadata"] |= {"name": f"net-{node_name}", "namespace": "kube-system", "labels": {"app": "net"}}
    return {**made, "spec": {"nodeName": node_name, "containers": []}, "status": made["status"] | status}


def seen(live: dict[str, Any], *pods: dict[str, Any], second_node: str = "True") -> View:
    nodes = {"m1": node(OLD, "True"), "w1": node(OLD, second_node)}
    return View(nodes, {each["metadata"]["name"]: each for each in pods}, NOW, live={("DaemonSet", "", ""): live})


def test_pods_that_are_about_to_be_replaced_are_waited_for() -> None:
    assert seen(daemons(2), of_daemons("m1"), of_daemons("w1")).settled
    rolls = seen(daemons(1), of_daemons("m1"))
    assert not rolls.settled
    assert rolls.starting


def test_a_controller_that_cannot_go_on_is_not_waited_for() -> None:
    waiting = {"name": "net", "ready": False, "state": {"waiting": {"reason": "ImagePullBackOff"}}}
    assert seen(daemons(1), of_daemons("m1"), of_daemons("w1", containerStatuses=[waiting])).settled
    assert seen(daemons(1), of_daemons("m1"), second_node="False").settled, "nothing can be made on a node that is down"
