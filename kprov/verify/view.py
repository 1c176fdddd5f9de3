"""What the API server says of nodes, pods and what keeps them running, and what of it may still change by itself."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from kprov.verify.pods import YOUNG_S, began, gives_up, pod_ready, pod_runs, troubles
from kprov.verify.questions import KUBECTL
from kprov.verify.workloads import belongs, rolling

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kprov.ssh.batch import Answer
    from kprov.verify.pods import Object, Trouble
    from kprov.verify.promises import Promises, Workload

STATIC_PODS: Final = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
"""What kubeadm runs on every control plane."""

_SYSTEM: Final = "kube-system"
_BASE: Final = {
    "nodes": f"{KUBECTL} get --raw /api/v1/nodes",
    "system-pods": f"{KUBECTL} get --raw /api/v1/namespaces/{_SYSTEM}/pods",
    "now": "date -u +%s",
}
_GROUPS: Final = ("kubernetes.io", "beta.kubernetes.io")
_OF_ADDONS: Final = "labelSelector=kprov.io%2Faddon"


@dataclass(frozen=True, slots=True)
class View:
    """The cluster as the API has it; ``now`` is the clock of a control plane.

    Nodes and the pods of kube-system are by name; ``other_pods`` are those of add-ons elsewhere. ``live`` are workloads
    of add-ons by kind, namespace and name, ``sets`` the names of those that were ever applied, ``classes`` the
    StorageClasses by name, ``services`` what stands before dashboards, by namespace and name. ``hopeless`` are nodes
    on which nothing starts, so that nobody waits for it.
    """

    nodes: Mapping[str, Object]
    system_pods: Mapping[str, Object]
    now: datetime
    other_pods: tuple[Object, ...] = ()
    live: Mapping[tuple[str, str, str], Object] = field(default_factory=dict)
    sets: frozenset[str] = frozenset()
    classes: Mapping[str, Object] = field(default_factory=dict)
    services: Mapping[tuple[str, str], Object] = field(default_factory=dict)
    hopeless: frozenset[str] = frozenset()

    @property
    def ready_nodes(self) -> frozenset[str]:
        """The nodes on which pods can run."""
        return frozenset(name for name, node in self.nodes.items() if node_ready(node))

    @property
    def dns_pods(self) -> tuple[Object, ...]:
        """The pods that serve the cluster's DNS, by the label that every DNS add-on carries on."""
        return tuple(pod for pod in self.system_pods.values() if _labelled(pod) == "kube-dns")

    def workload(self, workload: Workload) -> Object | None:
        """A workload as it is; None where it is not there."""
        return self.live.get((workload.kind, workload.namespace, workload.name))

    def pods_of(self, workload: Workload) -> tuple[Object, ...]:
        """The pods that a workload keeps."""
        live = self.workload(workload)
        return self._own(live) if live is not None else ()

    def troubles_of(self, workload: Workload) -> tuple[Trouble, ...]:
        """What is wrong with the pods of a workload."""
        return tuple(each for pod in self.pods_of(workload) for each in troubles(pod, self.now))

    def young(self, item: Object) -> bool:
        """Whether a node or a pod began so shortly ago that it may still become ready."""
        return (self.now - began(item)).total_seconds() < YOUNG_S

    @property
    def proxied_nodes(self) -> frozenset[str]:
        """The nodes whose kube-proxy runs: others learn of no new service."""
        pods = [pod for pod in self.system_pods.values() if _labelled(pod) == "kube-proxy" and pod_ready(pod)]
        return frozenset(pod["spec"].get("nodeName", "") for pod in pods)

    @property
    def settled(self) -> bool:
        """Whether waiting would change nothing.

        Static pods that are not ready are not waited for: their components are asked for their health directly.
        """
        pods = [pod for pod in self.system_pods.values() if not _static(pod)]
        pods = [pod for pod in (*pods, *self.other_pods) if not pod_ready(pod) and not gives_up(pod)]
        pods = [pod for pod in pods if _node_of(pod) not in self.hopeless]
        nodes = [node for name, node in self.nodes.items() if not node_ready(node) and name not in self.hopeless]
        return not self._rolling and not any(self.young(item) for item in (*pods, *nodes))

    @property
    def starting(self) -> bool:
        """Whether pods of an add-on are on their way and nothing is known against them: some take half a minute."""
        pods = [pod for live in self.live.values() for pod in self._own(live)]
        late = [pod for pod in pods if not pod_ready(pod) and self.young(pod)]
        late = [pod for pod in late if _node_of(pod) not in self.hopeless]
        return self._rolling or any(not each.container for pod in late for each in troubles(pod, self.now))

    @property
    def _rolling(self) -> bool:
        """Whether a controller still makes or replaces pods, and neither a node nor a pod keeps it from that."""
        kept = len(self.ready_nodes) < len(self.nodes)
        return not kept and any(
            rolling(live) and not any(map(self._stuck, self._own(live))) for live in self.live.values()
        )

    def _own(self, live: Object) -> tuple[Object, ...]:
        return tuple(pod for pod in (*self.system_pods.values(), *self.other_pods) if belongs(pod, live))

    def _stuck(self, pod: Object) -> bool:
        """Whether a pod will not become ready by itself."""
        late = not pod_ready(pod) and not self.young(pod)
        return late or gives_up(pod) or any(each.crashed for each in troubles(pod, self.now))

    def lacks(self, static_pods: Mapping[str, str]) -> bool:
        """Whether a static pod, given by name with its node, is yet to be shown running of a node that just joined.

        A kubelet that could not tell the API of one tries again within a minute and a half (its sync frequency, with
        jitter: kubernetes, pkg/kubelet/pod_workers.go), as it does where the node's earlier self was just deleted.
        """
        running = {name for name, pod in self.system_pods.items() if pod_runs(pod)}
        wanted = {name: node for name, node in static_pods.items() if node not in self.hopeless}
        missing = (self.nodes.get(node) for name, node in wanted.items() if name not in running)
        return any(node is not None and self.young(node) for node in missing)


