"""Runs a playbook as a process of its own and passes on, as events, what the callback ``kprov_events`` says."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, cast

from kprov import project
from kprov.errors import Interrupted, KprovError, PlaybookError, UnreachableError
from kprov.events import Notice, TaskFinished, TaskStarted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from kprov.events import Emit, TaskStatus

Strategy: TypeAlias = Literal["auto", "linear", "mitogen"]

_PR_SET_PDEATHSIG = 1
"""prctl(2): the signal that the kernel sends this process when its parent dies."""
_STOP_GRACE_S = 10
GOES_ON = "run the same command again: it goes on from there"
"""What a user does once the cause is mended."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many tasks one host saw, by status."""

    ok: int = 0
    changed: int = 0
    skipped: int = 0
    failed: int = 0
    unreachable: int = 0

    @property
    def total(self) -> int:
        """Every task that ran or was skipped."""
        return self.ok + self.changed + self.skipped + self.failed + self.unreachable


@dataclass(frozen=True, slots=True)
class Recap:
    """A finished run: the tally of every host, the controller's own not among them."""

    hosts: Mapping[str, Tally]

    @property
    def changed(self) -> int:
        """Changed tasks over all hosts."""
        return sum(tally.changed for tally in self.hosts.values())


class Playbooks(Protocol):
    """Runs playbooks; the real one starts a process, the fake of the tests answers from a list."""

    def run(self, playbook: str, emit: Emit, *, check: bool = False) -> Recap:
        """Run ``playbooks/<playbook>.yml``.

        Raises:
            PlaybookError: a task failed.
            UnreachableError: a host was not reached.
            Interrupted: the user stopped it.
        """


@dataclass(frozen=True, slots=True)
class AnsiblePlaybooks:
    """Playbooks against one inventory; ``log`` takes what Ansible itself says on standard error.

    ``strategy`` ``mitogen`` needs the extra ``kprov[fast]``; ``auto`` takes it where it is there. The stock strategy,
    ``linear``, is the fallback.
    """

    inventory: Path
    log: Path
    strategy: Strategy = "auto"
    limit: Sequence[str] = field(default=())

    def run(self, playbook: str, emit: Emit, *, check: bool = False) -> Recap:
        """See ``Playbooks.run``."""
        home = project.ansible_home()
        if self.strategy == "mitogen" and not _mitogen():
            text = "Mitogen is not installed: Ansible's own strategy is used"
            emit(Notice("warning", text, "Install it with `pip install 'kprov[fast]'`."))
        command = [
            str(Path(sys.executable).parent / "ansible-playbook"),
            "--inventory",
            str(self.inventory),
            str(home / "playbooks" / f"{playbook}.yml"),
        ]
        if check:
            command.append("--check")
        if self.limit:
            command += ["--limit", ",".join(("localhost", *self.limit))]
        with self.log.open("a", encoding="utf-8") as log:
            process = subprocess.Popen(
                command,
                cwd=home,
                env=_environment(home, self.strategy, check=check),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                encoding="utf-8",
                start_new_session=True,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - only a system call, before any thread of the child
            )
            assert process.stdout is not None  # noqa: S101 - stdout=PIPE
            try:
                with process.stdout as lines:
                    outcome = _follow(lines, emit)
                code = process.wait()
            except BaseException:
                _stop(process)
                raise
        return _judge(outcome, code, playbook, self.log)


@dataclass(slots=True)
class _Outcome:
    recap: Recap | None = None
    failures: list[TaskFinished] = field(default_factory=list)


def _environment(home: Path, strategy: Strategy, *, check: bool = False) -> dict[str, str]:
    """The environment of the run: our configuration and callback, and no pager, colour or language of the user's.

    In check mode, hosts that do not exist yet (``kprov_absent``) are answered for.
    """
    actions = [project.plugins() / "foresight"] * check + [project.plugins() / "action"]
    kept = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
    given = {
        "ANSIBLE_CONFIG": str(home / "ansible.cfg"),
        "ANSIBLE_STDOUT_CALLBACK": "kprov_events",
        "ANSIBLE_CALLBACK_PLUGINS": str(project.plugins() / "callback"),
        "ANSIBLE_ACTION_PLUGINS": ":".join(map(str, actions)),
        "ANSIBLE_LIBRARY": str(project.plugins() / "modules"),
        "ANSIBLE_MODULE_UTILS": str(project.plugins() / "module_utils"),
        "ANSIBLE_FILTER_PLUGINS": str(project.plugins() / "filter"),
        "ANSIBLE_LOOKUP_PLUGINS": str(project.plugins() / "lookup"),
        "ANSIBLE_NOCOLOR": "1",
        "PYTHONUNBUFFERED": "1",
        "LC_ALL": "C.UTF-8",
    }
    if strategy != "linear":
        given |= _mitogen()
    return kept | given


