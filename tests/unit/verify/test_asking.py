"""Waiting for what a cluster does: as long as it says, and longer where its machines are slow."""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING

import pytest

from kprov.verify import asking
from kprov.verify.asking import MOST, Pace, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Clock:
    """A clock that goes on only while somebody looks or waits."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        """The time."""
        return self.now

    def taking(self, *seconds: float) -> Callable[[], float]:
        """A look that takes so long, one after the other, the last one from then on; it sees the time."""
        left: Iterator[float] = iter(seconds)

        def look() -> float:
            self.now += next(left, seconds[-1])
            return self.now

        return look


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that waiting goes by; a pause between looks takes no time."""
    made = Clock()
    monkeypatch.setattr(asking, "time", made)
    monkeypatch.setattr(asking, "POLL_S", 0.0)
    return made


@pytest.mark.parametrize(
    ("looks", "waited"),
    [
        pytest.param((0.5,), 45, id="a machine of usual speed"),
        pytest.param((6.0,), 3 * 45, id="an emulated one: three times as slow"),
        pytest.param((0.5, 9.0), 45, id="a cluster that is unwell answers late now and then"),
        pytest.param((60.0,), MOST * 45, id="no answer at all"),
    ],
)
def test_a_deadline_grows_as_far_as_the_machines_are_slow(
    clock: Clock, looks: tuple[float, ...], waited: float
) -> None:
    began = clock.now
    last = wait_for(clock.taking(*looks), lambda _: False, Event(), 45.0)
    assert waited < last - began <= waited + max(looks)


def test_nothing_is_waited_for_once_it_is_there(clock: Clock) -> None:
    assert wait_for(clock.taking(30.0), lambda seen: seen > 100, Event(), 45.0) == 130


def test_before_the_first_answer_a_deadline_is_what_it_is() -> None:
    assert Pace().allowed(45.0) == 45.0
