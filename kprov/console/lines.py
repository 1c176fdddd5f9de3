"""Parts of lines: text made fit to be shown, clipped to a width, spread over it; bars."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from kprov.report.redact import redact

if TYPE_CHECKING:
    from kprov.console.screen import Glyphs
    from kprov.events import TaskFinished

GUTTER = "      "
_MIDDLE = 34
_FEW = 6
_ESCAPES = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07]*(?:\x07|\x1b\\)|.)?")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


def clean(text: str) -> str:
    r"""One line that cannot disturb a terminal or give a secret away.

    >>> clean("\x1b[31mcannot\x1b[0m open\n\tthe file\a")
    'cannot open the file'
    """
    return " ".join(_CONTROLS.sub(" ", _ESCAPES.sub("", redact(text))).split())


def first_lines(text: str, most: int = _FEW) -> list[str]:
    r"""The first lines that say something, each made fit to be shown.

    >>> first_lines("one\n\n  two\nthree", most=2)
    ['one', 'two']
    """
    return list(islice((line for line in map(clean, redact(text).splitlines()) if line), most))


def clip(text: str, width: int, glyphs: Glyphs) -> str:
    """The text in at most ``width`` cells, marked where it was cut.

    >>> from kprov.console.screen import ASCII
    >>> clip("install the binaries", 12, ASCII)
    'install th..'
    """
    if cell_len(text) <= width:
        return text
    room = max(width - len(glyphs.ellipsis), 0)
    return (set_cell_size(text, room).rstrip() + glyphs.ellipsis)[: max(width, 0)]


def spread(left: Text, middle: Text, right: str, width: int) -> list[Text]:
    """``left``, ``middle`` and ``right`` over one line; a middle without room goes below, wrapped, losing nothing."""
    gap = max(_MIDDLE - left.cell_len, 2)
    fits = left.cell_len + gap + middle.cell_len + 2 + len(right) <= width
    line = Text.assemble(left, " " * gap, middle) if fits and middle else left.copy()
    line.append(" " * max(width - line.cell_len - len(right), 1))
    line.append(right, "dim")
    if fits or not middle:
        return [line]
    return [line, *indented(middle, width)]


def indented(text: Text, width: int, indent: str = GUTTER) -> list[Text]:
    """The text wrapped below the first column of its block."""
    words: list[list[str]] = [[]]
    room = max(width - len(indent), 10)
    for word in text.plain.split():
        if words[-1] and cell_len(" ".join([*words[-1], word])) > room:
            words.append([])
        words[-1].append(word)
    return [Text(indent + " ".join(line), text.style) for line in words if line]


def bar(part: float, cells: int, glyphs: Glyphs, *, rest: bool = False) -> str:
    """A bar of at most ``cells`` cells for a part of 1; with ``rest``, the missing part is drawn as a line.

    >>> from kprov.console.screen import ASCII, UNICODE
    >>> bar(0.5, 8, ASCII, rest=True), bar(0.3125, 8, UNICODE)
    ('####....', '██▌')
    """
    steps = len(glyphs.bars)
    eighths = round(min(max(part, 0.0), 1.0) * cells * steps)
    whole, remainder = divmod(eighths, steps)
    drawn = glyphs.bars[-1] * whole + (glyphs.bars[remainder - 1] if remainder else "")
    return drawn + glyphs.empty * (cells - len(drawn)) if rest else drawn


def trouble(result: TaskFinished, glyphs: Glyphs, width: int) -> list[Text]:
    """A failed result: host and task, below them the first lines of the message."""
    name = f"{result.role} : {result.task}" if result.role else result.task
    head = Text.assemble(
        "  ", (glyphs.failed, "bold red"), " ", (f"{result.host}: {result.status}: ", "red"), clean(name)
    )
    lines = first_lines(result.message)
    return [head, *(wrapped for line in lines for wrapped in indented(Text(line, "red"), width))]
