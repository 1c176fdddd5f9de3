"""The real playbook on machines that nobody has made: Ansible says what would be changed, and reaches nothing."""

from __future__ import annotations

import pytest

from kprov import project
from kprov.ansible.plugins.foresight import normal
from kprov.ansible.runner import AnsiblePlaybooks
from kprov.inventory.variables import Machines
from kprov.lab.provider import Machine
from kprov.phases import foresight
from kprov.release.catalog import resolve
from kprov.spec.load import load

SPEC = """\
cluster: lab
kubernetes: {version: 1.20.2}
network: {plugin: bridge}
bundle: {source: packages}
lab: {provider: podman, subnet: 192.0.2.0/24}
nodes:
  m[1:3]: {address: "192.0.2.[11:13]", roles: [control-plane, etcd]}
  w1: {address: 192.0.2.101, roles: [worker]}
"""
ALL = {"m1", "m2", "m3", "w1"}


class Nobody:
    """A lab in which no machine was made."""

    name = "podman"

    def status(self, lab):
        return tuple(Machine(each.name, each.address, "absent") for each in lab.machines)


@pytest.fixture
def plan(tmp_path):
    """The plan for a cluster file with these lines more, from an empty store."""

    def make(more=""):
        (tmp_path / "cluster.yaml").write_text(SPEC + more)
        loaded = load(tmp_path / "cluster.yaml")
        return foresight.foresee_changes(
            loaded,
            resolve(loaded.spec, file="cluster.yaml"),
            Machines(shared_kernel=True),
            Nobody(),
            tmp_path / "store",
            lambda inventory, log: AnsiblePlaybooks(inventory, log, "linear"),
            lambda _event: None,
        )

    return make


def hosts(plan, role, task):
    return {each.host for each in plan.changes if (each.role, each.task) == (role, task)}


def test_bare_machines_are_given_everything(plan, tmp_path):
    made = plan()
    assert made.stopped is None
    assert hosts(made, "kubernetes", "Have the kubelet") == ALL
    assert hosts(made, "control_plane", "Found the cluster") == {"m1"}
    assert hosts(made, "join", "Join the cluster") == {"m2", "m3", "w1"}
    assert hosts(made, "control_plane", "Encrypt as the step wants it") == set()
    assert [path.name for path in tmp_path.iterdir()] == ["cluster.yaml"]


def test_keys_are_planned_without_a_machine(plan):
    made = plan("encryption: {provider: aescbc}\n")
    assert made.stopped is None
    assert hosts(made, "control_plane", "Encrypt as the step wants it") == {"m1"}


def test_every_module_is_answered_for():
    assert set(normal.ANSWERS) == {path.stem for path in (project.plugins() / "modules").glob("*.py")}
