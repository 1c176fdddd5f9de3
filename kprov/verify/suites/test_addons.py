"""Add-ons: everything that they consist of is at work, and they answer."""

import pytest

from kprov.verify.balancer import holds
from kprov.verify.services import answers_well, ports, shut, urls
from kprov.verify.workloads import shortage


def test_applied(addon, cluster):
    """{addon} was applied"""
    assert addon in cluster.view.sets, "the cluster file asks for it, and the cluster never had it: run 'kprov up'"


def test_available(workload, cluster, told, spare_pods):
    """{workload} is available"""
    if workload.addon not in cluster.view.sets:
        pytest.skip(f"{workload.addon} was never applied")
    spare_pods(cluster.view.pods_of(workload))
    short = shortage(workload, cluster.view.workload(workload))
    wrong = [short] if short else []
    wrong += [told(each) for each in cluster.view.troubles_of(workload)]
    assert not wrong, "; ".join(wrong)


@pytest.fixture
def serving(settings, cluster, cut_off):
    """A function that skips the test where an add-on's own pods do not serve, or cannot be reached from a node."""

    def check(addon, here):
        workloads = [each for each in settings.promised.services if each.addon == addon]
        short = [text for each in workloads if (text := shortage(each, cluster.view.workload(each)))]
        if short or not workloads:
            pytest.skip("; ".join(short) or f"{addon} was never applied")
        where = [pod["spec"].get("nodeName") for each in workloads for pod in cluster.view.pods_of(each)]
        lost = cut_off(here, where)
        if lost:
            pytest.skip(f"pods on {', '.join(lost)} are not reached from {here}")

    return check


def test_metrics(node, metrics, cluster, settings, serving):
    """kubectl top knows what the node uses"""
    answers = cluster.services
    if node.name not in answers.measured:
        serving(metrics, settings.control_planes[0].name)
    assert answers.metrics.ok, answers.metrics.text or "the metrics API did not answer"
    if node.name not in cluster.view.ready_nodes:
        pytest.skip("the node is not Ready")
    assert node.name in answers.measured, f"it knows {', '.join(sorted(answers.measured)) or 'no node'}"


def test_balancer(balancer, cluster, settings, evidence):
    """a service of the type LoadBalancer answers"""
    if not cluster.probe.behind:
        pytest.skip("it has no pod behind it")
    seen, pools = cluster.balanced, settings.promised.pools
    assert not seen.refused, seen.refused
    assert seen.address, f"{balancer} gave it no address of {', '.join(pools)}"
    evidence(f"{seen.address}: {seen.answer.text.strip()}")
    assert any(holds(pool, seen.address) for pool in pools), f"{seen.address} is in none of {', '.join(pools)}"
    assert seen.answer.ok, f"{seen.address}: {seen.answer.text.strip() or 'nobody answers'}"


def _answered(answer):
    return f"it answered with HTTP status {answer.text[-3:]}" if answer.ok else answer.text.splitlines()[0]


def test_dashboard_service(door, cluster, settings, serving):
    """the dashboard answers on its service"""
    url = urls(door, settings, cluster.view).get("")
    assert url, f"there is no service {door.namespace}/{door.service}"
    answer = cluster.services.doors[url]
    if not answers_well(answer):
        serving(door.service, settings.control_planes[0].name)
    assert answers_well(answer), f"{url}: {_answered(answer)}"


def test_dashboard_open(node, open_door, cluster, settings, serving):
    """the dashboard answers at port {open_door.port}"""
    url = ports(open_door, settings)[node.name]
    answer = cluster.services.doors[url]
    if not answers_well(answer):
        serving(open_door.service, node.name)
    assert answers_well(answer), f"{url}: {_answered(answer)}"


def test_dashboard_shut(node, shut_door, cluster, settings):
    """nobody answers at port {shut_door.port}"""
    url = ports(shut_door, settings)[node.name]
    assert shut(cluster.services.doors[url]), f"something listens at {url}: {_answered(cluster.services.doors[url])}"
