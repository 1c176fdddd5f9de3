"""The scalar types of networks, add-ons and mirrors; how they refuse a value is told in ``types.py``."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Annotated, TypeAlias

from pydantic import BeforeValidator, Field, JsonValue, WithJsonSchema

from kprov.spec.addresses import IpAddress, as_address, network
from kprov.spec.types import DNS_LABEL, VERSION, Domain, matching, refuse

SHA256 = r"^[0-9a-f]{64}$"
URL = r"^https?://[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?(:[0-9]{1,5})?/[^\s]+$"
MIRROR = r"^(https?://[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?(:[0-9]{1,5})?(/[^\s]*)?|file:///[^\s]+)$"
MIRRORED = r"^(\*|[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?)$"
FOLDER = r"^/([A-Za-z0-9._-]+/?)+$"


def pool(value: object) -> object:
    """A range of addresses, or a network of them, as text.

    >>> pool("10.0.0.200-10.0.0.220"), pool("10.0.0.224/28")
    ('10.0.0.200-10.0.0.220', '10.0.0.224/28')
    """
    if not isinstance(value, str):
        return value
    if "/" in value:
        return str(network(value))
    first, dash, last = (part.strip() for part in value.partition("-"))
    begin, end = as_address(first), as_address(last)
    if not dash or begin is None or end is None:
        raise refuse("is no range of addresses", "Write the first and the last: 10.0.0.200-10.0.0.220.")
    if begin.version != end.version:
        raise refuse("goes from one family to the other", "Write a range of IPv4 and another of IPv6.")
    if int(end) < int(begin):
        raise refuse("ends before it begins", f"Write the smaller address first: {end}-{begin}.")
    return f"{begin}-{end}"


def ends(text: str) -> tuple[IpAddress, IpAddress]:
    """The first and the last address of a pool that ``pool`` has accepted.

    >>> ends("10.0.0.224/28")
    (IPv4Address('10.0.0.224'), IPv4Address('10.0.0.239'))
    """
    if "/" in text:
        whole = ip_network(text)
        return whole[0], whole[-1]
    first, _, last = text.partition("-")
    return ip_address(first), ip_address(last)


AddonVersion: TypeAlias = Annotated[
    str,
    Field(pattern=VERSION),
    matching(VERSION, "is no whole version", 'Write three numbers, in quotes, without a v: "3.24.5".'),
]
AddonName: TypeAlias = Annotated[
    str,
    Field(pattern=DNS_LABEL, max_length=40),
    matching(DNS_LABEL, "is no DNS label", "Use lower-case letters, digits and inner dashes, at most 40: shop-1."),
]
NamespaceName: TypeAlias = Annotated[
    str,
    Field(pattern=DNS_LABEL, max_length=63),
    matching(DNS_LABEL, "is no name of a namespace", "Use lower-case letters, digits and inner dashes: shop-1."),
]
ChartValues: TypeAlias = Annotated[
    dict[str, JsonValue], WithJsonSchema({"type": "object", "additionalProperties": True})
]
"""Values for a Helm chart: whatever mapping its maker reads."""
Sha256: TypeAlias = Annotated[
    str,
    Field(pattern=SHA256),
    matching(SHA256, "is no sha256", "Write the 64 lower-case digits that sha256sum prints for the file."),
]
Url: TypeAlias = Annotated[
    str, Field(pattern=URL), matching(URL, "is no URL of a file", "Write it whole: https://example.com/shop.yaml.")
]
Mirror: TypeAlias = Annotated[
    str,
    Field(pattern=MIRROR),
    matching(MIRROR, "is no base of a mirror", "Write https://, http:// or file:/// and what comes before the path."),
]
MirroredHost: TypeAlias = Annotated[
    str,
    Field(pattern=MIRRORED),
    matching(MIRRORED, "is no host", "Write the host alone, github.com, or '*' for every host."),
]
Folder: TypeAlias = Annotated[
    str,
    Field(pattern=FOLDER),
    matching(FOLDER, "is no folder on the nodes", "Write an absolute path of letters, digits, '.', '_' and '-'."),
]
Pool: TypeAlias = Annotated[str, Field(pattern=r"^[0-9A-Fa-f.:]+(-[0-9A-Fa-f.:]+|/[0-9]+)$"), BeforeValidator(pool)]
HostNames: TypeAlias = Annotated[tuple[Domain, ...], Field(min_length=1)]
