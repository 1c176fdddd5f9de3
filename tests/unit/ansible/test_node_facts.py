from __future__ import annotations

import fcntl
import json

import pytest
from ansible.module_utils import kprov_node

from kprov.ansible.plugins.modules import kprov_node_facts
from kprov.release import kubeadm
from tests.unit.ansible.harness import converge

OURS_BEGUN = {"cluster": "lab", "operation": "join", "state": "in-progress"}
OURS = {**OURS_BEGUN, "state": "member"}
OURS_PREPARED = {**OURS_BEGUN, "state": "prepared"}
OTHERS = {**OURS, "cluster": "other"}


@pytest.mark.parametrize(
    ("marker", "traces", "membership"),
    [
        (None, False, "none"),
        (None, True, "foreign"),
        (OURS, True, "member"),
        (OURS, False, "none"),  # kubeadm reset by hand: it may join again
        (OURS_BEGUN, True, "partial"),
        (OURS_BEGUN, False, "partial"),
        (OURS_PREPARED, True, "prepared"),
        (OURS_PREPARED, False, "none"),
        (OTHERS, True, "foreign"),
        (OTHERS, False, "none"),  # the other cluster was reset
    ],
)
def test_what_a_node_is_to_the_cluster(marker, traces, membership):
    assert kprov_node_facts.membership(marker, "lab", traces) == membership


@pytest.mark.parametrize(
    ("text", "family"),
    [
        ("ID=debian\n", "debian"),
        ('ID="almalinux"\nID_LIKE="rhel centos fedora"\n', "rhel"),
        ('ID="opensuse-leap"\nID_LIKE="suse opensuse"\n', "suse"),
        ("ID=arch\n", "arch"),
        ("# nothing\n", "unknown"),
    ],
)
def test_the_family_of_a_system(text, family):
    assert kprov_node_facts.family(text) == family


@pytest.fixture
def machine(tmp_path, monkeypatch):
    monkeypatch.setattr(kprov_node, "MARKER", str(tmp_path / "kubeadm.json"))
    monkeypatch.setattr(kprov_node, "RUNTIME", str(tmp_path / "run"))
    monkeypatch.setattr(kprov_node, "TRACES", (str(tmp_path / "kubernetes/*.conf"),))
    monkeypatch.setattr(kprov_node, "PATH", str(tmp_path / "bin"))
    (tmp_path / "kubernetes").mkdir()
    return tmp_path


def test_what_a_kubeadm_that_still_runs_will_make_of_the_node_is_waited_for(machine, monkeypatch):
    (machine / "run").mkdir()
    with (machine / "run/kubeadm.lock").open("w") as running:
        fcntl.flock(running, fcntl.LOCK_EX)
        monkeypatch.setattr(kprov_node, "LOCK_S", 0)
        assert "another kubeadm has been running" in converge(kprov_node_facts, cluster="lab")["msg"]
        monkeypatch.setattr(kprov_node, "LOCK_S", 60)
        monkeypatch.setattr(kprov_node.time, "sleep", lambda _s: fcntl.flock(running, fcntl.LOCK_UN))
        assert converge(kprov_node_facts, cluster="lab")["membership"] == "none"


def test_missing_commands_are_told(machine, programs):
    programs.add("socat")
    answer = converge(kprov_node_facts, cluster="lab", commands=["conntrack", "socat"])
    assert (answer["changed"], answer["membership"], answer["missing"]) == (False, "none", ["conntrack"])


def test_a_member_is_recognised(machine):
    (machine / "kubeadm.json").write_text(json.dumps(OURS))
    (machine / "kubernetes/kubelet.conf").touch()
    assert converge(kprov_node_facts, cluster="lab")["membership"] == "member"


def test_a_node_of_another_cluster_is_refused_by_name(machine):
    (machine / "kubeadm.json").write_text(json.dumps(OTHERS))
    (machine / "kubernetes/kubelet.conf").touch()
    assert "the node belongs to cluster other" in converge(kprov_node_facts, cluster="lab")["msg"]


def test_a_node_with_a_cluster_made_by_hand_is_refused(machine):
    (machine / "kubernetes/admin.conf").touch()
    assert "a cluster that kprov did not make" in converge(kprov_node_facts, cluster="lab")["msg"]


def test_the_node_finds_the_cluster_where_the_documents_say():
    assert kprov_node.RUNTIME + "/discovery.conf" == kubeadm.DISCOVERY_FILE
