"""A stand-in for a machine, for tests of what talks to machines."""

from __future__ import annotations

from dataclasses import dataclass, field

from kprov.errors import CheckFailed
from kprov.ssh.remote import Result


@dataclass
class FakeRemote:
    """A machine in memory: ``answers`` by command, ``files`` by path. It remembers what it was asked."""

    name: str = "m1"
    answers: dict[str, Result] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    modes: dict[str, int] = field(default_factory=dict)
    asked: list[tuple[str, bytes]] = field(default_factory=list)
    closed: bool = False

    def run(self, command: str, stdin: bytes = b"", timeout_s: float = 60) -> Result:  # noqa: ARG002
        """The answer that the test gave; a command it did not foresee is not found."""
        self.asked.append((command, stdin))
        return self.answers.get(command, Result(127, "", f"sh: {command}: not found\n"))

    def read(self, path: str) -> bytes:
        """The file, where there is one."""
        if path not in self.files:
            raise CheckFailed(f"cannot read {path}", where=self.name, why="No such file or directory")
        return self.files[path]

    def write(self, path: str, data: bytes, mode: int) -> None:
        """Keep the file."""
        self.files[path] = data
        self.modes[path] = mode

    def close(self) -> None:
        """Note it."""
        self.closed = True
