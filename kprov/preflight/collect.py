"""The process that asks: ``python -m kprov.preflight.collect ORDER`` writes answers to stdout.

It is a process of its own because pyinfra works on gevent, which replaces the sockets, threads and subprocesses of the
whole process that it runs in, paramiko's among them. The order and the answers are JSON; one line per machine as soon
as it answers: ``output`` and its times, or ``kind`` and ``why`` of a machine that cannot be reached.
"""

# ruff: noqa: E402 - gevent comes before anything that imports socket, threading or paramiko
from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import json
import logging
import sys
import time
from typing import TYPE_CHECKING

import gevent
from paramiko import AuthenticationException, BadHostKeyException, SSHException
from pyinfra.api import Config, FactBase, Inventory, State
from pyinfra.api.exceptions import ConnectError
from pyinfra.api.facts import get_fact
from pyinfra.connectors.sshuserclient.client import get_ssh_config
from pyinfra.context import ctx_host, ctx_state

from kprov.preflight.questions import QUESTIONS
from kprov.ssh.batch import as_root, script

if TYPE_CHECKING:
    from pyinfra.api.host import Host

    from kprov.preflight.facts import UnreachableKind


class MachineAnswers(FactBase):  # type: ignore[misc]  # pyinfra is not typed for us
    """The answers to every question, as one text."""

    def command(self) -> str:
        """The one command that is run on a machine."""
        return as_root(script(QUESTIONS))

    def process(self, output: list[str]) -> str:
        """The output as it came."""
        return "\n".join(output)


def ask(state: State, host: Host, timeout_s: float) -> dict[str, object]:
    """Connect to one machine, ask it everything, and tell the answers or why there are none."""
    try:
        host.connect(show_errors=False, raise_exceptions=True)
    except ConnectError as error:
        return {"host": host.name, "kind": kind_of(error), "why": reason(error)}
    asked = time.time()
    with ctx_host.use(host):
        output = get_fact(state, host, MachineAnswers, kwargs={"_timeout": timeout_s})
    if not output:
        return {"host": host.name, "kind": "no-answer", "why": f"its shell gave no answer within {timeout_s:.0f} s"}
    return {"host": host.name, "output": output, "asked": asked, "answered": time.time()}


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
    order = json.loads(sys.argv[1])
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
        jobs = [state.pool.spawn(ask, state, host, order["answer_timeout_s"]) for host in state.inventory]
        for job in gevent.iwait(jobs):
            sys.stdout.write(json.dumps(job.get()) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
