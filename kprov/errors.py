"""Every error that kprov raises on purpose, as one small tree.

::

    KprovError                 70  a bug, unless a subclass says otherwise
    ├── InputError              2  what the user gave cannot be used: spec, usage, a machine without podman or root
    │   └── SpecError           2  one or many problems in a cluster file or an inventory, all reported at once
    ├── CheckFailed             1  it ran, and the answer is no: a check, a test, a build
    ├── UnreachableError        3  a host (or a source) cannot be reached or refuses the login
    ├── PlaybookError           4  Ansible ran and a task failed
    └── Interrupted           130  the user stopped it

The innermost typed error decides the exit code of the command.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence


class KprovError(Exception):
    """An error with what happened, where, why, and what to do about it.

    Args:
        what: one clause, lower case, no full stop: ``cannot read the key``.
        where: the file and line, the host, the task; empty where the whole command is meant.
        why: the cause as reported by whoever knows it.
        remedy: what the user can do now, as an imperative sentence.
        cause: the likely cause, where it is another thing than what was reported.
        log: where more is to be read.
        host: the name of the node where it failed; empty where it was none of them.
    """

    exit_code: ClassVar[int] = 70

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        why: str = "",
        remedy: str = "",
        cause: str = "",
        log: str = "",
        host: str = "",
    ) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.why = why
        self.remedy = remedy
        self.cause = cause
        self.log = log
        self.host = host

    def __str__(self) -> str:
        head = f"{self.where}: {self.what}" if self.where else self.what
        return f"{head}: {self.why}" if self.why else head


class InputError(KprovError):
    """What the user gave cannot be used; nothing was changed."""

    exit_code = 2


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong in a file: where it is, which key, what is wrong and what would be right.

    ``line`` counts from 1; 0 means that the file as a whole is meant.
    """

    file: str
    line: int
    key: str
    wrong: str
    right: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.key}: {self.wrong}" if self.key else f"{place}: {self.wrong}"


class SpecError(InputError):
    """All problems of one input file, in the order of its lines."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        count = len(self.problems)
        super().__init__(
            f"{count} problem{'s' if count != 1 else ''} in {self.problems[0].file}",
            why="; ".join(str(p) for p in self.problems),
            remedy="Mend the lines named above; nothing was changed.",
        )


class CheckFailed(KprovError):
    """It ran and the answer is no: a check, a test or a build failed."""

    exit_code = 1


class UnreachableError(KprovError):
    """A host cannot be reached, refuses the login, or shows another key than the pinned one."""

    exit_code = 3


class PlaybookError(KprovError):
    """Ansible ran and a task failed."""

    exit_code = 4


class Interrupted(KprovError):
    """The user stopped the command; running it again goes on from there."""

    exit_code = 130
