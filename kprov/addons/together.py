"""What no add-on can see alone: objects that two of them make, and a default that two of them are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kprov.addons.documents import mapping, name_of
from kprov.addons.finish import is_shared
from kprov.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kprov.addons.model import Document

_DEFAULT: Final = {
    "StorageClass": "storageclass.kubernetes.io/is-default-class",
    "IngressClass": "ingressclass.kubernetes.io/is-default-class",
}
"""Kinds of which a cluster has one default, and the annotation that makes it that."""


def check_together(sets: Mapping[str, Sequence[Document]]) -> None:
    """Refuse add-ons, each with its objects, that take objects from each other.

    >>> storage = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "fast"}}
    >>> check_together({"shop": [storage], "disks": [storage]})
    Traceback (most recent call last):
    kprov.errors.InputError: addons: two add-ons have the StorageClass fast: shop and disks

    Raises:
        InputError: two have the same object, or two a class that is the default.
    """
    owners: dict[str, str] = {}
    defaults: dict[str, str] = {}
    for addon, documents in sets.items():
        for document in (each for each in documents if not is_shared(each)):
            thing = _named(document)
            owner = owners.setdefault(thing, addon)
            if owner != addon:
                remedy = "Leave one of the two out, or give the object another name in your own manifest."
                raise _refusal(f"two add-ons have the {thing}", f"{owner} and {addon}", remedy)
            kind = str(document["kind"])
            if mapping(document, "metadata", "annotations").get(_DEFAULT.get(kind, "")) == "true":
                other = defaults.setdefault(kind, thing)
                if other != thing:
                    remedy = "Let one be the default: local-path-provisioner takes {default: false}."
                    raise _refusal(f"two objects are the default {kind}", f"{other} and {thing}", remedy)


def _named(document: Document) -> str:
    """An object for people; objects of one kind in two groups are taken for different ones by their group."""
    group, slash, _ = str(document["apiVersion"]).rpartition("/")
    foreign = f" of {group}" if slash and "." in group and not group.endswith(".k8s.io") else ""
    space = mapping(document, "metadata").get("namespace")
    return f"{document['kind']}{foreign} {f'{space}/' if space else ''}{name_of(document)}"


def _refusal(what: str, why: str, remedy: str) -> InputError:
    return InputError(what, where="addons", why=why, remedy=remedy)
