"""The seam to testinfra: one machine, reached over OpenSSH with the cluster's own configuration."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import testinfra
from testinfra.backend.ssh import SshBackend

from kprov.ssh.batch import NOT_ASKED, Answer, answers, as_root, script

if TYPE_CHECKING:
    from collections.abc import Mapping

    from testinfra.backend.base import CommandResult

_SSH_ARGUMENTS = "-o BatchMode=yes -o ServerAliveInterval=5 -o ServerAliveCountMax=4"
"""Never ask anything; give up a machine that is silent for 20 s."""
_CONNECT_TIMEOUT_S = 10


class _Ssh(SshBackend):  # type: ignore[misc] # testinfra tells no types
    """testinfra's OpenSSH, whose processes get a copy of the environment.

    pytest changes this process's own at every step of every test. A child that is just being started by another thread
    reads it (vfork shares memory), and where it moves at that moment, the child fails with EFAULT, "Bad address".
    """

    def __init__(self, environment: Mapping[str, str], *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self._environment = environment

    def run_local(self, command: str, *args: str) -> CommandResult:
        """Run a command of the shell here."""
        line = self.encode(self.quote(command, *args))
        ran = subprocess.run(  # noqa: S602 - testinfra quotes what it puts in
            line, shell=True, capture_output=True, stdin=subprocess.DEVNULL, env=self._environment, check=False
        )
        return self.result(ran.returncode, line, ran.stdout, ran.stderr)


class SilentMachineError(Exception):
    """A machine did not answer over SSH; the text is OpenSSH's own."""


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine by its name in the OpenSSH configuration, and the environment that ssh is started in.

    The configuration says how connections are shared and kept.
    """

    name: str
    ssh_config: str
    environment: Mapping[str, str] = field(repr=False)

    @property
    def host(self) -> testinfra.host.Host:
        """testinfra's host."""
        backend = _Ssh(
            self.environment,
            self.name,
            ssh_config=self.ssh_config,
            ssh_extra_args=_SSH_ARGUMENTS,
            timeout=_CONNECT_TIMEOUT_S,
            controlpersist=0,
        )
        host = testinfra.host.Host(backend)
        backend.set_host(host)
        return host

    def ask(self, questions: Mapping[str, str]) -> dict[str, Answer]:
        """The answers to all questions, in one command run by root; ``NOT_ASKED`` where it was cut short.

        Raises:
            SilentMachineError: the machine cannot be reached.
        """
        if not questions:
            return {}
        try:
            ran = self.host.run(as_root(script(questions)))
        except RuntimeError as error:
            raise SilentMachineError(_last_line(error.args[0].stderr_bytes)) from error
        found = answers(ran.stdout_bytes.decode("utf-8", "replace"))
        return {name: found.get(name, NOT_ASKED) for name in questions}


def _last_line(stderr: bytes) -> str:
    lines = stderr.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "ssh failed without a word"
