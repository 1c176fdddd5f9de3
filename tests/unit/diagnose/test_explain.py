"""The failures that users meet most, in the words in which programs tell them, and what kprov says of each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from kprov.diagnose.causes import CAUSES
from kprov.diagnose.evidence import LOGS, QUESTIONS, Evidence, collect
from kprov.diagnose.explain import explain
from kprov.errors import CheckFailed
from kprov.ssh.batch import Answer

if TYPE_CHECKING:
    from kprov.ssh.remote import Result

TOLD = [
    ("task", "kubeadm join: [ERROR Swap]: running with swap on is not supported. Please disable swap", "swap-on"),
    (
        "kubelet",
        "E1128 10:00:00.1 1 server.go:1] failed to run Kubelet: running with swap on is not supported",
        "swap-on",
    ),
    ("task", "kubeadm init: [ERROR Port-6443]: Port 6443 is in use", "port-taken"),
    (
        "proxy",
        "[ALERT] (77) : Binding [...:12] for frontend api: cannot bind socket (Address already in use)",
        "port-taken",
    ),
    (
        "kubelet",
        'kubelet cgroup driver: "cgroupfs" is different from docker cgroup driver: "systemd"',
        "cgroup-driver",
    ),
    (
        "kubelet",
        'failed to create shim task: expected cgroupsPath to be of format "slice:prefix:name" for systemd cgroups',
        "cgroup-driver",
    ),
    ("task", "nodes are not ready: the image docker.io/calico/node:v3.24.5 cannot be had on w1", "image-missing"),
    ("kubelet", 'failed to pull image "k8s.gcr.io/pause:3.2": failed to resolve reference', "image-missing"),
    (
        "kubeadm",
        "x509: certificate has expired or is not yet valid: current time 2026-11-28T09:00:00Z is before ...",
        "clock-skew",
    ),
    (
        "kubelet",
        "x509: certificate has expired or is not yet valid: current time 2027-11-29T09:00:00Z is after ...",
        "certificate-expired",
    ),
    ("kubeadm", "x509: certificate is valid for m1, 10.0.0.11, not api.lab.internal", "certificate-name"),
    ("kubeadm", 'could not find a JWS signature in the cluster-info ConfigMap for token ID "abcdef"', "token-expired"),
    ("kubeadm", 'error downloading certs: secrets "kubeadm-certs" not found', "token-expired"),
    (
        "task",
        "kubeadm join: error execution phase preflight: couldn't validate the identity of the API Server",
        "endpoint-unreachable",
    ),
    (
        "task",
        "Get https://api.lab.internal:8443/: dial tcp 127.0.0.1:8443: connect: connection refused",
        "endpoint-unreachable",
    ),
    (
        "task",
        "not every node is ready after 180 s: w1: network plugin is not ready: cni plugin not initialized",
        "cni-missing",
    ),
    ("containerd", 'time="x" level=error msg="write /var/lib/containerd/tmp: no space left on device"', "disk-full"),
    ("kubelet", "Failed to start cAdvisor inotify_init: too many open files", "inotify-limits"),
    ("kubelet", 'nodes "web1" is forbidden: node "w1" is not allowed to modify node "web1"', "hostname-mismatch"),
    ("task", "kubeadm init: [ERROR Hostname]: hostname could not be resolved", "hostname-mismatch"),
    ("coredns", "[FATAL] plugin/loop: Loop (127.0.0.1:38049 -> :53) detected for zone", "resolver-loop"),
    (
        "task",
        "[ERROR FileContent--proc-sys-net-bridge-bridge-nf-call-iptables]: /proc/sys/... does not exist",
        "br-netfilter",
    ),
    ("task", "unable to select an IP from default routes.", "no-default-route"),
    ("task", "rpc error: etcdserver: re-configuration failed due to not enough started members", "etcd-member"),
    ("kubeadm", "member 8e9e05c52164694d has already been bootstrapped", "etcd-member"),
    (
        "task",
        "[ERROR KubeletVersion]: the kubelet version is higher than the control plane version.",
        "kubelet-version",
    ),
    ("task", "Missing sudo password", "sudo-password"),
    ("task", "sudo: a password is required", "sudo-password"),
    ("task", "/bin/sh: 1: /usr/bin/python3: not found", "python-missing"),
    ("task", "EOF on stream\nbash: line 1: /usr/bin/python3: No such file or directory", "python-missing"),
    (
        "task",
        "the node belongs to a cluster that kprov did not make: /etc/kubernetes or /var/lib/etcd is in use",
        "other-cluster",
    ),
    ("kubelet", "kubelet is configured to not run on a host using cgroup v1", "cgroup-v1"),
]


@pytest.mark.parametrize(("source", "line", "name"), TOLD, ids=lambda text: str(text)[:40])
def test_each_failure_is_told_by_the_line_that_shows_it(source: str, line: str, name: str) -> None:
    noise = "I1128 10:00:00.1 1 x.go:1] all is well"
    if source == "task":
        told = explain(Evidence(line))
    else:
        told = explain(Evidence("a task failed", {source: Answer(f"{noise}\n{line}\n{noise}", 0)}))
        assert f"{LOGS.get(source, source)}: " in told.cause
    assert told.name == name
    assert told.remedy.endswith((".", "524288"))


def test_every_cause_has_a_failure_that_shows_it() -> None:
    assert {name for _, _, name in TOLD} == {cause.name for cause in CAUSES}
    assert {source for cause in CAUSES for source in cause.sources} <= {"task", *QUESTIONS}


def test_a_young_kubelet_that_waits_for_the_network_explains_nothing() -> None:
    lines = 'cni plugin not initialized\ndial tcp 127.0.0.1:8443: connect: connection refused\nnode "m2" not found'
    told = explain(Evidence("the download broke", {"kubelet": Answer(lines, 0)}))
    assert (told.name, told.cause, told.remedy) == ("", "", "")
    assert told.logs == ("journalctl -u kubelet",)


def test_the_words_of_the_task_count_before_a_log_that_may_be_old() -> None:
    log = {"kubelet": Answer("running with swap on is not supported", 0)}
    assert explain(Evidence("[ERROR Port-10250]: Port 10250 is in use", log)).name == "port-taken"


def test_facts_alone_tell_a_full_disk_and_two_cgroup_drivers() -> None:
    told = explain(Evidence("kubelet did not start", {"disk": Answer("/var/lib 100%", 0)}))
    assert told.cause == "a file system of the node is full (/var/lib 100%)"
    drivers = Answer("cgroupDriver: systemd\n            SystemdCgroup = false", 0)
    told = explain(Evidence("kubelet did not start", {"drivers": drivers}))
    assert told.cause.endswith("(kubelet: systemd, containerd: cgroupfs)")


def test_a_very_long_line_is_cut() -> None:
    log = {"kubelet": Answer("running with swap on is not supported " + "x" * 5000, 0)}
    assert len(explain(Evidence("", log)).cause) < 500


class Silent:
    """A machine that does not answer any more."""

    def run(self, command: str, stdin: bytes = b"", timeout_s: float = 60) -> Result:
        raise CheckFailed("a command did not end in 20 s")


def test_a_machine_that_cannot_be_asked_leaves_the_words_of_the_task() -> None:
    assert collect(Silent(), "[ERROR Swap]") == Evidence("[ERROR Swap]")  # type: ignore[arg-type]


def test_what_a_machine_is_asked_is_one_script_that_only_reads() -> None:
    assert not re.search(r"\b(rm|mv|kill|restart|tee)\b|>(?!=|/dev/null| 1)", " ".join(QUESTIONS.values()))
