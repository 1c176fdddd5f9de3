"""YAML text as plain data that remembers the line of every value and how each scalar was written."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NoReturn

import yaml

from kprov.errors import Problem, SpecError
from kprov.spec.flaw import Loc, Value, dotted

MAX_VALUES = 200_000
"""Values in one file after its aliases: 5000 nodes with every key have a third of that."""

MAX_DEPTH = 20
"""Levels of lists and mappings: a cluster file has five."""

_TAG = "tag:yaml.org,2002:"
_MERGE = f"{_TAG}merge"
_CONTAINER_TAGS = frozenset({f"{_TAG}map", f"{_TAG}seq"})
_TOO_DEEP = "lists or mappings are nested too deeply"
_TEXT_TAGS = frozenset({f"{_TAG}str", f"{_TAG}timestamp", f"{_TAG}value"})


@dataclass(frozen=True, slots=True)
class Tree:
    """A parsed file.

    ``lines`` has the line, from 1, of every value; ``texts`` every scalar as written; ``empty`` the keys without a
    value; ``problems`` what was wrong so far.
    """

    file: str
    data: dict[str, Value]
    lines: dict[Loc, int]
    texts: dict[Loc, str]
    empty: frozenset[Loc]
    problems: tuple[Problem, ...]

    def line(self, loc: Loc) -> int:
        """The line of a value, or of the nearest thing around it that the file has."""
        while loc and loc not in self.lines:
            loc = loc[:-1]
        return self.lines.get(loc, 0)

    def has(self, loc: Loc) -> bool:
        """Whether the file gives a value there, and not an empty one."""
        return loc in self.lines and loc not in self.empty


def parse(text: str, file: str) -> Tree:
    """Read YAML; keys given twice, foreign tags and the like are left in ``problems``.

    >>> tree = parse("nodes:\\n  m1: {address: 10.0.0.11}", "cluster.yaml")
    >>> tree.data, tree.lines["nodes", "m1", "address"]
    ({'nodes': {'m1': {'address': '10.0.0.11'}}}, 2)

    Raises:
        SpecError: it is no YAML, empty, or no mapping.
    """
    root = _compose(text, file)
    reader = _Reader(file)
    data = reader.read(root, ())
    if not isinstance(data, dict):
        kind = "a list" if isinstance(root, yaml.SequenceNode) else "one single value"
        right = "Begin with 'cluster: NAME'; kprov init writes an example."
        raise SpecError([Problem(file, 1, "", f"the file is {kind}, not keys with values", right)])
    return Tree(file, data, reader.lines, reader.texts, frozenset(reader.empty), tuple(reader.problems))


def _compose(text: str, file: str) -> yaml.Node:
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        raise SpecError([_yaml_problem(error, text, file)]) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        wrong = f"there is a control character (0x{int(error.character):02x}): this is no text file"
        raise SpecError([Problem(file, line, "", wrong, "Give a YAML file in UTF-8.")]) from None
    except RecursionError:
        raise SpecError([Problem(file, 0, "", _TOO_DEEP, "A cluster file has five levels at most.")]) from None
    if root is None:
        right = "kprov init writes a cluster file to begin with."
        raise SpecError([Problem(file, 0, "", "the file is empty", right)])
    return root


def _yaml_problem(error: yaml.MarkedYAMLError, text: str, file: str) -> Problem:
    """What PyYAML says, in words that lead to the mistake."""
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    lines = text.splitlines()
    content = lines[line - 1] if 0 < line <= len(lines) else ""
    said = error.problem or error.context or "it cannot be parsed"
    right = "Mend the YAML at or just above this line."
    if "'\\t'" in said:
        said, right = "there is a tab", "YAML is indented by spaces only: replace the tab."
    elif "another document" in said:
        said, right = "a second document begins here", "Keep one document: remove the line '---'."
    elif "mapping values are not allowed" in said:
        said, right = "a ':' stands where no key can be", "Mend the indentation, or quote a value that has ': ' in it."
    elif re.search(r"\[\w*:\w+(:\w+)?\]", content):
        right = 'Quote a range inside { } and at the beginning of a name: "w[1:3]", "10.0.0.[11:13]".'
    elif error.context:
        said = f"{error.context}, {said}"
    return Problem(file, line, "", f"no YAML: {said} (column {column})", right)


@dataclass
class _Reader:
    """Turns composed nodes into plain data, once."""

    file: str
    lines: dict[Loc, int] = field(default_factory=dict)
    texts: dict[Loc, str] = field(default_factory=dict)
    empty: set[Loc] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)
    _open: list[int] = field(default_factory=list)
    _count: int = 0

    def read(self, node: yaml.Node, loc: Loc) -> Value:
        self._count += 1
        if self._count > MAX_VALUES:
            self._stop(node, f"its aliases unfold to more than {MAX_VALUES} values", "Write the nodes as ranges.")
        if id(node) in self._open:
            self._stop(node, "an alias refers to a part that contains it", "Write the value out instead of the alias.")
        if len(self._open) > MAX_DEPTH:
            self._stop(node, _TOO_DEEP, "A cluster file has five levels at most.")
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, loc)
        if node.tag not in _CONTAINER_TAGS:
            self._complain(node, loc, f"the tag {node.tag} is not understood", "Remove the tag.")
        self._open.append(id(node))
        try:
            return self._mapping(node, loc) if isinstance(node, yaml.MappingNode) else self._sequence(node, loc)
        finally:
            self._open.pop()

    def _scalar(self, node: yaml.ScalarNode, loc: Loc) -> Value:
        text = str(node.value)
        self.texts[loc] = text
        match node.tag.removeprefix(_TAG):
            case "null":
                self.empty.add(loc)
                return None
            case "bool":
                return text.lower() in {"yes", "true", "on"}
            case "int":
                # Octal, hexadecimal and base 60 stay text: none of them is what a cluster file means.
                return int(text) if re.fullmatch(r"-?(0|[1-9][0-9]{0,18})", text) else text
            case "float":
                return float(text) if re.fullmatch(r"-?[0-9]+\.[0-9]+", text) else text
        if node.tag not in _TEXT_TAGS:
            self._complain(node, loc, f"the tag {node.tag} is not understood", "Remove the tag.")
        return text

    def _sequence(self, node: yaml.Node, loc: Loc) -> Value:
        for index, item in enumerate(node.value):
            self.lines[*loc, index] = _line(item)
        return [self.read(item, (*loc, index)) for index, item in enumerate(node.value)]

    def _mapping(self, node: yaml.Node, loc: Loc) -> dict[str, Value]:
        data: dict[str, Value] = {}
        merged: list[yaml.Node] = []
        for key, value in node.value:
            if key.tag == _MERGE:
                merged += value.value if isinstance(value, yaml.SequenceNode) else [value]
            elif not isinstance(key, yaml.ScalarNode):
                right = 'A key is a name; quote one that begins with a range: "[a:c]-node".'
                self._complain(key, loc, "a list or a mapping stands where a key belongs", right)
            elif key.value in data:
                here = (*loc, key.value)
                wrong = f"is given twice, first in line {self.lines[here]}"
                self.problems.append(Problem(self.file, _line(key), dotted(here), wrong, "Keep one of the two."))
            else:
                self.lines[*loc, key.value] = _line(key)
                data[key.value] = self.read(value, (*loc, key.value))
        for part in merged:
            self._merge(part, loc, data)
        return data

    def _merge(self, node: yaml.Node, loc: Loc, data: dict[str, Value]) -> None:
        """Add what ``<<`` brings, below what the mapping itself says."""
        if not isinstance(node, yaml.MappingNode):
            self._complain(node, loc, "<< takes a mapping or a list of mappings", "Name an anchor: '<<: *workers'.")
            return
        inner = _Reader(self.file, _open=self._open, _count=self._count)
        brought = inner.read(node, loc)
        self._count = inner._count
        for key, value in brought.items() if isinstance(brought, dict) else ():
            if key not in data:
                data[key] = value
                below = len(loc) + 1
                self.lines |= {at: line for at, line in inner.lines.items() if at[:below] == (*loc, key)}
                self.texts |= {at: text for at, text in inner.texts.items() if at[:below] == (*loc, key)}
                self.empty |= {at for at in inner.empty if at[:below] == (*loc, key)}

    def _complain(self, node: yaml.Node, loc: Loc, wrong: str, right: str) -> None:
        self.problems.append(Problem(self.file, _line(node), dotted(loc), wrong, right))

    def _stop(self, node: yaml.Node, wrong: str, right: str) -> NoReturn:
        raise SpecError([*self.problems, Problem(self.file, _line(node), "", wrong, right)])


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
