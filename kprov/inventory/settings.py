"""Of a foreign inventory: what holds for the whole cluster, from kubespray's variables and Ansible's own for SSH."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from kprov.events import Notice
from kprov.inventory.members import BASTION, hosts_of
from kprov.spec.messages import explain
from kprov.spec.model import Endpoint, Kubernetes, Model, Network, Runtime, Ssh

if TYPE_CHECKING:
    from kprov.inventory.listing import HostVars, Listing
    from kprov.inventory.model import JSON

_SECTIONS: Final[Mapping[str, type[Model]]] = {
    "kubernetes": Kubernetes,
    "ssh": Ssh,
    "endpoint": Endpoint,
    "network": Network,
    "runtime": Runtime,
}

_USER: Final = ("ansible_user", "ansible_ssh_user")
_PORT: Final = ("ansible_port", "ansible_ssh_port")


def _as_is(value: JSON) -> JSON:
    return value


def _version(value: JSON) -> JSON:
    """A version without the v that kubespray wrote before its 2.28.

    >>> _version("v1.33.5")
    '1.33.5'
    """
    return value.removeprefix("v") if isinstance(value, str) else value


def _plugin(value: JSON) -> JSON:
    """kubespray's name for a network that comes from elsewhere is cni."""
    return "none" if value in ("cni", "custom_cni") else value


def _endpoint(value: JSON) -> JSON:
    """A load balancer as the section ``endpoint``."""
    if not isinstance(value, Mapping) or "address" not in value:
        raise ValueError("it has no address")
    port = {"port": _number(value["port"])} if "port" in value else {}
    return {"mode": "external", "address": value["address"], **port}


def _number(value: JSON) -> JSON:
    """A number, also where it stands in quotes."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value


@dataclass(frozen=True, slots=True)
class _Setting:
    """Variables of an inventory, of which the first that is set counts, and their place in the cluster file.

    With an empty ``key`` the value is the section itself. Where ``per_host``, a host without the variable differs from
    one that has it.
    """

    variables: tuple[str, ...]
    section: str
    key: str
    convert: Callable[[JSON], JSON] = _as_is
    per_host: bool = False

    @property
    def place(self) -> str:
        """Its dotted key in the cluster file."""
        return f"{self.section}.{self.key}".rstrip(".")


_SETTINGS: Final = (
    _Setting(("kube_version",), "kubernetes", "version", _version),
    _Setting(_USER, "ssh", "user", per_host=True),
    _Setting(_PORT, "ssh", "port", _number, per_host=True),
    _Setting(("ansible_ssh_private_key_file", "ansible_private_key_file"), "ssh", "key", per_host=True),
    _Setting(("loadbalancer_apiserver",), "endpoint", "", _endpoint),
    _Setting(("kube_network_plugin",), "network", "plugin", _plugin),
    _Setting(("kube_pods_subnet",), "network", "pods"),
    _Setting(("kube_service_addresses",), "network", "services"),
    # kubespray's dns_domain is its cluster_name unless set, and that name is a domain: cluster.local.
    _Setting(("dns_domain", "cluster_name"), "network", "dns_domain"),
    _Setting(("kube_network_node_prefix",), "network", "node_prefix", _number),
    _Setting(("container_manager",), "runtime", "name"),
)

VARIABLES: Final = tuple(name for setting in _SETTINGS for name in setting.variables)
"""The variables that are read here."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Sections of the cluster file by name, only the keys that the inventory sets, and what was not taken over."""

    sections: Mapping[str, Mapping[str, JSON]]
    notices: tuple[Notice, ...]


def settings(listing: Listing, nodes: Sequence[str]) -> Settings:
    """What the variables of these hosts say about the cluster; a value that kprov cannot take is left out, and told."""
    sections: dict[str, dict[str, JSON]] = {}
    notices: list[Notice] = []
    for setting in _SETTINGS:
        value, told = _agreed(listing, nodes, setting)
        notices += told
        if value is not None:
            notices += _put(sections, setting, value)
    if jump := hosts_of(listing, BASTION):
        setting = _Setting(("[bastion]",), "ssh", "bastion")
        notices += _put(sections, setting, _jump_host(jump[0], listing.variables[jump[0]]))
    return Settings(sections, tuple(notices))


def _agreed(listing: Listing, nodes: Sequence[str], setting: _Setting) -> tuple[JSON, list[Notice]]:
    """The value that most nodes have, None where that is none, and a warning if others have another."""
    given = {node: _first(listing.variables[node], setting.variables) for node in nodes}
    if not setting.per_host:
        given = {node: value for node, value in given.items() if value is not None}
    counts = Counter(map(repr, given.values()))  # repr: a mapping cannot be counted
    if not counts:
        return None, []
    most = counts.most_common(1)[0][0]
    value = next(value for value in given.values() if repr(value) == most)
    others = [node for node in given if repr(given[node]) != most]
    if not others:
        return value, []
    wrong = f"{setting.variables[0]} is not the same on all nodes: not taken over from {', '.join(others)}"
    return value, [
        Notice("warning", wrong, f"A cluster has one {setting.place}: make it the same on all, or choose another.")
    ]


def _first(variables: HostVars, names: Sequence[str]) -> JSON:
    return next((variables[name] for name in names if name in variables), None)


def _put(sections: dict[str, dict[str, JSON]], setting: _Setting, value: JSON) -> list[Notice]:
    """Put a value into its section if the cluster file may hold it, else say why not."""
    try:
        keys = _keys(setting, value)
        _SECTIONS[setting.section].model_validate(keys)
    except ValueError as error:
        why = explain(error.errors()[0], lambda _: None).wrong if isinstance(error, ValidationError) else str(error)
        remedy = f"Set {setting.place} in the cluster file."
        return [Notice("warning", f"{setting.variables[0]} is not taken over: {why}", remedy)]
    sections.setdefault(setting.section, {}).update(keys)
    return []


def _keys(setting: _Setting, value: JSON) -> Mapping[str, JSON]:
    """The keys of the section that the value is.

    Raises:
        ValueError: why it is nothing that can stand there.
    """
    if isinstance(value, str) and "{{" in value:
        raise ValueError("it is a template")
    converted = setting.convert(value)
    return converted if isinstance(converted, Mapping) else {setting.key: converted}


def _jump_host(name: str, variables: HostVars) -> str:
    """A host of the group bastion as ``user@host:port``.

    >>> _jump_host("bastion", {"ansible_host": "203.0.113.7", "ansible_user": "jump", "ansible_port": 2222})
    'jump@203.0.113.7:2222'
    """
    host = _first(variables, ("ansible_host", "ansible_ssh_host")) or name
    user, port = (_first(variables, names) for names in (_USER, _PORT))
    return f"{f'{user}@' if user else ''}{host}{f':{port}' if port else ''}"
