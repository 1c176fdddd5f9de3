"""The seam to the program vagrant: run to its end, heard line by line, and never left half-way."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from typing import TYPE_CHECKING, Protocol

from kprov.errors import CheckFailed, InputError
from kprov.lab.process import Completed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_CLEANUP_S = 180.0
"""Interrupted, Vagrant cleans up before it ends; a machine that is being made is removed."""


class Talk(Protocol):
    """Runs vagrant. Its stand-in for tests is ``kprov.lab.fakes.FakeVagrant``."""

    def __call__(
        self,
        words: Sequence[str],
        *,
        environment: Mapping[str, str],
        heard: Callable[[str], None],
        timeout_s: float,
    ) -> Completed:
        """Run ``vagrant WORDS``; ``heard`` is given every line as it comes. A failing command is an answer.

        Raises:
            InputError: there is no vagrant.
            CheckFailed: it did not end in time.
        """


def talk(
    words: Sequence[str], *, environment: Mapping[str, str], heard: Callable[[str], None], timeout_s: float
) -> Completed:
    """Run the real one, in a session of its own: an interruption is passed on once, and its cleaning up waited for.

    Raises:
        InputError: there is no vagrant.
        CheckFailed: it did not end in time; it was stopped.
    """
    if shutil.which("vagrant") is None:
        raise InputError(
            "vagrant is not installed here",
            where="PATH",
            remedy="Install it with a hypervisor (`apt-get install vagrant vagrant-libvirt libvirt-daemon-system`).",
        )
    process = subprocess.Popen(
        ["vagrant", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=os.environ | dict(environment),
        text=True,
        errors="replace",
        start_new_session=True,
    )
    late = threading.Event()

    def stop() -> None:
        late.set()
        _signal(process, signal.SIGTERM)

    timer = threading.Timer(timeout_s, stop)
    timer.start()
    said: list[str] = []
    try:
        assert process.stdout is not None  # noqa: S101 - PIPE
        for line in process.stdout:
            said.append(line)
            heard(line)
        process.wait()
    except BaseException:
        _let_end(process)
        raise
    finally:
        timer.cancel()
        if process.stdout is not None:
            process.stdout.close()
    if late.is_set():
        raise CheckFailed(
            f"vagrant did not end in {timeout_s:.0f} s",
            why=" ".join(words[:4]),
            remedy="See whether this host is overloaded, and run the command again; what is done is kept.",
        )
    return Completed(process.returncode, "".join(said), "")


def _let_end(process: subprocess.Popen[str]) -> None:
    """Ask it to end, and wait until it has cleaned up; then insist."""
    _signal(process, signal.SIGINT)
    try:
        process.communicate(timeout=_CLEANUP_S)
    except subprocess.TimeoutExpired:
        _signal(process, signal.SIGKILL)
        process.wait()


def _signal(process: subprocess.Popen[str], number: signal.Signals) -> None:
    if process.poll() is None:
        os.killpg(process.pid, number)
