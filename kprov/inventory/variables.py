"""A cluster file as the variables of the roles: everything is decided here, so that no task computes.

Every name belongs to one role and stands in that role's ``argument_specs.yml``; a contract test holds them together.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from kprov.addons.networks import calico
from kprov.inventory.model import Variables
from kprov.inventory.systems import systems
from kprov.release import addons, control_plane
from kprov.release.catalog import minor_of
from kprov.release.control_plane import NO_FILES, OwnFiles
from kprov.release.documents import node_documents
from kprov.spec.addresses import family, host_port

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from kprov.inventory.model import JSON
    from kprov.release.catalog import Release
    from kprov.release.kubeadm import Document
    from kprov.spec.model import ClusterSpec, Node


OWN_SET = "kubernetes"
"""The set of what a release needs beside what kubeadm makes."""
NETWORK_SET = "network"
"""The set of the user's own network."""
RUNTIME_KINDS = ("runtime", "cni-plugin")
"""The kinds of artifacts that a node needs before its containerd is started."""
MANIFESTS = "/etc/kubernetes/kprov/addons"
"""Where control planes have the objects of add-ons: the default of kprov_artifacts."""


@dataclass(frozen=True, slots=True)
class Machines:
    """What the machines are like, as the provider of the lab knows it.

    ``shared_kernel``: the nodes are containers: swap, clock, modules and connection tracking belong to the host.
    """

    shared_kernel: bool = False


@dataclass(frozen=True, slots=True)
class Deliveries:
    """What nodes fetch: for each kind of node its artifacts, and for each path on the server the file behind it.

    ``addons`` names the add-ons whose objects control planes fetch, in the order in which they are applied; ``secrets``
    are what belongs to them beside the objects, each with ``set``, ``namespace``, ``name``, ``key`` and its ``file``.
    An artifact with an ``architecture`` is for nodes of that one alone; ``machine`` is this machine's, which is that of
    all nodes whose cluster file says nothing else.
    ``own`` is what the user's own files say, ``key_file`` the path of the user's own key.
    """

    control_plane: Sequence[Mapping[str, JSON]] = ()
    worker: Sequence[Mapping[str, JSON]] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    machine: str = ""
    addons: Sequence[str] = ()
    secrets: Sequence[Mapping[str, JSON]] = ()
    own: OwnFiles = NO_FILES
    key_file: str = ""


def variables(
    spec: ClusterSpec, release: Release, machines: Machines, deliveries: Deliveries, ssh_config: Path
) -> Variables:
    """The group variables and, by node, the host variables; no secret is among them."""
    nodes: list[dict[str, JSON]] = [
        {
            "name": name,
            "address": str(node.address),
            "control_plane": "control-plane" in node.roles,
        }
        for name, node in spec.nodes.items()
    ]
    endpoint = host_port(spec.endpoint_host, spec.endpoint_port)
    node_local = spec.endpoint.mode == "node-local"
    group: dict[str, JSON] = {
        "ansible_user": spec.ssh.user,
        "ansible_port": spec.ssh.port,
        "ansible_ssh_common_args": f"-F {shlex.quote(str(ssh_config))}",
        "bundle_files": dict(deliveries.files),
        "bundle_peer": nodes[0]["address"],
        "node_cluster": spec.cluster,
        "node_hosts": _hosts(spec),
        "node_commands": {name: dict(packages) for name, packages in systems().commands.items()},
        "node_sought": list(systems().runtime_commands),
        "node_manage_host": not machines.shared_kernel,
        "node_extra_sysctls": {"net.ipv6.conf.all.forwarding": "1"} if "IPv6" in spec.network.families else {},
        "container_runtime_sandbox_image": release.image(release.pause_image, spec.kubernetes.image_repository),
        "container_runtime_packages": {family: list(names) for family, names in systems().runtime_packages.items()},
        "container_runtime_restrict_oom_score_adj": machines.shared_kernel,
        # Debian's package containernetworking-plugins brings them there; the bundle's own go to /opt/cni/bin.
        "container_runtime_cni_bin_dir": (
            "/usr/lib/cni" if spec.network.plugin == "bridge" and not _own_runtime(deliveries) else "/opt/cni/bin"
        ),
        "container_runtime_config_version": 3 if _own_runtime(deliveries) else 2,
        "api_endpoint_port": spec.endpoint_port,
        "api_endpoint_servers": [node for node in nodes if node_local and node["control_plane"]],
        "control_plane_cluster": spec.cluster,
        "control_plane_endpoint": endpoint,
        "control_plane_nodes": nodes,
        "control_plane_files": [
            {"path": file.path, "content": file.content, "mode": "0600"}
            for file in control_plane.settings(spec, deliveries.own).files
        ],
        "control_plane_encryption": _json(control_plane.encryption(spec)),
        "control_plane_key_file": deliveries.key_file,
        "join_cluster": spec.cluster,
        "join_endpoint": endpoint,
        "join_learner": release.etcd_joins_as == "voter",
        "network_plugin": spec.network.plugin,
        "network_pods": {family(network): str(network) for network in spec.network.pods},
        "network_nodes": [
            {"name": name, "addresses": {family(address): str(address) for address in node.addresses}}
            for name, node in spec.nodes.items()
        ],
        "network_slices_port": calico.SLICES_PORT if _lacks_slices(spec) else 0,
        **_addons(spec, release, deliveries),
    }
    hosts = {name: _of_node(spec, release, machines, deliveries, name, node) for name, node in spec.nodes.items()}
    return Variables(group=group, hosts=hosts)


