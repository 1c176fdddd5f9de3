"""Facts from all machines in one round: one connection and one command each, all at once, in a process of their own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING, TypedDict

from kprov.errors import InputError, KprovError
from kprov.events import Progress, silent
from kprov.preflight.facts import Clock, HostFacts, Unreachable, UnreachableKind, host_facts
from kprov.ssh.batch import NOT_ASKED, answers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from kprov.events import Emit

PHASE = "preflight"


class Reply(TypedDict, total=False):
    """One answer: ``output`` with its times in seconds of the epoch; or ``kind`` and ``why``."""

    host: str
    output: str
    asked: float
    answered: float
    kind: UnreachableKind
    why: str


def gather(
    hosts: Sequence[str],
    ssh_config: Path,
    *,
    emit: Emit = silent,
    connect_timeout_s: int = 10,
    answer_timeout_s: int = 30,
) -> dict[str, HostFacts | Unreachable]:
    """What is known about each host, in the order given; a host that cannot be reached is told as such, not raised.

    Args:
        hosts: names as they stand in ``ssh_config``.
        ssh_config: the cluster's own OpenSSH configuration; only host keys pinned by it are accepted.
        emit: takes one ``Progress`` per host.
        connect_timeout_s: how long a machine may take to let us in.
        answer_timeout_s: how long it may take to answer.

    Raises:
        InputError: there is no such SSH configuration.
    """
    if not ssh_config.is_file():
        raise InputError(
            "cannot reach any machine", where=str(ssh_config), why="there is no SSH configuration yet",
            remedy="Run kprov trust first: it makes the configuration and pins the host keys.",
        )  # fmt: skip
    order = {
        "hosts": list(hosts),
        "ssh_config": str(ssh_config),
        "connect_timeout_s": connect_timeout_s,
        "answer_timeout_s": answer_timeout_s,
    }
    found: dict[str, HostFacts | Unreachable] = {}
    with tempfile.TemporaryFile("w+") as stderr:
        command = [sys.executable, "-P", "-m", "kprov.preflight.collect", json.dumps(order)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True) as process:
            try:
                for line in process.stdout or ():
                    reply: Reply = json.loads(line)
                    found[reply["host"]] = interpret(reply)
                    emit(Progress(PHASE, "asking the machines", reply["host"], len(found), len(hosts)))
            except BaseException:
                process.kill()
                raise
        stderr.seek(0)
        _complain_if_cut_short(process.returncode, stderr.read())
    return {host: found[host] for host in hosts}


def interpret(reply: Reply) -> HostFacts | Unreachable:
    """The facts in one reply."""
    host = reply["host"]
    if "kind" in reply:
        return Unreachable(host, reply["kind"], reply["why"])
    found = answers(reply["output"])
    before, after = (found.get(name, NOT_ASKED).text for name in ("clock-before", "clock-after"))
    return host_facts(host, found, clock(before, after, asked=reply["asked"], answered=reply["answered"]))


def clock(before: str, after: str, *, asked: float, answered: float) -> Clock:
    """How far a machine's clock is ahead of ours, from what ``date +%s.%N`` told there first and last.

    The first was read after we asked, the last before we had the answer: the offset lies between the two.

    >>> clock("1000.5", "1001.0", asked=900.0, answered=901.0)
    Clock(offset_s=100.25, error_s=0.25)
    """
    first, last = (re.match(r"\d+(\.\d+)?", text) for text in (before, after))  # a small date knows no %N
    if not first or not last:
        return Clock(0.0, float("inf"))
    highest, lowest = float(first[0]) - asked, float(last[0]) - answered
    return Clock((highest + lowest) / 2, (highest - lowest) / 2)


def _complain_if_cut_short(returncode: int, stderr: str) -> None:
    if returncode:
        why = stderr.strip().splitlines()[-1] if stderr.strip() else f"exit status {returncode}"
        raise KprovError("the process that asks the machines failed", where="kprov.preflight.collect", why=why)
