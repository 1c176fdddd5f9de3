"""Every network is made for the pod network, the tunnel, the MTU and the Kubernetes of the cluster file."""

from __future__ import annotations

import json

import pytest

from kprov.addons.chosen import chosen
from kprov.addons.documents import container, find, images_of, to_text
from kprov.addons.model import KEEP, LABEL, RELEASE, OpenPort, SecretFile
from kprov.addons.together import check_together
from kprov.errors import InputError
from kprov.release.catalog import resolve
from kprov.spec.load import loads
from tests.unit.addons.made import addons, environment, objects


def network(settings: str, kubernetes: str = "1.20.2"):
    (addon,) = addons(f"network: {{{settings}}}", kubernetes).values()
    return addon


def calico(settings: str = "", kubernetes: str = "1.20.2"):
    return network(f"plugin: calico{settings}", kubernetes)


def calico_node(settings: str) -> dict:
    return environment(objects(calico(settings)), "DaemonSet", "calico-node", "calico-node")


def config(documents, name: str) -> dict:
    return find(documents, "ConfigMap", name)["data"]


def test_calico_has_the_pods_network_and_the_address_that_the_kubelet_was_told():
    found = calico_node(", pods: 10.8.0.0/14")
    assert found["CALICO_IPV4POOL_CIDR"] == "10.8.0.0/14"
    assert found["IP_AUTODETECTION_METHOD"] == "kubernetes-internal-ip"
    assert found["IP"] == "autodetect"
    assert found["CALICO_IPV6POOL_VXLAN"] == "Never"


@pytest.mark.parametrize(
    ("encapsulation", "ipip", "vxlan", "backend", "kernel", "port"),
    [
        ("", "Never", "Always", "vxlan", ("ip_set", "vxlan"), OpenPort("udp", 4789, "kernel")),
        (", encapsulation: vxlan", "Never", "Always", "vxlan", ("ip_set", "vxlan"), OpenPort("udp", 4789, "kernel")),
        (", encapsulation: ipip", "Always", "Never", "bird", ("ip_set", "ipip"), OpenPort("tcp", 179, "bird")),
        (", encapsulation: bgp", "Never", "Never", "bird", ("ip_set",), OpenPort("tcp", 179, "bird")),
    ],
)
def test_calico_carries_packets_as_asked(encapsulation, ipip, vxlan, backend, kernel, port):
    found = calico_node(encapsulation)
    assert (found["CALICO_IPV4POOL_IPIP"], found["CALICO_IPV4POOL_VXLAN"]) == (ipip, vxlan)
    assert config(objects(calico(encapsulation)), "calico-config")["calico_backend"] == backend
    assert (calico(encapsulation).kernel, calico(encapsulation).ports) == (kernel, (port,))


@pytest.mark.parametrize(("encapsulation", "bird"), [("vxlan", False), ("ipip", True), ("bgp", True)])
def test_calico_is_asked_for_bird_only_where_bird_runs(encapsulation, bird):
    node = container(
        find(objects(calico(f", encapsulation: {encapsulation}")), "DaemonSet", "calico-node"), "calico-node"
    )
    live, ready = (node[probe]["exec"]["command"] for probe in ("livenessProbe", "readinessProbe"))
    assert live == ["/bin/calico-node", "-felix-live", *(["-bird-live"] if bird else [])]
    assert ready == ["/bin/calico-node", "-felix-ready", *(["-bird-ready"] if bird else [])]
    assert node["readinessProbe"]["periodSeconds"] == 10


@pytest.mark.parametrize(("settings", "mtu"), [("", "0"), (", mtu: 1400", "1400")])
def test_calico_finds_its_mtu_or_takes_the_one_given(settings, mtu):
    assert config(objects(calico(settings)), "calico-config")["veth_mtu"] == mtu


@pytest.mark.parametrize(("kubernetes", "api"), [("1.20.2", "policy/v1beta1"), ("1.36.4", "policy/v1")])
def test_a_disruption_budget_is_of_an_api_that_this_kubernetes_has(kubernetes, api):
    budget = find(objects(calico(kubernetes=kubernetes)), "PodDisruptionBudget", "calico-kube-controllers")
    assert (budget["apiVersion"], budget["spec"]) == (api, {"maxUnavailable": 1})


def test_a_calico_that_waits_for_an_api_which_is_not_there_says_so():
    (note,) = calico().notes
    assert "discovery.k8s.io/v1" in note
    assert "Kubernetes 1.20" in note
    assert calico(kubernetes="1.36.4").notes == ()


