"""Rules on the machines: their names and addresses, and how they sit in a lab."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, get_args

from kprov.spec.flaw import Flaw, Loc
from kprov.spec.lab import ContainerSystem
from kprov.spec.types import DNS_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kprov.spec.addresses import IpAddress
    from kprov.spec.model import ClusterSpec

# Names with a meaning of their own in an Ansible inventory, as the groups of kubespray have.
_TAKEN_NAMES = frozenset(
    {"all", "ungrouped", "localhost", "etcd", "kube-master", "kube-node", "calico-rr", "k8s-cluster"}
)


def names(spec: ClusterSpec) -> Iterator[Flaw]:
    """A node's name becomes its hostname and its name in Kubernetes."""
    for name in spec.nodes:
        lower = re.sub(r"[^a-z0-9.-]+", "-", name.lower()).strip("-.")
        right = f"Use lower-case letters, digits, dashes and dots{f': {lower}' if lower not in ('', name) else ''}."
        if len(name) > 63:
            yield Flaw(("nodes", name), f"the name {name} has {len(name)} characters", "A host name has 63 at most.")
        elif not re.fullmatch(DNS_NAME, name):
            yield Flaw(("nodes", name), f"{name or 'the empty name'} is no host name", right)
        elif re.fullmatch(r"[0-9.]+", name) and "." in name:
            yield Flaw(("nodes", name), f"{name} is an address where a name belongs", "Give the node a name: m1.")
        elif name in _TAKEN_NAMES:
            right = f"Choose another name: {name}1."
            yield Flaw(("nodes", name), f"the name {name} has a meaning of its own in Ansible inventories", right)


def addresses(spec: ClusterSpec) -> Iterator[Flaw]:
    """Every machine has addresses of its own."""
    first: dict[tuple[str, str], str] = {}
    for name, node in spec.nodes.items():
        second = str(node.second_address or "")
        parts = (("address", str(node.address)), ("second_address", second), ("ssh_address", node.ssh_address))
        for part, value in parts:
            other = first.setdefault((part, value), name)
            if value and other != name:
                see: Loc = ("nodes", other, part)
                wrong = f"{value} is the {part} of {name} and of {other}"
                yield Flaw(("nodes", name, part), wrong, "Give every machine its own.", see, (see,))


def lab(spec: ClusterSpec) -> Iterator[Flaw]:
    """The lab's machines are inside its subnet, on addresses that machines can have."""
    subnet = spec.lab_subnet
    if spec.lab is None or subnet is None:
        return
    needs: tuple[Loc, ...] = (("lab", "subnet"), ("lab", "provider"))
    if subnet.prefixlen > 29:
        yield Flaw(("lab", "subnet"), f"{subnet} has no room for machines", "Use a prefix length of 29 or less: /24.")
        return
    special: dict[IpAddress, str] = {
        subnet.network_address: "the network itself",
        subnet.broadcast_address: "its broadcast address",
        subnet.network_address + 1: "its gateway, this host",
    }
    stated = "" if spec.lab.subnet else ", the /24 of the first node"
    for name, node in spec.nodes.items():
        at: Loc = ("nodes", name, "address")
        if node.address.version == 4 and node.address not in subnet:
            right = f"Use an address in {subnet}, or another lab.subnet."
            yield Flaw(
                at, f"{node.address} of {name} is outside of the lab's subnet {subnet}{stated}", right, None, needs
            )
        elif node.address in special:
            wrong = f"{node.address} of {name} is, in the lab's subnet {subnet}, {special[node.address]}"
            right = f"Use an address from {subnet.network_address + 2} to {subnet.broadcast_address - 1}."
            yield Flaw(at, wrong, right, None, needs)


def lab_login(spec: ClusterSpec) -> Iterator[Flaw]:
    """A container of the lab has the one user root and its sshd on the usual port."""
    if spec.lab is None or spec.lab.provider == "vagrant":
        return
    needs: tuple[Loc, ...] = (("lab", "provider"),)
    if spec.ssh.user != "root":
        wrong = f"{spec.ssh.user} is no user of the lab's containers"
        yield Flaw(("ssh", "user"), wrong, f"With lab.provider {spec.lab.provider} it is root.", None, needs)
    if spec.ssh.port != 22:
        wrong = f"nothing listens on port {spec.ssh.port} of the lab's containers"
        yield Flaw(("ssh", "port"), wrong, f"With lab.provider {spec.lab.provider} it is 22.", None, needs)


def container_systems(spec: ClusterSpec) -> Iterator[Flaw]:
    """Containers have an operating system of which kprov can make an image."""
    if spec.lab is None or spec.lab.provider == "vagrant":
        return
    chosen: dict[Loc, str] = {("lab", "system"): spec.lab.system}
    for name, node in spec.nodes.items():
        if node.machine is not None and node.machine.system is not None:
            chosen["nodes", name, "machine", "system"] = node.machine.system
    known = get_args(ContainerSystem)
    for at, system in chosen.items():
        if system not in known:
            wrong = f"there is no node image of {system} for containers"
            right = f"Use {' or '.join(known)}, or have Vagrant make the machines: lab: {{provider: vagrant}}."
            yield Flaw(at, wrong, right, ("lab", "provider"), (("lab", "provider"),))


def virtual_machines(spec: ClusterSpec) -> Iterator[Flaw]:
    """What only virtual machines have stands only where Vagrant makes them; what belongs together stands together."""
    by_vagrant = spec.lab is not None and spec.lab.provider == "vagrant"
    needs: tuple[Loc, ...] = (("lab", "provider"),)
    for name, node in spec.nodes.items():
        # A container has an operating system of its own, but no hardware.
        chosen = node.machine.model_dump(exclude_none=True) if node.machine is not None else {}
        if chosen and not by_vagrant and (spec.lab is None or set(chosen) != {"system"}):
            wrong = f"{name} is no virtual machine that kprov makes"
            right = "Remove it, or have Vagrant make the machines: lab: {provider: vagrant}."
            yield Flaw(("nodes", name, "machine"), wrong, right, None, needs)
    settings = spec.lab.vagrant if spec.lab is not None else None
    if spec.lab is None or settings is None:
        return
    if not by_vagrant:
        wrong = f"{spec.lab.provider} makes the machines, not Vagrant"
        yield Flaw(("lab", "vagrant"), wrong, "Remove it, or write lab.provider: vagrant.", None, needs)
    for key in ("box_url", "box_version"):
        if getattr(settings, key) is not None and settings.box is None:
            wrong = "says more about a box that is not named"
            yield Flaw(("lab", "vagrant", key), wrong, "Write lab.vagrant.box too: owner/name.")
    libvirt = settings.libvirt
    if libvirt.initrd is not None and libvirt.kernel is None:
        wrong = "belongs to a kernel that is not named"
        yield Flaw(("lab", "vagrant", "libvirt", "initrd"), wrong, "Write lab.vagrant.libvirt.kernel too.")
    if libvirt.management is not None and spec.lab_subnet is not None and libvirt.management.overlaps(spec.lab_subnet):
        wrong = f"{libvirt.management} overlaps with the lab's subnet {spec.lab_subnet}"
        right = "Use a network of its own for the first interface."
        yield Flaw(("lab", "vagrant", "libvirt", "management"), wrong, right, ("lab", "subnet"), (("lab", "subnet"),))
