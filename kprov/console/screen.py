"""The surface that is written on: width, colours, and which characters it can show."""

from __future__ import annotations

import io
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from rich.console import Console

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

Verbosity: TypeAlias = Literal["quiet", "normal", "verbose"]
StreamName: TypeAlias = Literal["stdout", "stderr"]


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The few signs in use; ``bars`` are block characters from an eighth of a cell to a whole one."""

    done: str
    unchanged: str
    skipped: str
    failed: str
    stopped: str
    notice: str
    ellipsis: str
    spinner: tuple[str, ...]
    bars: tuple[str, ...]
    empty: str


UNICODE = Glyphs("✓", "✓", "-", "✗", "■", "!", "…", tuple("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"), tuple("▏▎▍▌▋▊▉█"), "─")
ASCII = Glyphs("+", "+", "-", "x", "#", "!", "..", tuple("|/-\\"), ("#",), ".")


def speaks_utf8(encoding: str | None, environ: Mapping[str, str]) -> bool:
    """Whether UTF-8 may be written: the stream and the locale must agree.

    Python writes UTF-8 in the C locale too (PEP 540), whether or not the terminal understands it: hence the locale.

    >>> speaks_utf8("utf-8", {"LANG": "en_US.UTF-8"}), speaks_utf8("utf-8", {"LC_ALL": "C", "LANG": "en_US.UTF-8"})
    (True, False)
    >>> speaks_utf8("iso-8859-1", {"LANG": "en_US.UTF-8"})
    False
    """
    locale = next((environ[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if environ.get(name)), "")
    stream = (encoding or "").lower().replace("-", "").replace("_", "")
    return stream == "utf8" and locale.lower().replace("-", "").endswith("utf8")


def glyphs(console: Console) -> Glyphs:
    """The signs that this console can show."""
    return UNICODE if console.encoding.startswith("utf") else ASCII


def screen(stream: StreamName = "stdout", *, color: bool = True) -> Console:
    """A console on one of the process's streams, in plain ASCII where the locale is not UTF-8."""
    file = sys.stdout if stream == "stdout" else sys.stderr
    if not speaks_utf8(file.encoding, os.environ) and isinstance(file, io.TextIOWrapper):
        file.reconfigure(encoding="ascii", errors="replace")
    return console_on(file, color=color)


def console_on(file: TextIO, *, color: bool = True, width: int | None = None) -> Console:
    """A console that changes nothing about the text it is given: no markup, no emoji, no highlighting."""
    system: Literal["auto"] | None = "auto" if color else None  # without: no bold and no dim text either
    return Console(
        file=file, color_system=system, width=width, highlight=False, markup=False, emoji=False, soft_wrap=False
    )


def lasting(console: Console) -> bool:
    """Whether lines on this console can be redrawn; else it is a pipe, a file or a dumb terminal."""
    return console.file.isatty() and not console.is_dumb_terminal
