"""What keeps a pod from working, as it is told from what the API server has of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from kprov.verify.pods import gives_up, troubles

NOW = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
IMAGE = "quay.io/calico/node:v3.24.5"


def pod(*states: dict[str, Any], init: tuple[dict[str, Any], ...] = (), **status: Any) -> dict[str, Any]:
    containers = [{"name": state["name"], "image": IMAGE} for state in states]
    return {
        "metadata": {"name": "calico-node-x", "namespace": "kube-system", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {
            "nodeName": "m1",
            "containers": containers,
            "initContainers": [{"name": state["name"], "image": IMAGE} for state in init],
        },
        "status": {"containerStatuses": list(states), "initContainerStatuses": list(init), **status},
    }


def container(
    ready: bool = True, restarts: int = 0, last: tuple[str, str] | None = None, **state: Any
) -> dict[str, Any]:
    ended = {"terminated": {"exitCode": 1, "startedAt": last[0], "finishedAt": last[1]}} if last else {}
    running = {"running": {"startedAt": "2026-01-02T11:59:50Z"}}
    return {
        "name": "node",
        "ready": ready,
        "restartCount": restarts,
        "state": state or running,
        "lastState": ended,
    }


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return {"waiting": {"reason": reason, "message": message}}


def why(found: dict[str, Any]) -> list[str]:
    return [each.why for each in troubles(found, NOW)]


def test_a_pod_that_works_is_in_no_trouble() -> None:
    assert troubles(pod(container()), NOW) == ()


def test_an_image_that_cannot_be_had_is_named_also_of_containers_that_only_prepare() -> None:
    later = container(ready=False, **waiting("PodInitializing"))
    first = container(ready=False, **waiting("ImagePullBackOff", "Back-off pulling image"))
    (found,) = troubles(pod(later, init=(first,)), NOW)
    assert (found.image, found.node) == (IMAGE, "m1")
    assert found.why == f"lacks {IMAGE}: ImagePullBackOff Back-off pulling image"
    assert not found.crashed


def test_waiting_for_an_image_is_given_up_after_the_first_try() -> None:
    assert not gives_up(pod(container(ready=False, **waiting("ErrImagePull"))))
    assert gives_up(pod(container(ready=False, **waiting("ImagePullBackOff"))))
    assert gives_up(pod(container(ready=False, **waiting("ErrImageNeverPull"))))


def test_a_container_that_waits_before_it_is_started_again_crashes() -> None:
    last = ("2026-01-02T11:59:00Z", "2026-01-02T11:59:01Z")
    (found,) = troubles(pod(container(ready=False, restarts=1, last=last, **waiting("CrashLoopBackOff"))), NOW)
    assert found.crashed
    assert found.why == "crashes: 1 restarts, the last with exit code 1"


def test_a_container_that_crashes_is_told_even_while_it_runs_and_is_ready() -> None:
    last = ("2026-01-02T11:59:00Z", "2026-01-02T11:59:03Z")
    assert why(pod(container(restarts=4, last=last))) == ["crashes: 4 restarts, the last with exit code 1"]


def test_one_restart_and_a_node_that_was_started_again_are_no_crashes() -> None:
    short, long = "2026-01-02T11:59:03Z", "2026-01-02T18:00:00Z"
    assert why(pod(container(restarts=1, last=("2026-01-02T11:59:00Z", short)))) == []
    assert why(pod(container(restarts=7, last=("2026-01-02T06:00:00Z", long)))) == [], "it had run for hours"


def test_a_pod_on_no_node_says_what_it_waits_for() -> None:
    unmet = [{"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available"}]
    found = pod(conditions=unmet, phase="Pending")
    del found["spec"]["nodeName"]
    (trouble,) = troubles(found, NOW)
    assert (trouble.node, trouble.container, trouble.why) == ("", "", "is not ready: 0/3 nodes are available")
