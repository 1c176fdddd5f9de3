"""Waiting for readiness: rounds until all is well, a deadline that is kept, and what people are told meanwhile."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kprov.cli.main import run as kprov
from kprov.report.model import Check, Results
from kprov.verify import run
from kprov.verify.run import CUT_SHORT
from kprov.verify.watch import watch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kprov.events import Notice

WELL = Check("nodes", "the node is Ready", "m1", "passed", 0.1)
READY = replace(WELL, host="w1", outcome="failed", message="Ready is False")
DNS = Check("dns", "the DNS servers run", "", "failed", 0.1, "there is none")


class Day:
    """A clock that moves when somebody sleeps or looks; each look takes ten seconds and finds what comes next."""

    def __init__(self, *rounds: Sequence[Check]) -> None:
        self.now, self.rounds, self.given, self.heard = 100.0, list(rounds), list[float](), list[str]()

    def look(self, within_s: float) -> Results:
        self.given.append(within_s)
        self.now += min(10.0, within_s)
        checks = self.rounds.pop(0) if within_s >= 10.0 else (WELL, CUT_SHORT)
        return Results(tuple(checks), datetime(2026, 1, 2, tzinfo=UTC), 10.0)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def hear(self, notice: Notice) -> None:
        self.heard.append(notice.text)

    def watch(self, deadline_s: float) -> tuple[Results, list[tuple[str, float]]]:
        watched = watch(self.look, self.hear, deadline_s, clock=lambda: self.now, sleep=self.sleep)  # type: ignore[arg-type]
        return watched.results, [(row.outcome, row.start_s) for row in watched.rounds]


def test_it_ends_with_the_first_round_in_which_nothing_fails() -> None:
    day = Day((WELL, READY, DNS), (WELL, READY, DNS), (WELL, DNS), (WELL,), (DNS,))
    results, rounds = day.watch(600.0)
    assert results.ok
    assert results.duration_s == 49.0, "from the very start"
    assert rounds == [("failed", 0.0), ("failed", 13.0), ("failed", 26.0), ("done", 39.0)]
    assert day.heard == [
        "after 10s 2 checks fail: w1: the node is Ready; the DNS servers run",
        "after 36s 1 check fails: the DNS servers run",
    ], "only what is new"


def test_the_deadline_is_kept_and_the_last_whole_round_is_told() -> None:
    day = Day((WELL, READY), (WELL, READY))
    results, rounds = day.watch(30.0)
    assert not results.ok
    assert results.bad == (READY,)
    assert rounds == [("failed", 0.0), ("failed", 13.0), ("stopped", 26.0)]
    assert day.now == 130.0, "not a second more"


def test_a_first_round_that_is_cut_short_proves_nothing() -> None:
    results, rounds = Day().watch(5.0)
    assert results.bad == (CUT_SHORT,)
    assert rounds == [("stopped", 0.0)]


SPEC = """\
cluster: book
kubernetes: {version: 1.20.2}
nodes:
  m1: {address: 10.0.0.11, roles: [control-plane, etcd]}
network: {plugin: bridge}
bundle: {source: packages}
"""


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[float | None]:
    """How long each round of the command may take; the machine m1 never answers."""
    found: list[float | None] = []

    def verify(_settings: object, _emit: object, _only: object, within_s: float | None = None) -> Results:
        found.append(within_s)
        silent = Check("nodes", "answers over SSH", "m1", "failed", 0.1, "no route")
        return Results((silent,), datetime(2026, 1, 2, tzinfo=UTC), 1.0)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(run, "verify", verify)
    Path("cluster.yaml").write_text(SPEC)
    return found


def test_the_command_fails_with_one_when_the_deadline_passes(
    asked: list[float | None], capsys: pytest.CaptureFixture[str]
) -> None:
    assert kprov(["verify", "--watch", "--deadline", "1s"]) == 1
    assert asked[0] == pytest.approx(1.0, abs=0.5)
    assert kprov(["verify"]) == 3, "without --watch a silent machine has a code of its own"
    assert asked[-1] is None
    assert "no route" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--deadline", "5m"], "there is no --watch"),
        (["--watch", "--deadline", "soon"], "no span of time"),
        (["--watch", "--deadline", "0"], "no span of time"),
        (["--html", "nowhere/report.html"], "no such folder"),
        (["--junit", "."], "this is a folder"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_asked(
    asked: list[float | None], words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert kprov(["verify", *words]) == 2
    assert said in capsys.readouterr().err
    assert asked == []
