"""The keys of the cluster file, read from the model: for suggestions, for help and for the reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args, get_origin

from pydantic import BaseModel

from kprov.spec.model import ClusterSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

    from kprov.spec.flaw import Loc


def all_keys() -> Iterator[tuple[str, FieldInfo]]:
    """Every key with its field, in the order of the model; ``<name>`` stands for a node's name, ``[]`` for an item.

    >>> [key for key, _ in all_keys()][:3]
    ['cluster', 'kubernetes', 'kubernetes.version']
    """
    return _below(ClusterSpec, "")


def _below(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in _fields(model).items():
        yield prefix + name, field
        inner = _part(field.annotation)
        if inner:
            kind = get_origin(field.annotation)
            between = ".<name>" if kind is dict else "[]" if kind is tuple else ""
            yield from _below(inner, f"{prefix}{name}{between}.")


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields by their keys in the file, which may have dashes where names in Python cannot."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _part(annotation: object) -> type[BaseModel] | None:
    """The part of the model that an annotation holds: itself, optional, or as the items of a dict or a tuple."""
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def keys_at(loc: Loc) -> tuple[str, ...]:
    """The keys that the part at a location takes; none where it is no part.

    >>> keys_at(("nodes", "w1", "taints", 0)), keys_at(("nodes",))
    (('key', 'value', 'effect'), ())
    """
    model, _ = _walk(loc)
    return tuple(_fields(model)) if model else ()


def help_at(loc: Loc) -> str:
    """What the model says on the key at a location, or on the nearest key around it.

    >>> help_at(("nodes", "w1", "roles", 0))
    'What the node is: control-plane, etcd, worker, route-reflector.'
    """
    return _walk(loc)[1]


def _walk(loc: Loc) -> tuple[type[BaseModel] | None, str]:
    """The part of the model at a location, if it is one, and the description of the last key on the way there."""
    model: type[BaseModel] | None = ClusterSpec
    described, rest = "", list(loc)
    while rest and model:
        field = _fields(model).get(str(rest.pop(0)))
        if field is None:
            return None, described
        described = field.description or ""
        model = _part(field.annotation)
        if get_origin(field.annotation) in {dict, tuple}:
            model = model if rest else None
            rest = rest[1:]
    return model, described
