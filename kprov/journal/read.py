"""Journals read back: what ``Journal`` wrote, also when it was cut off in the middle of a line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, get_args

from pydantic import AwareDatetime, TypeAdapter, ValidationError

from kprov.errors import InputError
from kprov.events import Event
from kprov.report.model import Stamped

if TYPE_CHECKING:
    from pathlib import Path


def read(path: Path) -> tuple[Stamped, ...]:
    """Every event of a journal in order. A last line without an end is what a killed run leaves: it is dropped.

    Events that this version does not know (a newer kprov wrote them) are passed over.

    Raises:
        InputError: the file cannot be read, or a line is not an event.
    """
    try:
        text = path.read_bytes().decode("utf-8", errors="replace")
    except OSError as error:
        raise InputError(
            "cannot read the journal of the run",
            where=str(path),
            why=error.strerror or str(error),
            remedy="Name a run that exists, or make one with 'kprov up'.",
        ) from error
    kinds = {kind.__name__: TypeAdapter[Event](kind) for kind in get_args(Event)}
    when = TypeAdapter(AwareDatetime)
    whole_lines = text.split("\n")[:-1]
    stamped = []
    for number, line in enumerate(whole_lines, start=1):
        try:
            data = json.loads(line)
            kind = kinds.get(data["event"])
            if kind is not None:
                event = kind.validate_python(data)
                stamped.append(Stamped(when.validate_python(data["time"]), float(data["offset_s"]), event))
        except (ValueError, KeyError, TypeError, ValidationError) as error:
            raise InputError(
                "the journal holds a line that is no event",
                where=f"{path}:{number}",
                why=str(error).splitlines()[0],
                remedy="Take the line out, or look at another run.",
            ) from error
    return tuple(stamped)
