"""What stands against a lab is found before anything is made, and all of it at once."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest

from kprov.errors import InputError
from kprov.lab.engine import NodeNetwork
from kprov.lab.host import Taken
from kprov.lab.provider import MachineRequest
from kprov.lab.recipe import Recipe

from .conftest import request


def refusal(bench, wanted) -> InputError:
    before = (dict(bench.engine.made), dict(bench.engine.nets), set(bench.host.routes), dict(bench.host.parameters))
    with pytest.raises(InputError) as caught:
        bench.up(wanted)
    after = (dict(bench.engine.made), dict(bench.engine.nets), set(bench.host.routes), dict(bench.host.parameters))
    assert after == before, "something was made although the lab was refused"
    assert caught.value.remedy
    return caught.value


def with_address(text: str):
    return replace(request(nodes=0), machines=(MachineRequest("m1", IPv4Address(text)),))


def test_missing_programs_are_named_with_their_packages(bench):
    bench.host.missing = {"podman", "runc", "mmdebstrap", "ip"}
    error = refusal(bench, request())
    assert "podman, runc, ip, mmdebstrap" in error.why
    assert "apt-get install podman runc iproute2 mmdebstrap" in error.remedy


def test_down_needs_nothing_that_only_builds_images(bench):
    bench.up(request())
    bench.host.missing = {"mmdebstrap", "apt-get"}
    assert bench.down("one") == 3


def test_without_root_nothing_is_tried(bench):
    bench.host.root = False
    assert "root" in refusal(bench, request()).why


def test_an_engine_that_does_not_work_is_told_in_its_own_words(bench):
    bench.engine.trouble = "Error: could not find netavark"
    assert "could not find netavark" in refusal(bench, request()).why


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("10.98.0.5", "outside the lab's subnet"),
        ("10.97.1.1", "this host on the lab's bridge"),
        ("10.97.1.0", "the subnet's own"),
        ("10.97.1.255", "the subnet's own"),
    ],
)
def test_addresses_that_no_machine_can_have(bench, address, why):
    assert why in refusal(bench, with_address(address)).why


@pytest.mark.parametrize("inside", ["10.97.0.0/16", "10.97.1.0/24", "10.97.1.128/25", "10.244.3.0/24"])
def test_a_network_that_the_host_uses(bench, inside):
    bench.host.networks = (Taken(IPv4Network(inside), "a route through tun0", "tun0"),)
    error = refusal(bench, request())
    assert inside in error.why
    assert "tun0" in error.why


def test_a_network_of_the_engine(bench):
    bench.engine.nets["podman"] = NodeNetwork("podman", "", (IPv4Network("10.97.1.0/24"),), "podman0", ())
    assert "the network podman of" in refusal(bench, request()).why


def test_a_subnet_inside_another_lab_s_pod_network(bench):
    bench.up(request())
    assert "which the lab one uses inside" in refusal(bench, request("two", "10.244.7.0/24", pods="10.200.0.0/16")).why


def test_the_lab_s_own_bridge_is_not_in_its_way(bench):
    bench.up(request())
    (network,) = bench.engine.nets.values()
    bench.host.networks = (Taken(network.subnets[0], "the address 10.97.1.1", network.interface),)
    assert bench.up(request()) == 0


def test_a_container_of_the_same_name_that_is_not_ours(bench):
    bench.engine.foreign = {"kprov-one-m2"}
    assert "a container kprov-one-m2 that is not of this lab" in refusal(bench, request()).why


def test_an_existing_lab_is_neither_kept_nor_deleted_where_it_differs(bench):
    bench.up(request())
    error = refusal(bench, request(subnet="10.97.9.0/24", pods="10.99.0.0/16"))
    assert "the subnet 10.97.1.0/24, not 10.97.9.0/24" in error.why
    assert "networks 10.244.0.0/16, not 10.99.0.0/16" in error.why
    assert "m1 exists with the address 10.97.1.11, not 10.97.9.11" in error.why
    assert "kprov lab down" in error.remedy


def test_an_existing_machine_of_another_image(bench):
    bench.up(request())
    bench.engine.made["kprov-one-m1"] = replace(bench.engine.made["kprov-one-m1"], image="localhost/kprov-node:old")
    assert "m1 was made of another node image, localhost/kprov-node:old" in refusal(bench, request()).why


def test_an_existing_machine_of_another_system(bench):
    bench.up(request())
    wanted = request()
    m1, *rest = wanted.machines
    error = refusal(bench, replace(wanted, machines=(replace(m1, system="debian-13"), *rest)))
    assert f"m1 was made of another node image, {Recipe().tag}, not {Recipe(release='trixie').tag}" in error.why
    assert "m2" not in error.why


def test_a_limit_that_cannot_be_raised(bench):
    bench.host.fixed = {"fs.inotify.max_user_instances"}
    assert bench.up(request(nodes=4)) == 4
    assert bench.down("one") == 4
    error = refusal(bench, request(nodes=5))
    assert "fs.inotify.max_user_instances is 128, 5 nodes need 160" in error.why
    assert "sysctl -w fs.inotify.max_user_instances=1024" in error.remedy


def test_every_reason_is_in_one_answer(bench):
    bench.engine.foreign = {"kprov-one-m1"}
    bench.host.networks = (Taken(IPv4Network("10.97.1.0/24"), "the address 10.97.1.9", "eth0"),)
    error = refusal(bench, with_address("10.98.0.5"))
    assert all(part in error.why for part in ("outside the lab's subnet", "in use on this host", "not of this lab"))
