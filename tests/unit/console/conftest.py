"""A clock that stands still until it is told, and paper that takes itself for a terminal."""

from dataclasses import dataclass, field
from io import BytesIO, TextIOWrapper

import pytest
from rich.console import Console, RenderableType

from kprov.console.screen import console_on


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


class Tty(TextIOWrapper):
    def isatty(self) -> bool:
        return True


@dataclass
class Paper:
    """A terminal (or, with ``tty=False``, a pipe) of a given width whose output can be read."""

    width: int = 80
    tty: bool = True
    encoding: str = "utf-8"
    color: bool = False
    _bytes: BytesIO = field(default_factory=BytesIO)

    def __post_init__(self) -> None:
        kind = Tty if self.tty else TextIOWrapper
        self.file = kind(self._bytes, self.encoding, errors="replace", write_through=True)
        self.console: Console = console_on(self.file, color=self.color, width=self.width)

    def show(self, what: RenderableType) -> "Paper":
        self.console.print(what, no_wrap=True, overflow="ignore", crop=False)
        return self

    @property
    def text(self) -> str:
        return self._bytes.getvalue().decode(self.encoding)

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self.text.splitlines()]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same terminal wherever the tests run."""
    for name in ("FORCE_COLOR", "NO_COLOR", "COLUMNS", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


@pytest.fixture
def paper() -> type[Paper]:
    return Paper
