from __future__ import annotations

import os

import pytest

from kprov.ansible.plugins.modules import kprov_api_server
from tests.unit.ansible.harness import converge

LOST = "W1121 08:58:36.724837 1 cacher.go:148] Terminating all watchers from cacher *core.Service\n"


@pytest.fixture
def machine(tmp_path, monkeypatch, programs):
    """An API server with one log; killing it makes the next one's."""
    monkeypatch.setattr(kprov_api_server, "LOGS", str(tmp_path / "*.log"))
    monkeypatch.setattr(kprov_api_server.current_log, "__defaults__", (str(tmp_path / "*.log"),))
    monkeypatch.setattr(kprov_api_server.time, "sleep", lambda _s: None)
    monkeypatch.setattr(kprov_api_server, "ready", lambda: True)
    (tmp_path / "0.log").write_text("I1121 fine\n")
    os.utime(tmp_path / "0.log", (1, 1))
    listing = '*"containers list"*) echo old; echo api;; *"tasks list"*) echo "api 12 RUNNING";;'
    programs.add("ctr", f'case "$*" in {listing} *kill*) echo fresh >{tmp_path}/1.log;; esac')
    return tmp_path


def test_an_api_server_that_lost_nothing_is_left_alone(machine, programs):
    answer = converge(kprov_api_server)
    assert (answer["changed"], answer["lost"], programs.calls) == (False, 0, [])


def test_a_machine_without_an_api_server_is_left_alone(machine):
    (machine / "0.log").unlink()
    assert not converge(kprov_api_server)["changed"]


def test_an_api_server_that_lost_watches_is_restarted_once(machine, programs):
    (machine / "0.log").write_text(LOST * 2)
    os.utime(machine / "0.log", (1, 1))
    answer = converge(kprov_api_server)
    assert (answer["changed"], answer["lost"]) == (True, 2)
    assert [call for call in programs.calls if "kill" in call] == [
        "ctr --namespace k8s.io tasks kill --signal SIGTERM api"
    ]
    assert not converge(kprov_api_server)["changed"]


def test_check_mode_kills_nothing(machine, programs):
    (machine / "0.log").write_text(LOST)
    assert converge(kprov_api_server, check=True)["changed"]
    assert programs.calls == []


def test_one_that_does_not_come_back_is_an_error(machine, monkeypatch):
    (machine / "0.log").write_text(LOST)
    os.utime(machine / "0.log", (1, 1))
    monkeypatch.setattr(kprov_api_server, "ready", lambda: False)
    answer = converge(kprov_api_server, timeout_s=0)
    assert answer["failed"]
    assert "did not come back" in answer["msg"]
