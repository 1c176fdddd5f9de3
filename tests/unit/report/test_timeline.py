"""What a run was, told from its events alone."""

from kprov.report.model import Stamped
from kprov.report.timeline import phase_rows, run_of


def test_totals_of_a_run(events: tuple[Stamped, ...]) -> None:
    run = run_of(events)
    assert (run.command, run.cluster, run.exit_code, run.duration_s) == ("up", "lab", 4, 10.0)
    assert (run.hosts, run.tasks, run.changed_tasks) == (("m1", "w1"), 3, 1)
    assert [task.task for task in run.failures] == ["join"]
    assert [notice.text for notice in run.notices] == ["CoreDNS <is> left out"]


def test_phases_have_start_and_length(events: tuple[Stamped, ...]) -> None:
    rows = [(r.title, r.outcome, r.start_s, r.duration_s) for r in phase_rows(events)]
    assert rows == [("Read the cluster file", "done", 0.0, 1.0), ("Make the cluster", "failed", 1.0, 8.0)]


def test_a_killed_run_shows_where_it_stopped(events: tuple[Stamped, ...]) -> None:
    run = run_of(events[:6])
    assert run.exit_code is None
    assert (run.phases[-1].outcome, run.phases[-1].duration_s) == ("stopped", 5.0)
