"""Runs one command and says what it cost: ``python meter.py REPORT COMMAND ...``.

The processor time is that of the command and of every process that it began, also of those that outlive it: this
process adopts orphans (prctl(2), PR_SET_CHILD_SUBREAPER), such as OpenSSH's shared connections and the server of the
bundle. What the nodes of a lab do is not counted: they are children of survivors, and only survivors themselves are.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True, slots=True)
class Cost:
    """What one command cost.

    ``machine_cpu_s`` is what all processes of this machine used meanwhile, the lab's nodes among them;
    ``largest_mib`` the most memory that one of the command's processes had at once.
    """

    exit_code: int
    wall_s: float
    cpu_s: float
    machine_cpu_s: float
    largest_mib: float


def measure(command: list[str], log: Path, env: dict[str, str]) -> Cost:
    """Run a command under a meter of its own; its output goes to ``log``. An interruption ends all of it."""
    report = log.with_suffix(".cost.json")
    with log.open("wb") as out:
        meter = [sys.executable, __file__, str(report), *command]
        process = subprocess.Popen(
            meter, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=env, start_new_session=True
        )
        try:
            process.wait()
        except BaseException:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()
            raise
    cost = Cost(**json.loads(report.read_text(encoding="utf-8")))
    report.unlink()
    return cost


def busy_s() -> float:
    """Processor time that this machine has used since its boot, in seconds; waiting is not use (proc(5), stat)."""
    with Path("/proc/stat").open(encoding="ascii") as stat:
        user, nice, system, _idle, _iowait, irq, softirq = map(int, stat.readline().split()[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def _survivors_s() -> float:
    """Processor time of the processes that the command left behind, and of their own dead children."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == os.getpid():
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def _metered(command: list[str]) -> Cost:
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    busy, started = busy_s(), time.monotonic()
    process = subprocess.Popen(command)
    pid, code, cpu_s, largest_kib = -1, 0, 0.0, 0
    while pid != process.pid:
        pid, status, usage = os.wait4(-1, 0)
        code = process.returncode = os.waitstatus_to_exitcode(status)
        cpu_s += usage.ru_utime + usage.ru_stime
        largest_kib = max(largest_kib, usage.ru_maxrss)
    wall_s = time.monotonic() - started
    return Cost(code, wall_s, cpu_s + _survivors_s(), busy_s() - busy, largest_kib / 1024)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(asdict(_metered(sys.argv[2:]))), encoding="utf-8")
