from __future__ import annotations

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest
from ansible.errors import AnsibleActionFail

from kprov.ansible.plugins.action import kprov_bundle_server


def serve(*, check=False, **arguments):
    """What the task answers to these arguments."""
    task = SimpleNamespace(args=arguments, action="kprov_bundle_server", async_val=0, check_mode=check)
    connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir="/nowhere"))
    action = kprov_bundle_server.ActionModule(task, connection, None, None, None, None)
    return action.run(task_vars={})


@pytest.fixture
def server(monkeypatch):
    """The server's process: what it was asked for, and what it answers."""
    process = SimpleNamespace(returncode=0, stdout='{"port": 4711, "secret": "s3cr3t"}\n', stderr="", asked=None)

    def run(command, **options):
        process.asked = (command, json.loads(options["input"]))
        return process

    monkeypatch.setattr(kprov_bundle_server.subprocess, "run", run)
    return process


def test_the_server_binds_the_address_that_reaches_the_nodes(server):
    answer = serve(files={"a/kubelet": "/srv/kubelet"}, peer="127.0.0.1")
    assert answer["url"] == "http://127.0.0.1:4711/s3cr3t/"
    assert not answer["changed"]
    command, request = server.asked
    assert (request["addresses"], request["files"]) == (["127.0.0.1"], {"a/kubelet": "/srv/kubelet"})
    assert command == [sys.executable, "-m", "kprov.bundle.serve"]


def test_a_server_that_does_not_start_says_why(server):
    server.returncode, server.stderr = 2, "no such file: /srv/kubelet\n"
    with pytest.raises(AnsibleActionFail, match="the bundle server did not start: no such file: /srv/kubelet"):
        serve(files={}, peer="127.0.0.1")


def test_a_node_without_a_route_is_named(monkeypatch):
    def unreachable(_peer):
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(kprov_bundle_server, "local_address", unreachable)
    with pytest.raises(AnsibleActionFail, match=r"no route to 10\.9\.9\.9: Network is unreachable"):
        serve(files={}, peer="10.9.9.9")


def test_the_server_lives_as_long_as_the_playbook_and_not_as_the_shell_around_it(tmp_path):
    """The shell's command line names ansible-playbook too, but it is not the playbook."""
    look = "from kprov.ansible.plugins.action import kprov_bundle_server as it; print(it.playbook_pid())"
    playbook = tmp_path / "ansible-playbook"
    playbook.write_text(f'#!/bin/sh\necho $$\n"{sys.executable}" -c "{look}"\nexit 0\n')
    playbook.chmod(0o755)
    shell = ["sh", "-c", f"{playbook} up.yml; exit 0"]
    told = subprocess.run(shell, capture_output=True, text=True, check=True, timeout=30).stdout.split()
    assert len(told) == 2
    assert told[0] == told[1]


def test_in_check_mode_nothing_is_served(server):
    assert not serve(check=True, files={"a": "/srv/a"}, peer="192.0.2.1")["changed"]
    assert server.asked is None
