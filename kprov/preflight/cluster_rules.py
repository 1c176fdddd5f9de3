"""Rules that compare machines: pure functions from all their facts to remarks that name the hosts; see ``rules``."""

from __future__ import annotations

from collections import defaultdict
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from kprov.preflight.finding import Remark

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from kprov.events import Level
    from kprov.preflight.expectations import Expectations
    from kprov.preflight.facts import HostFacts


_SKEW_WARNING_S: Final = 2.0
"""Logs and leases are hard to read from here on."""
_SKEW_ERROR_S: Final = 30.0
"""Fresh certificates and tokens of one machine are not valid yet on another; kubeadm backdates by no more than minutes,
and etcd complains from one second on (etcd, server/etcdserver/api/rafthttp, clock difference)."""


def hostname_unique(seen: Sequence[HostFacts], cluster: Expectations) -> Iterator[Remark]:
    """Two machines of one name are two clones, more often than not: up names them, the rest of a clone stays."""
    for name, hosts in _shared(seen, lambda facts: facts.hostname):
        if name != "localhost" and len(set(hosts) & set(cluster.hosts)) > 1:
            remedy = "Look whether they are copies of one machine; up gives each its own name."
            yield Remark("warning", "machines share their name", name, remedy, hosts)


def machine_id_unique(seen: Sequence[HostFacts], _cluster: Expectations) -> Iterator[Remark]:
    """systemd's DHCP client and some network plugins take it for the machine's identity."""
    for machine_id, hosts in _shared(seen, lambda facts: facts.machine_id):
        remedy = "On all but one: 'rm /etc/machine-id /var/lib/dbus/machine-id; systemd-machine-id-setup', then reboot."
        yield Remark("error", "machines share /etc/machine-id", machine_id, remedy, hosts)


def product_uuid_unique(seen: Sequence[HostFacts], cluster: Expectations) -> Iterator[Remark]:
    """Kubernetes asks for it, some network plugins use it; containers show their host's."""
    if cluster.shared_kernel:
        return
    for uuid, hosts in _shared(seen, lambda facts: facts.product_uuid):
        remedy = "Give each virtual machine a UUID of its own in its definition."
        yield Remark("warning", "machines share their product_uuid", uuid, remedy, hosts)


def mac_unique(seen: Sequence[HostFacts], cluster: Expectations) -> Iterator[Remark]:
    """Two machines of one MAC on one segment take each other's packets."""

    def mac(facts: HostFacts) -> str:
        interface = facts.holding(cluster.hosts[facts.host].address)
        return interface.mac if interface else ""

    for address, hosts in _shared(seen, mac):
        remedy = "Give each machine's network card a MAC of its own in its definition."
        yield Remark("error", "machines share their MAC address", address, remedy, hosts)


def address_unique(seen: Sequence[HostFacts], cluster: Expectations) -> Iterator[Remark]:
    """A node's address is no other machine's."""
    for host in cluster.hosts.values():
        thieves = [facts.host for facts in seen if facts.host != host.name and host.address in facts.addresses]
        if thieves:
            why = f"{', '.join(thieves)} has {host.address}, the address of {host.name}"
            remedy = "Give each machine an address of its own, or mend the cluster file."
            yield Remark("error", "an address is there twice", why, remedy, (*thieves, host.name))


def one_segment(seen: Sequence[HostFacts], cluster: Expectations) -> Iterator[Remark]:
    """Networks without a tunnel set routes from node to node, which only works where no router is between them."""
    if not cluster.one_segment:
        return
    for facts in seen:
        interface = facts.holding(cluster.hosts[facts.host].address)
        networks = [address.network for address in interface.addresses] if interface else []
        far = [
            host.name for host in cluster.hosts.values() if not any(ip_address(host.address) in net for net in networks)
        ]
        if networks and far:
            why = f"{', '.join(far)} lie outside {', '.join(map(str, networks))}"
            remedy = "Have all nodes in one network, or choose a network.plugin with a tunnel (vxlan)."
            yield Remark("error", "nodes lie in different networks", why, remedy, (facts.host,))


def clock_skew(seen: Sequence[HostFacts], cluster: Expectations) -> Iterator[Remark]:
    """The clocks agree among each other; what the controller's clock says matters not."""
    if cluster.shared_kernel or len(seen) < 2:
        return
    slowest = min(seen, key=lambda facts: facts.clock.offset_s + facts.clock.error_s)
    fastest = max(seen, key=lambda facts: facts.clock.offset_s - facts.clock.error_s)
    skew_s = (fastest.clock.offset_s - fastest.clock.error_s) - (slowest.clock.offset_s + slowest.clock.error_s)
    if skew_s <= _SKEW_WARNING_S:
        return
    level: Level = "error" if skew_s > _SKEW_ERROR_S else "warning"
    why = f"{fastest.host} is {skew_s:.0f} s ahead of {slowest.host}"
    remedy = "Set the clocks and let chrony or systemd-timesyncd keep them: 'timedatectl set-ntp true'."
    yield Remark(level, "clocks differ", why, remedy, (slowest.host, fastest.host))


def _shared(seen: Sequence[HostFacts], identity: Callable[[HostFacts], str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each identity that more than one machine has, with those machines; an empty one is none."""
    holders: defaultdict[str, list[str]] = defaultdict(list)
    for facts in seen:
        holders[identity(facts)].append(facts.host)
    for value, hosts in holders.items():
        if value and len(hosts) > 1:
            yield value, tuple(hosts)