def _lacks_slices(spec: ClusterSpec) -> bool:
    """Whether a Kubernetes that lacks what its network reads is helped out."""
    return calico.lacks_slices(spec.network.plugin, minor_of(spec.kubernetes.version))


def _addons(spec: ClusterSpec, release: Release, deliveries: Deliveries) -> dict[str, JSON]:
    """The sets of objects: the network's at once, the others when nodes are ready, and the names of all of them."""
    own = [_json(manifest) for manifest in addons.manifests(release)]
    first: list[JSON] = [{"name": OWN_SET, "objects": own}] if own else []
    services: list[JSON] = []
    sums = {entry["name"]: entry["sha256"] for entry in deliveries.control_plane if entry["kind"] == "manifest"}
    for name in deliveries.addons:
        stage = first if name in (spec.network.plugin, NETWORK_SET) else services
        stage.append({"name": name, "file": f"{MANIFESTS}/{name}.json", "sha256": sums[name]})
    return {
        "addons_first": first,
        "addons_services": services,
        "addons_secrets": [dict(secret) for secret in deliveries.secrets],
        "addons_known": [OWN_SET, *deliveries.addons],
    }


def _hosts(spec: ClusterSpec) -> list[JSON]:
    """The lines of ``/etc/hosts``: every node, and with a node-local endpoint the name that each resolves to itself."""
    lines: list[JSON] = [
        {"address": str(address), "names": [name]} for name, node in spec.nodes.items() for address in node.addresses
    ]
    if spec.endpoint.mode == "node-local":
        lines.append({"address": "127.0.0.1", "names": [spec.endpoint_host]})
    return lines


def _of_node(
    spec: ClusterSpec, release: Release, machines: Machines, deliveries: Deliveries, name: str, node: Node
) -> Mapping[str, JSON]:
    plane = "control-plane" in node.roles
    runtime, others = _artifacts(deliveries, node, plane=plane)
    documents = node_documents(spec, release, name, shared_kernel=machines.shared_kernel, own=deliveries.own)
    values: dict[str, JSON] = {
        "container_runtime_artifacts": runtime,
        "kubernetes_services": [
            {"network": str(network), "address": str(address)}
            for network, address in zip(spec.network.services, node.addresses, strict=True)
        ],
        "kubernetes_artifacts": others,
        "join_documents": [_json(document) for document in documents.get("kubeadm-join.yaml", ())],
    }
    if plane:
        values["control_plane_heal_watches"] = release.loses_watches
        values["control_plane_documents"] = [_json(document) for document in documents["kubeadm-init.yaml"]]
    return values


def _artifacts(deliveries: Deliveries, node: Node, *, plane: bool) -> tuple[list[JSON], list[JSON]]:
    """What a node of this architecture fetches: for the runtime before that is started, and all else."""
    own = node.architecture or deliveries.machine
    runtime: list[JSON] = []
    others: list[JSON] = []
    for artifact in deliveries.control_plane if plane else deliveries.worker:
        if artifact.get("architecture") in (None, own):
            entry = {key: value for key, value in artifact.items() if key != "architecture"}
            (runtime if artifact["kind"] in RUNTIME_KINDS else others).append(entry)
    return runtime, others


def _own_runtime(deliveries: Deliveries) -> bool:
    """Whether containerd comes from the bundle, which has containerd 2, rather than from the nodes' system."""
    return any(artifact["kind"] in RUNTIME_KINDS for artifact in deliveries.worker)


def _json(document: Document) -> JSON:
    return cast("JSON", document)
