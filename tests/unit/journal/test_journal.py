"""The diary of a run: written at once, private, without secrets, readable after any end."""

import errno
import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kprov.errors import InputError
from kprov.events import (
    Event,
    Notice,
    PhaseFinished,
    PhaseStarted,
    Progress,
    RunFinished,
    RunStarted,
    TaskFinished,
    TaskStarted,
)
from kprov.journal.folders import new_run_folder, run_folders
from kprov.journal.journal import Journal
from kprov.journal.read import read

EVERY_KIND: tuple[Event, ...] = (
    RunStarted("up", "lab", ("spec", "lab")),
    PhaseStarted("lab", "Make the machines", 2, 2),
    Progress("lab", "boots", host="m1", done=1, total=4),
    TaskStarted("play", "node", "settings"),
    TaskFinished("m1", "play", "node", "settings", "changed", 0.4),
    Notice("warning", "zażółć: CoreDNS is left out", "Import it."),
    PhaseFinished("lab", "done", 3.0, "4 machines"),
    RunFinished("up", 0, 3.0),
)


def test_every_kind_of_event_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with Journal(path) as journal:
        for event in EVERY_KIND:
            journal(event)
    read_back = read(path)
    assert tuple(s.event for s in read_back) == EVERY_KIND
    assert all(s.time.tzinfo for s in read_back)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_offsets_count_from_the_opening(tmp_path: Path) -> None:
    now = iter((100.0, 100.5, 103.25))
    with Journal(tmp_path / "j", clock=lambda: next(now)) as journal:
        journal(EVERY_KIND[0])
        journal(EVERY_KIND[1])
    assert [s.offset_s for s in read(tmp_path / "j")] == [0.5, 3.25]


def test_an_event_is_on_disk_before_the_call_returns(tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        for number, event in enumerate(EVERY_KIND, start=1):
            journal(event)
            assert len(read(tmp_path / "j")) == number


def test_a_line_cut_by_a_kill_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "j"
    with Journal(path) as journal:
        for event in EVERY_KIND[:3]:
            journal(event)
    path.write_bytes(path.read_bytes()[:-9])
    assert tuple(s.event for s in read(path)) == EVERY_KIND[:2]


def test_a_broken_line_in_the_middle_is_named(tmp_path: Path) -> None:
    path = tmp_path / "j"
    path.write_text('{"event": "Notice"}\n')
    with pytest.raises(InputError) as caught:
        read(path)
    assert caught.value.where == f"{path}:1"
    with pytest.raises(InputError, match="cannot read the journal"):
        read(tmp_path / "missing")


def test_events_of_a_newer_version_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "j"
    with Journal(path) as journal:
        journal(EVERY_KIND[0])
    with path.open("a") as file:
        file.write('{"time": "2030-01-01T00:00:00+00:00", "offset_s": 1, "event": "Teleported"}\n')
    assert [s.event for s in read(path)] == [EVERY_KIND[0]]


def test_no_secret_is_ever_written(tmp_path: Path) -> None:
    key = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaA==\n-----END OPENSSH PRIVATE KEY-----"
    secrets = ("abcdef.0123456789abcdef", "5e" * 32, key, "client-key-data: c2VjcmV0")
    path = tmp_path / "j"
    with Journal(path) as journal:
        for secret in secrets:
            journal(Progress("cluster", f"joins with {secret}", host=secret))
            journal(Notice("error", secret, remedy=secret))
            journal(TaskFinished("m1", "p", "r", f"run {secret}", "failed", 1.0, message=f"failed: {secret}"))
            journal(RunStarted("up", "lab", (secret,)))
    written = path.read_text()
    for part in ("0123456789abcdef", "5e5e5e", "b3BlbnNzaA", "c2VjcmV0"):
        assert part not in written
    assert len(written.splitlines()) == 16
    assert all(json.loads(line) for line in written.splitlines())


def test_threads_do_not_mix_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "j"
    with Journal(path) as journal, ThreadPoolExecutor(8) as pool:
        for number in range(400):
            pool.submit(journal, Progress("lab", f"{number} " + "x" * 300))
    texts = {s.event.text.split()[0] for s in read(path) if isinstance(s.event, Progress)}
    assert texts == {str(number) for number in range(400)}


def test_a_full_disk_does_not_stop_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with Journal(tmp_path / "j") as journal:
        monkeypatch.setattr(os, "write", full)
        journal(EVERY_KIND[0])
        journal(EVERY_KIND[1])
    assert journal.lost is not None
    assert journal.lost.errno == errno.ENOSPC
    journal(EVERY_KIND[2])


def test_runs_of_one_second_get_folders_of_their_own(tmp_path: Path) -> None:
    made = [new_run_folder(tmp_path / "artifacts" / "runs") for _ in range(4)]
    assert len(set(made)) == 4
    assert run_folders(tmp_path / "artifacts" / "runs") == tuple(made)
    assert all(stat.S_IMODE(folder.stat().st_mode) == 0o700 for folder in made)


def test_only_the_newest_fifty_are_kept(tmp_path: Path) -> None:
    for day in range(60):
        (tmp_path / f"20200101T0000{day:02d}Z").mkdir()
    (tmp_path / "20200101T000059Z-10").mkdir()
    (tmp_path / "20200101T000059Z-9").mkdir()
    (tmp_path / "notes").mkdir()
    new = new_run_folder(tmp_path)
    kept = run_folders(tmp_path)
    assert len(kept) == 50
    assert [folder.name for folder in kept[-3:]] == ["20200101T000059Z-9", "20200101T000059Z-10", new.name]
    assert (tmp_path / "notes").is_dir()


def test_no_runs_yet(tmp_path: Path) -> None:
    assert run_folders(tmp_path / "runs") == ()
