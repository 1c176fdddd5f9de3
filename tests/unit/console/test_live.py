"""The display on a terminal, over a whole run, at several widths, with failures and interruptions."""

import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from rich.cells import cell_len

from kprov.console.live import Terminal
from kprov.events import Event, Notice, PhaseFinished, PhaseStarted, Progress, RunStarted, TaskFinished, TaskStarted

TASK = ("Make it", "control_plane", "join the control planes")
LONG = "waits for a thing whose description is far longer than any terminal is wide, so that it must be cut somewhere"


def story() -> Iterable[Event]:
    yield RunStarted("up", "lab", ("spec", "lab", "trust", "cluster"))
    yield PhaseStarted("spec", "Read the cluster file", 1, 4)
    yield PhaseFinished("spec", "done", 0.1, "4 nodes")
    yield PhaseStarted("lab", "Make the machines", 2, 4)
    yield Progress("lab", "boots", host="m1", done=1, total=4)
    yield Notice("warning", "CoreDNS is left out because no module proxy answers here", "Import it.")
    yield PhaseFinished("lab", "unchanged", 12.0, "4 machines")
    yield PhaseFinished("trust", "skipped", 0.0, "--skip trust")
    yield PhaseStarted("cluster", "Make the cluster", 4, 4)
    yield TaskStarted(*TASK)
    yield TaskFinished("m1", *TASK, "changed", 3.0)


FAILURE = TaskFinished("m2", *TASK, "failed", 9.0, "etcd is not ready\n\nconnection refused\x1b[31m")


def without_escapes(text: str) -> list[str]:
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).replace("\r", "\n").splitlines()
    return [line.rstrip() for line in lines if line.strip()]


def frame(sink: Terminal, width: int, paper: Any) -> list[str]:
    return paper(width).show(sink.frame()).lines


def test_finished_phases_stay_with_outcome_and_duration(paper: Any, clock: Any) -> None:
    page = paper(80)
    with Terminal(page.console, "normal", clock) as sink:
        for event in story():
            sink(event)
    lines = without_escapes(page.text)
    assert any(re.search(r"✓ Read the cluster file +4 nodes +0\.1s$", line) for line in lines)
    assert any(re.search(r"✓ Make the machines +4 machines +12s$", line) for line in lines)
    assert any(re.search(r"- trust +skipped: --skip trust$", line) for line in lines)
    assert "  ! CoreDNS is left out because no module proxy answers here" in lines
    assert "    Import it." in lines


def test_running_phase_shows_task_host_and_time(paper: Any, clock: Any) -> None:
    sink = Terminal(paper(80).console, "normal", clock)
    for event in story():
        sink(event)
    clock.now += 75
    sink(Progress("cluster", "waits for etcd", host="m2", done=2, total=3))
    head, task, doing = frame(sink, 80, paper)
    assert re.search(r"Make the cluster \[4/4\]  1m 15s$", head)
    assert re.search(r"control_plane : join the control planes  1 host done  1m 15s$", task)
    assert re.search(r"m2: waits for etcd  .* 2/3$", doing)


def test_nothing_runs_between_phases(paper: Any, clock: Any) -> None:
    sink = Terminal(paper(80).console, "normal", clock)
    sink(PhaseStarted("spec", "Read", 1, 1))
    sink(PhaseFinished("spec", "done", 0.1))
    assert frame(sink, 80, paper) == []


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_no_line_is_wider_than_the_terminal(width: int, paper: Any, clock: Any) -> None:
    page = paper(width)
    display = Terminal(page.console, "verbose", clock)
    display._tick = lambda: None  # a frame that a busy machine draws late would stand among the lines that stay
    with display as sink:
        for event in (*story(), Progress("cluster", LONG, host="m1", done=1, total=9), FAILURE, Notice("info", LONG)):
            sink(event)
        assert all(cell_len(line) < width for line in frame(sink, width, paper))
        sink(PhaseFinished("cluster", "failed", 9.0, LONG))
    assert all(cell_len(line) <= width for line in without_escapes(page.text))
    assert (
        LONG.split()
        == [word for word in " ".join(without_escapes(page.text)).split() if word in LONG.split()][-len(LONG.split()) :]
    ), "nothing that stays is cut"


def test_failure_is_told_at_once_with_host_task_and_reason(paper: Any, clock: Any) -> None:
    page = paper(80, color=True)
    with Terminal(page.console, "normal", clock) as sink:
        for event in (*story(), FAILURE):
            sink(event)
        lines = without_escapes(page.text)
        at = lines.index("  ✗ m2: failed: control_plane : join the control planes")
        assert lines[at + 1 : at + 3] == ["      etcd is not ready", "      connection refused"]
        assert "\x1b[31m" in page.text
        sink(PhaseFinished("cluster", "failed", 9.0, "1 of 4 hosts failed"))
    assert any("✗ Make the cluster" in line and "1 of 4 hosts failed" in line for line in without_escapes(page.text))


def test_interrupt_leaves_the_terminal_in_order(paper: Any, clock: Any) -> None:
    page = paper(80)
    with Terminal(page.console, "normal", clock) as sink:
        for event in story():
            sink(event)
        clock.now += 30
    assert re.search(r"■ Make the cluster +stopped +30s$", without_escapes(page.text)[-1])
    assert page.text.rindex("\x1b[?25h") > page.text.rindex("\x1b[?25l"), "the cursor is shown again"


def test_verbose_shows_every_result(paper: Any, clock: Any) -> None:
    for verbosity, shown in (("normal", False), ("verbose", True)):
        page = paper(80)
        with Terminal(page.console, verbosity, clock) as sink:
            for event in story():
                sink(event)
        assert (
            any(re.search(r"changed +m1 +control_plane : join", line) for line in without_escapes(page.text)) is shown
        )


def test_ascii_where_the_locale_is_not_utf8(paper: Any, clock: Any) -> None:
    page = paper(60, encoding="ascii")
    with Terminal(page.console, "normal", clock) as sink:
        for event in (*story(), Progress("cluster", LONG, done=1, total=3)):
            sink(event)
        written = paper(60, encoding="ascii").show(sink.frame()).text
    assert "?" not in page.text.replace("\x1b[?25", "") + written, "nothing had to be replaced"
    assert "  + Read the cluster file" in page.text


def test_no_color_means_none(paper: Any, clock: Any) -> None:
    page = paper(80, color=False)
    with Terminal(page.console, "normal", clock) as sink:
        for event in (*story(), FAILURE):
            sink(event)
    assert not re.search(r"\x1b\[[0-9;]*m", page.text)


def test_secrets_in_messages_are_not_shown(paper: Any, clock: Any) -> None:
    page = paper(80)
    with Terminal(page.console, "normal", clock) as sink:
        sink(TaskFinished("m1", *TASK, "failed", 1.0, "kubeadm join --token abcdef.0123456789abcdef"))
    assert "0123456789abcdef" not in page.text


def test_events_from_many_threads(paper: Any, clock: Any) -> None:
    page = paper(80)
    with Terminal(page.console, "verbose", clock) as sink, ThreadPoolExecutor(8) as pool:
        for number in range(200):
            pool.submit(sink, TaskFinished(f"h{number:03}", *TASK, "ok", 0.1))
    assert set(re.findall(r"ok +(h\d{3})", page.text)) == {f"h{number:03}" for number in range(200)}


def test_a_lost_terminal_never_stops_the_run(paper: Any, clock: Any) -> None:
    page = paper(80)
    with Terminal(page.console, "normal", clock) as sink:
        page.file.detach()
        for event in story():
            sink(event)
