"""Services have the settings of the cluster file and start what the bundle can bring."""

from __future__ import annotations

import json

import pytest
import yaml

from kprov.addons.documents import find, images_of
from kprov.addons.model import KEEP
from tests.unit.addons.made import addons, objects


def coredns(settings: str) -> tuple:
    return addons(f"network: {{dns_domain: k.example}}\naddons: {{coredns: {settings}}}")["coredns"].objects({})


def corefile(settings: str) -> str:
    return find(coredns(settings), "ConfigMap", "coredns")["data"]["Corefile"]


def test_coredns_asks_the_nodes_servers_unless_told_others():
    assert "    forward . /etc/resolv.conf {\n" in corefile("{}")
    assert "    forward . 9.9.9.9 149.112.112.112 {\n" in corefile('{upstream: ["9.9.9.9", "149.112.112.112"]}')
    assert "    kubernetes k.example in-addr.arpa ip6.arpa {\n" in corefile("{}")


def test_coredns_knows_names_of_the_users_own_before_it_asks_anybody():
    text = corefile('{hosts: {"10.0.0.5": [db.example, sql.example], "10.0.0.6": [mail.example]}}')
    lines = [line.strip() for line in text.splitlines()]
    begin = lines.index("hosts {")
    assert lines[begin : begin + 5] == [
        *("hosts {", "10.0.0.5 db.example sql.example", "10.0.0.6 mail.example", "fallthrough", "}"),
    ]
    assert text.count("{") == text.count("}")
    assert "hosts" not in corefile("{}")


def test_of_kubeadms_coredns_only_what_is_tuned_is_applied_and_nothing_ever_removed():
    documents = coredns("{replicas: 3}")
    assert find(documents, "Deployment", "coredns")["spec"] == {"replicas": 3}
    assert images_of(documents) == ()
    assert [each["metadata"]["annotations"] for each in documents] == [{KEEP: "true"}] * 2


@pytest.mark.parametrize(
    ("kubernetes", "variables"),
    [("1.20.2", [{"name": "KUBE_FEATURE_WatchListClient", "value": "false"}]), ("1.36.4", [])],
)
def test_metrics_server_takes_kubeadms_kubelets_and_lists_as_this_api_server_can(kubernetes, variables):
    documents = addons("addons: {metrics-server: }", kubernetes)["metrics-server"].objects({})
    (container,) = find(documents, "Deployment", "metrics-server")["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "registry.k8s.io/metrics-server/metrics-server:v0.9.0"
    assert container["env"] == variables
    assert "--kubelet-insecure-tls" in container["args"]
    assert f"--secure-port={container['ports'][0]['containerPort']}" in container["args"]
    service = find(documents, "APIService", "v1beta1.metrics.k8s.io")["spec"]["service"]
    assert find(documents, "Service", service["name"])["metadata"]["namespace"] == service["namespace"]


def local_path(settings: str) -> tuple:
    return objects(addons(f"addons: {{local-path-provisioner: {settings}}}")["local-path-provisioner"])


@pytest.mark.parametrize(("settings", "default"), [("{}", "true"), ("{default: false}", "false")])
def test_local_path_is_the_default_class_unless_told_otherwise(settings, default):
    storage = find(local_path(settings), "StorageClass", "local-path")
    assert storage["metadata"]["annotations"] == {"storageclass.kubernetes.io/is-default-class": default}


def test_local_path_has_the_folder_of_the_cluster_file():
    data = find(local_path("{path: /srv/volumes}"), "ConfigMap", "local-path-config")["data"]
    (folders,) = json.loads(data["config.json"])["nodePathMap"]
    assert folders == {"node": "DEFAULT_PATH_FOR_NON_LISTED_NODES", "paths": ["/srv/volumes"]}
    assert "mkdir" in data["setup"]


def test_local_path_handles_folders_with_an_image_that_the_bundle_has():
    documents = local_path("{}")
    helper = yaml.safe_load(find(documents, "ConfigMap", "local-path-config")["data"]["helperPod.yaml"])
    (container,) = helper["spec"]["containers"]
    assert container == {"name": "helper-pod", "image": "kprov.local/probe:1", "imagePullPolicy": "IfNotPresent"}
    assert helper["spec"]["priorityClassName"] == "system-node-critical"
    assert images_of(documents) == ("docker.io/rancher/local-path-provisioner:v0.0.37", "kprov.local/probe:1")


def test_metallb_announces_the_pool_of_the_cluster_file_last_of_all():
    rest = 'addons: {metallb: {addresses: ["10.0.0.200-10.0.0.220", 10.0.0.224/28]}}'
    documents = objects(addons(rest, "1.36.4")["metallb"])
    pool, announced = documents[-2:]
    assert pool["spec"] == {"addresses": ["10.0.0.200-10.0.0.220", "10.0.0.224/28"]}
    assert announced["spec"] == {"ipAddressPools": [pool["metadata"]["name"]]}
    assert (pool["kind"], announced["kind"]) == ("IPAddressPool", "L2Advertisement")


def test_every_port_names_its_protocol_for_server_side_apply():
    service = find(
        objects(addons("addons: {metallb: {addresses: [10.0.0.224/28]}}", "1.36.4")["metallb"]),
        "Service",
        "metallb-webhook-service",
    )
    assert service["spec"]["ports"] == [{"port": 443, "targetPort": 9443, "protocol": "TCP"}]
