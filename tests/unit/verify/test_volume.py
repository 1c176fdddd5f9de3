"""A text's way through a volume, told from the API server's answers."""

from __future__ import annotations

import json
from threading import Event
from typing import TYPE_CHECKING

import pytest

from kprov.ssh.batch import Answer
from kprov.verify import volume
from kprov.verify.volume import round_trip

if TYPE_CHECKING:
    from collections.abc import Mapping

NEVER = Event()


class Plane:
    """An API server that keeps what it is told of; ``ends`` are the phases that pods come to."""

    def __init__(self, **ends: str) -> None:
        self.ends, self.asked, self.said, self.events = ends, list[str](), "ns", list[dict[str, object]]()
        self.refuses = ""

    def ask(self, questions: Mapping[str, str]) -> Mapping[str, Answer]:
        self.asked += questions
        return {name: self._answer(name, command) for name, command in questions.items()}

    def _answer(self, name: str, command: str) -> Answer:
        if name == "pod":
            pod = command.rpartition("/")[2]
            ended = {"state": {"terminated": {"message": self.said + "\n" if pod == "reader" else ""}}}
            status = {"phase": self.ends[pod], "containerStatuses": [ended]}
            return Answer(json.dumps({"spec": {"nodeName": "w1"}, "status": status}), 0)
        if name == "events":
            return Answer(json.dumps({"items": self.events}), 0)
        return Answer("Error from server (Forbidden): quota", 1) if name == self.refuses else Answer("", 0)


@pytest.fixture(autouse=True)
def _no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    real = volume.wait_for
    monkeypatch.setattr(volume, "wait_for", lambda look, done, stop: real(look, done, stop, 0.0))


def test_what_was_written_is_read_after_the_writer_is_gone() -> None:
    plane = Plane(writer="Succeeded", reader="Succeeded")
    assert round_trip(plane.ask, "ns", "local-path", NEVER) == volume.Trip(node="w1")
    assert plane.asked.index("gone") < plane.asked.index("create.reader.0")


def test_what_was_not_written_must_not_be_read() -> None:
    plane = Plane(writer="Succeeded", reader="Succeeded")
    plane.said = ""
    assert round_trip(plane.ask, "ns", "local-path", NEVER).failed == "ns was written, and nothing was read"


def test_the_last_event_says_why_nothing_was_written() -> None:
    plane = Plane(writer="Pending")

    def event(name: str, minute: int, reason: str, message: str) -> dict[str, object]:
        when = f"2026-01-02T11:{minute:02}:00Z"
        return {"involvedObject": {"name": name}, "lastTimestamp": when, "reason": reason, "message": message}

    plane.events = [
        event("probe", 2, "ExternalProvisioning", "waiting for a volume to be created"),
        event("writer", 1, "FailedScheduling", "0/2 nodes are available"),
        event("probe-x7", 3, "Started", "Started container"),
    ]
    trip = round_trip(plane.ask, "ns", "local-path", NEVER)
    assert trip.failed == "nothing was written: ExternalProvisioning: waiting for a volume to be created"
    assert "create.reader.0" not in plane.asked


def test_a_reader_that_fails_is_told_apart_from_a_writer_that_does() -> None:
    trip = round_trip(Plane(writer="Succeeded", reader="Failed").ask, "ns", "local-path", NEVER)
    assert trip == volume.Trip("it was written and not read: nobody says why", "w1")


def test_a_claim_that_the_api_server_refuses_is_quoted() -> None:
    plane = Plane()
    plane.refuses = "create.claim.0"
    trip = round_trip(plane.ask, "ns", "local-path", NEVER)
    assert trip.failed == "the API server refused: Error from server (Forbidden): quota"
