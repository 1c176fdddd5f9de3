"""The whole cluster file with every default filled in, for people with origins and for programs as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

from kprov.spec.dump import plain, to_yaml
from kprov.spec.flaw import Loc, Value, dotted
from kprov.spec.model import Vagrant

if TYPE_CHECKING:
    from kprov.spec.load import Loaded
    from kprov.spec.model import ClusterSpec


def effective(spec: ClusterSpec) -> dict[str, Value]:
    """The spec as plain data, with what follows from other values put in: the endpoint's port, the lab's subnet
    and what Vagrant does."""
    data = plain(spec)
    endpoint, lab = data["endpoint"], data["lab"]
    if isinstance(endpoint, dict):
        endpoint["port"] = spec.endpoint_port
    if isinstance(lab, dict):
        lab["subnet"] = str(spec.lab_subnet)
        if spec.lab is not None and spec.lab.provider == "vagrant":
            lab["vagrant"] = cast("Value", (spec.lab.vagrant or Vagrant()).model_dump(mode="json"))
    return data


def show_yaml(loaded: Loaded) -> str:
    """A cluster file that loads to the same cluster; behind each value, where it came from.

    A range stands expanded; each of its nodes has the line of the range.
    """

    def origin(loc: Loc) -> str:
        return loaded.origins.get(dotted(loc), "default")

    return to_yaml(effective(loaded.spec), origin)


def show_json(loaded: Loaded) -> str:
    """The same without origins: ``nodes`` is a mapping by name, each with ``address``, ``roles`` and the rest."""
    return json.dumps(effective(loaded.spec), indent=2, ensure_ascii=False) + "\n"


def summary(spec: ClusterSpec) -> str:
    """One line on a cluster: ``9 nodes (3 control planes, 6 workers), Kubernetes 1.36.4, network calico``."""
    parts = [counted(len(spec.control_planes), "control plane"), counted(len(spec.workers), "worker")]
    if spec.etcd.topology == "external":
        parts.append(counted(len(spec.etcd_members), "etcd member"))
    nodes = counted(len(spec.nodes), "node")
    return f"{nodes} ({', '.join(parts)}), Kubernetes {spec.kubernetes.version}, network {spec.network.plugin}"


def counted(number: int, noun: str) -> str:
    """A number with its noun.

    >>> counted(1, "node"), counted(0, "worker")
    ('1 node', '0 workers')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"
