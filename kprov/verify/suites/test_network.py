"""Packets: between the pods of every two nodes in both directions, and to a service."""

import pytest

from kprov.verify.cluster import ProbeError


def test_kube_proxy(node, cluster, pod_is_ready):
    """kube-proxy runs"""
    pods = [pod for pod in cluster.view.system_pods.values()
            if pod["spec"].get("nodeName") == node.name
            and pod["metadata"].get("labels", {}).get("k8s-app") == "kube-proxy"]  # fmt: skip
    assert pods, f"no kube-proxy on {node.name}"
    for pod in pods:
        pod_is_ready(pod)


def test_probe(cluster):
    """the API server takes new pods and a service"""
    try:
        assert cluster.probe.service, "the service has no address"
    except ProbeError as error:
        pytest.fail(str(error))


def test_pod_runs(node, cluster):
    """a pod runs"""
    if node.name not in cluster.view.ready_nodes:
        pytest.skip("the node is not Ready")
    pod = cluster.probe.pods.get(node.name)
    assert pod, "the DaemonSet's controller made no pod for the node"
    assert pod.running, f"the pod does not run: {pod.why}"


def test_pod_to_pod(pair, probed):
    """its pod reaches the pod on {there}"""
    here, there = pair
    answer = probed(here, f"pod/{there}", needs=there)
    assert answer == there, f"{here} asked the pod on {there} and was answered by {answer or 'nobody'}"


def test_endpoints(cluster):
    """the service has every pod behind it"""
    missing = [
        pod.node for pod in cluster.probe.pods.values() if pod.running and pod.address not in cluster.probe.behind
    ]
    assert not missing, f"not the pods on {', '.join(missing)}: kube-controller-manager did not put them there in time"


def test_service(node, cluster, probed):
    """its pod reaches a service"""
    if not cluster.probe.behind:
        pytest.skip("the service has no pod behind it")
    answer = probed(node.name, "service")
    assert answer in cluster.probe.pods, f"the service {cluster.probe.service} answered {answer or 'nothing'}"
