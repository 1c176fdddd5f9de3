"""What one key alone cannot tell: duplicates, overlaps, counts, and keys that exclude or demand each other.

Every rule is a pure function from the spec to flaws. Which versions of Kubernetes exist, and what depends on a version,
is in the room ``release``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kprov.spec.rules.bundle import bundle_directory
from kprov.spec.rules.endpoint import endpoint_address, endpoint_port
from kprov.spec.rules.machines import addresses, lab, lab_login, names
from kprov.spec.rules.members import control_planes, etcd
from kprov.spec.rules.networks import overlaps, pod_subnets, services

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kprov.spec.flaw import Flaw
    from kprov.spec.model import ClusterSpec

RULES: tuple[Callable[[ClusterSpec], Iterator[Flaw]], ...] = (
    names,
    addresses,
    overlaps,
    lab,
    lab_login,
    control_planes,
    etcd,
    pod_subnets,
    services,
    endpoint_address,
    endpoint_port,
    bundle_directory,
)


def check(spec: ClusterSpec) -> tuple[Flaw, ...]:
    """Every flaw of a spec whose values are each valid alone.

    >>> from kprov.spec.model import ClusterSpec
    >>> node = {"address": "10.0.0.11", "roles": ["worker"]}
    >>> [flaw.wrong for flaw in check(ClusterSpec.model_validate({"cluster": "lab", "nodes": {"w1": node}}))]
    ['no node has the role control-plane']
    """
    return tuple(flaw for rule in RULES for flaw in rule(spec))
