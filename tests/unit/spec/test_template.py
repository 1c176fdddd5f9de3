"""What ``kprov init`` writes always loads."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import get_args

import pytest

from kprov.errors import InputError
from kprov.spec.load import loads
from kprov.spec.model import NetworkPlugin
from kprov.spec.template import Provider, Wish, template


def spec_of(wish: Wish):
    return loads(template(wish), "cluster.yaml").spec


@pytest.mark.parametrize("provider", get_args(Provider))
@pytest.mark.parametrize("control_planes", [1, 3, 5, 7])
@pytest.mark.parametrize("workers", [0, 1, 6, 50])
def test_every_size_and_provider_loads(provider, control_planes, workers) -> None:
    spec = spec_of(Wish("lab", control_planes, workers, provider))
    assert len(spec.control_planes) == len(spec.etcd_members) == control_planes
    assert len(spec.workers) == (workers or control_planes)
    assert (spec.lab.provider if spec.lab else "none") == provider


@pytest.mark.parametrize("plugin", get_args(NetworkPlugin))
def test_every_network_loads(plugin) -> None:
    assert spec_of(Wish("lab", 3, 1, "podman", plugin=plugin)).network.plugin == plugin


@pytest.mark.parametrize("provider", get_args(Provider))
def test_what_is_written_is_what_this_version_can_make(provider) -> None:
    spec = spec_of(Wish("lab", 1, 1, provider))
    assert (spec.bundle.source, spec.kubernetes.version) == (("upstream", "packages"), "newest")
    assert spec.network.plugin == "bridge"


def test_without_workers_the_control_planes_carry_the_workloads() -> None:
    spec = spec_of(Wish("lab", 3, 0, "podman"))
    assert spec.workers == spec.control_planes == ("m1", "m2", "m3")


@pytest.mark.parametrize("count", [2, 4, 6])
def test_an_even_number_is_refused_in_the_words_of_the_rule(count) -> None:
    with pytest.raises(InputError) as caught:
        template(Wish("lab", count, 1, "podman"))
    assert caught.value.exit_code == 2
    assert caught.value.why.startswith(f"{count} etcd members agree by a majority of {count // 2 + 1}")
    assert caught.value.remedy == f"Use an odd number: {count - 1} or {count + 1}."


def test_existing_machines_have_the_addresses_given() -> None:
    hosts = tuple(IPv4Address(f"10.1.{n}") for n in ("0.11", "0.12", "0.13", "7.5", "7.6"))
    text = template(Wish("real", 3, 2, "none", hosts=hosts))
    spec = loads(text, "cluster.yaml").spec
    assert tuple(node.address for node in spec.nodes.values()) == hosts
    assert spec.control_planes == ("m1", "m2", "m3")
    assert "examples" not in text
    assert "examples" in template(Wish("real", 3, 2, "none"))


@pytest.mark.parametrize(
    ("wish", "what"),
    [
        (Wish("lab", 1, 1, "none", hosts=(IPv4Address("10.0.0.1"),)), "--hosts names 1 machines, but 2 are asked for"),
        (Wish("lab", 1, 0, "podman", hosts=(IPv4Address("10.0.0.1"),)), "--hosts names machines that exist"),
        (Wish("lab", 3, 9, "podman", IPv4Network("10.0.0.0/29")), "10.0.0.0/29 has room for 5 machines, but 12"),
        (Wish("Lab_1", 1, 1, "podman"), "no valid cluster file can be made"),
        (Wish("lab", 1, 1, "podman", IPv4Network("10.96.0.0/24")), "no valid cluster file can be made"),
        (Wish("lab", 1, 300, "podman", IPv4Network("10.0.0.0/16")), "no valid cluster file can be made"),
    ],
)
def test_what_cannot_be_a_cluster_is_refused(wish, what) -> None:
    with pytest.raises(InputError) as caught:
        template(wish)
    assert what in caught.value.what
    assert caught.value.remedy
    assert "line" not in str(caught.value)


@pytest.mark.parametrize("subnet", ["10.0.0.0/29", "10.0.0.240/28", "10.0.0.128/25", "172.16.0.0/12", "10.9.0.0/16"])
def test_any_subnet_with_room_will_do(subnet) -> None:
    spec = spec_of(Wish("lab", 3, 2, "vagrant", IPv4Network(subnet)))
    assert all(node.address in IPv4Network(subnet) for node in spec.nodes.values())


def test_many_workers_go_on_in_the_next_numbers() -> None:
    spec = spec_of(Wish("lab", 3, 200, "podman", IPv4Network("10.0.0.0/16")))
    assert (str(spec.nodes["w155"].address), str(spec.nodes["w156"].address)) == ("10.0.0.255", "10.0.1.0")


def test_a_name_that_yaml_reads_as_something_else_is_quoted() -> None:
    assert spec_of(Wish("yes", 1, 0, "podman")).cluster == "yes"
