"""A run of Ansible as the driver sees it: events, the recap, and one error that names what failed."""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path

import pytest

from kprov import project
from kprov.ansible import runner
from kprov.ansible.runner import AnsiblePlaybooks, Tally
from kprov.errors import Interrupted, PlaybookError, UnreachableError
from kprov.events import TaskFinished, TaskStarted

TASK = {"kind": "task", "play": "Prepare", "role": "node", "task": "Turn swap off"}
RESULT = {**TASK, "kind": "result", "host": "m1", "status": "ok", "duration_s": 0.5, "message": ""}
COUNTS = {"ok": 5, "changed": 2, "skipped": 1, "failures": 0, "unreachable": 0, "rescued": 0, "ignored": 0}


def follow(*lines):
    events = []
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    return runner._follow([f"{text}\n" for text in texts], events.append), events


def test_lines_become_events():
    outcome, events = follow(TASK, RESULT)
    assert events == [
        TaskStarted("Prepare", "node", "Turn swap off"),
        TaskFinished("m1", "Prepare", "node", "Turn swap off", "ok", 0.5),
    ]
    assert (outcome.failures, outcome.recap) == ([], None)


@pytest.mark.parametrize(
    "noise", ["", "[WARNING]: deprecated", "{half", "17", "null", '"text"', "[]", '{"kind": "new"}']
)
def test_what_else_ansible_prints_is_passed_over(noise):
    outcome, events = follow(noise, RESULT)
    assert len(events) == 1
    assert outcome.failures == []


def test_failures_are_kept_in_their_order():
    failed = {**RESULT, "status": "failed", "message": "no"}
    outcome, _ = follow(failed, RESULT, {**failed, "host": "m2", "status": "unreachable"})
    assert [(failure.host, failure.status) for failure in outcome.failures] == [("m1", "failed"), ("m2", "unreachable")]


def test_a_task_counts_once_and_the_controller_not_at_all():
    recap = runner._recap({"m1": COUNTS, "w1": {**COUNTS, "changed": 0}, "localhost": COUNTS})
    assert recap.hosts == {"m1": Tally(ok=3, changed=2, skipped=1), "w1": Tally(ok=5, skipped=1)}
    assert recap.changed == 2
    assert recap.hosts["m1"].total == recap.hosts["w1"].total == 6


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "ansible.log"
    path.write_text("ERROR! the playbook could not be found\n")
    return path


def test_a_good_run_gives_its_recap(log):
    outcome, _ = follow({"kind": "recap", "hosts": {"m1": COUNTS}})
    assert runner._judge(outcome, 0, "up", log).changed == 2


def failure(host="m1", status="failed", role="node", message="no"):
    return TaskFinished(host, "Prepare", role, "Turn swap off", status, 0.1, message)


def test_a_failed_task_is_named_with_host_role_and_the_others_that_failed(log):
    error = runner._failure([failure("m2"), failure("w1"), failure("m1"), failure("m2")], log)
    assert isinstance(error, PlaybookError)
    assert (error.where, error.what, error.why) == ("m2: node : Turn swap off", "a task failed (and on m1, w1)", "no")
    assert (error.log, error.host) == (str(log), "m2")
    assert error.exit_code == 4


def test_a_task_outside_a_role_is_named_without_one(log):
    assert runner._failure([failure(role="")], log).where == "m1: Turn swap off"


def test_a_node_that_was_not_reached_is_another_error(log):
    error = runner._failure([failure(status="unreachable", message="No route to host")], log)
    assert isinstance(error, UnreachableError)
    assert (error.exit_code, error.why) == (3, "No route to host")


@pytest.mark.parametrize("code", [-signal.SIGINT, -signal.SIGTERM, 130, 143])
def test_a_run_that_was_stopped_is_no_failure(log, code):
    outcome, _ = follow(TASK)
    with pytest.raises(Interrupted):
        runner._judge(outcome, code, "up", log)


@pytest.mark.parametrize("code", [0, 1, 250])
def test_an_end_without_recap_or_failure_tells_ansibles_own_words(log, code):
    outcome, _ = follow(TASK)
    with pytest.raises(PlaybookError, match="the playbook could not be found") as told:
        runner._judge(outcome, code, "up", log)
    assert told.value.where == "playbooks/up.yml"


