"""The seam to testinfra: one machine, reached over OpenSSH with the cluster's own configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import testinfra

from kprov.ssh.batch import NOT_ASKED, Answer, answers, as_root, script

if TYPE_CHECKING:
    from collections.abc import Mapping

_SSH_ARGUMENTS = "-o BatchMode=yes -o ServerAliveInterval=5 -o ServerAliveCountMax=4"
"""Never ask anything; give up a machine that is silent for 20 s."""
_CONNECT_TIMEOUT_S = 10


class SilentMachineError(Exception):
    """A machine did not answer over SSH; the text is OpenSSH's own."""


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine by its name in the OpenSSH configuration; ``host`` is testinfra's."""

    name: str
    ssh_config: str

    @property
    def host(self) -> testinfra.host.Host:
        """testinfra's host; the same one each time. The configuration says how connections are shared and kept."""
        return testinfra.get_host(
            f"ssh://{self.name}",
            ssh_config=self.ssh_config,
            ssh_extra_args=_SSH_ARGUMENTS,
            timeout=_CONNECT_TIMEOUT_S,
            controlpersist=0,
        )

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
