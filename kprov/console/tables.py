"""Tables for people and JSON for programs: the two answers of every command that only reads."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from kprov.console.lines import clean
from kprov.console.screen import screen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

_GAP = 2


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    ``spare`` marks one that goes first when the terminal is narrow: the highest number goes first, 0 stays. ``styles``
    colours whole cells by their text: ``{"failed": "red"}``.
    """

    title: str
    justify: Literal["left", "right"] = "left"
    spare: int = 0
    styles: Mapping[str, str] = dataclasses.field(default_factory=dict)


def natural_width(columns: Sequence[Column], rows: Sequence[Sequence[str]], kept: Sequence[int]) -> int:
    """How many cells these columns (by index) take when nothing is folded.

    >>> natural_width([Column("name"), Column("system")], [["m1", "Debian GNU/Linux 12"]], [0, 1])
    25
    """
    return (
        sum(max(cell_len(text) for text in (columns[i].title, *(row[i] for row in rows))) + _GAP for i in kept) - _GAP
    )


def fitting(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int) -> tuple[int, ...]:
    """The columns (by index) that fit into ``width`` cells once spare ones are dropped.

    >>> fitting([Column("name"), Column("system", spare=1)], [["m1", "Debian GNU/Linux 12"]], 20)
    (0,)
    """
    kept = list(range(len(columns)))
    while natural_width(columns, rows, kept) > width:
        droppable = [i for i in kept if columns[i].spare]
        if not droppable:
            break
        kept.remove(max(droppable, key=lambda i: columns[i].spare))
    return tuple(kept)


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int) -> Table:
    """A table without lines: aligned columns under dim titles; cells too long for ``width`` are folded."""
    kept = fitting(columns, rows, width)
    made = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="dim", show_edge=False)
    for i in kept:
        made.add_column(columns[i].title.upper(), justify=columns[i].justify, overflow="fold")
    for row in rows:
        made.add_row(*(Text(clean(row[i]), columns[i].styles.get(row[i], "")) for i in kept))
    return made


def print_table(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], *, color: bool = True, console: Console | None = None
) -> None:
    """Print a table on stdout; where that is no terminal, no column is dropped and no line folded."""
    target = console or screen(color=color)
    if not target.is_terminal:
        target.width = max(target.width, 10_000)
    target.print(table(columns, rows, target.width))


def to_json(value: object) -> str:
    """Anything of frozen dataclasses, pydantic models and plain data as indented JSON; paths and addresses as text.

    >>> print(to_json({"nodes": ("m1",)}))
    {
      "nodes": [
        "m1"
      ]
    }
    """
    return json.dumps(value, indent=2, default=_plain, ensure_ascii=False)


def print_json(value: object) -> None:
    """Print data as JSON on stdout, never coloured and never wrapped."""
    console = screen(color=False)
    console.file.write(to_json(value) + "\n")
    console.file.flush()


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    dump = getattr(value, "model_dump", None)
    if dump is not None:
        return dump(mode="json")
    return sorted(value) if isinstance(value, (set, frozenset)) else str(value)
