"""What one key alone cannot tell: duplicates, overlaps, counts, and keys that exclude or demand each other.

Every rule is a pure function from the spec to flaws. Which versions of Kubernetes exist, and what depends on a version,
is in the room ``release``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kprov.spec.rules.addons import extras, ingress_ports, lab_open, pools
from kprov.spec.rules.bundle import bundle_directory
from kprov.spec.rules.control_plane import encryption
from kprov.spec.rules.endpoint import endpoint_address, endpoint_port
from kprov.spec.rules.families import lab_family, node_addresses, plugin_family, same_families
from kprov.spec.rules.machines import addresses, container_systems, lab, lab_login, names, virtual_machines
from kprov.spec.rules.members import control_planes, etcd
from kprov.spec.rules.networks import overlaps, pod_subnets, services
from kprov.spec.rules.plugins import manifests, plugin_settings, route_reflectors

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from kprov.spec.flaw import Flaw
    from kprov.spec.model import ClusterSpec

    Rule = Callable[[ClusterSpec], Iterator[Flaw]]

RULES: tuple[Rule, ...] = (
    names,
    addresses,
    overlaps,
    lab,
    lab_login,
    container_systems,
    virtual_machines,
    control_planes,
    etcd,
    pod_subnets,
    services,
    same_families,
    node_addresses,
    plugin_family,
    lab_family,
    plugin_settings,
    route_reflectors,
    manifests,
    endpoint_address,
    endpoint_port,
    bundle_directory,
    encryption,
    pools,
    ingress_ports,
    extras,
)

WAIVABLE: Mapping[str, Rule] = {"lab-open": lab_open}
"""Rules against what is possible but dangerous; a user who says so may have it nevertheless."""


def check(spec: ClusterSpec, waived: Collection[str] = ()) -> tuple[Flaw, ...]:
    """Every flaw of a spec whose values are each valid alone; ``waived`` names rules of ``WAIVABLE`` that do not count.

    >>> from kprov.spec.model import ClusterSpec
    >>> node = {"address": "10.0.0.11", "roles": ["worker"]}
    >>> [flaw.wrong for flaw in check(ClusterSpec.model_validate({"cluster": "lab", "nodes": {"w1": node}}))]
    ['no node has the role control-plane']
    """
    held = (rule for name, rule in WAIVABLE.items() if name not in waived)
    return tuple(flaw for rule in (*RULES, *held) for flaw in rule(spec))
