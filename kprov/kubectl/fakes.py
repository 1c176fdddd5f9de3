"""A stand-in for kubectl, for tests of what talks to clusters."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kprov.kubectl.client import Said

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kprov.kubectl.client import Forwarding

REFUSED = Said(1, "", "The connection to the server 10.0.0.11:6443 was refused - did you specify the right host?\n")


@dataclass
class FakeKubectl:
    """kubectl in memory: ``answers`` by the words' beginning, per context where ``down`` does not name it."""

    answers: dict[str, Said] = field(default_factory=dict)
    contexts: dict[str, str] = field(default_factory=lambda: {"lab": "https://10.0.0.11:6443"})
    down: set[str] = field(default_factory=set)
    says: Sequence[str] = ()
    fails: str = ""
    asked: list[tuple[str, str, str]] = field(default_factory=list)

    def run(self, context: str, words: Sequence[str], stdin: str = "") -> Said:
        """The answer that the test gave; what it did not foresee is not found."""
        line = " ".join(words)
        self.asked.append((context, line, stdin))
        if context in self.down:
            return REFUSED
        found = (said for begin, said in self.answers.items() if line.startswith(begin))
        return next(found, Said(1, "", f"Error from server (NotFound): {line}\n"))

    @contextlib.contextmanager
    def forward(self, context: str, words: Sequence[str]) -> Iterator[Forwarding]:
        """Say what the test gave, then end."""
        self.asked.append((context, f"port-forward {' '.join(words)}", ""))
        yield FakeForwarding(self.says, self.fails)


@dataclass(frozen=True)
class FakeForwarding:
    """A way that is open for as many lines as it says."""

    says: Sequence[str]
    fails: str

    def lines(self) -> Iterator[str]:
        """What it says."""
        yield from self.says

    def error(self) -> str:
        """Why it ended."""
        return self.fails
