"""What a minor version publishes: the fields of its configuration documents, its components' arguments, its gates.

The data beside this file, one file for each minor, is read from the sources of Kubernetes and etcd by
``tools/published``: the Go types of kubeadm's API, kubelet.config.k8s.io/v1beta1, kubeproxy.config.k8s.io/v1alpha1
and etcd's ``configYAML``; the arguments that each component declares; ``pkg/features``.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, JsonValue

if TYPE_CHECKING:
    from collections.abc import Iterator

Program: TypeAlias = Literal["kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "etcd"]
ANY_NAME: Final = "<name>"
_DURATION: Final = re.compile(r"0|([0-9]+(\.[0-9]+)?(h|m|s|ms|us|ns))+")
_QUANTITY: Final = re.compile(r"[0-9]+(\.[0-9]+)?([KMGTPE]i?|k|m|e[0-9]+)?")
_WORDS: Final = {
    "bool": "true or false",
    "string": "a text",
    "int": "a whole number",
    "float": "a number",
    "duration": "a duration like 1m30s",
    "quantity": "a quantity like 500Mi",
    "time": "a time",
}


class Gate(BaseModel):
    """A feature gate: what it is where nobody says anything, and whether that can be changed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    default: bool
    locked: bool


class Published(BaseModel):
    """What one minor version publishes.

    A field of a document is described by ``bool``, ``string``, ``int``, ``float``, ``duration``, ``quantity``, ``any``,
    by a list of one description, or by a mapping; ``<name>`` in a mapping stands for any key.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    documents: dict[str, JsonValue]
    arguments: dict[Program, tuple[str, ...]]
    feature_gates: dict[str, Gate]


@cache
def published(minor: str) -> Published:
    """What a minor version publishes.

    >>> published("1.36").feature_gates["NodeSwap"]
    Gate(default=True, locked=True)
    >>> "insecure-port" in published("1.20").arguments["kube-apiserver"]
    True
    """
    text = files(__package__).joinpath("published", f"{minor}.json").read_text(encoding="utf-8")
    return Published.model_validate_json(text)


def misfits(
    described: JsonValue, value: object, at: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """What of a value does not fit its description: where, what is wrong, what would be right.

    >>> list(misfits({"maxPods": "int"}, {"maxPodz": 5}))
    [(('maxPodz',), 'is no field', 'Did you mean maxPods?')]
    >>> list(misfits({"maxPods": "int"}, {"maxPods": "5"}))
    [(('maxPods',), 'is no whole number', 'Write a whole number.')]
    """
    match described:
        case dict():
            if not isinstance(value, dict):
                yield at, "stands where fields with values belong", "Write its fields below it."
                return
            anything = described.get(ANY_NAME)
            for key, inner in value.items():
                below = described.get(str(key), anything)
                if below is None:
                    yield (*at, str(key)), "is no field", _known(str(key), described)
                else:
                    yield from misfits(below, inner, (*at, str(key)))
        case [item]:
            if not isinstance(value, list):
                yield at, "stands where a list belongs", "Write a list."
                return
            for index, inner in enumerate(value):
                yield from misfits(item, inner, (*at, str(index)))
        case str() if not _fits(described, value):
            words = _WORDS[described]
            yield (
                at,
                f"is no {words.removeprefix('a ')}" if words.startswith("a ") else f"is not {words}",
                f"Write {words}.",
            )


def _fits(described: str, value: object) -> bool:
    match described:
        case "bool":
            return isinstance(value, bool)
        case "int":
            return isinstance(value, int) and not isinstance(value, bool)
        case "float":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "duration":
            return isinstance(value, str) and _DURATION.fullmatch(value) is not None
        case "quantity":
            text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
            return isinstance(text, str) and _QUANTITY.fullmatch(text) is not None
        case "string" | "time":
            return isinstance(value, str)
    return True


def _known(key: str, described: dict[str, JsonValue]) -> str:
    """The field that was most likely meant, else those that there are."""
    from difflib import get_close_matches  # noqa: PLC0415 - wanted for errors alone

    close = get_close_matches(key, described, n=1)
    return f"Did you mean {close[0]}?" if close else f"Known here: {', '.join(sorted(described))}."
