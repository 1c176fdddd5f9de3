"""An Ansible inventory as plain, frozen data: hosts, groups, and the variables that lie in files beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

JSON: TypeAlias = str | int | float | bool | Sequence["JSON"] | Mapping[str, "JSON"] | None
GroupStyle: TypeAlias = Literal["modern", "legacy"]
Format: TypeAlias = Literal["ini", "yaml", "json"]

HEADER = "rendered by kprov from cluster.yaml; changes here are lost"
"""The mark of a rendered file: only files that carry it are ever overwritten or removed."""


@dataclass(frozen=True, slots=True)
class Host:
    """One line of ``[all]``: where SSH reaches the host, and the address at which the other nodes do."""

    name: str
    ansible_host: str
    ip: str


@dataclass(frozen=True, slots=True)
class Group:
    """A group with its own hosts, or with other groups as children; either may be empty."""

    name: str
    hosts: tuple[str, ...] = ()
    children: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Inventory:
    """All hosts in the order of the cluster file (the group ``all``), and the other groups in kubespray's order."""

    hosts: tuple[Host, ...]
    groups: tuple[Group, ...]


@dataclass(frozen=True, slots=True)
class Variables:
    """What goes to ``group_vars/all.yml`` (``group``) and to ``host_vars/NAME.yml`` (``hosts`` by name); no secrets."""

    group: Mapping[str, JSON] = field(default_factory=dict)
    hosts: Mapping[str, Mapping[str, JSON]] = field(default_factory=dict)
