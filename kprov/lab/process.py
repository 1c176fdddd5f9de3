"""How the lab runs a command of this host: list arguments, no shell, a deadline, and the answer as plain data."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from kprov.errors import CheckFailed, InputError

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Completed:
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def why(self) -> str:
        r"""The last line that it wrote to say what went wrong.

        >>> Completed(125, "", 'time="12:00" level=warning msg="old"\nError: no such network\n').why
        'Error: no such network'
        """
        lines = (self.err or self.out).strip().splitlines()
        return lines[-1] if lines else f"exit code {self.code}"


class Run(Protocol):
    """Runs a command to its end. Whoever stands in for it in tests answers from memory."""

    def __call__(self, argv: Sequence[str], *, stdin: bytes = b"", timeout_s: float = 120) -> Completed:
        """Run ``argv``; ``stdin`` is all that it can read."""


def run(argv: Sequence[str], *, stdin: bytes = b"", timeout_s: float = 120) -> Completed:
    """Run a command of this host; a failing command is an answer, not an error.

    It has a session of its own, and an interrupted kprov lets it end: an engine that is killed leaves half-made things.

    Raises:
        InputError: there is no such command.
        CheckFailed: it did not end in time; it is killed.
    """
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise InputError(f"there is no command {argv[0]}", why=str(error), remedy=f"Install {argv[0]}.") from error
    with process:
        try:
            out, err = process.communicate(stdin, timeout_s)
        except subprocess.TimeoutExpired as error:
            process.kill()
            raise CheckFailed(
                f"{argv[0]} did not end in {timeout_s:.0f} s",
                why=" ".join(argv[1:4]),
                remedy="See whether this host is overloaded, and run the command again.",
            ) from error
        except BaseException:
            process.communicate()
            raise
    return Completed(process.returncode, out.decode(errors="replace"), err.decode(errors="replace"))


def must(run_it: Run, argv: Sequence[str], *, what: str, stdin: bytes = b"", timeout_s: float = 120) -> str:
    """Run a command and return what it wrote.

    Raises:
        CheckFailed: it failed; ``what`` says in words what it was for.
    """
    done = run_it(argv, stdin=stdin, timeout_s=timeout_s)
    if done.code:
        raise CheckFailed(what, why=done.why, remedy="Run the command again; if it fails again, see `kprov lab down`.")
    return done.out
