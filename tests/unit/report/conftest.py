"""A run and its checks, made up once for all tests of this room."""

from datetime import UTC, datetime, timedelta

import pytest

from kprov.events import (
    Event,
    Notice,
    PhaseFinished,
    PhaseStarted,
    RunFinished,
    RunStarted,
    TaskFinished,
)
from kprov.report.model import Check, Results, Stamped

BEGIN = datetime(2026, 11, 21, 7, 15, 2, tzinfo=UTC)

CHECKS = (
    Check("nodes", "swap is off", "m1", "passed", 0.1, evidence="SwapTotal: 0 kB"),
    Check(
        "network",
        "pod reaches pod <across nodes>",
        "",
        "failed",
        3.0,
        "no answer in 3 s",
        "ping: \x1b[31mtimeout & loss",
    ),
    Check("nodes", "swap is off", "w1", "skipped", 0.0, "the kernel is shared"),
    Check("etcd", "members are healthy", "m1", "error", 0.5, "cannot ask: abcdef.0123456789abcdef"),
)


def stamped(*events: tuple[float, Event]) -> tuple[Stamped, ...]:
    return tuple(Stamped(BEGIN + timedelta(seconds=at), at, event) for at, event in events)


RUN = stamped(
    (0.0, RunStarted("up", "lab", ("spec", "cluster", "verify"))),
    (0.0, PhaseStarted("spec", "Read the cluster file", 1, 3)),
    (1.0, PhaseFinished("spec", "done", 1.0, "4 nodes")),
    (1.0, PhaseStarted("cluster", "Make the cluster", 2, 3)),
    (5.0, TaskFinished("m1", "p", "node", "settings", "changed", 2.0)),
    (6.0, TaskFinished("w1", "p", "node", "settings", "ok", 2.0)),
    (7.0, Notice("warning", "CoreDNS <is> left out", "Import it.")),
    (9.0, TaskFinished("w1", "p", "worker", "join", "failed", 2.0, "no <route> to host")),
    (9.0, PhaseFinished("cluster", "failed", 8.0, "1 host failed")),
    (10.0, RunFinished("up", 4, 10.0)),
)


@pytest.fixture
def events() -> tuple[Stamped, ...]:
    """A run in which a host failed to join."""
    return RUN


@pytest.fixture
def done(events: tuple[Stamped, ...]) -> tuple[Stamped, ...]:
    """A run that ended well."""
    return (*events[:3], *stamped((1.0, RunFinished("up", 0, 1.0))))


@pytest.fixture
def results() -> Results:
    """A check of every outcome, with text that is dangerous to show."""
    return Results(CHECKS, BEGIN, 3.6)


@pytest.fixture
def passed() -> Results:
    """One check that passed."""
    return Results(CHECKS[:1], BEGIN, 0.1)
