"""Whether a pod works, and what keeps it from working, told from the pod as the API server has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

Object: TypeAlias = Mapping[str, Any]
"""One object of Kubernetes as the API server sent it."""

YOUNG_S: Final = 120.0
"""What began so shortly ago may not be ready yet: a static pod of kubeadm's is so after ten seconds at the earliest
(its startup probe), and a pod on a node that just joined waits for its network."""
_NO_IMAGE: Final = ("ErrImageNeverPull", "ErrImagePull", "ImageInspectError", "ImagePullBackOff", "InvalidImageName")
"""Why a container waits for its image: kubernetes, pkg/kubelet/images/types.go."""
_BACK_OFF: Final = "CrashLoopBackOff"
_FORGIVEN: Final = 1
"""A program may end once because what it needs is not there yet; one that does so again crashes."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What keeps a container, or with an empty ``container`` its pod, from working.

    ``image`` is the one that it cannot have. ``crashed``: it ran and ended, so that its log says more.
    """

    namespace: str
    pod: str
    node: str
    container: str
    why: str
    image: str = ""
    crashed: bool = False


def pod_ready(pod: Object) -> bool:
    """Whether a pod runs and all its containers are ready."""
    states = pod["status"].get("containerStatuses", ())
    return bool(states) and all(each["ready"] for each in states)


def pod_runs(pod: Object) -> bool:
    """Whether all containers of a pod run, ready or not."""
    states = pod["status"].get("containerStatuses", ())
    return bool(states) and all("running" in each["state"] for each in states)


def began(item: Object) -> datetime:
    """When a node or pod was made, given to its node, last started, or became ready or unready: what came last."""
    status = item["status"]
    started = (each["state"].get("running", {}).get("startedAt") for each in status.get("containerStatuses", ()))
    turned = (each.get("lastTransitionTime") for each in status.get("conditions", ()) if each["type"] == "Ready")
    times = (item["metadata"]["creationTimestamp"], status.get("startTime"), *started, *turned)
    return max(datetime.fromisoformat(each) for each in times if each)


def gives_up(pod: Object) -> bool:
    """Whether waiting longer helps nothing: an image that could not be had was asked for again and again."""
    reasons = {_waiting(each).get("reason") for each in _containers(pod)}
    return bool(reasons.intersection(_NO_IMAGE) - {"ErrImagePull"})


def troubles(pod: Object, now: datetime) -> tuple[Trouble, ...]:
    """What is wrong with a pod: containers without their image, containers that crash, else why it is not ready.

    A container that crashes may run, and even be ready, just when it is looked at.

    Args:
        pod: the pod.
        now: the clock of a control plane, in UTC.
    """
    metadata = pod["metadata"]
    at = (metadata.get("namespace", ""), metadata["name"], pod["spec"].get("nodeName", ""))
    found = tuple(
        Trouble(*at, each["name"], *said) for each in _containers(pod) if (said := _wrong(pod, each, now)) is not None
    )
    return found or (() if pod_ready(pod) else (Trouble(*at, "", f"is not ready: {_unmet(pod)}"),))


def _wrong(pod: Object, container: Object, now: datetime) -> tuple[str, str, bool] | None:
    """Why a container does not work, the image that it lacks, whether it crashed; None: nothing is known against it."""
    waiting = _waiting(container)
    if waiting.get("reason") in _NO_IMAGE:
        image = _image(pod["spec"], container["name"])
        return f"lacks {image}: {_words(waiting)}", image, False
    restarts, last = container.get("restartCount", 0), container.get("lastState", {}).get("terminated", {})
    if waiting.get("reason") == _BACK_OFF or (restarts > _FORGIVEN and _brief(container, last, now)):
        return f"crashes: {restarts} restarts, the last with exit code {last.get('exitCode', 'unknown')}", "", True
    return None


def _brief(container: Object, last: Object, now: datetime) -> bool:
    """Whether its last run and this one are both short; what ends with its machine has run for longer."""
    running = container["state"].get("running")
    this_s = (now - datetime.fromisoformat(running["startedAt"])).total_seconds() if running else 0.0
    if not last.get("startedAt") or not last.get("finishedAt"):
        return False
    last_s = (datetime.fromisoformat(last["finishedAt"]) - datetime.fromisoformat(last["startedAt"])).total_seconds()
    return this_s < YOUNG_S and last_s < YOUNG_S


def _unmet(pod: Object) -> str:
    """What a pod says that it waits for."""
    waits = [_words(_waiting(each)) for each in _containers(pod)]
    unmet = [each.get("message", "") for each in pod["status"].get("conditions", ()) if each["status"] == "False"]
    return next((text for text in (*waits, *unmet) if text), str(pod["status"].get("phase", "unknown")))


def _containers(pod: Object) -> Iterator[Object]:
    """The states of its containers, those that only prepare first."""
    for key in ("initContainerStatuses", "containerStatuses"):
        yield from pod["status"].get(key, ())


def _waiting(container: Object) -> Mapping[str, str]:
    found: Mapping[str, str] = container["state"].get("waiting", {})
    return found


def _words(waiting: Mapping[str, str]) -> str:
    return " ".join(filter(None, (waiting.get("reason"), waiting.get("message")))).strip()


def _image(spec: Object, name: str) -> str:
    """The image that a container asks for, as the pod's specification has it."""
    every = (*spec.get("initContainers", ()), *spec.get("containers", ()))
    return next((str(each["image"]) for each in every if each["name"] == name), "")
