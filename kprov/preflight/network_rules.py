"""Rules about a machine's names, addresses and ways: pure functions from facts to remarks; see ``rules``."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network
from itertools import product
from typing import TYPE_CHECKING, Final

from kprov.preflight.finding import Remark

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kprov.preflight.expectations import Expectations, ExpectedHost
    from kprov.preflight.facts import HostFacts
    from kprov.spec.addresses import IpNetwork

_HOSTNAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
_STUB: Final = "/run/systemd/resolve/resolv.conf"
"""What kubelet reads where systemd-resolved runs: kubeadm sets it so (componentconfigs/kubelet.go)."""


def hostname_valid(seen: HostFacts, host: ExpectedHost, _cluster: Expectations) -> Iterator[Remark]:
    """The machine's own name becomes the node's; up sets it where another is given."""
    if seen.hostname != host.name:
        invalid = "" if _HOSTNAME.fullmatch(seen.hostname) else ", which is no valid name"
        why = f"it calls itself '{seen.hostname}'{invalid}"
        yield Remark(
            "info", "the machine has another name", why, f"Nothing to do: up names it {host.name}.", fixable=True
        )


def own_name(seen: HostFacts, host: ExpectedHost, cluster: Expectations) -> Iterator[Remark]:
    """kubelet and etcd look up the machine's own name; it leads back to the machine."""
    if seen.hostname != host.name:
        return
    foreign = [each for each in seen.names.own if each not in (*seen.addresses, host.address) and not _loopback(each)]
    if not seen.names.own and not cluster.shared_kernel:
        why = "neither /etc/hosts nor DNS knows it"
        remedy = "Nothing to do: up writes the nodes' names into /etc/hosts."
        yield Remark("info", "its own name does not resolve", why, remedy, fixable=True)
    elif foreign:
        why = f"'{seen.hostname}' is {', '.join(foreign)}, which it does not have"
        yield Remark("error", "its own name leads elsewhere", why, "Mend /etc/hosts there, or the DNS record.")


def address_present(seen: HostFacts, host: ExpectedHost, _cluster: Expectations) -> Iterator[Remark]:
    """The address in the cluster file is one of the machine's own: otherwise kubelet and etcd cannot bind to it."""
    own = ", ".join(each for each in seen.addresses if not _local(each)) or "no address"
    for key, address in (("address", host.address), ("second_address", host.second_address)):
        if address and address not in seen.addresses:
            remedy = f"Give the machine {address}, or set '{key}' of {host.name} to an address that it has."
            yield Remark("error", "the machine does not have its address", f"{address} is none of {own}", remedy)


def networks_free(seen: HostFacts, _host: ExpectedHost, cluster: Expectations) -> Iterator[Remark]:
    """A network that the machine knows a way to already swallows the packets of pods or services."""
    if seen.owner == cluster.cluster:
        return
    known = {route.network: route.device for route in seen.routes}
    for interface in seen.interfaces:
        known |= {address.network: interface.name for address in interface.addresses}
    stated = [("pods", network) for network in cluster.pods] + [("services", each) for each in cluster.services]
    for (name, network), (other, device) in product(stated, known.items()):
        if network.version == other.version and network.overlaps(other) and other.prefixlen:
            why = f"{network} overlaps {other}, which is reached by {device}"
            remedy = f"Set network.{name} to a network that no machine knows, or remove that route."
            yield Remark("error", f"the network of {name} is in use", why, remedy)


def resolv_conf(seen: HostFacts, _host: ExpectedHost, _cluster: Expectations) -> Iterator[Remark]:
    """The cluster's DNS asks the machine's servers; one on the loopback is, in a pod, the cluster's DNS itself."""
    names = seen.names
    asked, file = (names.upstream, _STUB) if names.resolved else (names.servers, "/etc/resolv.conf")
    if loops := [server for server in asked if _loopback(server)]:
        remedy = f"Name servers in {file} that can be asked from elsewhere, not {', '.join(loops)}."
        yield Remark("error", "the cluster's DNS would ask itself", f"{file} names {', '.join(loops)}", remedy)
    elif not asked:
        remedy = "Name a DNS server there, if pods are to find names outside the cluster."
        yield Remark("warning", "no DNS server", f"{file} names none", remedy)


def proxies(seen: HostFacts, _host: ExpectedHost, cluster: Expectations) -> Iterator[Remark]:
    """Through a proxy, kubelet does not reach its API server, nor API servers their webhooks."""
    if not seen.proxies.variables:
        return
    past = seen.proxies.past
    wanted = [host.address for host in cluster.hosts.values()]
    wanted += [host.second_address for host in cluster.hosts.values() if host.second_address]
    wanted += [*map(str, (*cluster.services, *cluster.pods)), ".svc", f".{cluster.domain}"]
    if left := [each for each in wanted if not _goes_past(each, past)]:
        why = f"{', '.join(seen.proxies.variables)} set, and NO_PROXY leaves out {', '.join(left)}"
        remedy = f"Add {','.join(left)} to no_proxy where the proxy is set (/etc/environment, systemd)."
        yield Remark("warning", "the cluster's own traffic would go through a proxy", why, remedy)


def _local(address: str) -> bool:
    """Whether only the machine itself, or its own segment, reaches the address."""
    found = ip_address(address)
    return found.is_loopback or found.is_link_local


def _loopback(server: str) -> bool:
    try:
        return ip_address(server).is_loopback
    except ValueError:
        return False


def _goes_past(wanted: str, past: tuple[str, ...]) -> bool:
    """Whether an address, a network or a domain is named in ``no_proxy``, as Go's programs read it.

    >>> _goes_past("10.0.0.11", ("10.0.0.0/24",)), _goes_past("10.96.0.0/16", ("10.0.0.0/8",))
    (True, True)
    >>> _goes_past("10.0.0.11", ("10.0.0.1",)), _goes_past(".svc", ())
    (False, False)
    """
    if "*" in past or wanted in past or wanted.lstrip(".") in past:
        return True
    try:
        network = ip_network(wanted)
    except ValueError:
        return any(wanted.endswith(each) for each in past if each.startswith("."))
    return any(_within(network, each) for each in map(_network, past) if each is not None)


def _within(network: IpNetwork, other: IpNetwork) -> bool:
    return network.version == other.version and network.network_address in other and network[-1] in other


def _network(text: str) -> IpNetwork | None:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None
