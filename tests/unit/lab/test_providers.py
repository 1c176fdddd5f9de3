from __future__ import annotations

from ipaddress import IPv4Network

import pytest

from kprov.errors import InputError
from kprov.lab import lab_request, provider
from kprov.spec.model import ClusterSpec


def spec(**changes) -> ClusterSpec:
    nodes = {
        "m1": {"address": "10.97.1.11", "roles": ["control-plane"]},
        "w1": {"address": "10.97.1.21", "roles": ["worker"]},
    }
    return ClusterSpec.model_validate({"cluster": "one", "nodes": nodes, "lab": {"provider": "podman"}} | changes)


def test_a_cluster_file_asks_for_its_nodes_and_keeps_pods_and_services_inside():
    lab = lab_request(spec(), "ssh-ed25519 AAAA")
    assert (lab.name, lab.subnet) == ("one", IPv4Network("10.97.1.0/24"))
    assert [(machine.name, str(machine.address)) for machine in lab.machines] == [
        ("m1", "10.97.1.11"),
        ("w1", "10.97.1.21"),
    ]
    assert lab.unreachable == (IPv4Network("10.244.0.0/16"), IPv4Network("10.96.0.0/16"))


def test_a_stated_subnet_is_taken():
    lab = lab_request(spec(lab={"provider": "podman", "subnet": "10.97.0.0/16"}), "ssh-ed25519 AAAA")
    assert lab.subnet == IPv4Network("10.97.0.0/16")


def test_a_machine_has_the_lab_s_system_or_its_own():
    nodes = {
        "m1": {"address": "10.97.1.11", "roles": ["control-plane"]},
        "w1": {"address": "10.97.1.21", "roles": ["worker"], "machine": {"system": "debian-12"}},
    }
    lab = lab_request(spec(nodes=nodes, lab={"provider": "podman", "system": "debian-13"}), "ssh-ed25519 AAAA")
    assert [machine.system for machine in lab.machines] == ["debian-13", "debian-12"]


def test_nodes_in_several_networks_need_a_stated_subnet():
    nodes = {name: {"address": f"10.97.{i}.11", "roles": ["control-plane"]} for i, name in enumerate(("m1", "m2"))}
    with pytest.raises(InputError) as caught:
        lab_request(spec(nodes=nodes), "ssh-ed25519 AAAA")
    assert "m2" in caught.value.why
    assert "subnet" in caught.value.remedy


def test_a_cluster_of_existing_machines_has_no_lab():
    with pytest.raises(InputError, match="has no lab"):
        lab_request(spec(lab=None), "ssh-ed25519 AAAA")


def test_providers_by_name():
    assert provider("docker").name == "docker"
    assert provider("vagrant").name == "vagrant"


def test_docker_stands_in_only_where_it_runs_and_podman_is_not_there(tmp_path, monkeypatch):
    docker = tmp_path / "docker"
    docker.write_text("#!/bin/sh\n")
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("kprov.lab.providers._DOCKER_SOCKET", tmp_path / "docker.sock")
    assert provider("podman").name == "podman", "without its daemon docker is of no use"
    (tmp_path / "docker.sock").touch()
    assert provider("podman").name == "docker"
