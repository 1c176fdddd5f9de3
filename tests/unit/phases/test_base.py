"""Phases in their order, and how their end is told."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from kprov.errors import CheckFailed, Interrupted
from kprov.events import PhaseFinished, PhaseStarted
from kprov.phases.base import Done, run_all


@dataclass
class Step:
    name: str
    ends: BaseException | None = None
    title: str = "A step"

    def should_run(self, _context) -> bool:
        return True

    def run(self, context) -> Done:
        if self.ends:
            raise self.ends
        return Done(context, "done", "")


def told(error, *steps):
    """Run the steps, which end with this error; return what was told of them."""
    events = []
    with pytest.raises(type(error)) as caught:
        run_all(steps, SimpleNamespace(emit=events.append))
    assert caught.value is error
    phases = [event for event in events if isinstance(event, PhaseStarted | PhaseFinished)]
    return [(event.phase, getattr(event, "outcome", "begins")) for event in phases]


def test_a_phase_that_fails_is_the_last():
    no = CheckFailed("no")
    events = told(no, Step("one"), Step("two", no), Step("three"))
    assert events == [("one", "begins"), ("one", "done"), ("two", "begins"), ("two", "failed")]


@pytest.mark.parametrize("end", [KeyboardInterrupt(), Interrupted("stopped")])
def test_a_phase_that_was_interrupted_did_not_fail(end):
    assert told(end, Step("one", end)) == [("one", "begins")], "what has no end is shown as stopped"
