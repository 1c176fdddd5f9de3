"""Programs that do not do what they should, each told for itself."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import pytest

from kprov.ssh.batch import Answer
from kprov.verify import asking
from kprov.verify.programs import diary, site, sums
from kprov.verify.workload import Tried, try_workload

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FAKE = runpy.run_path(str(Path(__file__).with_name("fake_ssh.py")))
Change = "Callable[[str, str], Answer | None]"


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> Callable[[Change], Tried]:
    """A function that tries a workload on a cluster where some answers are other ones."""
    monkeypatch.setattr(asking, "DEADLINE_S", 0.05)
    monkeypatch.setattr(asking, "POLL_S", 0.01)

    def run(change: Callable[[str, str], Answer | None]) -> Tried:
        world = FAKE["world"](["m1", "m2"], ["w1"], "")

        def ask(questions: Mapping[str, str]) -> Mapping[str, Answer]:
            return {
                name: change(name, command) or Answer(*FAKE["answer"](world, "m1", name, command))
                for name, command in questions.items()
            }

        return try_workload(ask, "ns", Event())

    return run


def failed(found: Tried) -> dict[str, str]:
    return {name: step.failed for name, step in found.items() if step.failed}


def test_everything_comes_about(tried: Callable[[Change], Tried]) -> None:
    found = tried(lambda _name, _command: None)
    assert list(found) == ["rolled-out", "rolled-back", "healed", "job", "daemons", "state"]
    assert failed(found) == {}
    assert found["state"].seen.splitlines()[1:] == ["diary-3-w1", "diary-4-w1"]


def test_a_pod_that_is_not_replaced_is_told_with_the_last_warning(tried: Callable[[Change], Tried]) -> None:
    warning = {"reason": "FailedScheduling", "message": "0/3 nodes are available", "lastTimestamp": "2026-01-02"}

    def change(name: str, command: str) -> Answer | None:
        if name == "workload.events":
            return Answer(json.dumps({"items": [warning]}), 0)
        if name == "workload.do" and "gracePeriodSeconds=0" in command:
            return Answer("", 0)  # it says so, and nothing happens
        return None

    why = failed(tried(change))["healed"]
    assert why.endswith("FailedScheduling: 0/3 nodes are available")


def test_a_refused_rollback_is_quoted_and_nothing_is_killed(tried: Callable[[Change], Tried]) -> None:
    def change(name: str, command: str) -> Answer | None:
        return Answer("error: no rollout history found", 1) if "rollout undo" in command else None

    found = tried(change)
    assert failed(found)["rolled-back"] == "error: no rollout history found"
    assert "healed" not in found


def test_a_job_that_adds_up_wrongly_has_not_done_its_work(tried: Callable[[Change], Tried]) -> None:
    def change(name: str, command: str) -> Answer | None:
        if name == "workload.pods" and "app%3Dsums" in command:
            ended = {"state": {"terminated": {"message": "5049"}}, "ready": False}
            pod = {"metadata": {"name": "a", "uid": "a"}, "spec": {}, "status": {"containerStatuses": [ended]}}
            return Answer(json.dumps({"items": [pod]}), 0)
        return None

    assert failed(tried(change)) == {"job": "a pod said 5049, not 5050"}


def test_a_volume_that_forgets_is_found_out(tried: Callable[[Change], Tried]) -> None:
    def change(name: str, command: str) -> Answer | None:
        if "/diary-4-w1:" in command and name.startswith("workload.page"):
            return Answer("diary-4-w1", 0)
        return None

    assert failed(tried(change)) == {"state": "what its first pod wrote is lost to the second"}


def test_what_the_api_server_refuses_is_quoted(tried: Callable[[Change], Tried]) -> None:
    refused = Answer("Error from server (Forbidden): exceeded quota", 1)
    found = tried(lambda name, _command: refused if name == "create.workload.1" else None)
    assert failed(found) == {"rolled-out": f"the API server refused: {refused.text}"}


def test_no_program_ever_pulls_an_image_or_gets_a_token() -> None:
    every = {**site("ns"), **sums("ns"), **diary("ns", "local-path")}
    pods = [body["spec"]["template"]["spec"] for body in every.values() if "template" in body["spec"]]  # type: ignore[index, operator]
    assert len(pods) == 3
    for pod in pods:
        assert pod["automountServiceAccountToken"] is False
        assert [each["imagePullPolicy"] for each in pod["containers"]] == ["Never"]
