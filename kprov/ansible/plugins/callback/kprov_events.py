"""Write what Ansible does as JSON lines on standard output: for the driver, which shows and keeps them."""

from __future__ import annotations

DOCUMENTATION = r"""
name: kprov_events
type: stdout
short_description: JSON lines for kprov's driver
description: One line per task start and per result of a host, without arguments, registered values or secrets.
author: ["the kprov authors"]
"""

import gc
import importlib
import json
import sys
import time

from ansible.plugins.callback import CallbackBase
from ansible.plugins.loader import action_loader, filter_loader, test_loader

MESSAGE_LIMIT = 4000
NAMES = ("components", "paths", "actions", "fetched", "copied", "removed", "objects")
"""What kprov's own modules return lists of names as."""
FOR_WORKERS = ("ansible.parsing.yaml.dumper", "ansible.utils.encrypt")
"""What nearly every worker imports for itself."""


def words(result):
    """What a failed task says for itself: its message, and what the command printed where that says more.

    >>> words({"msg": "non-zero return code", "stderr": "no such file"})
    'non-zero return code: no such file'
    """
    if result.get("_ansible_no_log") or result.get("censored"):
        return str(result.get("censored", "the output is hidden, because it may hold a secret"))
    parts = [str(result.get("msg", "")).strip()]
    details = [str(result.get(key, "")).strip() for key in ("module_stderr", "stderr", "log")]
    parts += [text for text in details if text and text not in parts[0]][:1]
    return ": ".join(part for part in parts if part)[:MESSAGE_LIMIT]


def done(result):
    """What a changed task did, in names: files, units, components, artifacts, objects; never a content.

    >>> done({"changed": True, "paths": ["/etc/hosts"], "actions": ["restart a.service"], "diff": ["..."]})
    '/etc/hosts, restart a.service'
    """
    if result.get("_ansible_no_log") or result.get("censored"):
        return ""
    listed = [result.get(key) or [] for key in NAMES]
    return ", ".join(name for names in listed if isinstance(names, list) for name in map(str, names))[:MESSAGE_LIMIT]


class CallbackModule(CallbackBase):
    """The callback; Ansible makes one per run."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "kprov_events"

    def __init__(self):
        super().__init__()
        self._play = ""
        self._started = {}

    def v2_playbook_on_start(self, playbook):  # noqa: ARG002 - Ansible passes it
        """Load once what every worker would load again: it is a process that is forked for one task of one host."""
        for name in FOR_WORKERS:
            importlib.import_module(name)
        action_loader.get_with_context("ansible.legacy.normal", class_only=True)  # in check mode, kprov's own
        for loader, name in ((filter_loader, "default"), (test_loader, "defined")):
            loader.get_with_context(name)  # one is loaded with all others
        gc.freeze()

    def _write(self, **line):
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()

    def v2_playbook_on_play_start(self, play):
        """Remember the play for the lines that follow."""
        self._play = play.get_name()

    def v2_playbook_on_task_start(self, task, is_conditional):  # noqa: ARG002 - Ansible passes it by name
        """Say that a task begins."""
        self._write(kind="task", play=self._play, role=self._role(task), task=self._name(task))

    v2_playbook_on_handler_task_start = v2_playbook_on_task_start
    v2_playbook_on_cleanup_task_start = v2_playbook_on_task_start

    def v2_runner_on_start(self, host, task):
        """Start the clock of one host's task."""
        self._started[host.get_name(), task._uuid] = time.monotonic()

    @staticmethod
    def _role(task):
        return task._role.get_name() if task._role else ""

    @staticmethod
    def _name(task):
        if task.action.rpartition(".")[2] == "validate_argument_spec":
            return "Check the variables"  # what Ansible makes of a role's argument_specs.yml is a name of a whole line
        return task.get_name().rpartition(" : ")[2]

    def _result(self, result, status, message=""):
        task, host = result._task, result._host.get_name()
        started = self._started.pop((host, task._uuid), time.monotonic())
        self._write(
            kind="result",
            play=self._play,
            role=self._role(task),
            task=self._name(task),
            host=host,
            status=status,
            duration_s=round(time.monotonic() - started, 3),
            message=message,
        )

    def v2_runner_on_ok(self, result):
        """A host is done with a task."""
        if result._result.get("changed"):
            self._result(result, "changed", done(result._result))
        else:
            self._result(result, "ok")

    def v2_runner_on_skipped(self, result):
        """A host had nothing to do in a task."""
        self._result(result, "skipped")

    def v2_runner_on_failed(self, result, ignore_errors=False):
        """A task failed on a host."""
        self._result(result, "ok" if ignore_errors else "failed", words(result._result))

    def v2_runner_on_unreachable(self, result):
        """A host cannot be reached any more."""
        self._result(result, "unreachable", words(result._result))

    def v2_playbook_on_stats(self, stats):
        """Say how each host ended; the number of results, so that nothing is counted twice."""
        hosts = {host: stats.summarize(host) for host in sorted(stats.processed)}
        self._write(kind="recap", hosts=hosts)
