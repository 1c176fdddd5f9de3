"""Of a foreign inventory: the variables that mean nothing to kprov, so that nothing is lost in silence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kprov.events import Notice
from kprov.inventory import foreign_host, settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kprov.inventory.listing import HostVars
    from kprov.inventory.model import JSON

_READ: Final = frozenset({*foreign_host.VARIABLES, *settings.VARIABLES})

_AS_KPROV_DOES: Final[Mapping[str, tuple[JSON, ...]]] = {
    "ansible_become": (True, "true", "yes"),
    "ansible_become_method": ("sudo",),
    "ansible_become_user": ("root",),
    "ansible_connection": ("ssh", "smart"),
    "etcd_deployment_type": ("kubeadm",),
    "kube_apiserver_port": (6443,),
    "loadbalancer_apiserver_localhost": (True,),
}
"""Values that need no place in the cluster file: kprov does that anyway."""

_SHOWN: Final = 4
"""More hosts than this are counted, not named."""

_PASSWORDS: Final = frozenset(
    {
        "ansible_become_pass",
        "ansible_become_password",
        "ansible_pass",
        "ansible_password",
        "ansible_ssh_pass",
        "ansible_ssh_password",
        "ansible_sudo_pass",
    }
)


def notices(variables: Mapping[str, HostVars]) -> list[Notice]:
    """What the hosts' variables say beyond what is read, by the hosts that have it; values are never shown.

    >>> [notice.text for notice in notices({"m1": {"etcd_member_name": "e1", "helm": 1}, "w1": {"helm": 1}})]
    ['not taken over, all hosts: helm', 'not taken over, m1: etcd_member_name']
    """
    holders: dict[str, list[str]] = {}
    for host, values in variables.items():
        for name in sorted(values):
            if name not in _READ and values[name] not in _AS_KPROV_DOES.get(name, ()):
                holders.setdefault(name, []).append(host)
    passwords = sorted(holders.keys() & _PASSWORDS)
    names_by_hosts: dict[tuple[str, ...], list[str]] = {}
    for name in sorted(holders.keys() - _PASSWORDS):
        names_by_hosts.setdefault(tuple(holders[name]), []).append(name)
    told = [_notice(hosts, names, len(variables)) for hosts, names in names_by_hosts.items()]
    if passwords:
        text = f"passwords are not taken over: {', '.join(passwords)}"
        told.append(
            Notice("warning", text, "Let kprov trust put a key on the machines; it asks for the password once.")
        )
    return sorted(told, key=lambda notice: notice.text)


def _notice(hosts: Sequence[str], names: Sequence[str], total: int) -> Notice:
    few = ", ".join(hosts) if len(hosts) <= _SHOWN else f"{hosts[0]} and {len(hosts) - 1} more"
    place = "all hosts" if len(hosts) == total else few
    return Notice("info", f"not taken over, {place}: {', '.join(names)}")
