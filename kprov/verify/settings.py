"""What a verification holds the cluster to; handed to the test process as a JSON file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Final

from kprov.errors import InputError
from kprov.release.catalog import minor_of, releases
from kprov.verify.promises import Door, Network, Promises, Storage, Workload, promises

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from kprov.addons.model import Document
    from kprov.spec.model import ClusterSpec, Node

CONTROL_PLANE_LABEL: Final = "node-role.kubernetes.io/control-plane"
"""kubeadm puts it on every control plane (from 1.20 on; until 1.23 beside an older one)."""


@dataclass(frozen=True, slots=True)
class Target:
    """One machine and what it is meant to be; a machine with the role etcd alone is no node of Kubernetes.

    ``labels`` are those that its Node must carry; ``taints`` likewise, as kubectl writes them: ``key=value:Effect``.
    ``untainted``: keys that it must not be tainted with, as it is meant to take everybody's pods.
    """

    name: str
    address: str
    control_plane: bool
    worker: bool
    etcd: bool
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[str, ...] = ()
    untainted: tuple[str, ...] = ()
    second_address: str = ""

    @property
    def addresses(self) -> tuple[str, ...]:
        """Its address, and in dual stack that of the other family."""
        return (self.address, self.second_address) if self.second_address else (self.address,)

    @property
    def node(self) -> bool:
        """Whether Kubernetes knows it as a node."""
        return self.control_plane or self.worker


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that the suites need to know.

    ``ssh_config`` is the cluster's own OpenSSH configuration. ``without_dns`` is the reason why the cluster was made
    without cluster DNS; empty where it has it. ``shared_kernel``: the machines are containers, swap is their host's.
    ``stacked_etcd``: etcd's members are static pods. ``only`` limits the checks to these machines; empty: all.
    ``promised`` is what runs beside Kubernetes itself. ``workload``: programs as people run them are tried too.
    """

    cluster: str
    ssh_config: str
    targets: tuple[Target, ...]
    kubernetes: str
    endpoint_host: str
    endpoint_port: int
    stacked_etcd: bool
    dns_domain: str
    without_dns: str = ""
    shared_kernel: bool = False
    only: tuple[str, ...] = ()
    promised: Promises = field(default_factory=Promises)
    workload: bool = False

    @property
    def control_planes(self) -> tuple[Target, ...]:
        """The control planes, in the order of the cluster file."""
        return tuple(target for target in self.targets if target.control_plane)

    @property
    def etcd_members(self) -> tuple[Target, ...]:
        """The machines on which etcd runs."""
        return tuple(target for target in self.targets if target.etcd)

    @property
    def nodes(self) -> tuple[Target, ...]:
        """The machines that Kubernetes knows as nodes."""
        return tuple(target for target in self.targets if target.node)

    def chosen(self, target: Target) -> bool:
        """Whether checks of this machine were asked for."""
        return not self.only or target.name in self.only


def settings_for(
    spec: ClusterSpec,
    ssh_config: Path,
    objects: Mapping[str, Sequence[Document]],
    *,
    without_dns: str = "",
    shared_kernel: bool = False,
) -> Settings:
    """What a cluster file promises.

    Args:
        spec: the cluster file.
        ssh_config: the cluster's own OpenSSH configuration.
        objects: what was made of the network and of each add-on, by name of the set.
        without_dns: why the bundle has no cluster DNS (``LeftOut.why``); empty where it has.
        shared_kernel: the fact of this name that the lab's provider tells.
    """
    return Settings(
        cluster=spec.cluster,
        ssh_config=str(ssh_config.resolve()),
        targets=tuple(_target(spec, name, node) for name, node in spec.nodes.items()),
        kubernetes=spec.kubernetes.version,
        endpoint_host=spec.endpoint_host,
        endpoint_port=spec.endpoint_port,
        stacked_etcd=spec.etcd.topology == "stacked",
        dns_domain=spec.network.dns_domain,
        without_dns=without_dns,
        shared_kernel=shared_kernel,
        promised=promises(spec, objects),
    )


def _target(spec: ClusterSpec, name: str, node: Node) -> Target:
    """What the cluster file says of a machine, and what kubeadm adds to that by its roles."""
    plane, worker = name in spec.control_planes, name in spec.workers
    release = releases().get(minor_of(spec.kubernetes.version))
    keys = release.control_plane_taints if release and plane else ()
    taints = [f"{each.key}={each.value}:{each.effect}".replace("=:", ":") for each in node.taints]
    return Target(
        name=name,
        address=str(node.address),
        control_plane=plane,
        worker=worker,
        etcd=name in spec.etcd_members,
        labels={**node.labels, **({CONTROL_PLANE_LABEL: ""} if plane else {})},
        taints=(*taints, *(() if worker else (f"{key}:NoSchedule" for key in keys))),
        untainted=tuple(key for key in keys if worker and key not in {each.key for each in node.taints}),
        second_address=str(node.second_address or ""),
    )


def check_names(settings: Settings, names: Sequence[str]) -> None:
    """Refuse names that the cluster does not have.

    Raises:
        InputError: with the names that it has.
    """
    known = [target.name for target in settings.targets]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InputError(
            f"unknown node{'s' if len(unknown) > 1 else ''} {', '.join(unknown)}",
            where="--nodes",
            why=f"the cluster {settings.cluster} has {', '.join(known)}",
            remedy="Give names from the cluster file.",
        )


def to_json(settings: Settings) -> str:
    """The settings as the test process reads them."""
    return json.dumps(asdict(settings), indent=2)


def from_json(text: str) -> Settings:
    """The settings that ``to_json`` wrote."""
    data = json.loads(text)
    data["targets"] = tuple(
        Target(**{**target, "taints": tuple(target["taints"]), "untainted": tuple(target["untainted"])})
        for target in data["targets"]
    )
    data["only"] = tuple(data["only"])
    told = data["promised"]
    data["promised"] = Promises(
        network=Network(**told["network"]),
        sets=tuple(told["sets"]),
        workloads=tuple(Workload(**each) for each in told["workloads"]),
        storage=tuple(Storage(**each) for each in told["storage"]),
        doors=tuple(Door(**each) for each in told["doors"]),
        metrics=told["metrics"],
        pools=tuple(told["pools"]),
    )
    return Settings(**data)
