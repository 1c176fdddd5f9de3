"""The suites in a process of their own, with only ssh replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kprov.verify.run import verify

if TYPE_CHECKING:
    from tests.unit.verify.conftest import FakeCluster


def test_the_suites_run_in_a_process_of_their_own_over_ssh(separate: FakeCluster) -> None:
    separate.save()
    results = verify(separate.settings, only_nodes=["w1"])
    assert set(results.counts) == {"passed"}
    assert ("m1", "create.0") in separate.asked


def test_an_interruption_removes_the_probe_before_it_is_passed_on(separate: FakeCluster) -> None:
    separate.save()

    def interrupt(_event: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        verify(separate.settings, interrupt)
    asked = [question for _, question in separate.asked]
    assert asked.index("create.0") < next(i for i, question in enumerate(asked) if question.startswith("delete."))
