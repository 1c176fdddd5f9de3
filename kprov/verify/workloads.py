"""What keeps pods running, as the API server has it: which pods are its own, on which nodes, and how many it lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kprov.verify.pods import Object
    from kprov.verify.promises import Workload


def belongs(pod: Object, live: Object) -> bool:
    """Whether a workload keeps this pod, by its selector.

    >>> live = {"metadata": {"namespace": "a"}, "spec": {"selector": {"matchLabels": {"app": "x"}}}}
    >>> belongs({"metadata": {"namespace": "a", "labels": {"app": "x", "more": "y"}}}, live)
    True
    """
    if pod["metadata"].get("namespace") != live["metadata"].get("namespace"):
        return False
    labels, wanted = pod["metadata"].get("labels", {}), live["spec"]["selector"].get("matchLabels", {})
    return bool(wanted) and all(labels.get(key) == value for key, value in wanted.items())


def wants_node(live: Object, node: Object) -> bool:
    """Whether a DaemonSet is meant to have a pod on a node, by its node selector; taints are its manifest's matter.

    >>> live = {"spec": {"template": {"spec": {"nodeSelector": {"kubernetes.io/os": "linux"}}}}}
    >>> wants_node(live, {"metadata": {"labels": {"kubernetes.io/os": "windows"}}})
    False
    """
    labels, wanted = node["metadata"].get("labels", {}), live["spec"]["template"]["spec"].get("nodeSelector", {})
    return all(labels.get(key) == value for key, value in wanted.items())


def rolling(live: Object) -> bool:
    """Whether its controller is still at work: pods are to be made, or to be replaced by newer ones.

    >>> daemons = {"kind": "DaemonSet", "metadata": {"generation": 2}, "spec": {}}
    >>> counts = {"desiredNumberScheduled": 2, "currentNumberScheduled": 2, "updatedNumberScheduled": 1}
    >>> rolling({**daemons, "status": {"observedGeneration": 2, **counts}})
    True
    """
    status, spec = live["status"], live["spec"]
    if status.get("observedGeneration", 0) < live["metadata"].get("generation", 0):
        return True
    if "desiredNumberScheduled" in status:
        by_hand = spec.get("updateStrategy", {}).get("type") == "OnDelete"
        made = status.get("currentNumberScheduled" if by_hand else "updatedNumberScheduled", 0)
        return bool(made < status["desiredNumberScheduled"])
    return bool(status.get("updatedReplicas", 0) < spec.get("replicas", 1))


def shortage(workload: Workload, live: Object | None) -> str:
    """Why a workload has fewer pods at work than it is to have; empty where it has all.

    >>> from kprov.verify.promises import Workload
    >>> dns = Workload("coredns", "Deployment", "kube-system", "coredns")
    >>> shortage(dns, {"spec": {"replicas": 2}, "status": {"readyReplicas": 1}})
    'Deployment kube-system/coredns has 1 of 2 pods ready'
    >>> shortage(dns, {"spec": {"replicas": 0}, "status": {}})
    'Deployment kube-system/coredns is scaled to zero'
    """
    if live is None:
        return f"{workload} is not there"
    status = live["status"]
    if workload.kind == "DaemonSet":
        wanted, ready = status.get("desiredNumberScheduled", 0), status.get("numberReady", 0)
    else:
        wanted, ready = live["spec"].get("replicas", 1), status.get("readyReplicas", 0)
        if wanted == 0:
            return f"{workload} is scaled to zero"
    return "" if ready >= wanted else f"{workload} has {ready} of {wanted} pods ready"
