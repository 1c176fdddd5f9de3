"""From the nodes as written, with ranges, to one entry per machine, which remembers the entry that it came from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kprov.spec import ranges
from kprov.spec.flaw import Flaw, Loc, Value

if TYPE_CHECKING:
    from collections.abc import Mapping

_RANGED = ("address", "second_address", "ssh_address")


@dataclass(frozen=True, slots=True)
class Nodes:
    """The expanded nodes; ``written`` gives for each name the key in the file.

    ``flaws`` and ``faulty``, the entries from which nothing can be concluded, have locations as the file has them.
    """

    nodes: dict[str, Value] = field(default_factory=dict)
    written: dict[str, str] = field(default_factory=dict)
    flaws: list[Flaw] = field(default_factory=list)
    faulty: list[Loc] = field(default_factory=list)

    def in_file(self, loc: Loc) -> Loc:
        """The location as the file has it: the range instead of the name that came from it.

        >>> expand_nodes({"w[1:2]": {"address": "10.0.0.[1:2]"}}).in_file(("nodes", "w2", "address"))
        ('nodes', 'w[1:2]', 'address')
        """
        if loc[:1] == ("nodes",) and len(loc) > 1:
            return ("nodes", self.written.get(str(loc[1]), loc[1]), *loc[2:])
        return loc


def expand_nodes(entries: Mapping[str, Value]) -> Nodes:
    """One node for each name; where an address does not fit its names, the nodes are made without it.

    >>> expand_nodes({"w[1:2]": {"address": "10.0.0.[11:12]", "roles": ["worker"]}}).nodes["w2"]
    {'roles': ['worker'], 'address': '10.0.0.12'}
    """
    made = Nodes()
    for key, entry in entries.items():
        try:
            names = ranges.expand(key, ranges.MAX_NODES - len(made.nodes))
        except ranges.RangeError as error:
            made.flaws.append(Flaw(("nodes", key), f"{key} {error.wrong}", error.right))
            made.faulty.append(("nodes", key))
            names = ()
        for name, node in zip(names or (key,), _entries(key, entry, names, made), strict=True):
            if name in made.nodes:
                other = made.written[name]
                wrong = f"the name {name} is made twice, first by {other}"
                right = "Give every machine a name of its own."
                made.flaws.append(Flaw(("nodes", key), wrong, right, see=("nodes", other)))
            else:
                made.nodes[name] = node
                made.written[name] = key
    return made


def _entries(key: str, entry: Value, names: tuple[str, ...], made: Nodes) -> list[Value]:
    """The entry once per name, each with its own addresses; without names (they are faulty) once, without addresses."""
    copies = max(len(names), 1)
    if not isinstance(entry, dict):
        return [entry] * copies
    columns: dict[str, tuple[str, ...]] = {}
    for part in _RANGED:
        text = entry.get(part)
        if not isinstance(text, str) or (len(names) == 1 and not ranges.has_range(text)):
            continue
        flaw = _misfit(text, key, names)
        if flaw:
            made.flaws.append(Flaw(("nodes", key, part), *flaw))
        if flaw or not names:
            made.faulty.append(("nodes", key, part))
        columns[part] = ranges.expand(text) if names and not flaw else ()
    rest = {part: value for part, value in entry.items() if part not in columns}
    return [{**rest, **{part: values[i] for part, values in columns.items() if values}} for i in range(copies)]


def _misfit(text: str, key: str, names: tuple[str, ...]) -> tuple[str, str] | None:
    try:
        count = ranges.size(text)
    except ranges.RangeError as error:
        return f"{text} {error.wrong}", error.right
    if not names or count == len(names):
        return None
    wrong = f"{_counted(len(names), 'name')} from {key}, but {_counted(count, 'address', 'es')} from {text}"
    return wrong, "Let both sides make the same number."


def _counted(number: int, noun: str, plural: str = "s") -> str:
    return f"{number} {noun}{'' if number == 1 else plural}"
