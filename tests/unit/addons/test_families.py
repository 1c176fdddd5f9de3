"""Every network is made for the families of the cluster file: IPv4, IPv6, or both."""

from __future__ import annotations

import json

import pytest

from kprov.addons.documents import container, find
from kprov.errors import SpecError
from tests.unit.addons.made import addons, environment, objects

DUAL = "pods: [10.8.0.0/14, fd00:10:8::/56], services: [10.96.0.0/16, fd00:10:96::/112]"
SIX = "pods: fd00:10:8::/56, services: fd00:10:96::/112"
ADDRESSES = {DUAL: "10.0.0.11, second_address: 'fd00::11'", SIX: "'fd00::11'"}


def network(plugin: str, families: str, kubernetes: str = "1.36.4"):
    (addon,) = addons(f"network: {{plugin: {plugin}, {families}}}", kubernetes, ADDRESSES[families]).values()
    return addon


def calico_node(families: str, more: str = "") -> dict:
    return environment(objects(network(f"calico{more}", families)), "DaemonSet", "calico-node", "calico-node")


def ipam(families: str) -> dict:
    config = find(objects(network("calico", families)), "ConfigMap", "calico-config")["data"]["cni_network_config"]
    return json.loads(config.replace("__CNI_MTU__", "0"))["plugins"][0]["ipam"]


def test_calico_has_a_pool_of_each_family():
    found = calico_node(DUAL)
    assert (found["CALICO_IPV4POOL_CIDR"], found["CALICO_IPV6POOL_CIDR"]) == ("10.8.0.0/14", "fd00:10:8::/56")
    assert (found["CALICO_IPV4POOL_VXLAN"], found["CALICO_IPV6POOL_VXLAN"]) == ("Always", "Always")
    assert (found["IP"], found["IP6"], found["FELIX_IPV6SUPPORT"]) == ("autodetect", "autodetect", "true")
    assert found["IP_AUTODETECTION_METHOD"] == found["IP6_AUTODETECTION_METHOD"] == "kubernetes-internal-ip"
    assert found["CALICO_IPV6POOL_NAT_OUTGOING"] == "true"
    assert "CALICO_ROUTER_ID" not in found
    assert ipam(DUAL) == {"type": "calico-ipam", "assign_ipv4": "true", "assign_ipv6": "true"}


def test_calico_of_ipv6_alone_looks_for_no_ipv4():
    found = calico_node(SIX)
    assert (found["IP"], found["CALICO_ROUTER_ID"]) == ("none", "hash")
    assert "CALICO_IPV4POOL_CIDR" not in found
    assert found["CALICO_IPV6POOL_CIDR"] == "fd00:10:8::/56"
    assert ipam(SIX) == {"type": "calico-ipam", "assign_ipv4": "false", "assign_ipv6": "true"}


def test_calico_tells_routes_of_ipv6_without_a_tunnel_where_it_is_asked_to():
    assert calico_node(DUAL, ", encapsulation: bgp")["CALICO_IPV6POOL_VXLAN"] == "Never"


def flannel(families: str) -> tuple[dict, list[str]]:
    documents = objects(network("flannel", families))
    config = find(documents, "ConfigMap", "kube-flannel-cfg")["data"]["net-conf.json"]
    flanneld = container(find(documents, "DaemonSet", "kube-flannel-ds"), "kube-flannel")
    return json.loads(config), flanneld["args"]


def test_flannel_has_both_networks_and_the_interface_that_holds_both_addresses():
    config, arguments = flannel(DUAL)
    assert config == {
        "Network": "10.8.0.0/14",
        "EnableNFTables": False,
        "Backend": {"Type": "vxlan"},
        "EnableIPv6": True,
        "IPv6Network": "fd00:10:8::/56",
    }
    assert arguments == ["--ip-masq", "--kube-subnet-mgr", r"--iface-regex=^(10\.0\.0\.11|fd00::11)$"]


def test_flannel_of_ipv6_alone_has_no_ipv4():
    config, arguments = flannel(SIX)
    assert (config["EnableIPv4"], config["EnableIPv6"], config["IPv6Network"]) == (False, True, "fd00:10:8::/56")
    assert "Network" not in config
    assert arguments[-1] == "--iface-regex=^(fd00::11)$"


def test_a_flannel_that_is_too_old_is_refused():
    with pytest.raises(SpecError, match="too old for IPv6"):
        network("flannel", SIX, "1.20.2")


def test_cilium_is_told_of_each_family():
    (both,), (six,) = network("cilium", DUAL).charts, network("cilium", SIX).charts
    assert both.values["ipv6"] == {"enabled": True}
    assert both.values["k8s"] == {"requireIPv4PodCIDR": True, "requireIPv6PodCIDR": True}
    assert "ipv4" not in both.values
    assert "underlayProtocol" not in both.values
    assert (six.values["ipv4"], six.values["underlayProtocol"]) == ({"enabled": False}, "ipv6")
    assert six.values["k8s"] == {"requireIPv6PodCIDR": True}


def test_cilium_routes_both_families_without_a_tunnel():
    (chart,) = network("cilium, encapsulation: host-gw", DUAL).charts
    assert chart.values["ipv4NativeRoutingCIDR"] == "10.8.0.0/14"
    assert chart.values["ipv6NativeRoutingCIDR"] == "fd00:10:8::/56"
