"""Where something is in a cluster file, and what is wrong there, before lines are known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Loc: TypeAlias = tuple[str | int, ...]
"""The keys and list indices that lead to a value: ``("nodes", "w1", "roles", 0)``."""

Value: TypeAlias = "str | int | float | bool | list[Value] | dict[str, Value] | None"
"""Plain data, as YAML and JSON have it."""

ANY = "*"
"""Stands for every name in a location that a flaw depends on."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing wrong, at ``loc``: a clause in ``wrong``, a whole sentence on what would be ``right``.

    ``see`` is a second place whose line helps (the first of two equal addresses). ``needs`` are the values from which
    the conclusion was drawn, beside the one at ``loc``: where one of those is itself faulty, the flaw is not reported.
    """

    loc: Loc
    wrong: str
    right: str
    see: Loc | None = None
    needs: tuple[Loc, ...] = ()


def dotted(loc: Loc) -> str:
    """A location as people write it.

    >>> dotted(("nodes", "w1", "taints", 0, "effect"))
    'nodes.w1.taints[0].effect'
    """
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)
    return text.removeprefix(".")


class Faulty:
    """The faulty values of a file, and whether a flaw was concluded from one of them.

    >>> faulty = Faulty([("nodes", "w1", "roles", 0)])
    >>> faulty.spoils(Flaw(("nodes",), "no control plane", "", needs=(("nodes", ANY, "roles"),)))
    True
    >>> faulty.spoils(Flaw(("nodes", "w2", "address"), "", "", needs=(("nodes", "w1", "address"),)))
    False
    """

    def __init__(self, locs: Iterable[Loc]) -> None:
        self._exact = frozenset(locs)
        self._wild = self._exact | {(loc[0], ANY, *loc[2:]) for loc in self._exact if len(loc) > 1}
        self._around = frozenset(part for loc in self._wild for part in _prefixes(loc))

    def spoils(self, flaw: Flaw) -> bool:
        """Whether the flaw is in a faulty value, or what it needs is, holds or is part of one."""
        return any(part in self._exact for part in _prefixes(flaw.loc)) or any(
            needed in self._around or any(part in self._wild for part in _prefixes(needed)) for needed in flaw.needs
        )


def _prefixes(loc: Loc) -> Iterator[Loc]:
    return (loc[:length] for length in range(1, len(loc) + 1))


def leaves(data: Value, loc: Loc = ()) -> Iterator[tuple[Loc, Value]]:
    """Every value below the mappings, in order; a list is one value, and so is an empty mapping.

    >>> list(leaves({"ssh": {"port": 22}, "nodes": {"w1": {"roles": ["worker"], "labels": {}}}}))[:2]
    [(('ssh', 'port'), 22), (('nodes', 'w1', 'roles'), ['worker'])]
    """
    if isinstance(data, dict) and data:
        for key, value in data.items():
            yield from leaves(value, (*loc, key))
    else:
        yield loc, data
