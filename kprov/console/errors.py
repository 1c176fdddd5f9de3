"""Errors as people read them: what, where, why, what to do; each in its own line, wrapped to the width."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from kprov.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kprov.errors import KprovError, Problem

_RED, _BOLD, _DIM, _OFF = "\x1b[1;31m", "\x1b[1m", "\x1b[2m", "\x1b[0m"


def render_error(error: KprovError, *, width: int | None, color: bool) -> str:
    """The error as a block of lines; ``width`` None leaves lines as long as they are (files, pipes).

    >>> from kprov.errors import InputError
    >>> print(render_error(InputError("no such file", where="a.yaml", remedy="Name another."), width=80, color=False))
    error: no such file
      where: a.yaml
      do:    Name another.
    """
    lines = list(_labelled("error", error.what, indent="", width=width))
    if isinstance(error, SpecError):
        lines += ["", *_problems(error.problems, width), ""]
        lines += _labelled("do", error.remedy, indent="  ", width=width)
    else:
        parts = {
            "where": error.where,
            "why": error.why,
            "cause": error.cause,
            "do": error.remedy,
            "log": error.log,
        }
        pad = max((len(label) for label, text in parts.items() if text), default=0) + 1
        for label, text in parts.items():
            lines += _labelled(label, text, indent="  ", width=width, pad=pad)
    return "\n".join(_painted(line) if color else line for line in lines)


def _problems(problems: tuple[Problem, ...], width: int | None) -> Iterator[str]:
    """Every problem: its place and key in aligned columns, below them what is wrong and what would be right."""
    places = [f"{p.file}:{p.line}" if p.line else p.file for p in problems]
    column = max(map(len, places))
    for place, problem in zip(places, problems, strict=True):
        yield f"  {place:<{column}}  {problem.key}".rstrip()
        yield from _labelled("wrong", problem.wrong, indent="    ", width=width)
        yield from _labelled("right", problem.right, indent="    ", width=width)


def _labelled(label: str, text: str, *, indent: str, width: int | None, pad: int = 0) -> Iterator[str]:
    """``label: text`` with a hanging indent; lines of the text stay lines."""
    head = f"{indent}{f'{label}:':<{pad}} "
    for number, line in enumerate(text.strip().splitlines()):
        lead = head if number == 0 else " " * len(head)
        if width is None:
            yield (lead + line).rstrip()
        else:
            yield from textwrap.wrap(
                line,
                max(width, len(head) + 20),
                initial_indent=lead,
                subsequent_indent=" " * len(head),
                break_long_words=False,
                break_on_hyphens=False,
            )


def _painted(line: str) -> str:
    """The line with its label in colour."""
    bare = line.lstrip()
    indent = line[: len(line) - len(bare)]
    label, colon, rest = bare.partition(":")
    if not indent and label == "error":
        return f"{_RED}{label}{colon}{_OFF}{_BOLD}{rest}{_OFF}"
    if label in ("where", "why", "cause", "do", "log", "wrong", "right"):
        return f"{indent}{_DIM}{label}{colon}{_OFF}{rest}"
    return line
