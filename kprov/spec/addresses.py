"""Addresses and networks of both families, IPv4 and IPv6: their types in the cluster file, and how they are written.

How a value is refused is told in ``types.py``. IPv6 is kept in the one form of RFC 5952, as Kubernetes prints it.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

from kprov.spec.types import HOST, refuse

if TYPE_CHECKING:
    from collections.abc import Iterable

IpAddress: TypeAlias = IPv4Address | IPv6Address
IpNetwork: TypeAlias = IPv4Network | IPv6Network
Family: TypeAlias = Literal["IPv4", "IPv6"]

_EXAMPLE: Final = "10.0.0.11 or fd00::11"
_NET: Final = "10.244.0.0/16 or fd00:10:244::/56"
_NET_PATTERN: Final = r"^([0-9]+(\.[0-9]+){3}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)/[0-9]+$"
_ADDRESS_PATTERN: Final = r"^([0-9]+(\.[0-9]+){3}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)$"


def family(of: IpAddress | IpNetwork) -> Family:
    """The family of an address or a network.

    >>> family(IPv6Address("fd00::1")), family(IPv4Network("10.0.0.0/8"))
    ('IPv6', 'IPv4')
    """
    return "IPv6" if of.version == 6 else "IPv4"


def in_url(address: object) -> str:
    """A name or an address as it stands before a port: IPv6 in brackets (RFC 3986, section 3.2.2).

    >>> in_url("fd00::11"), in_url("10.0.0.11"), in_url("api.example.com"), in_url("[fd00::11]")
    ('[fd00::11]', '10.0.0.11', 'api.example.com', '[fd00::11]')
    """
    text = str(address)
    return f"[{text}]" if ":" in text and not text.startswith("[") else text


def host_port(address: object, port: int) -> str:
    """A name or an address with a port.

    >>> host_port("fd00::11", 6443), host_port("10.0.0.11", 6443)
    ('[fd00::11]:6443', '10.0.0.11:6443')
    """
    return f"{in_url(address)}:{port}"


def joined(networks: Iterable[IpNetwork]) -> str:
    """Networks as Kubernetes takes them, the primary family first.

    >>> joined((IPv4Network("10.244.0.0/16"), IPv6Network("fd00:10:244::/56")))
    '10.244.0.0/16,fd00:10:244::/56'
    """
    return ",".join(map(str, networks))


def of_family(networks: Iterable[IpNetwork], wanted: Family) -> IpNetwork | None:
    """The network of one family; None where there is none.

    >>> of_family((IPv4Network("10.244.0.0/16"),), "IPv6") is None
    True
    """
    return next((each for each in networks if family(each) == wanted), None)


def neighbourhood(of: IpAddress) -> IpNetwork:
    """The network around a machine where nobody tells its true prefix length: the /24 of IPv4, the /64 of IPv6.

    >>> neighbourhood(IPv4Address("10.0.0.11")), neighbourhood(IPv6Address("fd00::11"))
    (IPv4Network('10.0.0.0/24'), IPv6Network('fd00::/64'))
    """
    return ip_network(f"{of}/{24 if of.version == 4 else 64}", strict=False)


def as_address(text: str) -> IpAddress | None:
    """The address that a text is, or None where it is a name.

    >>> as_address("10.0.0.1"), as_address("fd00:0::1"), as_address("api.example.com")
    (IPv4Address('10.0.0.1'), IPv6Address('fd00::1'), None)
    """
    try:
        return ip_address(text)
    except ValueError:
        return None


def address(value: object) -> IpAddress:
    """The address of a machine.

    >>> address("10.0.0.11"), address("FD00:0::11")
    (IPv4Address('10.0.0.11'), IPv6Address('fd00::11'))
    """
    found = value if isinstance(value, IPv4Address | IPv6Address) else _parse(value)
    if found.is_unspecified or found.is_loopback or found.is_multicast or found.is_reserved or found.is_link_local:
        wrong = "is no address by which other machines reach a node"
        raise refuse(wrong, f"Write the node's own address: {'10.0.0.11' if found.version == 4 else 'fd00::11'}.")
    if isinstance(found, IPv6Address) and found.scope_id:
        raise refuse("names an interface", f"Write the address alone: {str(found).partition('%')[0]}.")
    return found


def _parse(value: object) -> IpAddress:
    if not isinstance(value, str):
        raise refuse("is no address", f"Write an IPv4 or an IPv6 address: {_EXAMPLE}.")
    found = as_address(value)
    if found:
        return found
    bare, slash, _ = value.partition("/")
    if slash and as_address(bare):
        raise refuse("has a prefix length", f"Write the address alone: {bare}.")
    if re.fullmatch(r"[0-9.]+", value):
        if re.search(r"\b0[0-9]", value):
            right = "Leave the zeros out, also in a range: [1:10], not [01:10]."
            raise refuse("has a number with a leading zero", right)
        raise refuse("is no IPv4 address", "Write four numbers from 0 to 255 with dots: 10.0.0.11.")
    if "," in value:
        raise refuse("is more than one address", "Write that of the other family as second_address.")
    if ":" in value:
        raise refuse("is no IPv6 address", "Write it without brackets, port or zone: fd00::11.")
    if re.search(r"[a-z]", value, re.IGNORECASE):
        raise refuse("is a name, not an address", "Write the address, or use ssh_address where SSH needs a name.")
    raise refuse("is no address", f"Write an IPv4 or an IPv6 address: {_EXAMPLE}.")


def network(value: object) -> IpNetwork:
    """A network with its prefix length; no bit of the host part may be set.

    >>> network("10.244.0.0/16"), network("FD00:10:244:0::/56")
    (IPv4Network('10.244.0.0/16'), IPv6Network('fd00:10:244::/56'))
    """
    if isinstance(value, IPv4Network | IPv6Network):
        return value
    text = value if isinstance(value, str) else ""
    address_part, slash, _ = text.partition("/")
    if "," in text:
        raise refuse("is more than one network", f"Write a list: [{', '.join(text.replace(',', ' ').split())}].")
    try:
        found = ip_network(text, strict=False)
    except ValueError:
        kind = "IPv6" if ":" in text else "IPv4" if re.match(r"[0-9]+\.", text) else ""
        example = {"IPv6": "fd00:10:244::/56", "IPv4": "10.244.0.0/16"}.get(kind, _NET)
        wrong = f"is no {kind} network" if kind else "is no network"
        raise refuse(wrong, f"Write an address and a prefix length: {example}.") from None
    if not slash:
        raise refuse("has no prefix length", f"Write it with one: {address_part}/{16 if found.version == 4 else 56}.")
    if found.network_address != as_address(address_part):
        raise refuse(f"is an address inside of {found}", f"Write the network: {found}.")
    return found


def _network_v4(value: object) -> IPv4Network:
    found = network(value)
    if isinstance(found, IPv6Network):
        raise refuse("is an IPv6 network, and machines that kprov makes have IPv4", "Write one of IPv4: 10.98.0.0/24.")
    return found


def _one_as_list(value: object) -> object:
    """A single network in a list, and what is nothing of the kind refused here, at the key itself."""
    return value if isinstance(value, list | tuple) else (network(value),)


def _one_of_each(networks: tuple[IpNetwork, ...]) -> tuple[IpNetwork, ...]:
    """One network, or one of each family: "expected one (IPv4 or IPv6) CIDR or two CIDRs from each family"
    (cmd/kubeadm/app/apis/kubeadm/validation, 1.36)."""
    right = "Write one network, or one of IPv4 and one of IPv6: [10.244.0.0/16, fd00:10:244::/56]."
    if len(networks) > 2:
        raise refuse(f"has {len(networks)} networks", right)
    if len(networks) == 2 and networks[0].version == networks[1].version:
        raise refuse(f"has two networks of {family(networks[0])}", right)
    return networks


def _plain(networks: tuple[IpNetwork, ...]) -> str | list[str]:
    """A single network as it is written, two as a list."""
    return str(networks[0]) if len(networks) == 1 else [str(each) for each in networks]


def _host(value: object) -> object:
    if isinstance(value, str) and value:
        found = as_address(value)
        if found is None and not re.fullmatch(HOST, value):
            rule = "Write the name or the address alone, without user, port, brackets or spaces."
            raise refuse("is neither a host name nor an address", rule)
        return str(found or value)
    return value


_HOST_PATTERN: Final = rf"{HOST}|{_ADDRESS_PATTERN}"

Address: TypeAlias = Annotated[
    IpAddress,
    BeforeValidator(address),
    WithJsonSchema({"type": "string", "format": "ip"}),
]
Subnet: TypeAlias = Annotated[
    IPv4Network,
    BeforeValidator(_network_v4),
    WithJsonSchema({"type": "string", "format": "ipv4network", "pattern": r"^[0-9]+(\.[0-9]+){3}/[0-9]+$"}),
]
"""A network of machines that kprov makes, which have IPv4 alone."""
_Network: TypeAlias = Annotated[
    IpNetwork,
    BeforeValidator(network),
    WithJsonSchema({"type": "string", "format": "ipnetwork", "pattern": _NET_PATTERN}),
]
Networks: TypeAlias = Annotated[
    tuple[_Network, ...],
    Field(min_length=1),
    BeforeValidator(_one_as_list),
    AfterValidator(_one_of_each),
    PlainSerializer(_plain),
]
"""One network, or in dual stack one of each family, of which the first is the primary one."""
Host: TypeAlias = Annotated[str, Field(pattern=_HOST_PATTERN), BeforeValidator(_host)]
SshAddress: TypeAlias = Annotated[str, Field(pattern=rf"^$|{_HOST_PATTERN}"), BeforeValidator(_host)]
