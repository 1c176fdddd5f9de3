"""kubeadm's documents: what a node is told depends on its roles and on the release, and nothing of it is secret."""

from __future__ import annotations

import json

import pytest

from kprov.release import kubeadm, kubelet
from kprov.release.documents import node_documents
from tests.unit.release.samples import cluster, release

ENDPOINTS = {
    "node-local": ({"mode": "node-local"}, "api.book.internal:8443"),
    "vip": ({"mode": "vip", "address": "10.0.0.10"}, "10.0.0.10:6443"),
    "external": ({"mode": "external", "address": "api.example.org", "port": 443}, "api.example.org:443"),
    "single": ({"mode": "single"}, "10.0.0.11:6443"),
}
VERSIONS = ["1.20.2", "1.36.4"]

both_versions = pytest.mark.parametrize("version", VERSIONS)


def documents(version, **changes):
    """Every document that any node of the cluster gets."""
    spec, rules = cluster(version, **changes), release(version)
    for name in spec.nodes:
        files = node_documents(spec, rules, name).values()
        yield from (document for file in files for document in file if document["kind"] != "ClusterConfiguration")
    yield kubeadm.cluster_configuration(spec, rules)


def join(version, name):
    return kubeadm.join_configuration(cluster(version), release(version), name, shared_kernel=False)


def values(document):
    """Every key and every text of a document."""
    if isinstance(document, dict):
        for key, value in document.items():
            yield key
            yield from values(value)
    elif isinstance(document, list):
        for value in document:
            yield from values(value)
    else:
        yield str(document)


@both_versions
def test_no_document_contains_a_secret(version):
    secret = {"certificateKey", "bootstrapTokens", "bootstrapToken", "token", "tlsBootstrapToken", "caCertHashes"}
    for document in documents(version):
        assert secret.isdisjoint(values(document)), document["kind"]


@both_versions
def test_every_document_is_json_and_names_its_api(version):
    for document in documents(version):
        assert json.loads(json.dumps(document)) == document
        if document["apiVersion"].startswith("kubeadm"):
            assert document["apiVersion"] == f"kubeadm.k8s.io/{release(version).kubeadm_api}"


@both_versions
def test_a_worker_joins_without_a_control_plane(version):
    assert "controlPlane" not in join(version, "w1")
    assert "10.0.0.101" in dict_of(join(version, "w1")["nodeRegistration"]["kubeletExtraArgs"])["node-ip"]


@both_versions
@pytest.mark.parametrize("name", ["m1", "a1"])
def test_a_control_plane_joins_at_its_own_address(version, name):
    address = str(cluster(version).nodes[name].address)
    assert join(version, name)["controlPlane"] == {"localAPIEndpoint": {"advertiseAddress": address, "bindPort": 6443}}


@both_versions
def test_a_joining_node_finds_the_cluster_by_a_file_that_is_put_there_for_the_join(version):
    assert join(version, "w1")["discovery"]["file"] == {"kubeConfigPath": "/run/kprov/discovery.conf"}


def test_a_joining_node_is_not_kept_waiting_by_the_kubeadm_that_first_sleeps_for_its_timeout():
    assert join("1.20.2", "w1")["discovery"]["timeout"] == "1s"
    assert "timeout" not in join("1.36.4", "w1")["discovery"]


def dict_of(args):
    """Arguments in either form as a mapping."""
    return args if isinstance(args, dict) else {arg["name"]: arg["value"] for arg in args}


def arguments(version):
    """Every place with extra arguments."""
    for document in documents(version):
        yield document.get("nodeRegistration", {}).get("kubeletExtraArgs")
        yield document.get("controllerManager", {}).get("extraArgs")


def test_arguments_are_lists_of_name_and_value_from_v1beta4_on():
    found = [args for args in arguments("1.36.4") if args is not None]
    assert len(found) == 8
    for args in found:
        assert isinstance(args, list)
        assert all(set(arg) == {"name", "value"} for arg in args)


def test_arguments_are_mappings_before_v1beta4():
    found = [args for args in arguments("1.20.2") if args is not None]
    assert len(found) == 8
    assert all(isinstance(args, dict) for args in found)


def test_the_timeout_stands_where_the_api_has_it():
    old, new = (list(documents(version)) for version in VERSIONS)
    assert [doc["kind"] for doc in old if "timeouts" in doc] == []
    assert {doc["kind"] for doc in new if "timeouts" in doc} == {"InitConfiguration", "JoinConfiguration"}
    api_servers = [doc["apiServer"] for doc in (*old, *new) if "apiServer" in doc]
    assert ["timeoutForControlPlane" in api for api in api_servers] == [True, False]


MASTER = {"key": "node-role.kubernetes.io/master", "effect": "NoSchedule"}
CONTROL_PLANE = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}


@pytest.mark.parametrize(("version", "taint"), [("1.20.2", MASTER), ("1.36.4", CONTROL_PLANE)])
def test_a_control_plane_is_kept_free_of_workloads(version, taint):
    assert join(version, "m1")["nodeRegistration"]["taints"] == [taint]


