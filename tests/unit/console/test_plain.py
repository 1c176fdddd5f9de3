"""The lines in pipes and logs: few, with times, and never silent for long."""

import time
from io import StringIO
from typing import Any

from kprov.console.plain import Plain
from kprov.events import Event, Notice, PhaseFinished, PhaseStarted, Progress, RunStarted, TaskFinished, TaskStarted

BEGIN: tuple[Event, ...] = (
    RunStarted("up", "lab", ("spec", "cluster")),
    PhaseStarted("cluster", "Make the cluster", 2, 2),
)


def started(clock: Any, verbosity: Any = "normal") -> tuple[Plain, StringIO]:
    file = StringIO()
    sink = Plain(file, verbosity, clock)
    for event in BEGIN:
        sink(event)
    return sink, file


def task(sink: Plain, clock: Any, name: str, seconds: float, hosts: int = 4) -> None:
    sink(TaskStarted("play", "kubernetes", name))
    clock.now += seconds
    for number in range(hosts):
        sink(TaskFinished(f"m{number}", "play", "kubernetes", name, "changed" if number else "ok", seconds))


def lines(file: StringIO) -> list[str]:
    return file.getvalue().splitlines()


def test_phases_begin_and_end_with_a_line(clock: Any) -> None:
    sink, file = started(clock)
    clock.now += 12.3
    sink(PhaseFinished("cluster", "done", 12.3, "4 nodes, 31 changed"))
    sink(PhaseFinished("verify", "skipped", 0.0, "--skip verify"))
    assert lines(file) == [
        "kprov up: cluster lab, 2 phases",
        "    0.0s  [2/2 cluster] Make the cluster",
        "   12.3s  [2/2 cluster] done in 12s: 4 nodes, 31 changed",
        "   12.3s  [verify] skipped: --skip verify",
    ]


def test_each_task_is_one_line_however_many_hosts(clock: Any) -> None:
    sink, file = started(clock)
    task(sink, clock, "install the binaries", 2.0)
    task(sink, clock, "write the units", 2.0)
    sink(TaskStarted("play", "", "end"))
    assert lines(file)[2:] == [
        "    2.0s  [2/2 cluster] kubernetes : install the binaries (4 hosts, 3 changed)",
        "    4.0s  [2/2 cluster] kubernetes : write the units (4 hosts, 3 changed)",
    ]


def test_quick_tasks_do_not_flood_the_log(clock: Any) -> None:
    sink, file = started(clock)
    for number in range(50):
        task(sink, clock, f"quick {number}", 0.1)
        sink.tick()
    assert 3 <= len(lines(file)) - 2 <= 6


def test_a_long_task_is_announced_and_shows_signs_of_life(clock: Any) -> None:
    sink, file = started(clock)
    sink(TaskStarted("play", "control_plane", "kubeadm init"))
    for _ in range(50):
        clock.now += 1
        sink.tick()
    assert lines(file)[2:] == [
        "    3.0s  [2/2 cluster] control_plane : kubeadm init ...",
        "   18.0s  [2/2 cluster] still control_plane : kubeadm init, 18s so far",
        "   33.0s  [2/2 cluster] still control_plane : kubeadm init, 33s so far",
        "   48.0s  [2/2 cluster] still control_plane : kubeadm init, 48s so far",
    ]


def test_progress_is_rate_limited_but_the_last_word_comes(clock: Any) -> None:
    sink, file = started(clock)
    for number in range(100):
        sink(Progress("cluster", f"loads image {number}"))
    assert len(lines(file)) == 2
    clock.now += 1
    sink.tick()
    assert lines(file)[2:] == ["    1.0s  [2/2 cluster] loads image 99"]


def test_a_silent_phase_shows_signs_of_life(clock: Any) -> None:
    sink, file = started(clock)
    clock.now += 15
    sink.tick()
    clock.now += 5
    sink(Progress("cluster", "building kubelet", done=2, total=9))
    clock.now += 45
    sink.tick()
    assert lines(file)[2:] == [
        "   15.0s  [2/2 cluster] still at work, 15s so far",
        "   20.0s  [2/2 cluster] building kubelet 2/9",
        "   65.0s  [2/2 cluster] still building kubelet 2/9, 45s so far",
    ]


def test_failures_are_told_at_once(clock: Any) -> None:
    sink, file = started(clock)
    sink(TaskStarted("play", "worker", "join"))
    sink(TaskFinished("w1", "play", "worker", "join", "unreachable", 1.0, "no route\n\x1b[31mto host"))
    assert lines(file)[2:] == [
        "    0.0s  [2/2 cluster] w1: unreachable: worker : join",
        "            no route",
        "            to host",
    ]


def test_quiet_leaves_warnings_and_errors(clock: Any) -> None:
    sink, file = started(clock, "quiet")
    task(sink, clock, "install", 9.0)
    sink(Notice("info", "the cache was used"))
    sink(Notice("warning", "CoreDNS is left out", "Import it."))
    sink(Notice("error", "the disk is nearly full"))
    clock.now += 60
    sink.tick()
    sink(PhaseFinished("cluster", "done", 9.0, "4 nodes"))
    assert lines(file) == ["warning: CoreDNS is left out. Import it.", "error: the disk is nearly full"]


def test_verbose_shows_every_result(clock: Any) -> None:
    sink, file = started(clock, "verbose")
    task(sink, clock, "install", 0.4, hosts=2)
    assert lines(file)[2:] == [
        "    0.4s  [2/2 cluster] m0: ok: kubernetes : install (0.4s)",
        "    0.4s  [2/2 cluster] m1: changed: kubernetes : install (0.4s)",
    ]


def test_interrupt_says_where_it_stopped(clock: Any) -> None:
    sink, file = started(clock)
    with sink:
        clock.now += 7
    assert lines(file)[-1] == "    7.0s  [2/2 cluster] stopped after 7.0s"


def test_the_heart_beats_by_itself() -> None:
    file = StringIO()
    times = iter(range(0, 100_000, 20))
    with Plain(file, "normal", lambda: float(next(times))) as sink:
        for event in BEGIN:
            sink(event)
        deadline = time.monotonic() + 10
        while "still at work" not in file.getvalue() and time.monotonic() < deadline:
            time.sleep(0.05)
    assert "still at work" in file.getvalue()


def test_a_closed_pipe_never_stops_the_run(clock: Any) -> None:
    sink, file = started(clock)
    file.close()
    sink(PhaseFinished("cluster", "done", 1.0))
    sink(Notice("error", "nobody reads this"))
    with sink:
        sink.tick()
