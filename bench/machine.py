"""The machine that is measured on: what it is, and whether it is quiet enough to measure anything."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from meter import busy_s

from kprov.errors import Interrupted, KprovError

if TYPE_CHECKING:
    from collections.abc import Callable

QUIET_SHARE = 0.1
_LOOK_S = 5.0


def describe() -> dict[str, str]:
    """What somebody else needs to know to compare."""
    cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = next((line.partition(":")[2].strip() for line in cpuinfo.splitlines() if line.startswith("model name")), "")
    memory_kib = int(Path("/proc/meminfo").read_text(encoding="ascii").split()[1])
    return {
        "processor": f"{os.cpu_count()} x {model or platform.machine()}",
        "memory": f"{memory_kib / 2**20:.0f} GiB",
        "system": platform.freedesktop_os_release()["PRETTY_NAME"],
        "kernel": platform.release(),
        "python": platform.python_version(),
        "ansible-core": version("ansible-core"),
        "kprov": _commit() or version("kprov"),
    }


def _commit() -> str:
    """The checkout's commit; ``+`` where something that belongs to it was changed since."""
    git = ["git", "-C", str(Path(__file__).parent)]
    commit = _said([*git, "rev-parse", "--short", "HEAD"])
    changed = _said([*git, "status", "--porcelain", "--untracked-files=no"])
    return f"{commit}+" if commit and changed else commit


def _said(command: list[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""


def busy_share(seconds: float = _LOOK_S) -> float:
    """How busy the processors are over the next seconds, from 0 to 1."""
    busy, started = busy_s(), time.monotonic()
    time.sleep(seconds)
    return (busy_s() - busy) / (time.monotonic() - started) / (os.cpu_count() or 1)


def await_quiet(limit_s: float) -> float:
    """Wait until the machine has nothing else to do, at most this long; return how busy it was at the end."""
    deadline = time.monotonic() + limit_s
    while True:
        share = busy_share()
        if share < QUIET_SHARE or time.monotonic() > deadline:
            return share


def as_program(main: Callable[[], None]) -> None:
    """Run it, and end as kprov's own commands do: an error in words, with its exit code."""
    try:
        main()
    except KprovError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(Interrupted.exit_code)
