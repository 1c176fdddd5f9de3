"""A spec for a file that has errors, so that the rules between values can still be tried on the rest of it."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

from pydantic import ValidationError

from kprov.spec.model import ClusterSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kprov.spec.flaw import Loc, Value

_NODE: dict[str, Value] = {"address": "192.0.2.1", "roles": ["worker"]}
"""Stands in for what is missing; flaws that come from it are not reported."""
_WHOLE: Mapping[str | int, int] = {"addons": 2, "encryption": 1}
"""How many steps of a location lead to a part that has required keys."""


def draft(data: Mapping[str, Value], faulty: Iterable[Loc]) -> ClusterSpec | None:
    """The spec without the faulty values, with stand-ins where a value is required; None where too little is left.

    >>> made = draft({"cluster": "Lab!", "ssh": {"port": "x"}, "nodes": {"m1": 5}}, [("cluster",), ("ssh", "port")])
    >>> made.ssh.port, list(made.nodes)
    (22, ['m1'])
    """
    rest: dict[str, Value] = deepcopy(dict(data))
    for loc in faulty:
        _remove(rest, loc)
    rest.setdefault("cluster", "draft")
    nodes = rest.get("nodes")
    given = nodes if isinstance(nodes, dict) and nodes else {"draft": None}
    rest["nodes"] = {name: {**_NODE, **node} if isinstance(node, dict) else _NODE for name, node in given.items()}
    lab = rest.get("lab")
    if isinstance(lab, dict):
        rest["lab"] = {"provider": "podman", **lab}
    try:
        return ClusterSpec.model_validate(rest)
    except ValidationError:
        return None


def _remove(data: dict[str, Value], loc: Loc) -> None:
    """Take a value away; of a list, the whole list, and of an add-on or of encryption, the whole of it."""
    part: Value = data
    loc = loc[: _WHOLE.get(loc[0], len(loc))]
    for step, after in zip(loc, (*loc[1:], None), strict=True):
        if not isinstance(part, dict) or step not in part:
            return
        if after is None or not isinstance(part[step], dict):
            del part[step]
            return
        part = part[step]
