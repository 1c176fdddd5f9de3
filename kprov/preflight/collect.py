"""The process that asks: ``python collect.py <ORDER`` writes answers to stdout.

It is a process of its own because pyinfra works on gevent, which replaces the sockets, threads and subprocesses of the
whole process that it runs in, paramiko's among them. The order and the answers are JSON; one line per machine as soon
as it answers: ``output`` and its times, or ``kind`` and ``why`` of a machine that cannot be reached. It imports nothing
of kprov: the packages behind it cost as much to load as pyinfra does.
"""

# ruff: noqa: E402 - gevent comes before anything that imports socket, threading or paramiko
from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import json
import logging
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import gevent
from gevent.event import Event
from gevent.lock import BoundedSemaphore
from paramiko import AuthenticationException, BadHostKeyException, SSHException
from pyinfra.api import Config, FactBase, Inventory, State
from pyinfra.api.exceptions import ConnectError, PyinfraError
from pyinfra.api.facts import get_fact
from pyinfra.connectors.sshuserclient.client import get_ssh_config
from pyinfra.context import ctx_host, ctx_state

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyinfra.api.host import Host

    from kprov.preflight.facts import UnreachableKind

_AT_ONCE, _BY_JUMP_HOST = 64, 8
"""How many machines are logged in to at the same time; sshd drops logins above MaxStartups, ten by default."""
_TALK_S = 30.0
"""How long the program on a machine may take for any of its lines."""
_MEET_S = 600.0
"""How long machines wait for the slowest of them. It has arrived or left long before: whatever it does has an end."""
_LOGIN_S, _MOST = 2.0, 8.0
"""A login that takes longer tells of a slow machine, emulated or overloaded: it has so much more time for all else."""


def times(login_s: float) -> float:
    """How many times as long as usual a machine may take, by the time of its login: 2.5 after 5 s, 8 after 16 s."""
    return min(max(login_s / _LOGIN_S, 1.0), _MOST)


class Plan(TypedDict):
    """What one machine is to hold and to reach: ports as protocol and number, peers with their addresses."""

    cluster: str
    address: str
    listen: list[tuple[str, int]]
    reach: Mapping[str, tuple[str, list[tuple[str, int]]]]
    fsync: str | None


class Order(TypedDict):
    """What this process is to do; ``probes`` has a plan for every machine that takes part."""

    hosts: list[str]
    ssh_config: str
    connect_timeout_s: int
    answer_timeout_s: int
    questions: str
    agent: str
    probes: Mapping[str, Plan]


class MachineAnswers(FactBase):  # type: ignore[misc]  # pyinfra is not typed for us
    """The answers to every question, as one text."""

    def command(self, questions: str) -> str:
        """The one command that is run on a machine."""
        return questions

    def process(self, output: list[str]) -> str:
        """The output as it came."""
        return "\n".join(output)


def ask(state: State, host: Host, order: Order, doors: BoundedSemaphore, meeting: Meeting) -> dict[str, object]:
    """Connect to one machine, ask it everything, and tell the answers or why there are none."""
    try:
        with doors:
            began = time.monotonic()
            host.connect(show_errors=False, raise_exceptions=True)
            slow = times(time.monotonic() - began)
    except ConnectError as error:
        meeting.leave(host.name)
        return {"host": host.name, "kind": kind_of(error), "why": reason(error)}
    questions_done = Event()
    probing = gevent.spawn(probe, host, order, meeting, questions_done, slow)
    asked, timeout_s = time.time(), round(slow * order["answer_timeout_s"])
    with ctx_host.use(host):
        kwargs = {"questions": order["questions"], "_timeout": timeout_s}
        try:
            output = get_fact(state, host, MachineAnswers, kwargs=kwargs)
        except PyinfraError:  # raised instead of returning nothing when no other machine is left
            output = ""
    answered = time.time()
    questions_done.set()
    if not output:
        meeting.leave(host.name)
        return {"host": host.name, "kind": "no-answer", "why": f"its shell gave no answer within {timeout_s} s"}
    told = {"host": host.name, "output": output, "asked": asked, "answered": answered}
    return told | {"probe": probing.get()}


