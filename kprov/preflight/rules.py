"""The table of all rules: what is asked of a machine, and what is asked of all of them together.

A rule is a pure function in one of the modules below, from facts to remarks; its name is the function's, with dashes.
To add one, write it there and name it here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from kprov.preflight import cluster_rules as between
from kprov.preflight import host_rules as machine
from kprov.preflight import network_rules as network
from kprov.preflight import path_rules as paths
from kprov.preflight import service_rules as services

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kprov.preflight.expectations import Expectations, ExpectedHost
    from kprov.preflight.facts import HostFacts
    from kprov.preflight.finding import Remark


class HostRule(Protocol):
    """What every rule about one machine looks like."""

    __name__: str

    def __call__(self, seen: HostFacts, host: ExpectedHost, cluster: Expectations, /) -> Iterator[Remark]:
        """Yield what is not as it should be."""


class ClusterRule(Protocol):
    """What every rule between machines looks like; ``seen`` has the machines that answered."""

    __name__: str

    def __call__(self, seen: Sequence[HostFacts], cluster: Expectations, /) -> Iterator[Remark]:
        """Yield what is not as it should be."""


HOST_RULES: Final[tuple[HostRule, ...]] = (
    machine.privileged, machine.python, machine.systemd, machine.operating_system, machine.architecture,
    machine.kernel_version, machine.memory, machine.cores, machine.swap_off, machine.disk_space, machine.disk_speed,
    machine.commands, machine.runtime, machine.kernel_features, machine.addon_features,
    network.hostname_valid, network.own_name, network.address_present, network.networks_free, network.resolv_conf,
    network.proxies,
    services.ports_free, services.leftovers, services.running_cluster, services.pod_networks, services.cgroup_version,
    services.cgroup_drivers, services.time_synchronised, services.settings_kept, services.firewall, services.selinux,
    services.apparmor,
)  # fmt: skip

CLUSTER_RULES: Final[tuple[ClusterRule, ...]] = (
    between.hostname_unique, between.machine_id_unique, between.product_uuid_unique, between.mac_unique,
    between.address_unique, between.one_segment, between.clock_skew,
    paths.ports_reachable, paths.path_mtu,
)  # fmt: skip
