"""Changes to the text of a cluster file that leave everything else as it was written, to the byte.

A change is made in the text, at the places where PyYAML found values: writing the whole file anew from data, even by a
library that keeps comments, would lose alignment and put comments below other keys. Whether the new text says what was
meant is then proven by reading it; where a layout is beyond this (aliases, merge keys), nothing is changed.
"""

from __future__ import annotations

import re
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import yaml

from kprov.errors import InputError
from kprov.spec.dump import flow
from kprov.spec.flaw import dotted
from kprov.spec.tree import parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kprov.spec.flaw import Value

Keys = tuple[str, ...]
"""The keys that lead to a value; no list is on the way."""


def put(text: str, keys: Keys, value: Value, file: str) -> str:
    r"""The text with this value; what is missing on the way there is made.

    >>> print(put("cluster: lab # mine\naddons:\n  # none yet", ("addons", "metallb"), {"a": [1]}, "c.yaml"))
    cluster: lab # mine
    addons:
      metallb: {a: [1]}
      # none yet
    >>> put("addons: {dns: {n: 1}} # few", ("addons", "dns", "n"), 2, "c.yaml")
    'addons: {dns: {n: 2}} # few'

    Raises:
        SpecError: the text is no cluster file.
        InputError: its layout is such that a person has to make this change.
    """
    meant = deepcopy(parse(text, file).data)
    inner = meant
    for key in keys[:-1]:
        if not isinstance(inner.get(key), dict):
            inner[key] = {}
        inner = cast("dict[str, Value]", inner[key])
    inner[keys[-1]] = value
    return _proven(_put(text, keys, value), meant, f"write {keys[-1]}: {flow(value)} at {dotted(keys)}", file)


def drop(text: str, keys: Keys, file: str) -> str:
    r"""The text without this key and its value; comments around it stay.

    >>> print(drop("addons:\n  a: {}\n  # of b\n  b:\n    c: 1 # d\nlab: {}", ("addons", "b"), "c.yaml"))
    addons:
      a: {}
      # of b
    lab: {}

    Raises:
        SpecError: the text is no cluster file.
        InputError: its layout is such that a person has to make this change.
    """
    meant = deepcopy(parse(text, file).data)
    inner = meant
    for key in keys[:-1]:
        inner = cast("dict[str, Value]", inner[key])
    inner.pop(keys[-1])
    return _proven(_drop(text, keys), meant, f"remove {dotted(keys)}", file)


def _proven(text: str, meant: Value, change: str, file: str) -> str:
    """The text, if reading it gives what was meant."""
    try:
        right = _bare(parse(text, file).data) == _bare(meant)
    except InputError:
        right = False
    if not right:
        why = "an alias, a merge key or the layout there is more than kprov changes by itself"
        remedy = f"Change the file yourself: {change}."
        raise InputError("the cluster file cannot be changed at this place", where=file, why=why, remedy=remedy)
    return text


def _bare(value: Value) -> Value:
    """The value with empty mappings as no value: in a cluster file they say the same."""
    if isinstance(value, dict):
        return {key: _bare(inner) for key, inner in value.items()} or None
    return [_bare(item) for item in value] if isinstance(value, list) else value


@dataclass(frozen=True, slots=True)
class _Entry:
    """A key and its value in a mapping."""

    key: yaml.Node
    value: yaml.Node

    @property
    def start(self) -> int:
        return int(self.key.start_mark.index)

    @property
    def end(self) -> int:
        """Where the value ends; that of an alias is elsewhere, and so ends with its key."""
        return max(_end(self.value), int(self.key.end_mark.index))


