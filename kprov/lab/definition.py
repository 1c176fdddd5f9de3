"""What the Vagrantfile reads: everything about the machines, decided here, so that Ruby only passes it on."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, get_args

import yaml

from kprov.inventory.model import HEADER
from kprov.spec.lab import VmProvider
from kprov.spec.model import Hardware, Vagrant
from kprov.ssh import known_hosts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kprov.spec.lab import System
    from kprov.spec.model import ClusterSpec, Node

JSON: TypeAlias = "str | int | bool | list[JSON] | dict[str, JSON] | None"

_BOXES = Path(__file__).with_name("boxes.yaml")

_SET_ADDRESS = """\
set -eu
cat >/etc/systemd/system/kprov-address.service <<UNIT
[Unit]
Description=The fixed address of this machine
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
ExecStart=/bin/sh -c 'ip address replace $1/$2 dev \\$\\$(ip -o -4 route show default | cut -d" " -f5 | head -n 1)'

[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl enable --quiet kprov-address.service
systemctl restart kprov-address.service
"""
"""For Hyper-V, where Vagrant sets no addresses. Arguments: the address and its prefix length."""


@cache
def boxes() -> Mapping[str, Mapping[str, str]]:
    """The boxes by operating system, each by Vagrant's provider or ``default``."""
    loaded: dict[str, dict[str, str]] = yaml.safe_load(_BOXES.read_text(encoding="utf-8"))
    return loaded


def machine_name(spec: ClusterSpec, node: str) -> str:
    """What Vagrant calls the machine; one Vagrantfile serves many clusters.

    The hypervisor knows it as ``kprov-`` and this, as container engines do.
    """
    return f"{spec.cluster}.{node}"


def definition(spec: ClusterSpec, public_key: str) -> str:
    """The file ``vagrant.json`` of a cluster whose lab is by Vagrant, the same bytes for the same cluster."""
    lab, subnet = spec.lab, spec.lab_subnet
    assert lab is not None  # noqa: S101 - the caller has looked
    assert subnet is not None  # noqa: S101 - there is a lab
    vagrant = lab.vagrant or Vagrant()
    document: dict[str, JSON] = {
        "//": HEADER,
        "cluster": spec.cluster,
        "provider": vagrant.provider,
        "boxes": _boxes(vagrant, lab.system),
        "boot_timeout_s": vagrant.boot_timeout_s,
        "linked_clones": vagrant.linked_clones,
        "network": f"kprov-{spec.cluster}",
        "netmask": str(subnet.netmask),
        "prefix": subnet.prefixlen,
        "user": spec.ssh.user,
        "port": spec.ssh.port,
        "public_key": public_key,
        "known_hosts": "artifacts/ssh/known_hosts",
        "libvirt": _libvirt(spec, vagrant),
        "switch": vagrant.switch,
        "set_address": _SET_ADDRESS,
        "machines": [_machine(spec, name, node) for name, node in spec.nodes.items()],
    }
    return json.dumps(document, indent=2) + "\n"


def _boxes(vagrant: Vagrant, system: System) -> dict[str, JSON]:
    """The box of an operating system for every provider."""
    return {provider: _box(vagrant, provider, system) for provider in get_args(VmProvider)}


def _box(vagrant: Vagrant, provider: str, system: System) -> dict[str, JSON]:
    """The box as settings of ``config.vm``."""
    if vagrant.box is None:
        known = boxes()[system]
        return {"box": known.get(provider, known["default"])}
    given: dict[str, JSON] = {"box": vagrant.box, "box_url": vagrant.box_url, "box_version": vagrant.box_version}
    return {key: value for key, value in given.items() if value is not None}


def _libvirt(spec: ClusterSpec, vagrant: Vagrant) -> dict[str, JSON]:
    """Settings of vagrant-libvirt by its own names; what is left out is its default."""
    libvirt = vagrant.libvirt
    values: dict[str, JSON] = {}
    if libvirt.driver != "auto":
        values["driver"] = libvirt.driver
    if libvirt.management is not None:
        values["management_network_name"] = f"kprov-{spec.cluster}-management"
        values["management_network_address"] = str(libvirt.management)
    for key, path in (("kernel", libvirt.kernel), ("initrd", libvirt.initrd)):
        if path is not None:
            values[key] = str(Path(path).expanduser())
    if libvirt.command_line:
        values["cmd_line"] = libvirt.command_line
    return values


def _machine(spec: ClusterSpec, name: str, node: Node) -> dict[str, JSON]:
    lab, own = spec.lab, node.machine or Hardware()
    assert lab is not None  # noqa: S101 - the caller has looked
    disks = lab.disks_gib if own.disks_gib is None else own.disks_gib
    # A system of its own has the box of that, also beside machines with a box of the user's.
    boxes_of_its_own: dict[str, JSON] = {"boxes": _boxes(Vagrant(), own.system)} if own.system else {}
    return {
        **boxes_of_its_own,
        "name": name,
        "id": machine_name(spec, name),
        "address": str(node.address),
        "place": known_hosts.host((str(node.address), spec.ssh.port)),
        "cpus": own.cpus or lab.cpus,
        "memory_mib": own.memory_mib or lab.memory_mib,
        "disks": [{"name": f"data{number}", "gib": gib} for number, gib in enumerate(disks, start=1)],
    }
