"""A service of the type LoadBalancer: no address, an address where nobody answers, and one that works."""

from __future__ import annotations

import json
from threading import Event
from typing import TYPE_CHECKING

import pytest

from kprov.ssh.batch import Answer
from kprov.verify.balancer import Balanced, try_balancer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PATH = "/api/v1/namespaces/ns/services"


def plane(*given: str, answer: Answer) -> Callable[[Mapping[str, str]], Mapping[str, Answer]]:
    """A control plane whose service has these addresses, one look after another, and at the last one the answer."""
    looks = list(given)

    def ask(questions: Mapping[str, str]) -> Mapping[str, Answer]:
        ((name, command),) = questions.items()
        if name.startswith("create."):
            assert PATH in command
            assert "LoadBalancer" in command
            return {name: Answer("", 0)}
        if name == "answer":
            return {name: answer}
        assert command.endswith(f"{PATH}/probe-balanced")
        address = looks.pop(0) if len(looks) > 1 else looks[0]
        status = {"loadBalancer": {"ingress": [{"ip": address}]} if address else {}}
        return {name: Answer(json.dumps({"status": status}), 0)}

    return ask


@pytest.fixture
def stopped() -> Event:
    """The run is stopped at the first pause."""
    stop = Event()
    stop.set()
    return stop


def test_the_node_that_answered_is_told_once_there_is_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kprov.verify.asking.POLL_S", 0)
    found = try_balancer(plane("", "10.0.0.200", answer=Answer("w1\n", 0)), "ns", Event())
    assert found == Balanced("10.0.0.200", Answer("w1\n", 0))


def test_without_an_address_nobody_is_asked(stopped: Event) -> None:
    assert try_balancer(plane("", answer=Answer("w1", 0)), "ns", stopped) == Balanced()


def test_an_address_where_nobody_answers_is_told_with_the_reason(stopped: Event) -> None:
    silent = Answer("curl: (28) timed out", 28)
    assert try_balancer(plane("10.0.0.200", answer=silent), "ns", stopped) == Balanced("10.0.0.200", silent)


def test_a_service_that_the_api_server_refuses_is_quoted(stopped: Event) -> None:
    found = try_balancer(lambda _: {"create.balanced.0": Answer("Error from server: quota", 1)}, "ns", stopped)
    assert found.refused == "Error from server: quota"
