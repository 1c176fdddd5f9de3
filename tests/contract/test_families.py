"""What the roles' templates make of IPv6 and of both families: files as the programs on a node read them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from kprov.inventory.variables import Deliveries, Machines, variables
from kprov.release import catalog
from kprov.spec.model import ClusterSpec

ROLES = Path(__file__).parents[2] / "roles"
PODS = {"IPv4": "10.244.0.0/16", "IPv6": "fd00:10:244::/56"}
SERVICES = {"IPv4": "10.96.0.0/16", "IPv6": "fd00:10:96::/112"}
GIVEN = {
    "m1": {"IPv4": "10.244.0.0/24", "IPv6": "fd00:10:244::/64"},
    "w1": {"IPv4": "10.244.1.0/24", "IPv6": "fd00:10:244:1::/64"},
}
ADDRESSES = {"m1": {"IPv4": "10.0.0.11", "IPv6": "fd00::11"}, "w1": {"IPv4": "10.0.0.21", "IPv6": "fd00::21"}}
CASES = {"ipv4": ("IPv4",), "ipv6": ("IPv6",), "dual-stack": ("IPv4", "IPv6")}
every_case = pytest.mark.parametrize("families", CASES.values(), ids=CASES)


def inventory(families):
    """The variables of a cluster of these families, of which the first is the primary one."""
    nodes = {}
    for name, role in (("m1", "control-plane"), ("w1", "worker")):
        address, *second = (ADDRESSES[name][family] for family in families)
        nodes[name] = {"address": address, "roles": [role], **({"second_address": second[0]} if second else {})}
    network = {"plugin": "bridge", "pods": [PODS[f] for f in families], "services": [SERVICES[f] for f in families]}
    spec = ClusterSpec.model_validate(
        {"cluster": "book", "kubernetes": {"version": "1.36.4"}, "nodes": nodes, "network": network}
    )
    return variables(spec, catalog.releases()["1.36"], Machines(), Deliveries(), Path("/etc/ssh_config"))


def rendered(families, template):
    """A file of m1, with the variables that the inventory has for it and the networks that the cluster gave."""
    found = inventory(families)
    assigned = {"networks": {name: {f: GIVEN[name][f] for f in families} for name in GIVEN}}
    values = {**found.group, **found.hosts["m1"], "inventory_hostname": "m1", "network_assigned": assigned}
    text = (ROLES / template).read_text()
    return str(Templar(DataLoader(), values).template(trust_as_template(text)))


@every_case
def test_the_bridge_has_a_range_and_a_way_out_for_each_family(families):
    bridge, _ = json.loads(rendered(families, "network/templates/bridge.conflist.j2"))["plugins"]
    assert bridge["ipam"]["ranges"] == [[{"subnet": GIVEN["m1"][family]}] for family in families]
    ways = {"IPv4": "0.0.0.0/0", "IPv6": "::/0"}
    assert bridge["ipam"]["routes"] == [{"dst": ways[family]} for family in families]


@every_case
def test_routes_and_rules_are_of_each_family_and_of_no_other(families):
    text = rendered(families, "network/templates/pod-routes.j2")
    routes = text.partition("<<'ROUTES'\n")[2].partition("ROUTES\n")[0].splitlines()
    assert routes == [f"{GIVEN['w1'][family]} via {ADDRESSES['w1'][family]}" for family in families]
    for family, command, option in (("IPv4", "rule iptables ", "-4"), ("IPv6", "rule ip6tables ", "-6")):
        assert (f'{command}nat POSTROUTING "-s {PODS[family]} ' in text) == (family in families)
        assert (f"ip {option} route show proto" in text) == (family in families)


@every_case
def test_a_machine_without_a_default_route_gets_one_to_the_services_of_each_family(families):
    text = rendered(families, "kubernetes/templates/20-service-route.conf.j2")
    for family, option in (("IPv4", "-4"), ("IPv6", "-6")):
        asked = f"ip {option} route get {SERVICES[family].partition('/')[0]} "
        assert (asked in text) == (f"ip -o {option} address show to {ADDRESSES['m1'][family]} |" in text)
        assert (asked in text) == (family in families)


@pytest.mark.parametrize(("families", "server"), [(("IPv4", "IPv6"), "10.0.0.11:6443"), (("IPv6",), "[fd00::11]:6443")])
def test_the_proxy_has_servers_by_their_primary_address_in_brackets_where_it_is_ipv6(families, server):
    assert f"    server m1 {server}\n" in rendered(families, "api_endpoint/templates/api-endpoint.cfg.j2")


def test_names_of_nodes_lead_to_both_addresses():
    lines = rendered(("IPv4", "IPv6"), "node/templates/hosts.j2").splitlines()
    assert lines == ["10.0.0.11 m1", "fd00::11 m1", "10.0.0.21 w1", "fd00::21 w1", "127.0.0.1 api.book.internal"]


@every_case
def test_the_kernel_forwards_ipv6_only_where_it_is_used(families):
    wanted = {"net.ipv6.conf.all.forwarding": "1"} if "IPv6" in families else {}
    assert inventory(families).group["node_extra_sysctls"] == wanted
