"""From a cluster file to a spec: every problem at once, each with its line; every value with its origin.

The way of a file: text -> ``tree``, data with lines -> ``expand``, one entry per machine -> ``model``, whose errors
``messages`` puts into words -> ``rules`` between values. The rules also run on a file whose values have errors: on a
``draft`` without the faulty values; what was concluded from those is dropped.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from kprov.errors import Problem, SpecError
from kprov.spec import rules
from kprov.spec.draft import draft
from kprov.spec.dump import plain
from kprov.spec.expand import Nodes, expand_nodes
from kprov.spec.files import read_text
from kprov.spec.flaw import Faulty, Flaw, Loc, dotted, leaves
from kprov.spec.messages import explain, suggested
from kprov.spec.model import Audit, ClusterSpec, Encryption, PodSecurity
from kprov.spec.paths import ClusterPaths
from kprov.spec.tree import parse

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from pydantic_core import ErrorDetails

    from kprov.spec.flaw import Value
    from kprov.spec.tree import Tree


@dataclass(frozen=True, slots=True)
class Loaded:
    """A valid cluster file.

    ``origins`` has for every value, by its dotted key (``nodes.w1.address``), the ``file:line`` that it comes from, or
    ``default``; so for the sections on the control plane as such. Lists are one value. ``paths`` are absolute.
    """

    spec: ClusterSpec
    origins: Mapping[str, str]
    paths: ClusterPaths


def load(path: Path, waived: Collection[str] = ()) -> Loaded:
    """Read a cluster file; ``waived`` names rules, of ``rules.WAIVABLE``, that do not count this time.

    Raises:
        InputError: the file cannot be read.
        SpecError: with every problem of the file.
    """
    return loads(read_text(path), str(path), waived)


def loads(text: str, name: str, waived: Collection[str] = ()) -> Loaded:
    """Read the text of a cluster file; ``name`` is the file's, for messages and origins.

    >>> node = "m1: {address: 10.0.0.11, roles: [control-plane]}"
    >>> loaded = loads(f"cluster: lab\\nnodes:\\n  {node}", "lab/cluster.yaml")
    >>> loaded.spec.control_planes, loaded.origins["nodes.m1.address"], loaded.origins["ssh.port"]
    (('m1',), 'cluster.yaml:3', 'default')

    Raises:
        SpecError: with every problem of the text.
    """
    tree = parse(text, name)
    data = dict(tree.data)
    entries = data.get("nodes")
    nodes = expand_nodes(entries) if isinstance(entries, dict) else Nodes()
    if nodes.nodes:
        data["nodes"] = dict(nodes.nodes)
    spec, flaws = _validate(data, tree, nodes, waived)
    problems = [*tree.problems, *_problems([*nodes.flaws, *flaws], tree)]
    if problems or spec is None:
        raise SpecError(problems)
    return Loaded(spec, _origins(spec, tree, nodes), ClusterPaths(Path(name).absolute()))


def _validate(
    data: Mapping[str, Value], tree: Tree, nodes: Nodes, waived: Collection[str]
) -> tuple[ClusterSpec | None, list[Flaw]]:
    """The spec, or None where values are faulty, and every flaw of the values and between them."""
    spec: ClusterSpec | None = None
    errors: list[ErrorDetails] = []
    try:
        spec = ClusterSpec.model_validate(data)
    except ValidationError as error:
        errors = _without_echoes(error.errors(include_url=False))
    flaws = [_in_file(explain(error, lambda loc: tree.texts.get(nodes.in_file(loc))), nodes) for error in errors]
    unknown = {nodes.in_file(error["loc"]) for error in errors if error["type"] == "extra_forbidden"}
    meant = [loc for loc in map(suggested, unknown) if loc and loc not in tree.lines]
    told = {*meant, *nodes.faulty}
    faulty = Faulty({flaw.loc for flaw in flaws} - unknown | told)
    # A misspelt or misfitting key has been reported as such: that the right one is missing goes without saying.
    flaws = [flaw for flaw in flaws if flaw.loc not in told]
    whole = spec or draft(data, [error["loc"] for error in errors])
    found = [_in_file(flaw, nodes) for flaw in rules.check(whole, waived)] if whole else []
    return spec, flaws + [flaw for flaw in found if not faulty.spoils(flaw)]


def _without_echoes(errors: list[ErrorDetails]) -> list[ErrorDetails]:
    """Without what pydantic adds on a list whose items are faulty: that it has too few."""
    lists = {error["loc"][:-1] for error in errors if error["loc"] and isinstance(error["loc"][-1], int)}
    return [error for error in errors if error["type"] != "too_short" or error["loc"] not in lists]


def _in_file(flaw: Flaw, nodes: Nodes) -> Flaw:
    """The flaw with the locations that the file has."""
    see = nodes.in_file(flaw.see) if flaw.see else None
    return Flaw(nodes.in_file(flaw.loc), flaw.wrong, flaw.right, see, tuple(map(nodes.in_file, flaw.needs)))


def _problems(flaws: Iterable[Flaw], tree: Tree) -> Iterator[Problem]:
    """One problem for each place and remedy: a range of six nodes that are all wrong is wrong once."""
    groups: dict[tuple[Loc, str], dict[str, Flaw]] = {}
    for flaw in flaws:
        groups.setdefault((flaw.loc, flaw.right), {})[flaw.wrong] = flaw
    for (at, right), group in groups.items():
        first = next(iter(group.values()))
        # A single value stands for a list of one.
        loc = at[:-1] if isinstance(at[-1], int) and at not in tree.lines else at
        line, other = tree.line(loc), tree.line(first.see) if first.see else 0
        more = f" (and {len(group) - 1} more like it)" if len(group) > 1 else ""
        see = f", see line {other}" if other not in {0, line} else ""
        yield Problem(tree.file, line, dotted(loc), first.wrong + more + see, right)


def _origins(spec: ClusterSpec, tree: Tree, nodes: Nodes) -> dict[str, str]:
    """Where each value comes from."""
    file = Path(tree.file).name
    origins: dict[str, str] = {}
    for loc, _ in leaves(plain(spec)):
        written = nodes.in_file(loc)
        # Below addons a key without a value asks for the add-on; elsewhere it is the default.
        given = tree.has(written) or (loc[0] == "addons" and written in tree.lines)
        origins[dotted(loc)] = f"{file}:{tree.lines[written]}" if given else "default"
    # A section that may be absent is a wish in itself, even where each of its values is a default.
    asked = [
        name
        for name, section in spec
        if (name,) in tree.lines and isinstance(section, Encryption | Audit | PodSecurity)
    ]
    return origins | {name: f"{file}:{tree.lines[name,]}" for name in asked}
