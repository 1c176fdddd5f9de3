"""The scalar types of the cluster file: each says in its own words what is wrong and what would be right.

A refused value raises a pydantic error of the type ``plain`` whose context holds ``wrong``, a predicate that follows
the value as the user wrote it (``10.0.0.256`` *is no IPv4 address*), and ``right``, a whole sentence. ``messages.py``
puts them together with the value and the line.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, TypeAlias, get_args

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

Role: TypeAlias = Literal["control-plane", "etcd", "worker", "route-reflector"]
SourceName: TypeAlias = Literal["upstream", "packages", "directory"]

_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
DNS_LABEL = rf"^{_LABEL}$"
DNS_NAME = rf"^{_LABEL}(\.{_LABEL})*$"
VERSION = r"^[0-9]+\.[0-9]+\.[0-9]+$"
NEWEST = "newest"
# Kubernetes' own rules for label keys and values: apimachinery, util/validation (v1.36).
_QUALIFIED = r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)"
LABEL_KEY = rf"^({_LABEL}(\.{_LABEL})*/)?{_QUALIFIED}$"
LABEL_VALUE = rf"^{_QUALIFIED}?$"
BOX = r"^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9._-]+)?$"
# No leading dash in what becomes an argument of ssh.
USER = r"^[A-Za-z_][A-Za-z0-9._@-]{0,63}$"
HOST = r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$"
REPOSITORY = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*$"
BASTION = r"^([A-Za-z_][A-Za-z0-9._-]{0,63}@)?[A-Za-z0-9][A-Za-z0-9.-]{0,252}(:[0-9]{1,5})?$"


def refuse(wrong: str, right: str) -> PydanticCustomError:
    """The error for a value that ``wrong`` is true of, with what would be ``right``."""
    return PydanticCustomError("plain", "the value {wrong}. {right}", {"wrong": wrong, "right": right})


def version(value: object) -> str:
    """A version of Kubernetes in full, or the word for the newest that can be had.

    >>> version("1.36.4"), version("newest")
    ('1.36.4', 'newest')
    """
    text = value if isinstance(value, str) else str(value)
    if isinstance(value, str) and (value == NEWEST or re.fullmatch(VERSION, value)):
        return value
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
        raise refuse("is not a whole version", 'Write all three parts, in quotes: version: "1.36.4".')
    if re.fullmatch(r"[vV][0-9]+\.[0-9]+\.[0-9]+", text):
        raise refuse("begins with a v", f'Drop the v: version: "{text[1:]}".')
    if re.fullmatch(r"[vV][0-9.]+", text):
        raise refuse("is not a whole version", 'Drop the v and write all three parts, in quotes: version: "1.36.4".')
    raise refuse("is no version", 'Write three numbers, in quotes: version: "1.36.4"; or newest.')


def matching(pattern: str, wrong: str, right: str) -> BeforeValidator:
    """Refuse a text that the pattern does not match; what is no text at all is left to pydantic."""
    compiled = re.compile(pattern)

    def check(value: object) -> object:
        if isinstance(value, str) and not compiled.fullmatch(value):
            raise refuse(wrong, right)
        return value

    return BeforeValidator(check)


def _path(value: object) -> object:
    if isinstance(value, str) and "PRIVATE KEY" in value:
        raise refuse("holds a key itself", "Write the path of the key's file; a key is not kept in a cluster file.")
    return value


def _roles(roles: tuple[Role, ...]) -> tuple[Role, ...]:
    """The roles in one order, whatever the file's.

    >>> _roles(("worker", "control-plane"))
    ('control-plane', 'worker')
    """
    if len(set(roles)) != len(roles):
        raise refuse("names a role twice", "Name each role once.")
    return tuple(sorted(roles, key=get_args(Role).index))


def _as_list(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _sources(sources: tuple[SourceName, ...]) -> tuple[SourceName, ...]:
    if len(set(sources)) != len(sources):
        raise refuse("names a source twice", "Name each source once, in the order in which they are tried.")
    return sources


_LABEL_RULE = "Use letters, digits, '-', '_' and '.', beginning and ending with a letter or digit, at most 63."

Port: TypeAlias = Annotated[int, Field(ge=1, le=65535, strict=True)]
Version: TypeAlias = Annotated[str, Field(pattern=rf"{VERSION}|^{NEWEST}$"), BeforeValidator(version)]
ClusterName: TypeAlias = Annotated[
    str,
    Field(pattern=DNS_LABEL, max_length=30),
    matching(DNS_LABEL, "is no DNS label", "Use lower-case letters, digits and inner dashes, at most 30: lab-1."),
]
Domain: TypeAlias = Annotated[
    str,
    Field(pattern=DNS_NAME, max_length=253),
    matching(DNS_NAME, "is no DNS domain", "Use lower-case labels with dots between: cluster.local."),
]
LabelKey: TypeAlias = Annotated[
    str, Field(pattern=LABEL_KEY), matching(LABEL_KEY, "is no key of a Kubernetes label", _LABEL_RULE)
]
LabelValue: TypeAlias = Annotated[
    str, Field(pattern=LABEL_VALUE), matching(LABEL_VALUE, "is no value of a Kubernetes label", _LABEL_RULE)
]
User: TypeAlias = Annotated[
    str, Field(pattern=USER), matching(USER, "is no login name", "Write the name alone: root, vagrant, ubuntu.")
]
Repository: TypeAlias = Annotated[
    str,
    Field(pattern=REPOSITORY),
    matching(REPOSITORY, "is no place for images", "Write the registry and its folder: registry.example:5000/k8s."),
]
Bastion: TypeAlias = Annotated[
    str, Field(pattern=BASTION), matching(BASTION, "is no jump host", "Write user@host, or user@host:port.")
]
BoxName: TypeAlias = Annotated[
    str, Field(pattern=BOX), matching(BOX, "is no name of a Vagrant box", "Write owner/name: debian/bookworm64.")
]
FilePath: TypeAlias = Annotated[str, Field(min_length=1), BeforeValidator(_path)]
Roles: TypeAlias = Annotated[tuple[Role, ...], Field(min_length=1), AfterValidator(_roles)]
Sources: TypeAlias = Annotated[
    tuple[SourceName, ...], Field(min_length=1), BeforeValidator(_as_list), AfterValidator(_sources)
]