REFLECTING = """\
cluster: lab
kubernetes: {version: 1.36.4}
nodes:
  m1: {address: 10.0.0.11, roles: [control-plane]}
  e1: {address: 10.0.0.12, roles: [etcd]}
  w1: {address: 10.0.0.21, roles: [worker, route-reflector]}
  w2: {address: 10.0.0.22, roles: [worker]}
etcd: {topology: external}
network: {plugin: calico, encapsulation: bgp}
"""


def test_route_reflectors_are_marked_peered_with_and_end_the_mesh():
    loaded = loads(REFLECTING, "cluster.yaml")
    made = chosen(loaded.spec, resolve(loaded.spec, file=""), file="")
    peer, m1, w1, w2, config = made[1].objects({})
    assert [each.name for each in made] == ["calico", "calico-route-reflectors"]
    assert peer["spec"] == {"nodeSelector": "all()", "peerSelector": "has(kprov.io/route-reflector)"}
    assert config["metadata"]["name"] == "default"
    assert config["spec"] == {"nodeToNodeMeshEnabled": False}
    assert [each["metadata"]["name"] for each in (m1, w1, w2)] == ["m1", "w1", "w2"]
    assert "kprov.io/route-reflector" in w1["metadata"]["labels"]
    reflects = "projectcalico.org/RouteReflectorClusterID"
    assert [reflects in each["metadata"]["annotations"] for each in (m1, w1, w2)] == [False, True, False]
    assert {each["metadata"]["annotations"][KEEP] for each in (m1, w1, w2)} == {RELEASE}
    assert check_together({each.name: each.objects({}) for each in made[1:]}) is None


def test_without_the_role_there_is_the_mesh():
    assert list(addons("network: {plugin: calico, encapsulation: bgp}", "1.36.4")) == ["calico"]


def test_weave_has_the_pods_network_and_calls_nobody():
    found = environment(objects(network("plugin: weave, version: 2.8.1")), "DaemonSet", "weave-net", "weave")
    assert found == {"INIT_CONTAINER": "true", "IPALLOC_RANGE": "10.244.0.0/16", "CHECKPOINT_DISABLE": "1"}


def test_weave_takes_a_password_from_a_secret_that_is_in_no_object():
    addon = network("plugin: weave, version: 2.8.1, mtu: 1376, password_file: secrets/weave")
    documents = objects(addon)
    found = environment(documents, "DaemonSet", "weave-net", "weave")
    assert found["WEAVE_MTU"] == "1376"
    assert found["WEAVE_PASSWORD"] == {"secretKeyRef": {"name": "weave-passwd", "key": "weave-passwd"}}
    assert addon.secrets == (SecretFile("kube-system", "weave-passwd", "weave-passwd", "secrets/weave"),)
    assert "secrets/weave" not in to_text(documents)
    assert {each["kind"] for each in documents} == {"ServiceAccount", "DaemonSet"}


def test_weave_has_images_of_its_version_and_pulls_none_that_is_there():
    addon = network("plugin: weave, version: 2.8.1")
    documents = objects(addon)
    assert images_of(documents) == ("docker.io/weaveworks/weave-kube:2.8.1", "docker.io/weaveworks/weave-npc:2.8.1")
    assert "Always" not in to_text(documents)
    assert "null" not in to_text(documents)


@pytest.mark.parametrize("kubernetes", ["1.20.2", "1.36.4"])
def test_weave_is_the_fork_unless_asked_otherwise_and_says_what_became_of_its_makers(kubernetes):
    addon = network("plugin: weave", kubernetes)
    assert addon.version == "2.9.0"
    assert "rajch/weave" in addon.upstream[0].url
    assert "Weaveworks closed" in addon.notes[0]
    assert "openvswitch" in addon.notes[1]
    assert {(port.protocol, port.port) for port in addon.ports} == {("tcp", 6783), ("udp", 6783), ("udp", 6784)}


def flannel_network(settings: str, kubernetes: str = "1.20.2") -> dict:
    documents = objects(network(f"plugin: flannel{settings}", kubernetes))
    return json.loads(config(documents, "kube-flannel-cfg")["net-conf.json"])


@pytest.mark.parametrize(
    ("settings", "backend"),
    [
        ("", {"Type": "vxlan"}),
        (", mtu: 1400", {"Type": "vxlan", "MTU": 1450}),
        (", encapsulation: host-gw", {"Type": "host-gw"}),
    ],
)
def test_flannel_has_the_pods_network_and_the_packets_between_nodes_are_larger(settings, backend):
    found = flannel_network(f", pods: 10.8.0.0/14{settings}", "1.36.4")
    assert found == {"Network": "10.8.0.0/14", "EnableNFTables": False, "Backend": backend}


