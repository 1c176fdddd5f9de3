from __future__ import annotations

import itertools
import json

import pytest

from kprov.ansible.plugins.modules import kprov_ready
from tests.unit.ansible.harness import converge


def node(name, status="True", message="kubelet is posting ready status"):
    condition = {"type": "Ready", "status": status, "message": message}
    return {"metadata": {"name": name}, "status": {"conditions": [condition]}}


def pod(on, reason, *, host_network=True, restarts=0):
    state = {
        "name": "net",
        "image": "example.com/net:1",
        "restartCount": restarts,
        "state": {"waiting": {"reason": reason}},
    }
    return {
        "metadata": {"namespace": "kube-system", "name": "net-x"},
        "spec": {"nodeName": on, "hostNetwork": host_network},
        "status": {"containerStatuses": [state]},
    }


class FakeApi:
    """Answers of the API server: a list of nodes for each time it is asked, the last one for ever; and pods."""

    def __init__(self):
        self.nodes = []
        self.pods = []

    def run_command(self, command):
        if "nodes" in command:
            items = self.nodes.pop(0) if len(self.nodes) > 1 else self.nodes[0]
            if items is None:
                return 1, "", "the connection was refused\n"
        else:
            items = self.pods
        return 0, json.dumps({"items": items}), ""


@pytest.fixture
def api(monkeypatch, tmp_path):
    fake = FakeApi()
    (tmp_path / "admin.conf").touch()
    monkeypatch.setattr(kprov_ready, "ADMIN", str(tmp_path / "admin.conf"))
    monkeypatch.setattr(kprov_ready, "PAUSE_S", 0)
    monkeypatch.setattr(kprov_ready.AnsibleModule, "run_command", lambda _module, command: fake.run_command(command))
    return fake


def test_it_ends_when_all_nodes_are_ready(api):
    api.nodes = [None, [node("m1"), node("w1", "False")], [node("m1"), node("w1")]]
    assert converge(kprov_ready)["nodes"] == ["m1", "w1"]


def test_an_image_that_cannot_be_had_is_told_at_once(api, monkeypatch):
    monkeypatch.setattr(kprov_ready, "PERSISTS_S", 0)
    api.nodes = [[node("m1", "False"), node("w1", "False")]]
    api.pods = [pod("m1", "ImagePullBackOff"), pod("w1", "ErrImagePull"), pod("w1", "ImagePullBackOff")]
    assert converge(kprov_ready)["msg"] == "nodes are not ready: the image example.com/net:1 cannot be had on m1, w1"


def test_a_pull_that_fails_and_backs_off_in_turn_is_one_obstacle(api, monkeypatch):
    monkeypatch.setattr(kprov_ready, "PERSISTS_S", 0.01)
    monkeypatch.setattr(kprov_ready, "PAUSE_S", 0.006)
    api.nodes = [[node("w1", "False")]]
    turns = itertools.cycle([pod("w1", "ErrImagePull"), pod("w1", "ImagePullBackOff")])
    monkeypatch.setattr(FakeApi, "pods", property(lambda _self: [next(turns)]), raising=False)
    api.__dict__.pop("pods")
    assert (
        converge(kprov_ready, timeout_s=5)["msg"]
        == "nodes are not ready: the image example.com/net:1 cannot be had on w1"
    )


def test_a_network_that_ends_again_and_again_is_told(api, monkeypatch):
    monkeypatch.setattr(kprov_ready, "PERSISTS_S", 0)
    api.nodes = [[node("w1", "False")]]
    api.pods = [pod("w1", "CrashLoopBackOff", restarts=3)]
    said = converge(kprov_ready)["msg"]
    assert said == "nodes are not ready: net of the pod kube-system/net-x ends again and again on w1"


@pytest.mark.parametrize(
    "harmless",
    [
        pod("w1", "ImagePullBackOff", host_network=False),
        pod("m1", "ImagePullBackOff"),
        pod("w1", "CrashLoopBackOff", restarts=1),
        pod("w1", "ContainerCreating"),
    ],
)
def test_what_keeps_no_node_from_being_ready_is_waited_out(api, monkeypatch, harmless):
    monkeypatch.setattr(kprov_ready, "PERSISTS_S", 0)
    api.nodes = [[node("m1"), node("w1", "False")], [node("m1"), node("w1")]]
    api.pods = [harmless]
    assert converge(kprov_ready)["nodes"] == ["m1", "w1"]


def test_a_pull_that_failed_a_moment_ago_is_waited_out(api):
    api.nodes = [[node("w1", "False")], [node("w1", "False")], [node("w1")]]
    api.pods = [pod("w1", "ErrImagePull")]
    assert converge(kprov_ready)["nodes"] == ["w1"]


def test_time_ends_with_what_the_nodes_say(api):
    api.nodes = [[node("m1"), node("w1", "False", "cni plugin not initialized")]]
    said = converge(kprov_ready, timeout_s=0)["msg"]
    assert said == "not every node is ready after 0 s: w1: cni plugin not initialized"


def test_an_api_that_does_not_answer_is_told(api):
    api.nodes = [None]
    assert converge(kprov_ready, timeout_s=0)["msg"].endswith("the connection was refused")


def test_check_mode_waits_for_nothing(api):
    api.nodes = [[node("w1", "False")]]
    assert not converge(kprov_ready, check=True)["changed"]
