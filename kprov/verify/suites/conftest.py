"""What several suites ask in the same words."""

import pytest

from kprov.verify.logs import log_key
from kprov.verify.machine import SilentMachineError
from kprov.verify.pods import pod_ready, pod_runs, troubles
from kprov.verify.questions import cni_configurations
from kprov.verify.view import node_ready


@pytest.fixture
def told(cluster, evidence):
    """A function that says in a line what ails a container, with the end of its log; more of that is evidence."""

    def say(trouble):
        log = cluster.logs.get(log_key(trouble), "").strip() if trouble.crashed else ""
        if log:
            evidence(log)
        words = f"{trouble.pod} on {trouble.node}" if trouble.node else trouble.pod
        return f"{words} {trouble.why}" + (f": {log.splitlines()[-1]}" if log else "")

    return say


@pytest.fixture
def pod_is_ready(cluster, told):
    """A function that fails the test unless a pod works; one that just began may still be getting there."""

    def check(pod):
        found = troubles(pod, cluster.view.now)
        late = [each for each in found if each.container or not (pod_runs(pod) and cluster.view.young(pod))]
        assert not late, "; ".join(map(told, late))

    return check


@pytest.fixture
def static_pod(cluster, pod_is_ready):
    """A function that fails the test unless a static pod of this name is there and ready."""

    def check(name):
        pod = cluster.view.system_pods.get(name)
        assert pod, f"there is no pod {name}"
        pod_is_ready(pod)

    return check


@pytest.fixture
def network_fault(cluster, settings):
    """A function that says why pods on a node (on none: on some node) have no network; empty where they should have it.

    Each of these reasons is the matter of one test in the suite of the network, and what follows from it of no other.
    """

    def find(node=""):
        here = [node] if node else list(cluster.view.nodes)
        wanted = settings.promised.network.configuration
        found = [each for workload in settings.promised.plugin_workloads
                 for each in cluster.view.troubles_of(workload) if not each.node or each.node in here]  # fmt: skip
        if found:
            return f"the network lacks {found[0].image}" if found[0].image else f"{found[0].pod} does not work"
        for name in here:
            try:
                answer = cluster.answer(name, "cni")
            except (KeyError, SilentMachineError):
                continue
            if wanted and answer.ok and wanted not in cni_configurations(answer.text):
                return f"{name} has no {wanted}"
        return ""

    return find


@pytest.fixture
def spare_pods(cluster, network_fault):
    """A function that skips the test where one of these pods does not run for want of a network: another test tells."""

    def check(pods):
        for pod in pods:
            node = cluster.view.nodes.get(pod["spec"].get("nodeName", ""))
            if pod_ready(pod) or (node is not None and node_ready(node) and pod_runs(pod)):
                continue
            if fault := network_fault(pod["spec"].get("nodeName", "")):
                pytest.skip(f"{pod['metadata']['name']} has no network: {fault}")

    return check


@pytest.fixture
def cut_off(cluster):
    """A function that gives those of some nodes whose probe pods the one of a node does not reach."""

    def find(here, nodes):
        reached = cluster.probe.reached.get(here, {})
        return [node for node in dict.fromkeys(nodes) if f"pod/{node}" in reached and not reached[f"pod/{node}"].ok]

    return find


@pytest.fixture
def probed(cluster, cut_off, evidence):
    """A function that gives what a node's probe pod got from a target; without such a pod, the test is skipped.

    ``needs`` is the node whose pod is asked; ``through`` are nodes that one of the answers comes from; ``proxied``: the
    way leads through the node's kube-proxy.
    """

    def ask(node, target, needs="", through=(), proxied=False):
        missing = [name for name in (node, needs) if name and name not in cluster.probe.reached]
        if missing:
            pytest.skip(f"no probe pod runs on {', '.join(missing)}")
        found = cluster.probe.reached[node].get(target)
        assert found, "the pod was not asked, or did not answer in time"
        lost = [] if found.ok else cut_off(node, through)
        if lost:
            pytest.skip(f"pods on {', '.join(lost)} are not reached from {node}")
        if proxied and not found.ok and node not in cluster.view.proxied_nodes:
            pytest.skip(f"kube-proxy does not run on {node}")
        evidence(found.text or "no answer")
        assert found.ok, found.text or "no answer"
        return found.text

    return ask
