"""A spec as a cluster file: every value written out, none compacted to a range; the same spec gives the same bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kprov.spec.flaw import Loc, Value
    from kprov.spec.model import ClusterSpec

_WIDEST = 60
"""Notes stand in one column up to here; a longer line has its note right behind it."""


def dump(spec: ClusterSpec) -> str:
    """The YAML text that loads to the same spec."""
    return to_yaml(plain(spec))


def plain(spec: ClusterSpec) -> dict[str, Value]:
    """The spec as plain JSON types: addresses as text, nodes by name, of the add-ons only those that are wanted."""
    data = cast("dict[str, Value]", spec.model_dump(mode="json", by_alias=True))
    addons = data["addons"]
    if isinstance(addons, dict):
        # A key without a value would ask for the add-on.
        data["addons"] = {name: settings for name, settings in addons.items() if settings is not None}
    return data


def to_yaml(data: Value, note: Callable[[Loc], str] | None = None) -> str:
    """Plain data as YAML, mappings below each other, lists in brackets; ``note`` gives the comment behind a value.

    >>> print(to_yaml({"ssh": {"user": "root"}, "roles": ["etcd"]}, lambda loc: loc[-1]), end="")
    ssh:
      user: root   # user
    roles: [etcd]  # roles
    """
    lines = [("  " * depth + text, note(loc) if note and loc else "") for depth, text, loc in _lines(data, ())]
    width = max((len(text) for text, comment in lines if comment and len(text) <= _WIDEST), default=0)
    return "".join(f"{f'{text:<{width}}  # {comment}' if comment else text}\n" for text, comment in lines)


def _lines(data: Value, loc: Loc) -> Iterator[tuple[int, str, Loc]]:
    """Depth, text and, where the line holds a value, its location."""
    for key, value in data.items() if isinstance(data, dict) else ():
        here = (*loc, key)
        if isinstance(value, dict) and value:
            yield len(loc), f"{flow(key)}:", ()
            yield from _lines(value, here)
        else:
            yield len(loc), f"{flow(key)}: {flow(value)}", here


def flow(value: Value) -> str:
    """One value on one line.

    >>> flow("on"), flow("10.0.0.1"), flow(["a", "1"]), flow(None)
    ("'on'", '10.0.0.1', "[a, '1']", 'null')
    """
    text: str = yaml.safe_dump(value, default_flow_style=True, width=10**6, allow_unicode=True, sort_keys=False)
    return text.removesuffix("...\n").strip()
