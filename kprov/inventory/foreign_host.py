"""Of one host of a foreign inventory: its addresses, labels and taints, from the variables that kubespray reads."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Final

import yaml

from kprov.events import Notice

if TYPE_CHECKING:
    from kprov.inventory.listing import HostVars
    from kprov.inventory.model import JSON

_ADDRESSES: Final = ("ip", "access_ip", "ansible_host", "ansible_ssh_host")
"""Where the address among the nodes is looked for, in this order."""

VARIABLES: Final = (*_ADDRESSES, "node_labels", "node_taints")
"""The variables that are read here."""

_TAINT: Final = re.compile(r"([^=:\s]+)(?:=([^=:\s]*))?:(\w+)")


class UnfitHostError(ValueError):
    """A host that cannot become a node: what is ``wrong`` with it, as a predicate, and what would be ``right``."""

    def __init__(self, wrong: str, right: str) -> None:
        super().__init__(f"{wrong}. {right}")
        self.wrong = wrong
        self.right = right


def node(host: str, variables: HostVars, roles: Sequence[str]) -> dict[str, JSON]:
    """The host's entry under ``nodes`` in the cluster file.

    Raises:
        UnfitHostError: no address, or labels or taints that cannot be read.

    >>> node("w1", {"ip": "10.0.0.5", "node_labels": {"gpu": True}}, ["worker"])
    {'address': '10.0.0.5', 'roles': ['worker'], 'labels': {'gpu': 'true'}}
    """
    entry: dict[str, JSON] = {**addresses(host, variables), "roles": list(roles)}
    optional: dict[str, JSON] = {"labels": labels(variables), "taints": taints(variables)}
    return entry | {key: value for key, value in optional.items() if value}


def node_name(host: str) -> str:
    """The name of the node: the host's, but where that is an address, a name made from it.

    >>> node_name("w1"), node_name("10.0.0.5")
    ('w1', 'node-10-0-0-5')
    """
    return f"node-{host.replace('.', '-')}" if _is_ipv4(host) else host


def notices(host: str, variables: HostVars) -> list[Notice]:
    """What of the host's name and addresses is not taken over."""
    told = []
    if (name := node_name(host)) != host:
        told.append(
            Notice("warning", f"the host {host} is the node {name}: an address is no name", "Rename it freely.")
        )
    entry = addresses(host, variables)
    told.extend(
        Notice("warning", f"{variable} of {host} is not taken over: nodes reach it at {entry['address']}")
        for variable in _ADDRESSES
        if variable in variables and variables[variable] not in entry.values()
    )
    return told


def addresses(host: str, variables: HostVars) -> dict[str, JSON]:
    """The address among the nodes, and the one for SSH where it is another; a host's name may be its address.

    Raises:
        UnfitHostError: no address anywhere.

    >>> addresses("m1", {"ansible_host": "203.0.113.7", "ip": "10.0.0.1"})
    {'address': '10.0.0.1', 'ssh_address': '203.0.113.7'}
    >>> addresses("10.0.0.1", {})
    {'address': '10.0.0.1'}
    """
    candidates = [value for value in (*map(variables.get, _ADDRESSES), host) if _is_ipv4(value)]
    if not candidates:
        raise UnfitHostError("has no IPv4 address", f"Give it one in the inventory: {host} ansible_host=10.0.0.11")
    address = candidates[0]
    ssh = variables.get("ansible_host", variables.get("ansible_ssh_host", address))
    return {"address": address} if ssh == address else {"address": address, "ssh_address": ssh}


def _is_ipv4(value: JSON) -> bool:
    try:
        return isinstance(value, str) and bool(IPv4Address(value))
    except ValueError:
        return False


def labels(variables: HostVars) -> dict[str, str]:
    """The labels, written as a mapping or as kubelet's ``--node-labels``.

    Raises:
        UnfitHostError: written in neither way.

    >>> labels({"node_labels": {"gpu": True}}), labels({"node_labels": "disk=ssd,fast="})
    ({'gpu': 'true'}, {'disk': 'ssd', 'fast': ''})
    """
    given = _unquoted(variables.get("node_labels"))
    if isinstance(given, Mapping):
        return {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in given.items()}
    pairs = [text.strip().partition("=") for text in _texts("node_labels", given)]
    if not all(key and separator for key, separator, _ in pairs):
        raise UnfitHostError(f"has node_labels that cannot be read: {given!r}", 'Write node_labels={"disk": "ssd"}.')
    return {key: value for key, _, value in pairs}


def taints(variables: HostVars) -> list[JSON]:
    """The taints, written as kubectl takes them.

    Raises:
        UnfitHostError: written in another way.

    >>> taints({"node_taints": ["gpu=yes:NoSchedule"]})
    [{'key': 'gpu', 'value': 'yes', 'effect': 'NoSchedule'}]
    """
    given = _unquoted(variables.get("node_taints"))
    found: list[JSON] = []
    for text in _texts("node_taints", given):
        match = _TAINT.fullmatch(text.strip())
        if match is None:
            raise UnfitHostError(f"has a taint that cannot be read: {text!r}", "Write key=value:NoSchedule.")
        found.append({"key": match[1], "value": match[2] or "", "effect": match[3]})
    return found


def _unquoted(given: JSON) -> JSON:
    """A mapping or list that stands in quotes as itself: INI keeps ``{"fast": true}`` as text, for Python's is True.

    >>> _unquoted("{'fast': true}")
    {'fast': True}
    """
    if not isinstance(given, str) or given[:1] not in {"{", "["}:
        return given
    try:
        parsed: JSON = yaml.safe_load(given)
    except yaml.YAMLError:
        return given
    return parsed


def _texts(name: str, given: JSON) -> list[str]:
    """A list of texts, or one text with commas, as a list."""
    listed = given.split(",") if isinstance(given, str) else given
    if listed is None or listed in ({}, [""]):
        return []
    if not isinstance(listed, list) or not all(isinstance(text, str) for text in listed):
        raise UnfitHostError(f"has {name} that cannot be read: {given!r}", "Write a list of texts, in brackets.")
    return [text for text in listed if text]
