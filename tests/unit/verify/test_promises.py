"""What is promised of the network and of add-ons: from the cluster file and from the objects that are applied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from kprov.spec.model import ClusterSpec
from kprov.verify.promises import Door, Promises, Storage, promises

if TYPE_CHECKING:
    from kprov.addons.model import Document


def spec(**parts: object) -> ClusterSpec:
    nodes = {"m1": {"address": "10.0.0.11", "roles": ["control-plane", "etcd"]}}
    return ClusterSpec.model_validate({"cluster": "book", "nodes": nodes} | parts)


def thing(kind: str, name: str, namespace: str = "", **more: Any) -> Document:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": namespace}, **more}


def dashboard(port: str) -> Document:
    return thing("Service", "dashboard", "kprov-dashboard", spec={"ports": [{"name": port, "port": 80}]})


def test_a_network_with_pods_is_held_to_all_of_them() -> None:
    daemons = thing("DaemonSet", "calico-node", "kube-system")
    controllers = thing("Deployment", "calico-kube-controllers", "kube-system", spec={"replicas": 1})
    found = promises(spec(network={"plugin": "calico", "mtu": 1400}), {"calico": [daemons, controllers]})
    assert [str(each) for each in found.plugin_workloads] == [
        "DaemonSet kube-system/calico-node",
        "Deployment kube-system/calico-kube-controllers",
    ]
    assert found.services == ()
    assert (found.network.configuration, found.network.mtu, found.network.enforces) == (
        "10-calico.conflist",
        1400,
        True,
    )
    assert found.sets == ("calico",)


def test_the_bridge_has_a_configuration_and_no_objects() -> None:
    found = promises(spec(network={"plugin": "bridge"}), {})
    assert (found.sets, found.workloads) == ((), ())
    assert (found.network.configuration, found.network.enforces) == ("10-kprov.conflist", False)


def test_of_a_network_of_the_users_own_only_its_pods_are_known() -> None:
    mine = {"plugin": "none", "manifests": [{"file": "net.yaml"}]}
    found = promises(spec(network=mine), {"network": [thing("DaemonSet", "net", "net-system")]})
    assert [str(each) for each in found.plugin_workloads] == ["DaemonSet net-system/net"]
    assert (found.network.configuration, found.sets) == ("", ("network",))
    assert promises(spec(network={"plugin": "none"}), {}).sets == ()


def test_what_the_file_does_not_ask_for_any_more_is_not_promised() -> None:
    left = {"metrics-server": [thing("Deployment", "metrics-server", "kube-system")]}
    found = promises(spec(network={"plugin": "bridge"}), left)
    assert found == Promises(found.network)


def test_what_the_file_asks_for_and_nobody_made_yet_is_known_by_its_name() -> None:
    wanted = {"metrics-server": {}, "extra": [{"name": "shop", "file": "shop.yaml"}]}
    found = promises(spec(network={"plugin": "bridge"}, addons=wanted), {})
    assert (found.sets, found.workloads, found.metrics) == (("metrics-server", "shop"), (), True)


@pytest.mark.parametrize(
    ("access", "port", "door"),
    [
        ("token", "https", Door("kprov-dashboard", "dashboard", "https", open=False, port=31000)),
        ("lab-open", "http", Door("kprov-dashboard", "dashboard", "http", open=True, port=31000)),
    ],
)
def test_a_dashboard_is_a_door_that_is_open_or_shut(access: str, port: str, door: Door) -> None:
    wanted = {"dashboard": {"kind": "kubernetes-dashboard", "access": access}}
    lab = {"provider": "podman", "subnet": "10.0.0.0/24"}
    found = promises(spec(addons=wanted, lab=lab), {"dashboard": [dashboard(port)]})
    assert found.doors == (door,)


@pytest.mark.parametrize("default", [True, False])
def test_the_storage_class_is_the_default_where_the_file_says_so(default: bool) -> None:
    made = {"local-path-provisioner": [thing("StorageClass", "local-path")]}
    found = promises(spec(addons={"local-path-provisioner": {"default": default}}), made)
    assert found.storage == (Storage("local-path-provisioner", "local-path", default),)


def test_a_workload_that_is_meant_to_rest_is_not_missed() -> None:
    resting = thing("Deployment", "batch", "shop", spec={"replicas": 0})
    made = {"shop": [resting, thing("StatefulSet", "db", spec={})]}
    found = promises(spec(addons={"extra": [{"name": "shop", "file": "shop.yaml"}]}), made)
    assert [str(each) for each in found.services] == ["StatefulSet default/db"]


def test_what_an_operator_makes_of_an_object_is_known_by_its_name() -> None:
    stack = {"kube-prometheus-stack": {"password_file": "secrets/grafana"}}
    objects = [
        thing("Prometheus", "stack-prometheus", "monitoring", spec={"replicas": 1}),
        thing("Alertmanager", "stack", "monitoring", spec={"replicas": 0}),
        thing("Deployment", "grafana", "monitoring", spec={"replicas": 1}),
    ]
    found = promises(spec(network={"plugin": "bridge"}, addons=stack), {"kube-prometheus-stack": objects})
    assert [str(each) for each in found.services] == [
        "StatefulSet monitoring/prometheus-stack-prometheus",
        "Deployment monitoring/grafana",
    ]


def test_route_reflectors_and_every_chart_are_sets_of_the_cluster() -> None:
    nodes = {"m1": {"address": "10.0.0.11", "roles": ["control-plane", "route-reflector"]}}
    network = {"plugin": "calico", "encapsulation": "bgp"}
    asked = {"traefik": {}, "gateway-api": {}, "extra": [{"name": "shop", "chart": {"file": "shop.tgz"}}]}
    found = promises(spec(nodes=nodes, network=network, addons=asked), {})
    assert found.sets == ("calico", "calico-route-reflectors", "gateway-api", "traefik", "shop")