def view_questions(promised: Promises) -> dict[str, str]:
    """What to ask the API server for a view; of add-ons only what is promised."""
    asked = dict(_BASE)
    for namespace in dict.fromkeys(each.namespace for each in promised.workloads if each.namespace != _SYSTEM):
        asked[f"pods.{namespace}"] = f"{KUBECTL} get --raw /api/v1/namespaces/{namespace}/pods"
    for kind in dict.fromkeys(each.kind for each in promised.workloads):
        asked[f"live.{kind.lower()}"] = f"{KUBECTL} get --raw '/apis/apps/v1/{kind.lower()}s?{_OF_ADDONS}'"
    if promised.sets:
        path = f"/api/v1/namespaces/{_SYSTEM}/configmaps?labelSelector=kprov.io%2Faddon-set"
        asked["sets"] = f"{KUBECTL} get --raw '{path}'"
    if promised.storage:
        asked["classes"] = f"{KUBECTL} get --raw /apis/storage.k8s.io/v1/storageclasses"
    for namespace in dict.fromkeys(each.namespace for each in promised.doors):
        asked[f"services.{namespace}"] = f"{KUBECTL} get --raw /api/v1/namespaces/{namespace}/services"
    return asked


def view(answers: Mapping[str, Answer], promised: Promises) -> View:
    """The view in the answers to ``view_questions``."""

    def listed(*names: str) -> list[Object]:
        found = [item for name in names for item in json.loads(answers[name].text)["items"]]
        return [item for item in found if "deletionTimestamp" not in item["metadata"]]  # gone: nobody's concern

    wanted = {(each.kind, each.namespace, each.name) for each in promised.workloads}
    live = {
        key: each
        for kind in dict.fromkeys(each.kind for each in promised.workloads)
        for each in listed(f"live.{kind.lower()}")
        if (key := (kind, each["metadata"]["namespace"], each["metadata"]["name"])) in wanted
    }
    pods = listed(*(name for name in answers if name.startswith("pods.")))
    services = listed(*(name for name in answers if name.startswith("services.")))
    return View(
        nodes={item["metadata"]["name"]: item for item in listed("nodes")},
        system_pods={item["metadata"]["name"]: item for item in listed("system-pods")},
        now=datetime.fromtimestamp(int(answers["now"].text), UTC),
        other_pods=tuple(pod for pod in pods if any(belongs(pod, each) for each in live.values())),
        live=live,
        sets=frozenset(each["metadata"]["labels"]["kprov.io/addon-set"] for each in listed(*_if("sets", answers))),
        classes={each["metadata"]["name"]: each for each in listed(*_if("classes", answers))},
        services={(each["metadata"]["namespace"], each["metadata"]["name"]): each for each in services},
    )


def _if(name: str, answers: Mapping[str, Answer]) -> tuple[str, ...]:
    return (name,) if name in answers else ()


def node_ready(node: Object) -> bool:
    """Whether the API server holds a node for ready.

    >>> node_ready({"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}})
    False
    """
    return any(each["type"] == "Ready" and each["status"] == "True" for each in node["status"].get("conditions", ()))


def is_default(storage_class: Object) -> bool:
    """Whether a StorageClass is the one of claims that name none; the second name is an older one of the same."""
    marks = storage_class["metadata"].get("annotations", {})
    return any(marks.get(f"storageclass.{name}/is-default-class") == "true" for name in _GROUPS)


def _labelled(pod: Object) -> str:
    """What a pod of Kubernetes' own add-ons is called."""
    return str(pod["metadata"].get("labels", {}).get("k8s-app", ""))


def _static(pod: Object) -> bool:
    return "kubernetes.io/config.mirror" in pod["metadata"].get("annotations", {})


def _node_of(pod: Object) -> str:
    return str(pod.get("spec", {}).get("nodeName", ""))