def _mitogen() -> dict[str, str]:
    """The settings that switch Mitogen on; empty where it is not installed, so that the stock strategy is used."""
    try:
        import ansible_mitogen  # noqa: PLC0415 - an optional extra
    except ImportError:
        return {}
    folder = Path(cast("str", ansible_mitogen.__file__)).parent / "plugins" / "strategy"
    return {"ANSIBLE_STRATEGY_PLUGINS": str(folder), "ANSIBLE_STRATEGY": "mitogen_linear"}


def _die_with_parent() -> None:
    """Have the kernel stop Ansible when the driver is killed: nothing of it goes on unseen."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _follow(lines: Iterable[str], emit: Emit) -> _Outcome:
    """Turn the callback's lines into events until the run ends."""
    outcome = _Outcome()
    for text in lines:
        try:
            line = cast("object", json.loads(text))
        except json.JSONDecodeError:
            continue
        if not isinstance(line, dict):
            continue
        match line.get("kind"):
            case "task":
                emit(TaskStarted(str(line["play"]), str(line["role"]), str(line["task"])))
            case "result":
                result = _result(line)
                emit(result)
                if result.status in ("failed", "unreachable"):
                    outcome.failures.append(result)
            case "recap":
                outcome.recap = _recap(cast("Mapping[str, Mapping[str, int]]", line["hosts"]))
            case _:
                continue
    return outcome


def _result(line: Mapping[str, object]) -> TaskFinished:
    return TaskFinished(
        host=str(line["host"]),
        play=str(line["play"]),
        role=str(line["role"]),
        task=str(line["task"]),
        status=cast("TaskStatus", line["status"]),
        duration_s=float(cast("float", line["duration_s"])),
        message=str(line["message"]),
    )


def _recap(hosts: Mapping[str, Mapping[str, int]]) -> Recap:
    """Ansible counts a changed task as ok too; here every task counts once.

    >>> tally = _recap({"m1": {"ok": 5, "changed": 2, "skipped": 1, "failures": 0, "unreachable": 0}}).hosts["m1"]
    >>> tally.ok, tally.changed, tally.total
    (3, 2, 6)
    """
    return Recap(
        {
            host: Tally(
                ok=counts["ok"] - counts["changed"],
                changed=counts["changed"],
                skipped=counts["skipped"],
                failed=counts["failures"],
                unreachable=counts["unreachable"],
            )
            for host, counts in hosts.items()
            if host != "localhost"
        }
    )


def _stop(process: subprocess.Popen[str]) -> None:
    """Stop Ansible with all its workers; what runs on the nodes goes on there, and the next run waits for it."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
            process.wait(_STOP_GRACE_S)
        except ProcessLookupError:
            break
        except subprocess.TimeoutExpired:
            continue
        else:
            break


def _judge(outcome: _Outcome, code: int, playbook: str, log: Path) -> Recap:
    """The recap of a good run.

    Raises:
        KprovError: see ``Playbooks.run``.
    """
    if outcome.failures:
        raise _failure(outcome.failures, log)
    if code == 0 and outcome.recap is not None:
        return outcome.recap
    if code in (-signal.SIGINT, -signal.SIGTERM, 130, 143):
        raise Interrupted("Ansible was stopped")
    tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:]
    raise PlaybookError(
        f"ansible-playbook ended with code {code}",
        where=f"playbooks/{playbook}.yml",
        why=" ".join(tail),
        remedy="Read what Ansible itself said.",
        log=str(log),
    )


def _failure(failures: Sequence[TaskFinished], log: Path) -> KprovError:
    """The error for the first failed task; the other hosts that failed are named."""
    first = failures[0]
    others = sorted({failure.host for failure in failures} - {first.host})
    where = f"{first.host}: {first.role} : {first.task}" if first.role else f"{first.host}: {first.task}"
    also = f" (and on {', '.join(others)})" if others else ""
    if first.status == "unreachable":
        return UnreachableError(
            f"the node cannot be reached{also}",
            where=where,
            why=first.message,
            remedy=f"See that it runs and that SSH reaches it, then {GOES_ON}.",
            log=str(log),
            host=first.host,
        )
    return PlaybookError(
        f"a task failed{also}",
        where=where,
        why=first.message,
        remedy=f"Mend the cause and {GOES_ON}.",
        log=str(log),
        host="" if first.host == "localhost" else first.host,
    )