def test_flannel_takes_the_interface_with_the_nodes_address_not_the_default_routes():
    documents = objects(network("plugin: flannel"))
    flanneld = container(find(documents, "DaemonSet", "kube-flannel-ds"), "kube-flannel")
    assert flanneld["args"] == ["--ip-masq", "--kube-subnet-mgr", "--iface=$(NODE_ADDRESS)"]
    found = environment(documents, "DaemonSet", "kube-flannel-ds", "kube-flannel")
    assert found["NODE_ADDRESS"] == {"fieldRef": {"fieldPath": "status.hostIP"}}


def test_flannel_needs_a_tunnel_only_where_it_makes_one():
    assert network("plugin: flannel").kernel == ("vxlan",)
    assert network("plugin: flannel").ports == (OpenPort("udp", 8472, "kernel"),)
    host_gw = network("plugin: flannel, encapsulation: host-gw")
    assert (host_gw.kernel, host_gw.ports) == ((), ())
    assert "NetworkPolicy" in host_gw.notes[0]


def test_the_bridge_runs_nothing():
    addon = network("plugin: bridge")
    assert (addon.objects({}), addon.upstream, addon.ports, addon.secrets) == ((), (), (), ())


def test_none_takes_the_manifests_of_the_user_as_they_are():
    sha256 = "a" * 64
    url = "https://example.com/net.yaml"
    addon = network(f"plugin: none, manifests: [{{file: my.yaml}}, {{url: '{url}', sha256: {sha256}}}]")
    assert addon.local == ("my.yaml",)
    assert [(each.url, each.sha256) for each in addon.upstream] == [(url, sha256)]
    pod = "{apiVersion: v1, kind: Pod, metadata: {name: %s}, spec: {containers: [{name: a, image: 'a:1'%s}]}}"
    files = {"my.yaml": (pod % ("one", "")).encode(), url: (pod % ("two", ", imagePullPolicy: Always")).encode()}
    one, two = addon.objects(files)
    assert [each["metadata"]["labels"] for each in (one, two)] == [{LABEL: "network"}] * 2
    policies = [each["spec"]["containers"][0]["imagePullPolicy"] for each in (one, two)]
    assert policies == ["IfNotPresent", "Always"]


def test_none_without_manifests_says_that_there_is_no_network():
    addon = network("plugin: none")
    assert addon.objects({}) == ()
    assert "No network was installed" in addon.notes[0]


@pytest.mark.parametrize("settings", ["plugin: calico", "plugin: weave, version: 2.8.1", "plugin: flannel"])
def test_objects_are_labelled_but_not_their_pods_and_made_the_same_each_time(settings):
    addon = network(settings)
    documents = objects(addon)
    assert {each["metadata"]["labels"][LABEL] for each in documents} == {addon.name}
    (workload,) = [each for each in documents if each["kind"] == "DaemonSet"]
    assert LABEL not in workload["spec"]["template"]["metadata"]["labels"]
    assert LABEL not in workload["spec"]["selector"]["matchLabels"]
    assert to_text(documents) == to_text(objects(network(settings)))


def test_definitions_come_before_what_is_made_of_them():
    kinds = [each["kind"] for each in objects(calico())]
    assert kinds[:4] == ["CustomResourceDefinition", "PodDisruptionBudget", "ConfigMap", "DaemonSet"]


def test_calico_finds_the_slices_that_kubernetes_does_not_serve_in_the_version_that_it_reads():
    made = {each["kind"]: each for each in objects(calico())}
    service, api = made["Service"], made["APIService"]
    assert service["spec"] == {"type": "ExternalName", "externalName": "localhost"}
    assert api["metadata"]["name"] == "v1.discovery.k8s.io"
    assert api["spec"]["service"]["name"] == service["metadata"]["name"]
    assert not [each for each in objects(calico(kubernetes="1.36.4")) if each["kind"] == "APIService"]


@pytest.mark.parametrize("settings", ["plugin: calico", "plugin: weave", "plugin: flannel"])
def test_another_file_than_the_makers_is_refused(settings):
    addon = network(settings)
    text = "{apiVersion: v1, kind: Pod, metadata: {name: a}}"
    with pytest.raises(InputError, match="the manifest has no"):
        objects(addon, {addon.name: text})
