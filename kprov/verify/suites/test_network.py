"""What connects pods, and packets: between the pods of every two nodes in both directions, and to a service."""

import pytest

from kprov.verify.answers import ProbeError
from kprov.verify.questions import CNI_FOLDER, cni_configurations
from kprov.verify.workloads import shortage, wants_node


def test_images(plugin, cluster, settings):
    """the images of {plugin} are there"""
    missing = {}
    for each in (
        each for workload in settings.promised.plugin_workloads for each in cluster.view.troubles_of(workload)
    ):
        if each.image:
            missing.setdefault(each.image, []).append(each)
    told = [
        f"{', '.join(sorted({each.node for each in found}))}: {plugin} {found[0].why}" for found in missing.values()
    ]
    assert not told, f"{'; '.join(told)} ('kprov bundle import' takes archives of images)"


def test_daemon(node, daemon, cluster, told):
    """{daemon.name} runs"""
    live = cluster.view.workload(daemon)
    assert live, f"{daemon} is not there"
    if not wants_node(live, node.as_node):
        pytest.skip(f"{daemon} is not meant for this node")
    pods = [pod for pod in cluster.view.pods_of(daemon) if pod["spec"].get("nodeName") == node.name]
    assert pods, f"{daemon} has no pod on {node.name}"
    found = [each for each in cluster.view.troubles_of(daemon) if each.node == node.name]
    if lacking := [each.image for each in found if each.image]:
        pytest.skip(f"it lacks {', '.join(dict.fromkeys(lacking))}")
    assert not found, "; ".join(map(told, found))


def test_controller(controller, cluster, told, spare_pods):
    """{controller.name} runs"""
    found = cluster.view.troubles_of(controller)
    lacking = [each.image for each in found if each.image]
    if lacking:
        pytest.skip(f"it lacks {', '.join(dict.fromkeys(lacking))}")
    spare_pods(cluster.view.pods_of(controller))
    short = shortage(controller, cluster.view.workload(controller))
    assert not short, "; ".join([short, *map(told, found)])


def test_configuration(node, configured, settings, cluster):
    """pods get their network from {configured}"""
    found, wanted = cni_configurations(node.ask("cni").text), configured.configuration
    troubles = [each for workload in settings.promised.plugin_workloads for each in cluster.view.troubles_of(workload)
                if each.node == node.name]  # fmt: skip
    if wanted not in found and troubles:
        pytest.skip(f"{troubles[0].pod} does not work")
    assert wanted in found, f"{CNI_FOLDER}/{wanted} is missing; there is {', '.join(found) or 'nothing'}"
    assert found[0] == wanted, f"{CNI_FOLDER}/{found[0]} comes before {wanted}"


def test_kube_proxy(node, cluster, pod_is_ready):
    """kube-proxy runs"""
    _ = node.as_node
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


def test_pod_runs(node, cluster, network_fault):
    """a pod runs"""
    if node.name not in cluster.view.ready_nodes:
        pytest.skip("the node is not Ready")
    pod = cluster.probe.pods.get(node.name)
    assert pod, "the DaemonSet's controller made no pod for the node"
    fault = "" if pod.running else cluster.fault(node.name) or network_fault(node.name)
    if fault:
        pytest.skip(fault)
    assert pod.running, f"the pod does not run: {pod.why}"


def test_mtu(node, sized, probed):
    """pods have the MTU of the cluster file"""
    found = probed(node.name, "mtu")
    assert int(found) == sized.mtu, f"it is {found}, not {sized.mtu}"


def test_pod_to_pod(pair, probed):
    """its pod reaches the pod on {there}"""
    here, there = pair
    answer = probed(here, f"pod/{there}", needs=there)
    assert answer == there, f"{here} asked the pod on {there} and was answered by {answer or 'nobody'}"


def test_full_size(pair, probed, cut_off):
    """packets of its pod's MTU reach the pod on {there}"""
    here, there = pair
    if cut_off(here, [there]):
        pytest.skip("no packet reaches it at all")
    probed(here, f"full/{there}", needs=there)


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
    answer = probed(node.name, "service", through=list(cluster.probe.pods), proxied=True)
    assert answer in cluster.probe.pods, f"the service {cluster.probe.service} answered {answer or 'nothing'}"


def test_policy(node, settings, cluster, cut_off):
    """a NetworkPolicy shuts its pod off, and lets it go"""
    network = settings.promised.network
    if not network.enforces:
        known = "enforces no NetworkPolicy" if network.configuration else "is not kprov's: nothing is known of it"
        pytest.skip(f"the network {network} {known}")
    assert not cluster.policy.refused, cluster.policy.refused
    if node.name not in cluster.policy.asker:
        pytest.skip("no pod of another node can ask its pod")
    asker = cluster.policy.asker[node.name]
    if cut_off(asker, [node.name]):
        pytest.skip(f"pods on {node.name} are not reached from {asker} in any case")
    locked, freed = (answers.get(node.name) for answers in (cluster.policy.locked, cluster.policy.freed))
    assert None not in (locked, freed), f"the pod on {asker} did not answer in time"
    assert locked.ok, f"the pod on {asker} reached it in spite of a policy that lets nobody in"
    assert freed.ok, f"the pod on {asker} did not reach it any more when the policy was gone"