def _end(node: yaml.Node) -> int:
    """Where a value ends; PyYAML counts to a block the blank lines and comments behind it."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _Entry(*last).end if isinstance(node, yaml.MappingNode) else _end(last)
    return int(node.end_mark.index)


def _entries(node: yaml.Node) -> list[_Entry]:
    return [_Entry(key, value) for key, value in node.value] if isinstance(node, yaml.MappingNode) else []


def _way(text: str, keys: Keys) -> tuple[yaml.Node, list[_Entry]]:
    """The root, and the entries on the way to a value, as far as they are there."""
    root = cast("yaml.Node", yaml.compose(text, Loader=yaml.SafeLoader))  # it was read before: it is not empty
    found: list[_Entry] = []
    node = root
    for key in keys:
        entry = next((entry for entry in _entries(node) if entry.key.value == key), None)
        if entry is None:
            break
        found.append(entry)
        node = entry.value
    return root, found


def _put(text: str, keys: Keys, value: Value) -> str:
    root, way = _way(text, keys)
    if len(way) == len(keys):
        return _replaced(text, way[-1], value)
    inside = way[-1].value if way else root
    missing = keys[len(way) :]
    if _entries(inside) or (isinstance(inside, yaml.MappingNode) and inside.end_mark.index > inside.start_mark.index):
        return _inserted(text, inside, missing, value)
    return _below(text, way[-1], missing, value)


def _replaced(text: str, entry: _Entry, value: Value) -> str:
    """Another value in the place of the one that is there; a list or mapping in lines stays one."""
    start, end = int(entry.value.start_mark.index), entry.end
    written = flow(value)
    if isinstance(entry.value, yaml.CollectionNode) and not entry.value.flow_style:
        lines = _lines(value)
        written = f"\n{' ' * entry.value.start_mark.column}".join(lines) if lines else written
    return f"{text[:start]}{'' if start < end or text[start - 1 : start] == ' ' else ' '}{written}{text[end:]}"


def _lines(value: Value) -> Sequence[str]:
    """A list or a mapping with one line for each item."""
    if isinstance(value, dict):
        return [f"{flow(key)}: {flow(inner)}" for key, inner in value.items()]
    return [f"- {flow(item)}" for item in value] if isinstance(value, list) else []


def _inserted(text: str, mapping: yaml.Node, keys: Keys, value: Value) -> str:
    """One more entry at the end of a mapping."""
    entries = _entries(mapping)
    if isinstance(mapping, yaml.MappingNode) and mapping.flow_style:
        at = entries[-1].end if entries else int(mapping.start_mark.index) + 1
        for key in reversed(keys[1:]):
            value = {key: value}
        return f"{text[:at]}{', ' if entries else ''}{flow(keys[0])}: {flow(value)}{text[at:]}"
    column = int(entries[0].key.start_mark.column)
    apart = column == 0 and len(entries) > 1 and _blank_before(text, entries[-1].start)
    return _line_added(text, entries[-1].end, ([""] if apart else []) + _block(keys, value, column))


def _below(text: str, entry: _Entry, keys: Keys, value: Value) -> str:
    """The first entry below a key that has no value yet."""
    return _line_added(text, entry.end, _block(keys, value, int(entry.key.start_mark.column) + 2))


def _block(keys: Keys, value: Value, column: int) -> list[str]:
    """Keys below each other, the last one with its value."""
    heads = [f"{' ' * (column + 2 * depth)}{flow(key)}:" for depth, key in enumerate(keys)]
    return [*heads[:-1], f"{heads[-1]} {flow(value)}"]


def _line_added(text: str, at: int, lines: Sequence[str]) -> str:
    """Lines behind the line that has this place; a line's end is written as the file has it."""
    newline = "\r\n" if "\r\n" in text else "\n"
    end = text.find(newline, len(text[:at].rstrip()))  # a text block ends behind its last line
    head, tail = (text[:end], text[end:]) if end >= 0 else (text, newline)
    return head + "".join(newline + line for line in lines) + tail


def _blank_before(text: str, at: int) -> bool:
    """Whether a blank line sets apart what begins here, with the comments above it."""
    above = text[:at].splitlines()
    while above and above[-1].startswith("#"):
        above.pop()
    return bool(above) and not above[-1].strip()


def _drop(text: str, keys: Keys) -> str:
    root, way = _way(text, keys)
    mapping = way[-2].value if len(way) > 1 else root
    entries = _entries(mapping)
    entry = next((each for each in entries if len(way) == len(keys) and each.key is way[-1].key), None)
    if entry is None:
        return text
    start, end = entry.start, entry.end
    if isinstance(mapping, yaml.MappingNode) and mapping.flow_style:
        place = entries.index(entry)
        if place + 1 < len(entries):
            end = entries[place + 1].start
        elif place:
            start = entries[place - 1].end
        return text[:start] + text[end:]
    start = text.rfind("\n", 0, start) + 1
    behind = re.compile(r"[^\n]*(\n|\Z)").match(text, len(text[:end].rstrip()))
    return text[:start] + text[behind.end() if behind else end :]
