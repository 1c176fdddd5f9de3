"""Facts from all machines in one round: one connection and one command each, all at once, in a process of their own."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tempfile
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from kprov.errors import InputError, KprovError
from kprov.events import Progress, silent
from kprov.preflight.facts import Clock, HostFacts, Unreachable, UnreachableKind
from kprov.preflight.parse import host_facts, probe_facts
from kprov.preflight.questions import ETCD_FOLDER, QUESTIONS
from kprov.ssh.batch import NOT_ASKED, answers, as_root, script

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from kprov.addons.model import OpenPort
    from kprov.events import Emit
    from kprov.preflight.expectations import Expectations

PHASE = "preflight"
_HERE = Path(__file__).parent


class Reply(TypedDict, total=False):
    """One answer: ``output`` with its times in seconds of the epoch, and what was reached; or ``kind`` and ``why``."""

    host: str
    output: str
    asked: float
    answered: float
    probe: Mapping[str, object] | None
    kind: UnreachableKind
    why: str


def gather(
    hosts: Sequence[str],
    ssh_config: Path,
    *,
    cluster: Expectations | None = None,
    fsync: bool = False,
    emit: Emit = silent,
    connect_timeout_s: int = 10,
    answer_timeout_s: int = 60,
) -> dict[str, HostFacts | Unreachable]:
    """What is known about each host, in the order given; a host that cannot be reached is told as such, not raised.

    Args:
        hosts: names as they stand in ``ssh_config``.
        ssh_config: the cluster's own OpenSSH configuration; only host keys pinned by it are accepted.
        cluster: what is expected of the machines; with it they also try to reach each other.
        fsync: measure the disks that etcd will lie on, for two seconds.
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
        "questions": as_root(script(QUESTIONS)),
        "agent": agent_command(),
        "probes": plans(cluster, fsync=fsync) if cluster else {},
    }
    found: dict[str, HostFacts | Unreachable] = {}
    with tempfile.TemporaryFile("w+") as stderr:
        command = [sys.executable, "-P", str(_HERE / "collect.py")]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=stderr, text=True) as process:
            try:
                assert process.stdin is not None  # noqa: S101 - it is a pipe
                with process.stdin:
                    json.dump(order, process.stdin)
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
    seen = host_facts(host, found, clock(before, after, asked=reply["asked"], answered=reply["answered"]))
    return replace(seen, probe=probe_facts(reply.get("probe")))


def agent_command() -> str:
    """How a machine runs ``agent.py``: by its own Python, as root where that needs no password."""
    run = f"python3 -c {shlex.quote((_HERE / 'agent.py').read_text('utf-8'))}"
    become = 'if [ "$(id -u)" -ne 0 ] && sudo -n true 2>/dev/null; then'
    return f"exec sh -c {shlex.quote(f'{become} exec sudo -n {run}; fi; exec {run}')}"


def plans(cluster: Expectations, *, fsync: bool) -> dict[str, object]:
    """What every machine is to hold and to reach."""

    def numbers(ports: Iterable[OpenPort]) -> list[tuple[str, int]]:
        return sorted((port.protocol, port.port) for port in ports)

    held: defaultdict[str, set[OpenPort]] = defaultdict(set)
    for peers in cluster.reach.values():
        for peer, ports in peers.items():
            held[peer] |= set(ports)
    return {
        name: {
            "cluster": cluster.cluster,
            "address": host.address,
            "listen": numbers(held[name]),
            "reach": {
                peer: (cluster.hosts[peer].address, numbers(ports)) for peer, ports in cluster.reach[name].items()
            },
            "fsync": ETCD_FOLDER if fsync and host.etcd else None,
        }
        for name, host in cluster.hosts.items()
    }


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
