"""What a plan is made of: machines as they are found, the tasks that Ansible would change, and what is not known."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
import yaml

from kprov.bundle import lockfile
from kprov.bundle.model import Artifact, Lock
from kprov.errors import InputError, PlaybookError, UnreachableError
from kprov.events import TaskFinished
from kprov.inventory.variables import Machines
from kprov.lab.provider import Machine
from kprov.phases import foresight
from kprov.phases.foresight import Change, Host
from kprov.release.catalog import resolve
from kprov.spec.load import load

SPEC = """\
cluster: lab
kubernetes: {version: 1.20.2}
network: {plugin: bridge}
bundle: {source: packages}
nodes:
  m[1:3]: {address: "192.0.2.[11:13]", roles: [control-plane, etcd]}
  w1: {address: 192.0.2.101, roles: [worker]}
"""
LAB = "lab: {provider: podman, subnet: 192.0.2.0/24}\n"
ALL = ("m1", "m2", "m3", "w1")
ABSENT = dict.fromkeys(ALL, "absent")


class Playbooks:
    """Answers from a list, and keeps what the inventory was like."""

    def __init__(self, events=(), error=None):
        self.events, self.error = events, error
        self.asked, self.inventory, self.hosts = (), None, {}

    def at(self, inventory, _log):
        self.inventory = inventory
        return self

    def run(self, playbook, emit, *, check=False):
        self.asked = (playbook, check)
        for path in (self.inventory.parent / "host_vars").glob("*.yml"):
            self.hosts[path.stem] = yaml.safe_load(path.read_text())
        for event in self.events:
            emit(event)
        if self.error:
            raise self.error


class Lab:
    """A lab with machines in these states."""

    name = "podman"

    def __init__(self, states):
        self.states = states

    def status(self, lab):
        return tuple(Machine(each.name, each.address, self.states[each.name]) for each in lab.machines)


@pytest.fixture
def reached(monkeypatch):
    """The machines that let us in; others do not answer."""
    names = set()

    class Remote:
        def run(self, command, timeout_s):
            pass

    def log_in(_loaded, name):
        if name not in names:
            raise UnreachableError("no answer", where=name)
        return contextlib.nullcontext(Remote())

    monkeypatch.setattr(foresight, "log_in", log_in)
    return names


@pytest.fixture
def plan(tmp_path, reached):
    def make(playbooks, *, lab=None, more="", machines=None):
        (tmp_path / "cluster.yaml").write_text(SPEC + more)
        loaded = load(tmp_path / "cluster.yaml")
        return foresight.foresee_changes(
            loaded,
            resolve(loaded.spec, file="cluster.yaml"),
            machines or Machines(shared_kernel=True),
            lab,
            tmp_path / "store",
            playbooks.at,
            lambda _event: None,
        )

    return make


def done(host, status="changed", message=""):
    return TaskFinished(host, "Prepare", "node", "Prepare the kernel", status, 0.1, message)


def test_what_would_change_is_kept_and_nothing_else(plan, reached, tmp_path):
    reached |= set(ALL)
    playbooks = Playbooks([done("m1", message="a, b"), done("m2", "ok"), done("w1", "skipped"), done("localhost")])
    made = plan(playbooks)
    assert made.changes == (Change("m1", "node", "Prepare the kernel", "a, b"),)
    assert (playbooks.asked, made.stopped) == (("up", True), None)
    assert {host.state for host in made.hosts.values()} == {"reached"}
    assert [path.name for path in tmp_path.iterdir()] == ["cluster.yaml"]
    assert not playbooks.inventory.exists()


def test_machines_that_are_not_there_are_not_reached_for(plan, reached):
    reached |= {"m1", "m3"}
    playbooks = Playbooks()
    made = plan(playbooks, lab=Lab({"m1": "running", "m2": "absent", "m3": "running", "w1": "stopped"}), more=LAB)
    assert [host.state for host in made.hosts.values()] == ["reached", "absent", "reached", "stopped"]
    assert {name for name, own in playbooks.hosts.items() if own.get("kprov_absent")} == {"m2", "w1"}
    assert any(note.startswith("w1: not looked at") for note in made.notes)


def test_a_machine_that_does_not_let_us_in_is_told_with_its_reason(plan, reached):
    reached |= {"m1", "m2", "m3"}
    made = plan(Playbooks())
    assert made.hosts["w1"] == Host("unreached", "w1: no answer")
    assert any(note.startswith("w1: not looked at") for note in made.notes)


def test_what_new_virtual_machines_lack_is_not_guessed(plan):
    notes = plan(Playbooks(), lab=Lab(ABSENT), more=LAB, machines=Machines()).notes
    assert any("m1, m2, m3, w1: what a new machine lacks" in note for note in notes)
    assert not any("lacks" in note for note in plan(Playbooks(), lab=Lab(ABSENT), more=LAB).notes)


def test_where_up_would_end_the_changes_before_are_kept(plan, reached):
    reached |= set(ALL)
    error = PlaybookError("a task failed", where="m1", why="no", log="gone.log", host="m1")
    made = plan(Playbooks([done("m1")], error))
    assert len(made.changes) == 1
    assert (made.stopped.what, made.stopped.log) == ("a task failed", "")
    with pytest.raises(PlaybookError, match="no"):
        plan(Playbooks(error=PlaybookError("ansible-playbook ended with code 1", why="no")))


def lock(version, size=4):
    part = Artifact("kubelet", "binary", version, "apt", "0" * 64, size, "parts/kubelet", ("control-plane", "worker"))
    return Lock("packages", version, "amd64", (part,), ())


def test_a_bundle_that_is_not_here_is_told_and_stood_in_for(plan):
    playbooks = Playbooks()
    made = plan(playbooks, lab=Lab(ABSENT), more=LAB)
    assert made.bundle.missing == ("Kubernetes 1.20.2 from packages",)
    assert [each["kind"] for each in playbooks.hosts["w1"]["kubernetes_artifacts"]] == ["binary", "images"]
    assert any("kprov bundle build" in note for note in made.notes)


def test_the_bundle_of_the_store_is_used_where_it_is_whole(plan, tmp_path, monkeypatch):
    monkeypatch.setattr("kprov.phases.at_hand.machine_architecture", lambda: "amd64")
    lockfile.write(lock("1.20.2"), lockfile.lock_path(tmp_path / "store", "packages", "1.20.2", "amd64"))
    playbooks = Playbooks()
    assert plan(playbooks, lab=Lab(ABSENT), more=LAB).bundle.missing == ("kubelet",)
    (tmp_path / "store/parts").mkdir()
    (tmp_path / "store/parts/kubelet").write_text("1234")
    assert plan(playbooks, lab=Lab(ABSENT), more=LAB).bundle.missing == ()
    assert [each["name"] for each in playbooks.hosts["w1"]["kubernetes_artifacts"]] == ["kubelet"]


def test_the_lock_of_another_version_is_not_used(plan, tmp_path):
    lockfile.write(lock("1.20.3"), tmp_path / "artifacts/bundle.lock.yaml")
    assert plan(Playbooks(), lab=Lab(ABSENT), more=LAB).bundle.missing == ("Kubernetes 1.20.2 from packages",)


def test_a_lock_that_cannot_be_read_is_said(plan, tmp_path):
    (tmp_path / "artifacts").mkdir()
    Path(tmp_path / "artifacts/bundle.lock.yaml").write_text("[")
    with pytest.raises(InputError, match="lock"):
        plan(Playbooks(), lab=Lab(ABSENT), more=LAB)
