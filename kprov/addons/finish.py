"""The last touch to the objects of every add-on, and what strict schemas want taken away first."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Final, cast

from kprov.addons.documents import containers, full_name, items, mapping
from kprov.addons.model import KEEP, LABEL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kprov.addons.model import Document
    from kprov.spec.flaw import Value

_FIRST: Final = ("Namespace", "CustomResourceDefinition")
"""Kinds that others need to be there."""


def finished(
    documents: Sequence[Document], addon: str, images: Mapping[str, str] | None = None, *, own: bool = False
) -> tuple[Document, ...]:
    """The objects as they are applied: labelled, and every container with a full image name, pulled when missing.

    What must exist before other objects comes first, in the order of the manifest. Ports name their protocol: it is
    part of their key in server-side apply, where Kubernetes 1.20 knows no default for it.

    Args:
        documents: of the one add-on.
        addon: its name, the value of the label.
        images: full references, and what to use in their place.
        own: they are the user's; where a container says when its image is pulled, that is kept.
    """
    done = [_finished(document, addon, images or {}, own=own) for document in documents]
    rank = {kind: place for place, kind in enumerate(_FIRST)}
    return tuple(sorted(done, key=lambda each: rank.get(str(each["kind"]), len(_FIRST))))


def _finished(document: Document, addon: str, images: Mapping[str, str], *, own: bool) -> Document:
    copy = deepcopy(document)
    metadata = mapping(copy, "metadata")
    if not is_shared(document):
        metadata["labels"] = {**mapping(metadata, "labels"), LABEL: addon}
    for each in containers(copy):
        image = full_name(str(each["image"]))
        given = each.get("imagePullPolicy") if own else None
        each |= {"image": images.get(image, image), "imagePullPolicy": given or "IfNotPresent"}
    listeners = [mapping(copy, "spec")] if copy["kind"] == "Service" else containers(copy)
    for port in (port for listener in listeners for port in items(listener, "ports")):
        port.setdefault("protocol", "TCP")
    return copy


def is_shared(document: Document) -> bool:
    """Whether it is a namespace that add-ons only want to be there: it is nobody's, and several may name it."""
    return document["kind"] == "Namespace" and KEEP in mapping(document, "metadata", "annotations")


def without_nulls(document: Document) -> Document:
    """The object without keys that have no value, which strict schemas refuse.

    >>> without_nulls({"env": None, "ports": [{"name": None, "port": 1}]})
    {'ports': [{'port': 1}]}
    """
    return cast("Document", _without_nulls(document))


def _without_nulls(value: Value) -> Value:
    if isinstance(value, dict):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_without_nulls(inner) for inner in value]
    return value
