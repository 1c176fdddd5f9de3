"""Many questions to a machine in one command: one POSIX shell script out, one text back, one answer per question.

A connection and a process cost more than most questions do, so whoever wants to know twenty things about a machine asks
them together. The script needs nothing on the machine but ``sh``; what the answers mean is decided here, in Python.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""sbin is missing from a plain user's PATH on several distributions, and /usr/local from sudo's on others."""
_MARK = re.compile(r"^@@([a-z0-9][\w.-]*)\n(.*?)\n?^@@=(\d+)$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Answer:
    """What one question gave: its output (both streams, without the last line's end) and its exit status."""

    text: str
    rc: int

    @property
    def ok(self) -> bool:
        """Whether the command ended with 0."""
        return self.rc == 0


NOT_ASKED = Answer("", 127)
"""What is returned for a question that has no answer: the script was cut short, or never asked it."""


def script(commands: Mapping[str, str]) -> str:
    r"""One script that runs each command and marks where its answer begins and how it ended.

    Args:
        commands: shell by name of the question; names are lower case words with ``-``, ``_`` or ``.``.

    >>> print(script({"kernel": "uname -s"}))
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin; export PATH; LC_ALL=C; export LC_ALL
    echo '@@kernel'; { uname -s
    } 2>&1 </dev/null; printf '\n@@=%s\n' $?
    """
    head = f"PATH={_PATH}; export PATH; LC_ALL=C; export LC_ALL"
    return "\n".join([head, *(_question(name, command) for name, command in commands.items())])


def _question(name: str, command: str) -> str:
    return f"echo '@@{name}'; {{ {command}\n}} 2>&1 </dev/null; printf '\\n@@=%s\\n' $?"


def as_root(text: str) -> str:
    """The script, run by root: as it is for root, through sudo where that needs no password, else as the plain user.

    >>> as_root("id -u").splitlines()[1]
    'if [ "$(id -u)" -ne 0 ] && sudo -n true 2>/dev/null; then exec sudo -n sh -c "$KPROV_BATCH"; fi'
    """
    return (
        f"KPROV_BATCH={shlex.quote(text)}\n"
        'if [ "$(id -u)" -ne 0 ] && sudo -n true 2>/dev/null; then exec sudo -n sh -c "$KPROV_BATCH"; fi\n'
        'exec sh -c "$KPROV_BATCH"'
    )


def answers(output: str) -> dict[str, Answer]:
    r"""The answers by name of the question, out of what the script wrote.

    >>> answers("@@kernel\nLinux\n\n@@=0\n@@swap\n\n@@=1\n")
    {'kernel': Answer(text='Linux', rc=0), 'swap': Answer(text='', rc=1)}
    """
    return {name: Answer(text.rstrip("\n"), int(rc)) for name, text, rc in _MARK.findall(output)}