def probe(host: Host, order: Order, meeting: Meeting, questions_done: Event, slow: float) -> dict[str, object] | None:
    """Have the machine hold its ports and reach the others' once all hold theirs; None where it cannot take part.

    It talks to a program there that ends with the connection at the latest (``agent.py``). The program starts at once,
    and holds no port before the questions are answered, which ports are free among them. ``slow``: see ``times``.
    """
    plan = order["probes"].get(host.name)
    try:
        if plan is None:
            return None
        channel = host.connector.client.get_transport().open_session(timeout=slow * _TALK_S)
        channel.settimeout(slow * _TALK_S)
        channel.exec_command(order["agent"])
        with channel, channel.makefile("r") as lines:
            questions_done.wait(slow * order["answer_timeout_s"])
            channel.sendall((json.dumps(plan) + "\n").encode())
            ports = json.loads(lines.readline() or "{}").get("ports")
            if ports is None:
                return None
            present = meeting.arrive(host.name)
            reach = {peer: wanted for peer, wanted in plan["reach"].items() if peer in present}
            channel.sendall((json.dumps({"reach": reach}) + "\n").encode())
            found = json.loads(lines.readline() or "{}")
            meeting.part(host.name)
            return {"ports": ports, **found} if found else None
    except (SSHException, OSError, EOFError, ValueError):  # the answers to the questions tell more about such a machine
        return None
    finally:
        meeting.leave(host.name)


class Meeting:
    """Has machines wait for each other twice: until all hold their ports, and until all have tried the others'."""

    def __init__(self, names: Sequence[str]) -> None:
        self._expected, self._parting = set(names), set(names)
        self._arrived: set[str] = set()
        self._all_here, self._all_done = Event(), Event()

    def arrive(self, name: str) -> frozenset[str]:
        """Say that a machine holds its ports; wait for the others, not for ever; who is there."""
        self._arrived.add(name)
        self._look()
        self._all_here.wait(_MEET_S)
        return frozenset(self._arrived)

    def part(self, name: str) -> None:
        """Say that a machine has tried the others; wait for those that still try it."""
        self._parting.discard(name)
        self._look()
        self._all_done.wait(_MEET_S)

    def leave(self, name: str) -> None:
        """Say that nobody has to wait for this machine."""
        for names in (self._expected, self._arrived, self._parting):
            names.discard(name)
        self._look()

    def _look(self) -> None:
        if self._expected <= self._arrived:
            self._all_here.set()
        if not self._parting:
            self._all_done.set()


def kind_of(error: BaseException) -> UnreachableKind:
    """What kept us out, told by the exception beneath pyinfra's own."""
    match error.__context__:
        case BadHostKeyException():
            return "host-key"
        case AuthenticationException():
            return "login"
        case SSHException() as cause if "no host key" in str(cause).lower():
            return "host-key"
        case _:
            return "network"


def reason(error: BaseException) -> str:
    """The words of the exception beneath, which has them without pyinfra's frame."""
    cause = error.__context__
    return str(cause) or type(cause).__name__ if cause else str(error)


def main() -> None:
    """Ask every machine at once."""
    logging.disable(logging.CRITICAL)  # pyinfra logs what is told in the answers anyway
    order: Order = json.load(sys.stdin)
    shared = {
        "ssh_config_file": order["ssh_config"],
        "ssh_strict_host_key_checking": "yes",
        "ssh_look_for_keys": False,
    }
    pinned = get_ssh_config(order["ssh_config"]).lookup("*").get("userknownhostsfile")
    if pinned:  # given apart, because pyinfra splits the configuration's own value at spaces
        shared["ssh_known_hosts_file"] = pinned
    state = State(Inventory((order["hosts"], shared)), Config(CONNECT_TIMEOUT=order["connect_timeout_s"]))
    with ctx_state.use(state):
        meeting = Meeting([name for name in order["hosts"] if name in order["probes"]])
        through_one = "ProxyJump" in Path(order["ssh_config"]).read_text(encoding="utf-8")
        doors = BoundedSemaphore(_BY_JUMP_HOST if through_one else _AT_ONCE)
        jobs = [gevent.spawn(ask, state, host, order, doors, meeting) for host in state.inventory]
        for job in gevent.iwait(jobs):
            sys.stdout.write(json.dumps(job.get()) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