def test_the_users_own_settings_of_ansible_do_not_reach_the_run(monkeypatch):
    monkeypatch.setenv("ANSIBLE_HOST_KEY_CHECKING", "0")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    environment = runner._environment(Path("/home"), "linear")
    assert "ANSIBLE_HOST_KEY_CHECKING" not in environment
    assert "ANSIBLE_STRATEGY" not in environment
    assert environment["ANSIBLE_CONFIG"] == "/home/ansible.cfg"
    assert environment["HTTPS_PROXY"] == "http://proxy.example:3128"


@pytest.mark.parametrize("strategy", ["auto", "mitogen"])
def test_without_mitogen_the_stock_strategy_is_the_fallback(monkeypatch, strategy):
    monkeypatch.setitem(sys.modules, "ansible_mitogen", None)
    assert runner._environment(Path("/home"), strategy) == runner._environment(Path("/home"), "linear")


def test_mitogen_is_used_where_it_is_there():
    assert runner._environment(Path("/home"), "auto")["ANSIBLE_STRATEGY"] == "mitogen_linear"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A project with a playbook of its own, run for real on this machine by the local connection."""
    (tmp_path / "playbooks").mkdir()
    (tmp_path / "ansible.cfg").write_text("[defaults]\nroles_path = roles\n")
    local = f"ansible_connection=local ansible_python_interpreter={sys.executable}"
    (tmp_path / "hosts.ini").write_text(f"m1 {local}\nm2 {local}\n")
    monkeypatch.setattr(project, "ansible_home", lambda: tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


PLAYBOOK = """
- name: Prepare
  hosts: all
  gather_facts: false
  tasks:
    - name: Report a change
      ansible.builtin.debug: {msg: done}
      changed_when: inventory_hostname == 'm1'
    - name: Handle a secret
      ansible.builtin.fail: {msg: the token is s3cr3t}
      no_log: true
      ignore_errors: true
    - name: Pass over
      ansible.builtin.debug: {msg: never}
      when: false
    - ansible.builtin.import_role: {name: wrong}
"""
ROLE = """
- name: Refuse the second node
  ansible.builtin.fail: {msg: "the disk of {{ inventory_hostname }} is full"}
  when: inventory_hostname == 'm2'
"""


def test_a_real_run_is_told_by_events_and_ends_with_the_error_of_its_task(home):
    (home / "playbooks/up.yml").write_text(PLAYBOOK)
    (home / "roles/wrong/tasks").mkdir(parents=True)
    (home / "roles/wrong/tasks/main.yml").write_text(ROLE)
    events = []
    with pytest.raises(PlaybookError) as told:
        AnsiblePlaybooks(home / "hosts.ini", home / "log").run("up", events.append)
    assert told.value.where == "m2: wrong : Refuse the second node"
    assert told.value.why == "the disk of m2 is full"
    started = [event.task for event in events if isinstance(event, TaskStarted)]
    assert started == ["Report a change", "Handle a secret", "Pass over", "Refuse the second node"]
    ended = {(event.task, event.host): event.status for event in events if isinstance(event, TaskFinished)}
    assert ended["Report a change", "m1"] == "changed"
    assert ended["Report a change", "m2"] == "ok"
    assert ended["Pass over", "m1"] == "skipped"
    assert ended["Refuse the second node", "m2"] == "failed"
    assert "s3cr3t" not in str(events) + (home / "log").read_text()


SLEEP = """
- name: Wait
  hosts: m1
  gather_facts: false
  tasks:
    - name: Sleep
      ansible.builtin.raw: "echo $$ >{pid}.new; mv {pid}.new {pid}; exec sleep 60"
"""


@pytest.mark.parametrize("strategy", ["linear", "mitogen"])
def test_stopping_the_driver_stops_ansible_and_what_it_runs_here(home, strategy):
    pid = home / "pid"
    (home / "playbooks/up.yml").write_text(SLEEP.format(pid=pid))

    def interrupt(_event):
        """Press Ctrl-C as soon as the task's command runs."""
        deadline = time.monotonic() + 20
        while not pid.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        AnsiblePlaybooks(home / "hosts.ini", home / "log", strategy).run("up", interrupt)
    command = Path(f"/proc/{pid.read_text().strip()}")
    while command.exists() and time.monotonic() - began < 45:
        time.sleep(0.01)
    assert time.monotonic() - began < 45, "the command of the task goes on"
