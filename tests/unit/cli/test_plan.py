"""How a plan is told, and kubeadm's documents."""

from __future__ import annotations

import json

import pytest

from kprov.cli import plan as command
from kprov.cli.main import run
from kprov.errors import PlaybookError
from kprov.inventory.variables import Deliveries
from kprov.phases.at_hand import AtHand
from kprov.phases.foresight import Change, Host, Plan

SPEC = """\
cluster: lab
kubernetes: {version: 1.20.2}
bundle: {source: packages}
network: {plugin: bridge}
nodes:
  m1: {address: 192.0.2.11, roles: [control-plane, etcd]}
  w1: {address: 192.0.2.101, roles: [worker]}
"""
CHANGE = Change("m1", "control_plane", "Have the static pods as they are asked for", "kube-apiserver")


@pytest.fixture
def told(tmp_path, monkeypatch, capsys):
    """What the command says of a plan, and its exit code."""

    def tell(*words, changes=(), hosts=None, missing=(), stopped=None, notes=()):
        (tmp_path / "cluster.yaml").write_text(SPEC)
        hosts = hosts or {"m1": Host("reached"), "w1": Host("reached")}
        made = Plan(hosts, tuple(changes), AtHand("packages", Deliveries(), missing), notes, stopped)
        monkeypatch.setattr(command, "_plan", lambda *_: made)
        code = run(["plan", "-f", str(tmp_path / "cluster.yaml"), *words])
        return code, capsys.readouterr()

    return tell


def test_nothing_to_change_is_said(told):
    code, said = told()
    assert (code, said.out) == (0, "2 machines: nothing to change\n")


def test_changes_are_told_by_machine_with_what_comes_before(told):
    hosts = {"m1": Host("reached"), "w1": Host("unreached", "w1: no answer")}
    code, said = told(changes=[CHANGE], hosts=hosts, missing=("kubelet",), notes=("w1: not looked at.",))
    assert code == 0
    assert "bundle: would be gathered first: kubelet\n" in said.out
    assert "machines: not reached: w1\n  w1: w1: no answer\n" in said.out
    assert "Have the static pods as they are asked for" in said.out
    assert said.out.endswith("1 change on 1 machine\nw1: not looked at.\n")


def test_an_error_of_up_is_told_after_the_changes_before_it(told):
    code, said = told(changes=[CHANGE], stopped=PlaybookError("a task failed", where="m1", why="no such version"))
    assert code == PlaybookError.exit_code
    assert "1 change on 1 machine" in said.out
    assert "no such version" in said.err
    assert "nothing to change" not in told(stopped=PlaybookError("a task failed"))[1].out


def test_programs_are_told_the_same(told):
    code, said = told("-o", "json", changes=[CHANGE], hosts={"m1": Host("reached"), "w1": Host("absent")})
    data = json.loads(said.out)
    assert (code, data["changes"], data["machines_to_make"], data["error"]) == (0, 1, ["w1"], None)
    assert data["hosts"][0]["changes"] == [
        {"role": "control_plane", "task": CHANGE.task, "what": "kube-apiserver"},
    ]


def test_the_documents_of_kubeadm_are_shown_by_node(told):
    _, said = told("--show-config")
    assert [line for line in said.out.splitlines() if line.startswith("# ")] == [
        "# m1/kubeadm-init.yaml",
        "# m1/kubeadm-join.yaml",
        "# w1/kubeadm-join.yaml",
    ]
    shown = json.loads(told("--show-config", "-o", "json")[1].out)
    assert [each["kind"] for each in shown["m1"]["kubeadm-init.yaml"]][:2] == [
        "InitConfiguration",
        "ClusterConfiguration",
    ]
    assert [each["kind"] for each in shown["w1"]["kubeadm-join.yaml"]] == ["JoinConfiguration"]
