"""The whole way of a verification, from settings to results, with only ssh replaced."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from kprov.errors import InputError
from kprov.verify.run import unreachable, verify

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import FakeCluster

    from kprov.events import Progress
    from kprov.report.model import Results


def bad(results: Results) -> set[tuple[str, str, str]]:
    return {(check.suite, check.name, check.host) for check in results.bad}


def test_a_cluster_that_is_well_passes_and_the_probe_is_removed(fake: FakeCluster) -> None:
    fake.save()
    seen: list[Progress] = []
    results = verify(fake.settings, seen.append)  # type: ignore[arg-type]
    assert results.ok, [check for check in results.checks if check.outcome != "passed"]
    assert set(results.counts) == {"passed"}
    pairs = {(check.host, check.name) for check in results.checks if check.name.startswith("its pod reaches the pod")}
    assert len(pairs) == 6, "every two nodes in both directions"
    assert [event.done for event in seen] == list(range(1, len(results.checks) + 1))
    assert {event.total for event in seen} == {len(results.checks)}
    asked = [question for _, question in fake.asked]
    assert sum(question.startswith("delete.kprov-verify-") for question in asked) == 1
    certificate = next(check for check in results.checks if check.name.startswith("certificates"))
    assert "apiserver.crt CN=kube-apiserver" in certificate.evidence


def test_each_fault_fails_its_own_check_and_names_the_machine(fake: FakeCluster, pem: Callable[[int], str]) -> None:
    fake.world["answers"] = {
        "m1": {
            "etcd.health": ["curl: (7) Failed to connect to 10.0.0.11 port 2379", 7],
            "certificates": [f"file /etc/kubernetes/pki/old.crt\n{pem(-3)}\nfile /b.crt\n{pem(20)}", 0],
        },
        "m2": {
            "api.livez": ["[+]ping ok\n[-]etcd failed: reason withheld\nlivez check failed", 0],
            "kubelet": ["Kubernetes v1.19.9", 0],
        },
        "w1": {
            "swap": ["Filename Type Size Used Priority\n/dev/sda2 partition 1 0 -2", 0],
            "unit.kubelet": ["ActiveState=activating\nUnitFileState=enabled", 0],
            "unit.containerd": ["ActiveState=active\nUnitFileState=disabled", 0],
            "sysctls": ["net.ipv4.ip_forward = 0\nnet.bridge.bridge-nf-call-iptables = 1", 0],
            "cri": ["", 124],
            "endpoint": ["curl: (7) Failed to connect to api.book.internal port 8443", 7],
        },
    }
    fake.world["unreached"] = [["m1", "pod/w1"], ["w1", "service"], ["m2", "dns/probe.NS.svc.cluster.local"]]
    fake.save()
    results = verify(fake.settings)
    assert bad(results) == {
        ("etcd", "the member is healthy", "m1"),
        ("nodes", "certificates are valid for more than 30 days", "m1"),
        ("control plane", "the API server's /livez is ok", "m2"),
        ("nodes", "kubelet has the version of the cluster file", "m2"),
        ("nodes", "swap is off", "w1"),
        ("nodes", "kubelet runs and starts at boot", "w1"),
        ("nodes", "containerd runs and starts at boot", "w1"),
        ("nodes", "kernel parameters are set", "w1"),
        ("nodes", "the container runtime answers", "w1"),
        ("nodes", "the API answers through the endpoint", "w1"),
        ("network", "its pod reaches the pod on w1", "m1"),
        ("network", "its pod reaches a service", "w1"),
        ("dns", "its pod resolves a service's name", "m2"),
    }
    said = {check.name: check.message for check in results.bad}
    assert "/dev/sda2" in said["swap is off"]
    assert "[-]etcd failed" in said["the API server's /livez is ok"]
    assert "/etc/kubernetes/pki/old.crt ended" in said["certificates are valid for more than 30 days"]
    assert "1.19.9" in said["kubelet has the version of the cluster file"]
    assert said["the container runtime answers"] == "no answer in time"


def test_a_silent_machine_is_one_failure_and_is_told_as_unreachable(fake: FakeCluster) -> None:
    fake.world["silent"] = {"m1": "ssh: connect to host 10.0.0.11 port 22: No route to host"}
    fake.save()
    results = verify(fake.settings)
    assert unreachable(results) == ("m1",)
    assert bad(results) == {("nodes", "answers over SSH", "m1")}
    assert "No route to host" in results.bad[0].message
    skipped = {check.message for check in results.checks if check.outcome == "skipped"}
    assert skipped == {"the machine does not answer over SSH"}
    assert ("m2", "nodes") in fake.asked, "the next control plane is asked in its place"


def test_only_the_chosen_machines_are_checked_and_what_was_left_out_is_skipped_with_the_reason(
    fake: FakeCluster,
) -> None:
    fake.world["answers"] = {"m2": {"cri": ["boom", 1]}}
    fake.save()
    left_out = replace(fake.settings, without_dns="no module proxy is reached", shared_kernel=True)
    results = verify(left_out, only_nodes=["w1"])
    assert results.ok
    assert {check.host for check in results.checks if check.suite == "nodes"} == {"w1"}
    assert not any(check.suite == "etcd" for check in results.checks)
    pairs = {(check.host, check.name[-2:]) for check in results.checks if "reaches the pod" in check.name}
    assert pairs == {("w1", "m1"), ("w1", "m2"), ("m1", "w1"), ("m2", "w1")}
    skipped = {(check.suite, check.message) for check in results.checks if check.outcome == "skipped"}
    assert skipped == {
        ("dns", "the cluster has no DNS: no module proxy is reached"),
        ("nodes", "the machine is a container: swap is its host's"),
    }


def test_an_unknown_machine_is_refused_before_anything_is_asked(fake: FakeCluster) -> None:
    fake.save()
    with pytest.raises(InputError, match="unknown node w9"):
        verify(fake.settings, only_nodes=["w9"])
    assert fake.asked == []


def test_without_an_ssh_configuration_the_user_is_told_what_to_run(fake: FakeCluster) -> None:
    with pytest.raises(InputError) as refused:
        verify(replace(fake.settings, ssh_config="/nowhere/config"))
    assert "kprov trust" in refused.value.remedy


def test_an_interruption_removes_the_probe_before_it_is_passed_on(fake: FakeCluster) -> None:
    fake.save()

    def interrupt(_event: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        verify(fake.settings, interrupt)
    asked = [question for _, question in fake.asked]
    assert asked.index("create.0") < next(i for i, question in enumerate(asked) if question.startswith("delete."))
