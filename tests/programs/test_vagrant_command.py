"""The seam to vagrant, with a program of that name that stands in for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from kprov.errors import CheckFailed, InputError
from kprov.lab.vagrant_command import talk

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def vagrant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the stand-in is; write a shell script there."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    program = tmp_path / "vagrant"
    program.touch(0o755)
    return program


def test_lines_are_heard_as_they_come_and_all_of_it_is_answered(vagrant: Path) -> None:
    vagrant.write_text('#!/bin/sh\necho "$1 $KPROV_CLUSTER"\necho trouble >&2\nexit 3\n')
    heard: list[str] = []
    done = talk(["status"], environment={"KPROV_CLUSTER": "here"}, heard=heard.append, timeout_s=60)
    assert (done.code, done.out) == (3, "status here\ntrouble\n")
    assert heard == ["status here\n", "trouble\n"]


def test_one_that_does_not_end_is_stopped(vagrant: Path) -> None:
    vagrant.write_text("#!/bin/sh\nexec sleep 600\n")
    with pytest.raises(CheckFailed, match="did not end in 0 s"):
        talk(["up"], environment={}, heard=lambda _: None, timeout_s=0.2)


def test_without_vagrant_the_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="not installed") as caught:
        talk(["up"], environment={}, heard=lambda _: None, timeout_s=1)
    assert "apt-get install vagrant" in caught.value.remedy


def test_an_interruption_is_passed_on_and_its_cleaning_up_waited_for(vagrant: Path, tmp_path: Path) -> None:
    vagrant.write_text(
        "#!/bin/sh\ntrap 'sleep 0.3; echo cleaned >\"$HERE/cleaned\"; exit 1' INT\n"
        'echo ready >"$HERE/ready"\nwhile :; do sleep 0.1; done\n'
    )
    code = (
        # A program that is started in the background may have been told to ignore interruptions.
        "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from kprov.lab.vagrant_command import talk\n"
        f"talk(['up'], environment={{'HERE': {str(tmp_path)!r}}}, heard=lambda line: None, timeout_s=60)\n"
    )
    driver = subprocess.Popen([sys.executable, "-c", code], env=os.environ, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (tmp_path / "ready").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    driver.send_signal(signal.SIGINT)
    assert driver.wait(60) != 0
    assert (tmp_path / "cleaned").exists()
