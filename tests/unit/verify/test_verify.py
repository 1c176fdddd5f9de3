"""The whole way of a verification, from settings to results, with only ssh replaced."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from kprov.errors import InputError
from kprov.verify.promises import Promises
from kprov.verify.run import unreachable, verify

if TYPE_CHECKING:
    from collections.abc import Callable

    from kprov.events import Progress
    from kprov.report.model import Results
    from tests.unit.verify.conftest import FakeCluster


API = "/etc/kubernetes/pki/apiserver.crt"
NAMES = ("api.book.internal", "kubernetes.default.svc.cluster.local", "10.0.0.11", "10.0.0.12")


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
            "certificates": [f"file /etc/kubernetes/pki/old.crt\n{pem(-3)}\nfile {API}\n{pem(20, *NAMES[:-1])}", 0],
        },
        "m2": {
            "certificates": [f"file {API}\n{pem(99, *NAMES[1:])}", 0],
            "api.livez": ["[+]ping ok\n[-]etcd failed: reason withheld\nlivez check failed", 0],
            "kubelet": ["Kubernetes v1.19.9", 0],
            "admin": ["error: You must be logged in to the server (Unauthorized)", 1],
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
        ("control plane", "the API server's certificate is for every name of it", "m2"),
        ("control plane", "kubectl is let in by its admin.conf", "m2"),
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
    assert said["the API server's certificate is for every name of it"] == f"{API} is not for api.book.internal"
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


def test_an_answer_that_nobody_understands_is_an_error_and_holds_nothing_up(fake: FakeCluster) -> None:
    fake.world["answers"] = {"m1": {"nodes": ['{"items": [{"metadata": {"name": "m1"}, "status": {}}]}', 0]}}
    fake.save()
    results = verify(fake.settings)
    said = {check.message for check in results.checks if check.outcome == "error"}
    assert said == {"KeyError: 'creationTimestamp'"}


def test_an_unknown_machine_is_refused_before_anything_is_asked(fake: FakeCluster) -> None:
    fake.save()
    with pytest.raises(InputError, match="unknown node w9"):
        verify(fake.settings, only_nodes=["w9"])
    assert fake.asked == []


def test_without_an_ssh_configuration_the_user_is_told_what_to_run(fake: FakeCluster) -> None:
    with pytest.raises(InputError) as refused:
        verify(replace(fake.settings, ssh_config="/nowhere/config"))
    assert "kprov trust" in refused.value.remedy


def skipped(results: Results) -> dict[tuple[str, str], str]:
    return {(check.name, check.host): check.message for check in results.checks if check.outcome == "skipped"}


def test_a_node_that_registered_otherwise_is_told(fake: FakeCluster) -> None:
    fake.world["altered"] = {
        "m1": {"metadata": {"name": "m1", "creationTimestamp": "2026-01-01T12:00:00Z"}},
        "m2": {"spec": {"unschedulable": True}},
        "w1": {"spec": {"taints": [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]}},
    }
    fake.world["statuses"] = {"w1": {"nodeInfo": {"kubeletVersion": "v1.19.9"}}}
    targets = tuple(replace(each, untainted=("gpu",)) for each in fake.settings.targets)
    results = verify(replace(fake.settings, targets=targets))
    assert {(check.name, check.host): check.message for check in results.bad} == {
        ("the node has its labels", "m1"): "m1: node-role.kubernetes.io/control-plane is missing",
        ("the node takes pods", "m2"): "m2 is cordoned: 'kubectl uncordon m2'",
        ("the node has its taints", "m2"): "m2: node-role.kubernetes.io/master:NoSchedule is missing",
        ("the node has its taints", "w1"): "w1: gpu keeps pods away",
        ("the kubelet that runs has the version of the cluster file", "w1"): (
            "the node registered with 1.19.9, not 1.20.2"
        ),
    }


def test_what_follows_from_a_stopped_kubelet_is_skipped_and_nobody_waits_for_it(fake: FakeCluster) -> None:
    fake.world["answers"] = {"w1": {"unit.kubelet": ["ActiveState=inactive\nUnitFileState=enabled", 0]}}
    unknown = [{"type": "Ready", "status": "Unknown", "message": "Kubelet stopped posting node status."}]
    fake.world["statuses"] = {"w1": {"conditions": unknown}}
    fake.world["pending"] = ["w1"]
    results = verify(fake.settings)
    assert bad(results) == {("nodes", "kubelet runs and starts at boot", "w1")}
    told = skipped(results)
    assert told["the node is Ready", "w1"] == "kubelet does not run"
    assert results.duration_s < 20, "it would take 45 s to wait for a pod there"


def test_what_follows_from_a_dead_etcd_member_is_skipped(fake: FakeCluster) -> None:
    fake.world["answers"] = {
        "m2": {
            "etcd.health": ["curl: (7) refused", 7],
            "api.livez": ["[+]ping ok\n[-]etcd failed\nlivez check failed", 0],
            "api.readyz": ["curl: (7) refused", 7],
        }
    }
    results = verify(fake.settings)
    assert bad(results) == {("etcd", "the member is healthy", "m2")}
    assert skipped(results)["the API server's /livez is ok", "m2"] == "the etcd member on m2 is not well"


STEPS = {
    "a Deployment is rolled out, and its next revision too",
    "it is rolled back",
    "it heals when one of its pods is killed",
    "a Job comes to its end",
    "a DaemonSet has a pod on every node",
    "a StatefulSet keeps its data when its pod is killed",
}


def test_a_workload_is_tried_where_it_is_asked_for(fake: FakeCluster) -> None:
    results = verify(replace(fake.settings, workload=True))
    assert results.ok, results.bad
    tried = {check.name: check for check in results.checks if check.suite == "workload"}
    assert tried.keys() == STEPS
    assert {check.outcome for check in tried.values()} == {"passed"}
    assert "revision 2" in tried["a Deployment is rolled out, and its next revision too"].evidence
    assert "was killed" in tried["it heals when one of its pods is killed"].evidence


def test_a_deployment_that_tells_the_old_revision_is_not_rolled_out(
    fake: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kprov.verify.asking.DEADLINE_S", 0.1)
    fake.world["answers"] = {"m1": {"workload.page.1": ["1 an-old-pod", 0], "workload.classes": ['{"items": []}', 0]}}
    results = verify(replace(fake.settings, workload=True))
    assert bad(results) == {("workload", "a Deployment is rolled out, and its next revision too", "")}
    told = skipped(results)
    assert told["it is rolled back", ""] == "rolling it out was not possible"
    keeps = "a StatefulSet keeps its data when its pod is killed"
    assert told[keeps, ""] == "the cluster has no default StorageClass"


LACKS = {"name": "main", "ready": False, "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no route"}}}
CRASHES = {
    "name": "main",
    "ready": False,
    "restartCount": 5,
    "state": {"waiting": {"reason": "CrashLoopBackOff"}},
    "lastState": {"terminated": {"exitCode": 1}},
}
POLICY = "a NetworkPolicy shuts its pod off, and lets it go"


def pending(*states: dict[str, object]) -> dict[str, object]:
    return {"phase": "Pending", "containerStatuses": list(states)}


def test_an_image_that_no_node_has_is_told_once_and_not_by_what_follows(fake: FakeCluster) -> None:
    nodes = ("m1", "m2", "w1")
    fake.world["states"] = {f"calico-node-{node}": pending(LACKS) for node in nodes}
    fake.world["states"] |= {"coredns-1": pending(), "metrics-server-w1": pending()}
    fake.world["replicas"] = {"calico-node": 0, "metrics-server": 0}
    fake.world["not_ready"] = "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady"
    fake.world["files"] = dict.fromkeys(nodes, "")
    fake.save()
    results = verify(fake.settings)
    assert bad(results) == {("network", "the images of calico are there", "")}
    said = results.bad[0].message
    assert said.startswith("m1, m2, w1: calico lacks example.com/calico-node:1: ImagePullBackOff no route (")
    assert "kprov bundle import" in said


def test_each_fault_of_the_network_fails_its_own_check(fake: FakeCluster) -> None:
    fake.world["files"] = {"m1": "", "w1": "05-other.conf\n10-calico.conflist"}
    fake.world["states"] = {"calico-node-m2": pending(CRASHES)}
    fake.world["unreached"] = [["w1", "full/m1"], ["locked", "policy"]]
    fake.save()
    results = verify(fake.settings)
    assert bad(results) == {
        ("network", "pods get their network from calico", "m1"),
        ("network", "pods get their network from calico", "w1"),
        ("network", "calico-node runs", "m2"),
        ("network", "packets of its pod's MTU reach the pod on m1", "w1"),
        *(("network", POLICY, node) for node in ("m1", "m2", "w1")),
    }
    said = {(check.name, check.host): check.message for check in results.bad}
    assert "10-calico.conflist is missing" in said["pods get their network from calico", "m1"]
    assert "05-other.conf comes before" in said["pods get their network from calico", "w1"]
    crashed = said["calico-node runs", "m2"]
    assert crashed.endswith("5 restarts, the last with exit code 1: Failed to find any valid interface to use")
    assert "in spite of a policy" in said[POLICY, "m1"]


def test_pods_with_another_mtu_than_the_files_are_told(fake: FakeCluster) -> None:
    promised = replace(fake.settings.promised, network=replace(fake.settings.promised.network, mtu=1400))
    fake.save()
    results = verify(replace(fake.settings, promised=promised))
    assert bad(results) == {("network", "pods have the MTU of the cluster file", node) for node in ("m1", "m2", "w1")}


def test_what_follows_from_two_nodes_that_do_not_reach_each_other_is_skipped(fake: FakeCluster) -> None:
    names = ("probe.NS.svc.cluster.local", "kubernetes.default.svc.cluster.local")
    fake.world["unreached"] = [["m1", "pod/w1"], ["m1", "service"], *(["m1", f"dns/{name}"] for name in names)]
    fake.world["answers"] = {"m1": {"metrics": ["the server is currently unable to handle the request", 1]}}
    fake.save()
    results = verify(fake.settings)
    assert bad(results) == {("network", "its pod reaches the pod on w1", "m1")}
    skipped = {(check.name, check.host): check.message for check in results.checks if check.outcome == "skipped"}
    assert skipped["packets of its pod's MTU reach the pod on w1", "m1"] == "no packet reaches it at all"
    assert skipped["its pod resolves a service's name", "m1"] == "pods on w1 are not reached from m1"
    assert skipped["kubectl top knows what the node uses", "m2"] == "pods on w1 are not reached from m1"


def test_each_fault_of_an_add_on_fails_its_own_check(fake: FakeCluster) -> None:
    fake.world["replicas"] = {"kube-web-view": 0}
    fake.world["said"] = "something else"
    fake.world["answers"] = {
        "m1": {
            "door.1": ["curl: (7) Failed to connect", 7],
            "classes": ['{"items": [{"metadata": {"name": "local-path"}}]}', 0],
            "metrics": ['{"items": [{"metadata": {"name": "m1"}}, {"metadata": {"name": "m2"}}]}', 0],
        }
    }
    fake.save()
    results = verify(fake.settings)
    assert bad(results) == {
        ("addons", "Deployment kprov-dashboard/kube-web-view is available", ""),
        ("addons", "kubectl top knows what the node uses", "w1"),
        ("storage", "local-path is the one default StorageClass", ""),
        ("storage", "a pod reads from a volume of local-path what another wrote", ""),
    }
    said = {check.name: check.message for check in results.bad}
    assert "0 of 1 pods ready" in said["Deployment kprov-dashboard/kube-web-view is available"]
    assert said["kubectl top knows what the node uses"] == "it knows m1, m2"
    assert "by default it is none" in said["local-path is the one default StorageClass"]
    assert "something else was read" in said["a pod reads from a volume of local-path what another wrote"]
    (port,) = [check for check in results.checks if check.outcome == "skipped"]
    assert (port.name, port.message) == (
        "the dashboard answers at port 31000",
        "Deployment kprov-dashboard/kube-web-view has 0 of 1 pods ready",
    )


def test_an_add_on_that_was_never_applied_is_told_by_its_name(fake: FakeCluster) -> None:
    promised = replace(fake.settings.promised, sets=(*fake.settings.promised.sets, "metallb"))
    fake.save()
    results = verify(replace(fake.settings, promised=promised))
    assert bad(results) == {("addons", "metallb was applied", "")}
    assert "run 'kprov up'" in results.bad[0].message


def test_a_dashboard_with_a_login_must_not_be_open_on_any_node(fake: FakeCluster) -> None:
    (door,) = fake.settings.promised.doors
    promised = replace(fake.settings.promised, doors=(replace(door, open=False),))
    fake.world["answers"] = {"m1": {f"door.{number}": ["curl: (7) refused", 7] for number in (0, 1)}}
    fake.save()
    results = verify(replace(fake.settings, promised=promised))
    found = {(check.name, check.host): check.outcome for check in results.checks}
    assert found["nobody answers at port 31000", "m1"] == "passed"
    assert ("the dashboard answers at port 31000", "m1") not in found
    assert bad(results) == {("addons", "nobody answers at port 31000", "w1")}


def test_what_is_not_promised_is_not_checked(fake: FakeCluster) -> None:
    fake.save()
    results = verify(replace(fake.settings, promised=Promises()))
    assert results.ok
    assert {check.suite for check in results.checks} == {"nodes", "control plane", "etcd", "network", "dns"}
    asked = {question.partition(".")[0] for _, question in fake.asked}
    assert asked.isdisjoint({"live", "classes", "sets", "services", "metrics", "door", "guard", "pod", "log"})