@both_versions
def test_a_control_plane_that_is_a_worker_too_takes_workloads(version):
    """An empty list, not an absent one: kubeadm would add its own taint."""
    assert join(version, "a1")["nodeRegistration"]["taints"] == []


@both_versions
def test_a_worker_has_the_taints_and_labels_of_the_cluster_file_alone(version):
    registration = join(version, "w1")["nodeRegistration"]
    assert registration["taints"] == [
        {"key": "gpu", "value": "yes", "effect": "NoExecute"},
        {"key": "slow", "effect": "NoSchedule"},
    ]
    assert dict_of(registration["kubeletExtraArgs"])["node-labels"] == "disk=ssd,zone=b"


@both_versions
@pytest.mark.parametrize(("endpoint", "address"), ENDPOINTS.values(), ids=ENDPOINTS)
def test_the_certificate_holds_every_name_and_address_that_a_client_may_use(version, endpoint, address):
    document = kubeadm.cluster_configuration(cluster(version, endpoint=endpoint), release(version))
    names = document["apiServer"]["certSANs"]
    assert document["controlPlaneEndpoint"] == address
    needed = {"localhost", "127.0.0.1", "m1", "m2", "a1", "10.0.0.11", "10.0.0.12", "10.0.0.201", "203.0.113.11"}
    assert needed | {address.rpartition(":")[0]} == set(names)
    assert len(names) == len(set(names))


def test_versions_networks_and_names_come_from_the_cluster_file():
    network = {"plugin": "bridge", "pods": "10.8.0.0/14", "services": "10.7.0.0/16", "dns_domain": "k.example"}
    spec = cluster("1.20.2", network={**network, "node_prefix": 25})
    document = kubeadm.cluster_configuration(spec, release("1.20.2"))
    assert document["kubernetesVersion"] == "v1.20.2"
    assert document["clusterName"] == "book"
    assert document["imageRepository"] == "k8s.gcr.io"
    assert document["networking"] == {
        "podSubnet": "10.8.0.0/14",
        "serviceSubnet": "10.7.0.0/16",
        "dnsDomain": "k.example",
    }
    assert dict_of(document["controllerManager"]["extraArgs"]) == {"node-cidr-mask-size": "25"}
    configured = kubelet.kubelet_configuration(spec, release(), shared_kernel=False)
    assert (configured["clusterDNS"], configured["clusterDomain"]) == (["10.7.0.10"], "k.example")
    assert kubelet.kube_proxy_configuration(spec, shared_kernel=False)["clusterCIDR"] == "10.8.0.0/14"


@pytest.mark.parametrize(
    ("version", "pods", "told"),
    [
        ("1.36.4", ["10.8.0.0/14"], {"node-cidr-mask-size": "24"}),
        ("1.36.4", ["10.8.0.0/25"], {"node-cidr-mask-size-ipv4": "24"}),
        ("1.20.2", ["10.8.0.0/25"], {"node-cidr-mask-size": "24"}),
        ("1.36.4", ["fd00:8::/56"], {"node-cidr-mask-size-ipv6": "64"}),
        ("1.20.2", ["fd00:8::/56"], {"node-cidr-mask-size": "64"}),
        (
            "1.36.4",
            ["fd00:8::/56", "10.8.0.0/14"],
            {"node-cidr-mask-size-ipv6": "64", "node-cidr-mask-size-ipv4": "24"},
        ),
    ],
)
def test_shares_of_the_pods_network_are_told_as_the_version_takes_it(version, pods, told):
    document = kubeadm.cluster_configuration(cluster(version, network={"pods": pods}), release(version))
    assert dict_of(document["controllerManager"]["extraArgs"]) == told


def test_an_endpoint_of_ipv6_is_in_brackets():
    spec = cluster(endpoint={"mode": "external", "address": "FD00::10"})
    document = kubeadm.cluster_configuration(spec, release())
    assert document["controlPlaneEndpoint"] == "[fd00::10]:6443"
    assert "fd00::10" in document["apiServer"]["certSANs"]


def test_on_machines_of_their_own_the_kubelet_guards_swap_and_its_memory():
    configured = kubelet.kubelet_configuration(cluster(), release(), shared_kernel=False)
    proxy = kubelet.kube_proxy_configuration(cluster(), shared_kernel=False)
    assert {"failSwapOn", "oomScoreAdj"}.isdisjoint(configured)
    assert {"conntrack", "oomScoreAdj"}.isdisjoint(proxy)


def test_on_a_shared_kernel_nothing_of_the_host_is_touched():
    configured = kubelet.kubelet_configuration(cluster(), release(), shared_kernel=True)
    proxy = kubelet.kube_proxy_configuration(cluster(), shared_kernel=True)
    assert (configured["failSwapOn"], configured["oomScoreAdj"]) == (False, 0)
    assert (proxy["conntrack"], proxy["oomScoreAdj"]) == ({"maxPerCore": 0, "min": 0}, 0)
