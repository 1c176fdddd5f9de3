"""Run the suites in a process of their own and gather what they say."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kprov.errors import InputError, KprovError
from kprov.events import Progress, silent
from kprov.report.model import Check, Results
from kprov.verify.plugin import EVENTS, SETTINGS
from kprov.verify.settings import check_names, to_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kprov.events import Emit
    from kprov.verify.settings import Settings

PHASE: Final = "verify"
SUITES: Final = Path(__file__).parent / "suites"
_ORDER: Final = ("nodes", "control_plane", "etcd", "network", "dns", "addons", "storage")
"""From what stands alone to what needs all else, which is also the order in which answers come in."""
_ARGUMENTS: Final = ("-p", "kprov.verify.plugin", "-c", SUITES / "pytest.ini", "--tb=no", "-q")
"""Without tracebacks: rendering one per failed test takes longer than all else, and nobody reads them."""
_FINISHED: Final = (0, 1)
"""pytest: all passed, some failed; everything else is no result."""
_REACHABLE: Final = ("nodes", "answers over SSH")
"""Suite and name of the check that says whether a machine is there at all."""
_CLEAN_UP_S: Final = 30.0
"""How long an interrupted run may take to remove its probe."""


def verify(settings: Settings, emit: Emit = silent, only_nodes: Sequence[str] = ()) -> Results:
    """Put every question to the cluster; a cluster that is broken is an answer, not an error.

    Args:
        settings: what the cluster file promises.
        emit: takes one ``Progress`` per check.
        only_nodes: check these machines only; empty: all.

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
        checks = _run_suites(path, emit)
    return Results(checks, started, time.monotonic() - clock)


def unreachable(results: Results) -> tuple[str, ...]:
    """The machines that did not answer over SSH."""
    return tuple(check.host for check in results.bad if (check.suite, check.name) == _REACHABLE)


def _run_suites(settings: Path, emit: Emit) -> tuple[Check, ...]:
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
        try:
            checks = _read(lines, emit)
            returncode = process.wait()
        except BaseException:
            _stop(process)
            raise
        words.seek(0)
        if returncode not in _FINISHED:
            raise _failure(returncode, words.read())
    return checks


def _read(lines: Iterable[str], emit: Emit) -> tuple[Check, ...]:
    """The checks, each told as it comes."""
    checks: list[Check] = []
    total = None
    for line in lines:
        said = json.loads(line)
        if "total" in said:
            total = said["total"]
        elif "broken" in said:
            checks.append(Check("suites", "can be read", "", "error", 0.0, said["broken"]))
        else:
            check = Check(**said)
            checks.append(check)
            emit(Progress(PHASE, f"{check.suite}: {check.name}", check.host, len(checks), total))
    return tuple(checks)


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
