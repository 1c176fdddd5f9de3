"""A machine as SSH sees it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kprov.errors import InputError

SSH_PORT = 22
_BASTION = re.compile(r"(?:(?P<user>[^@\s]+)@)?(?P<host>[^@:\s\[\]]+)(?::(?P<port>\d{1,5}))?")


@dataclass(frozen=True, slots=True)
class Target:
    """One machine: the ``name`` that people use, and the ``address`` (or a name that resolves) that is dialled."""

    name: str
    address: str
    port: int = SSH_PORT
    user: str = "root"

    @property
    def place(self) -> tuple[str, int]:
        """What host keys are kept by."""
        return (self.address, self.port)


def bastion(text: str, user: str) -> Target:
    """The jump host out of ``user@host:port``; the user and the port may be left out.

    Raises:
        InputError: the text is none.

    >>> bastion("jump.example:2222", "root")
    Target(name='jump.example', address='jump.example', port=2222, user='root')
    """
    match = _BASTION.fullmatch(text)
    if match is None:
        raise InputError(
            f"{text!r} is no jump host",
            where="ssh.bastion",
            why="it is not user@host:port",
            remedy="Write user@host:port.",
        )
    host = match["host"]
    return Target(host, host, int(match["port"] or SSH_PORT), match["user"] or user)
