"""What users meet most, made to happen on a real node: the task, the cause, the remedy and the logs are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.made import Cluster, podman

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.lab

N1 = '  n1: {address: "{net}.11", roles: [control-plane, worker]}\n'


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One machine that becomes a cluster at the end."""
    made = Cluster.of(tmp_path_factory.mktemp("lab"), "e2e-why", 31, N1)
    made.kprov("lab", "down")
    try:
        made.kprov("lab", "up")
        yield made
    finally:
        made.kprov("lab", "down")


def inside(lab: Cluster, script: str, node: str = "n1") -> str:
    """What a script on the machine prints, past SSH."""
    return podman("exec", f"kprov-{lab.name}-{node}", "sh", "-ec", script)


def why(lab: Cluster) -> dict[str, str]:
    """What a failing `up` says, by the labels of the error."""
    return labelled(lab.kprov("up", "--skip", "preflight", "--skip", "verify", code=4))


def labelled(said: str) -> dict[str, str]:
    """The lines of an error by their labels; a label's further lines belong to it."""
    found: dict[str, str] = {}
    label = ""
    for line in said[said.index("error:") :].splitlines():
        head, colon, rest = line.strip().partition(":")
        if colon and head in {"error", "where", "why", "cause", "do", "log"}:
            label, line = head, rest
        found[label] = f"{found.get(label, '')} {line.strip()}".strip()
    return found


def test_a_node_without_python(lab: Cluster) -> None:
    inside(lab, "mv /usr/bin/python3 /usr/bin/python3.away")
    try:
        told = why(lab)
    finally:
        inside(lab, "mv /usr/bin/python3.away /usr/bin/python3")
    assert told["where"].startswith("n1: ")
    assert told["cause"].startswith("the node has no Python")
    assert told["do"].startswith("Install python3")
    assert "it goes on from there" in told["do"]


def test_what_another_cluster_left(lab: Cluster) -> None:
    inside(lab, "mkdir -p /etc/kubernetes/manifests; touch /etc/kubernetes/manifests/foreign.yaml")
    try:
        told = why(lab)
    finally:
        inside(lab, "rm -r /etc/kubernetes/manifests")
    assert told["where"].startswith("n1: ")
    assert told["cause"] == "the node carries parts of another cluster"
    assert "kubeadm reset" in told["do"]


def test_a_port_that_another_program_took(lab: Cluster) -> None:
    inside(lab, "systemd-run --unit taken python3 -m http.server 10259")
    try:
        told = why(lab)
    finally:
        inside(lab, "systemctl stop taken")
    assert told["where"] == "n1: control_plane : Found the cluster"
    assert "[ERROR Port-10259]" in told["why"]
    assert told["cause"].startswith("another program listens on a port")
    assert told["log"].startswith("n1: /var/log/kprov/kubeadm-*.log, ")
    assert "ansible.log" in told["log"]


def test_a_full_disk(lab: Cluster) -> None:
    inside(lab, "mount -t tmpfs -o size=64k kprov-test /etc/kubernetes")
    try:
        told = why(lab)
    finally:
        inside(lab, "umount /etc/kubernetes")
    assert told["where"].startswith("n1: ")
    assert told["cause"].startswith("a file system of the node is full")


def test_then_it_goes_on_from_there(lab: Cluster) -> None:
    lab.kprov("up", "--skip", "verify")
    assert lab.ready() == {"n1": True}
    assert "n1" in lab.kprov("lab", "ssh", "n1", "kubectl", "get", "nodes", "-o", "name")
