"""What the callback says of results, and that it never says a secret."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from kprov.ansible.plugins.callback.kprov_events import MESSAGE_LIMIT, CallbackModule, done, words


@pytest.mark.parametrize(
    ("result", "told"),
    [
        ({"msg": "there is no unit a.service"}, "there is no unit a.service"),
        ({"msg": "systemctl start a: failed", "log": "address in use\n"}, "systemctl start a: failed: address in use"),
        ({"msg": "failed: no such file", "stderr": "no such file"}, "failed: no such file"),
        ({"msg": "MODULE FAILURE", "module_stderr": "Traceback", "stderr": "more"}, "MODULE FAILURE: Traceback"),
        ({"msg": ""}, ""),
        ({}, ""),
    ],
)
def test_a_failed_task_is_told_by_its_message_and_what_says_more(result, told):
    assert words(result) == told


def test_a_hidden_result_stays_hidden():
    censored = {"censored": "the output has been hidden", "msg": "token abc", "stderr": "token abc"}
    assert words(censored) == "the output has been hidden"
    assert "abc" not in words({"_ansible_no_log": True, "msg": "token abc", "stderr": "abc"})


def test_a_change_is_told_in_names_and_a_hidden_one_is_not():
    assert done({"components": ["etcd"], "fetched": ["kubectl"], "paths": None, "msg": "k3y"}) == "etcd, kubectl"
    assert done({"_ansible_no_log": True, "removed": ["bootstrap-token-abc"]}) == ""
    assert len(done({"objects": ["x" * 100] * 1000})) == MESSAGE_LIMIT


def test_a_long_message_is_cut():
    assert len(words({"msg": "x" * 100_000})) == MESSAGE_LIMIT


class Named(SimpleNamespace):
    def get_name(self):
        return self.name


def task(name, role=None, action="kprov_swap"):
    return Named(name=name, _role=role and Named(name=role), _uuid=name, action=action)


@pytest.fixture
def lines(capsys):
    """The callback within a play, and what it wrote so far as data."""
    callback = CallbackModule()
    callback.v2_playbook_on_play_start(Named(name="Prepare"))
    return callback, lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def result(made, **values):
    return SimpleNamespace(_task=made, _host=Named(name="m1"), _result=values)


def test_a_task_is_told_without_the_name_of_its_role_in_it(lines):
    callback, written = lines
    callback.v2_playbook_on_task_start(task("node : Turn swap off", "node"), is_conditional=False)
    assert written() == [{"kind": "task", "play": "Prepare", "role": "node", "task": "Turn swap off"}]


def test_the_check_of_a_roles_variables_has_a_short_name(lines):
    callback, written = lines
    name = "node : Validating arguments against arg spec 'main' - Prepare a Linux machine for Kubernetes"
    check = task(name, "node", "ansible.builtin.validate_argument_spec")
    callback.v2_playbook_on_task_start(check, is_conditional=False)
    callback.v2_runner_on_ok(result(check))
    assert [line["task"] for line in written()] == ["Check the variables"] * 2


@pytest.mark.parametrize(
    ("call", "values", "status"),
    [
        ("v2_runner_on_ok", {}, "ok"),
        ("v2_runner_on_ok", {"changed": True}, "changed"),
        ("v2_runner_on_skipped", {}, "skipped"),
        ("v2_runner_on_failed", {"msg": "no"}, "failed"),
        ("v2_runner_on_unreachable", {"msg": "no route"}, "unreachable"),
    ],
)
def test_a_result_is_told_with_its_status_and_nothing_that_was_registered(lines, call, values, status):
    callback, written = lines
    made = task("Do it")
    callback.v2_runner_on_start(Named(name="m1"), made)
    getattr(callback, call)(result(made, invocation={"token": "s3cr3t"}, **values))
    (line,) = written()
    assert line.pop("duration_s") >= 0
    assert line == {
        "kind": "result",
        "play": "Prepare",
        "role": "",
        "task": "Do it",
        "host": "m1",
        "status": status,
        "message": values.get("msg", ""),
    }


def test_a_failure_that_is_ignored_fails_nothing(lines):
    callback, written = lines
    callback.v2_runner_on_failed(result(task("Try"), msg="no"), ignore_errors=True)
    assert written()[0]["status"] == "ok"
