"""Facts about a machine's network, made from what its tools print; pure functions."""

from __future__ import annotations

import re
from ipaddress import IPv4Interface, IPv6Interface, ip_interface, ip_network
from typing import Literal

from kprov.preflight.facts import Interface, Listener, Proxies, Route


def listeners(text: str) -> tuple[Listener, ...]:
    """What listens, out of ``ss -H -ltunp``.

    >>> listeners('tcp LISTEN 0 4096 *:6443 *:* users:(("kube-apiserver",pid=9,fd=7))')
    (Listener(address='*', port=6443, process='kube-apiserver', protocol='tcp'),)
    """
    found = []
    for line in text.splitlines():
        columns = line.split(None, 6)
        if len(columns) < 5:
            continue
        address, _, port = columns[4].rpartition(":")
        process = re.search(r'\(\("([^"]+)"', columns[6] if len(columns) > 6 else "")
        protocol: Literal["tcp", "udp"] = "udp" if columns[0] == "udp" else "tcp"
        found.append(
            Listener(address.strip("[]"), int(port) if port.isdigit() else 0, process[1] if process else "", protocol)
        )
    return tuple(found)


def interfaces(links: str, addresses: str) -> tuple[Interface, ...]:
    """The interfaces out of ``ip -o link show`` and ``ip -o addr show``.

    >>> interfaces("2: eth0@if9: <UP> mtu 1500 \\\\    link/ether 02:00:00:00:00:01",
    ...            "2: eth0    inet 10.0.0.11/24 brd 10.0.0.255 scope global eth0")
    (Interface(name='eth0', mac='02:00:00:00:00:01', mtu=1500, addresses=(IPv4Interface('10.0.0.11/24'),)),)
    """
    held: dict[str, tuple[IPv4Interface | IPv6Interface, ...]] = {}
    for name, address in re.findall(r"^\d+: (\S+)\s+inet6? ([0-9a-f.:]+/\d+)", addresses, re.MULTILINE):
        held[name] = (*held.get(name, ()), ip_interface(address))
    found = []
    for line in links.splitlines():
        name, mtu, mac = (
            re.search(pattern, line) for pattern in (r"^\d+: ([^:@]+)", r"\bmtu (\d+)", r"link/ether ([0-9a-f:]{17})")
        )
        if name:
            found.append(Interface(name[1], mac[1] if mac else "", int(mtu[1]) if mtu else 0, held.get(name[1], ())))
    return tuple(found)


def routes(text: str) -> tuple[Route, ...]:
    """The routes out of ``ip -4 route show`` and ``ip -6 route show``, without the default one.

    >>> found = routes("default via 10.0.0.1 dev eth0\\n10.0.0.0/24 dev eth0 proto kernel\\nunreachable 10.9.0.0/16")
    >>> [(str(route.network), route.device) for route in found]
    [('10.0.0.0/24', 'eth0'), ('10.9.0.0/16', 'unreachable')]
    """
    found = []
    for line in text.splitlines():
        network = re.search(r"(?:^|^[a-z]+ )((?:\d+\.\d+\.\d+\.\d+|[0-9a-f]*:[0-9a-f:.]*)(?:/\d+)?)", line)
        device = re.search(r"\bdev (\S+)", line)
        if network:
            found.append(Route(ip_network(network[1], strict=False), device[1] if device else line.split()[0]))
    return tuple(found)


def drops(filters: str) -> tuple[str, ...]:
    """Base chains of filters that drop what no rule lets through: nftables', or iptables' where that is all there is.

    >>> drops("-P INPUT DROP\\n-P FORWARD ACCEPT")
    ('INPUT',)
    >>> drops("table inet f {\\n chain in {\\n  type filter hook input priority 0; policy drop;\\n }\\n}")
    ('inet f in (input)',)
    """
    found: list[str] = re.findall(r"^-P (INPUT|FORWARD) DROP", filters, re.MULTILINE)
    table = chain = ""
    for line in filters.splitlines():
        words = line.split()
        if words[:1] == ["table"]:
            table = " ".join(words[1:3])
        elif words[:1] == ["chain"]:
            chain = words[1]
        elif (hook := re.search(r"type filter hook (input|forward) .*policy drop", line)) is not None:
            found.append(f"{table} {chain} ({hook[1]})")
    return tuple(found)


def servers(text: str) -> tuple[str, ...]:
    """The name servers in the text of a ``resolv.conf``."""
    return tuple(re.findall(r"^\s*nameserver\s+(\S+)", text, re.MULTILINE))


def proxies(text: str) -> Proxies:
    """The names of proxies' variables, and the values of ``no_proxy``; a proxy's address never leaves the machine."""
    pairs = [line.strip().partition("=") for line in text.splitlines()]
    past = [value.strip("\"' ") for name, _, value in pairs if name.lower() == "no_proxy"]
    names = tuple(sorted({name for name, _, _ in pairs if name and name.lower() != "no_proxy"}))
    return Proxies(
        names, tuple(dict.fromkeys(part.strip() for each in past for part in each.split(",") if part.strip()))
    )
