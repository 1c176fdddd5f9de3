"""Run the suites in a process of their own and gather what they say."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kprov.errors import InputError, KprovError
from kprov.events import Progress, silent
from kprov.report.model import Check, Results
from kprov.report.results import seen_of
from kprov.verify.plugin import EVENTS, SETTINGS
from kprov.verify.settings import check_names, to_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from kprov.events import Emit
    from kprov.verify.settings import Settings

PHASE: Final = "verify"
SUITES: Final = Path(__file__).parent / "suites"
_ORDER: Final = ("nodes", "control_plane", "etcd", "network", "dns", "addons", "storage", "workload")
"""From what stands alone to what needs all else, which is also the order in which answers come in."""
_ARGUMENTS: Final = ("-p", "kprov.verify.plugin", "-c", SUITES / "pytest.ini", "--tb=no", "-q")
"""Without tracebacks: rendering one per failed test takes longer than all else, and nobody reads them."""
_FINISHED: Final = (0, 1)
"""pytest: all passed, some failed; everything else is no result."""
_REACHABLE: Final = ("nodes", "answers over SSH")
"""Suite and name of the check that says whether a machine is there at all."""
CUT_SHORT: Final = Check("suites", "every check was made", "", "error", 0.0, "the deadline passed before that")
_CLEAN_UP_S: Final = 30.0
"""How long an interrupted run may take to remove its probe."""


def verify(
    settings: Settings, emit: Emit = silent, only_nodes: Sequence[str] = (), within_s: float | None = None
) -> Results:
    """Put every question to the cluster; a cluster that is broken is an answer, not an error.

    Args:
        settings: what the cluster file promises.
        emit: takes one ``Progress`` per check.
        only_nodes: check these machines only; empty: all.
        within_s: stop after so long; that not all was asked is then a failed check of its own, ``CUT_SHORT``.

    Raises:
        InputError: an unknown name in ``only_nodes``, or no SSH configuration yet.
        KprovError: the process that runs the suites failed.
    """
    check_names(settings, only_nodes)
    if not Path(settings.ssh_config).is_file():
        raise InputError(
            "cannot reach any machine",
            where=settings.ssh_config,
            why="there is no SSH configuration yet",
            remedy="Run 'kprov trust' or 'kprov up' first.",
        )
    started, clock = datetime.now(UTC), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kprov-verify-") as folder:
        path = Path(folder) / "settings.json"
        path.write_text(to_json(replace(settings, only=tuple(only_nodes))), encoding="utf-8")
        heard = _run_suites(path, emit, within_s)
    return Results(heard.checks, started, time.monotonic() - clock, *seen_of(heard.seen))


def unreachable(results: Results) -> tuple[str, ...]:
    """The machines that did not answer over SSH."""
    return tuple(check.host for check in results.bad if (check.suite, check.name) == _REACHABLE)


@dataclass(frozen=True, slots=True)
class Heard:
    """What the process that runs the suites said: its checks, and what it saw of the cluster, as JSON."""

    checks: tuple[Check, ...]
    seen: Mapping[str, object] = field(default_factory=dict)


def _run_suites(settings: Path, emit: Emit, within_s: float | None = None) -> Heard:
    reader, writer = os.pipe()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment |= {SETTINGS: str(settings), EVENTS: str(writer), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    with tempfile.TemporaryFile("w+") as words, os.fdopen(reader, encoding="utf-8") as lines:
        try:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "pytest", *_ARGUMENTS, *(SUITES / f"test_{name}.py" for name in _ORDER)],
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=subprocess.STDOUT,
                env=environment,
                pass_fds=(writer,),
                start_new_session=True,  # an interruption at the terminal is for us; we pass it on
            )
        finally:
            os.close(writer)
        late = threading.Event()
        timer = threading.Timer(within_s or 0.0, _cut_short, (process, late))
        if within_s is not None:
            timer.start()
        try:
            heard = read(lines, emit)
            returncode = process.wait()
        except BaseException:
            _stop(process)
            raise
        finally:
            timer.cancel()
        if late.is_set():
            timer.join()
            return replace(heard, checks=(*heard.checks, CUT_SHORT))
        words.seek(0)
        if returncode not in _FINISHED:
            raise _failure(returncode, words.read())
    return heard


def _cut_short(process: subprocess.Popen[bytes], late: threading.Event) -> None:
    late.set()
    _stop(process)


def read(lines: Iterable[str], emit: Emit) -> Heard:
    """The checks, each told as it comes, and what was seen."""
    checks: list[Check] = []
    seen: Mapping[str, object] = {}
    total = None
    for line in lines:
        said = json.loads(line)
        if "total" in said:
            total = said["total"]
        elif "seen" in said:
            seen = said["seen"]
        elif "broken" in said:
            checks.append(Check("suites", "can be read", "", "error", 0.0, said["broken"]))
        else:
            check = Check(**said)
            checks.append(check)
            emit(Progress(PHASE, f"{check.suite}: {check.name}", check.host, len(checks), total))
    return Heard(tuple(checks), seen)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Let an interrupted run clean up after itself, for a while."""
    process.send_signal(signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_CLEAN_UP_S)
    process.kill()
    process.wait()


def _failure(returncode: int, words: str) -> KprovError:
    lines = [line.removeprefix("E").strip() for line in words.splitlines() if line.strip()]
    return KprovError(
        "the process that runs the suites failed",
        where="kprov.verify",
        why=lines[-1] if lines else f"exit status {returncode}",
    )
