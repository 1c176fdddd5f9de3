"""What the API server says of nodes and system pods, and what of it may still change by itself."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from kprov.verify.questions import KUBECTL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kprov.ssh.batch import Answer

YOUNG_S: Final = 120.0
"""What began so shortly ago may not be ready yet: a static pod of kubeadm's is so after ten seconds at the earliest
(its startup probe), and a pod on a node that just joined waits for its network."""

STATIC_PODS: Final = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
"""What kubeadm runs on every control plane."""

VIEW_QUESTIONS: Final = {
    "nodes": f"{KUBECTL} get --raw /api/v1/nodes",
    "system-pods": f"{KUBECTL} get --raw /api/v1/namespaces/kube-system/pods",
    "now": "date -u +%s",
}


@dataclass(frozen=True, slots=True)
class View:
    """Nodes and the pods of kube-system by name, as the API has them; ``now`` is the clock of a control plane."""

    nodes: Mapping[str, Mapping[str, Any]]
    system_pods: Mapping[str, Mapping[str, Any]]
    now: datetime

    @property
    def ready_nodes(self) -> frozenset[str]:
        """The nodes on which pods can run."""
        return frozenset(name for name, node in self.nodes.items() if node_ready(node))

    @property
    def dns_pods(self) -> tuple[Mapping[str, Any], ...]:
        """The pods that serve the cluster's DNS, by the label that every DNS add-on carries on."""
        labelled = ((pod, pod["metadata"].get("labels", {})) for pod in self.system_pods.values())
        return tuple(pod for pod, labels in labelled if labels.get("k8s-app") == "kube-dns")

    def young(self, item: Mapping[str, Any]) -> bool:
        """Whether a node or a pod began so shortly ago that it may still become ready."""
        return (self.now - began(item)).total_seconds() < YOUNG_S

    @property
    def settled(self) -> bool:
        """Whether waiting would change nothing.

        Static pods that are not ready are not waited for: their components are asked for their health directly.
        """
        pods = [pod for pod in self.system_pods.values() if not pod_ready(pod) and not _static(pod)]
        nodes = [node for node in self.nodes.values() if not node_ready(node)]
        return not any(self.young(item) for item in (*pods, *nodes))

    def lacks(self, static_pods: Mapping[str, str]) -> bool:
        """Whether a static pod, given by name with its node, is yet to be shown of a node that joined shortly ago.

        A kubelet that could not tell the API of one tries again within a minute and a half (its sync frequency, with
        jitter: kubernetes, pkg/kubelet/pod_workers.go), as it does where the node's earlier self was just deleted.
        """
        missing = (self.nodes.get(node) for name, node in static_pods.items() if name not in self.system_pods)
        return any(node is not None and self.young(node) for node in missing)


def view(answers: Mapping[str, Answer]) -> View:
    """The view in the answers to ``VIEW_QUESTIONS``."""
    nodes, pods = (
        {
            item["metadata"]["name"]: item
            for item in json.loads(answers[name].text)["items"]
            if "deletionTimestamp" not in item["metadata"]  # on its way out: nobody's concern any more
        }
        for name in ("nodes", "system-pods")
    )
    return View(nodes, pods, datetime.fromtimestamp(int(answers["now"].text), UTC))


def node_ready(node: Mapping[str, Any]) -> bool:
    """Whether the API server holds a node for ready.

    >>> node_ready({"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}})
    False
    """
    return any(each["type"] == "Ready" and each["status"] == "True" for each in node["status"].get("conditions", ()))


def pod_ready(pod: Mapping[str, Any]) -> bool:
    """Whether a pod runs and all its containers are ready."""
    states = pod["status"].get("containerStatuses", ())
    return bool(states) and all(each["ready"] for each in states)


def pod_runs(pod: Mapping[str, Any]) -> bool:
    """Whether all containers of a pod run, ready or not."""
    states = pod["status"].get("containerStatuses", ())
    return bool(states) and all("running" in each["state"] for each in states)


def began(item: Mapping[str, Any]) -> datetime:
    """When a node or pod was made, given to its node, last started, or became ready or unready: what came last."""
    status = item["status"]
    started = (each["state"].get("running", {}).get("startedAt") for each in status.get("containerStatuses", ()))
    turned = (each.get("lastTransitionTime") for each in status.get("conditions", ()) if each["type"] == "Ready")
    times = (item["metadata"]["creationTimestamp"], status.get("startTime"), *started, *turned)
    return max(datetime.fromisoformat(each) for each in times if each)


def _static(pod: Mapping[str, Any]) -> bool:
    return "kubernetes.io/config.mirror" in pod["metadata"].get("annotations", {})
