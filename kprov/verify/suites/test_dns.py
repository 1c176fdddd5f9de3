"""The cluster's DNS, as the pods see it."""

import pytest


@pytest.fixture(autouse=True)
def _dns_was_made(settings):
    if settings.without_dns:
        pytest.skip(f"the cluster has no DNS: {settings.without_dns}")


def test_servers(cluster, pod_is_ready):
    """the DNS servers run"""
    pods = [pod for pod in cluster.view.system_pods.values()
            if pod["metadata"].get("labels", {}).get("k8s-app") == "kube-dns"]  # fmt: skip
    assert pods, "there is no pod with the label k8s-app=kube-dns"
    for pod in pods:
        pod_is_ready(pod)


def test_service_name(node, cluster, probed):
    """its pod resolves a service's name"""
    answer = probed(node.name, f"dns/{cluster.service_name}")
    assert cluster.probe.service in answer.split(), f"{cluster.service_name} resolved to: {answer}"


def test_api_name(node, cluster, probed):
    """its pod resolves the API server's name"""
    probed(node.name, f"dns/{cluster.api_name}")
