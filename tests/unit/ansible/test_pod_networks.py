from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from kprov.ansible.plugins.modules import kprov_pod_networks
from tests.unit.ansible.harness import converge


def listed(**networks):
    items = [
        {"metadata": {"name": name}, "spec": {"podCIDRs": net.split(",")} if net else {}}
        for name, net in networks.items()
    ]
    return 0, json.dumps({"items": items}), ""


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """What kubectl answers, one answer after another; the last one for ever. Each costs a second of the clock."""
    answers = []
    clock = SimpleNamespace(now=0.0)
    clock.monotonic = lambda: clock.now
    clock.sleep = lambda seconds: setattr(clock, "now", clock.now + seconds)
    monkeypatch.setattr(kprov_pod_networks, "time", clock)
    monkeypatch.setattr(
        kprov_pod_networks.AnsibleModule,
        "run_command",
        lambda _module, _command: answers.pop(0) if len(answers) > 1 else answers[0],
    )
    (tmp_path / "admin.conf").touch()
    monkeypatch.setattr(kprov_pod_networks, "ADMIN", str(tmp_path / "admin.conf"))
    return answers


def test_it_waits_until_every_node_has_its_network(cluster):
    cluster += [(1, "", "refused"), listed(m1="10.244.0.0/24"), listed(m1="10.244.0.0/24", w1=None)]
    cluster.append(listed(m1="10.244.0.0/24", w1="10.244.1.0/24", other="10.244.9.0/24"))
    answer = converge(kprov_pod_networks, nodes=["m1", "w1"])
    found = {"m1": "10.244.0.0/24", "w1": "10.244.1.0/24", "other": "10.244.9.0/24"}
    assert answer["networks"] == {name: {"IPv4": network} for name, network in found.items()}
    assert not answer["changed"]


def test_in_dual_stack_a_node_has_a_network_of_each_family(cluster):
    cluster.append(listed(m1="fd00:10:244::/64,10.244.0.0/24"))
    answer = converge(kprov_pod_networks, nodes=["m1"])
    assert answer["networks"] == {"m1": {"IPv4": "10.244.0.0/24", "IPv6": "fd00:10:244::/64"}}


def test_the_nodes_that_are_missing_are_named_when_the_time_is_over(cluster):
    cluster.append(listed(m1="10.244.0.0/24", w2=None))
    answer = converge(kprov_pod_networks, nodes=["m1", "w2", "w1"], timeout_s=5)
    assert answer["msg"] == "not every node has a pod network after 5 s: no pod network for w1, w2"


def test_an_api_that_does_not_answer_is_told(cluster):
    cluster.append((1, "", "connection refused\n"))
    assert converge(kprov_pod_networks, nodes=["m1"], timeout_s=5)["msg"].endswith("after 5 s: connection refused")


def test_check_mode_does_not_wait(cluster, tmp_path):
    cluster.append(listed(m1="10.244.0.0/24"))
    assert converge(kprov_pod_networks, check=True, nodes=["m1", "w1"])["networks"] == {"m1": {"IPv4": "10.244.0.0/24"}}
    (tmp_path / "admin.conf").unlink()
    assert converge(kprov_pod_networks, check=True, nodes=["m1", "w1"])["networks"] == {}
