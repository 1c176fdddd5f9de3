"""The cluster's DNS, as the pods see it."""

import pytest

from kprov.verify.pods import pod_runs


@pytest.fixture(autouse=True)
def _dns_was_made(settings):
    if settings.without_dns:
        pytest.skip(f"the cluster has no DNS: {settings.without_dns}")


def _skip_if_none_runs(cluster):
    if not any(map(pod_runs, cluster.view.dns_pods)):
        pytest.skip("no DNS server runs")


def _where(cluster):
    return [pod["spec"].get("nodeName") for pod in cluster.view.dns_pods]


def test_servers(cluster, pod_is_ready, spare_pods):
    """the DNS servers run"""
    pods = cluster.view.dns_pods
    assert pods, "there is none: no pod has the label k8s-app=kube-dns"
    spare_pods(pods)
    for pod in pods:
        pod_is_ready(pod)


def test_service_name(node, cluster, probed):
    """its pod resolves a service's name"""
    _skip_if_none_runs(cluster)
    answer = probed(node.name, f"dns/{cluster.service_name}", through=_where(cluster), proxied=True)
    assert cluster.probe.service in answer.split(), f"{cluster.service_name} resolved to: {answer}"


def test_api_name(node, cluster, probed):
    """its pod resolves the API server's name"""
    _skip_if_none_runs(cluster)
    probed(node.name, f"dns/{cluster.api_name}", through=_where(cluster), proxied=True)
