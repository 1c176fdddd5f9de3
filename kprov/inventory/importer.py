"""From an inventory in kubespray's shape to a cluster file that loads, and a list of what could not be taken over."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from kprov.errors import Problem, SpecError
from kprov.inventory import foreign_host, listing, members, unread
from kprov.inventory.foreign_host import UnfitHostError
from kprov.inventory.settings import settings
from kprov.spec.dump import to_yaml
from kprov.spec.load import loads
from kprov.spec.model import ClusterSpec

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from kprov.events import Notice
    from kprov.inventory.listing import Listing
    from kprov.inventory.model import JSON
    from kprov.spec.flaw import Value

_GENERIC: Final = frozenset({"hosts", "host", "inventory"})
"""Names of files that say nothing of the cluster: kubespray has inventory/mycluster/hosts.yaml."""

_NAME_LENGTH: Final = 30
"""The longest name of a cluster."""


@dataclass(frozen=True, slots=True)
class Imported:
    """The text of a cluster file, and what of the inventory is not in it, warnings first."""

    text: str
    notices: tuple[Notice, ...]


def from_file(file: Path) -> Imported:
    """Read an inventory, INI or YAML, with the variables beside it.

    Raises:
        InputError: it cannot be read, or is no inventory.
        SpecError: its hosts and groups make no cluster that kprov can make; every reason at once.
    """
    return from_listing(listing.read(file))


def from_listing(found: Listing) -> Imported:
    """The same for an inventory that was read already.

    Raises:
        SpecError: its hosts and groups make no cluster that kprov can make; every reason at once.
    """
    roles = members.roles(found)
    if problems := members.problems(found, roles):
        raise SpecError(problems)
    told = settings(found, tuple(roles))
    sections = dict(told.sections)
    if reflect := bool(members.reflectors(found)) and sections.get("network", {}).get("plugin") == "calico":
        roles = members.with_reflectors(found, roles)
        sections["network"] = {**sections["network"], "encapsulation": _by_bgp(found, roles)}
    document: dict[str, JSON] = {"cluster": _cluster_name(found), "nodes": _nodes(found, roles), **sections}
    if members.topology(roles) == "external":
        document["etcd"] = {"topology": "external"}
    ordered = {name: document[name] for name in ClusterSpec.model_fields if name in document}
    text = f"# Imported from {found.file.name} by kprov inventory import.\n{to_yaml(cast('Value', ordered))}"
    _check(text, found)
    notices = [*_notices(found, roles, reflect=reflect), *told.notices]
    return Imported(text, tuple(sorted(notices, key=lambda notice: notice.level != "warning")))


def _nodes(found: Listing, roles: Mapping[str, Sequence[str]]) -> dict[str, JSON]:
    nodes: dict[str, JSON] = {}
    problems: list[Problem] = []
    for host, having in roles.items():
        try:
            nodes[foreign_host.node_name(host)] = foreign_host.node(host, found.variables[host], having)
        except UnfitHostError as unfit:
            problems.append(Problem(str(found.file), found.line_of(host), host, unfit.wrong, unfit.right))
    if problems:
        raise SpecError(problems)
    return nodes


def _by_bgp(found: Listing, nodes: Collection[str]) -> str:
    """How Calico carries packets where it tells routes by BGP, as kubespray's variable for tunnels says."""
    tunnels = {str(found.variables[node].get("calico_ipip_mode", "Never")) for node in nodes}
    return "bgp" if tunnels == {"Never"} else "ipip"


def _notices(found: Listing, nodes: Collection[str], *, reflect: bool) -> list[Notice]:
    jump = members.hosts_of(found, members.BASTION)
    of_hosts = [notice for host in nodes for notice in foreign_host.notices(host, found.variables[host])]
    return [
        *members.notices(found, nodes, reflect=reflect),
        *of_hosts,
        *unread.notices({host: found.variables[host] for host in (*nodes, *jump)}),
    ]


def _cluster_name(found: Listing) -> str:
    """The name of the file, or of its folder where that says more, as a DNS label."""
    stem = found.file.stem
    name = found.file.absolute().parent.name if stem in _GENERIC else stem
    label = re.sub("[^a-z0-9]+", "-", name.lower())[:_NAME_LENGTH].strip("-")
    return label or "imported"


def _check(text: str, found: Listing) -> None:
    """Let the cluster file's own rules judge; what they say of a node is said of the host in the inventory."""
    try:
        loads(text, str(found.file))
    except SpecError as error:
        raise SpecError([_in_inventory(problem, found) for problem in error.problems]) from None


def _in_inventory(problem: Problem, found: Listing) -> Problem:
    hosts = [host for host in found.variables if f"{problem.key}.".startswith(f"nodes.{foreign_host.node_name(host)}.")]
    line = found.line_of(max(hosts, key=len)) if hosts else 0
    wrong = re.sub(r", see line \d+$", "", problem.wrong)  # a line of the text that the user never sees
    return dataclasses.replace(problem, file=str(found.file), line=line, wrong=wrong)
