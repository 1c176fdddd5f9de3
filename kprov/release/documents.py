"""All documents of a node, one file each, as the programs on it read them. Nothing in them is secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from kprov.release.control_plane import NO_FILES, OwnFiles
from kprov.release.etcd import member_configuration
from kprov.release.kubeadm import cluster_configuration, init_configuration, join_configuration
from kprov.release.kubelet import kube_proxy_configuration, kubelet_configuration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kprov.release.catalog import Release
    from kprov.release.kubeadm import Document
    from kprov.spec.model import ClusterSpec


def node_documents(
    spec: ClusterSpec, release: Release, name: str, *, shared_kernel: bool = False, own: OwnFiles = NO_FILES
) -> Mapping[str, Sequence[Document]]:
    """The documents of a node by the file in which they stand together.

    A control plane may found the cluster or join it, whichever comes: it has both. The documents on the kubelet and on
    kube-proxy reach the other nodes through the cluster. A member of an etcd of its own has nothing but etcd's.

    >>> from kprov.release.catalog import catalog
    >>> from kprov.spec.model import ClusterSpec
    >>> nodes = {"m1": {"address": "10.0.0.11", "roles": ["control-plane"]}}
    >>> spec = ClusterSpec.model_validate({"cluster": "lab", "nodes": nodes})
    >>> made = node_documents(spec, catalog().minors["1.36"], "m1")
    >>> [(file, document["kind"]) for file, documents in made.items() for document in documents][:2]
    [('kubeadm-init.yaml', 'InitConfiguration'), ('kubeadm-init.yaml', 'ClusterConfiguration')]
    """
    roles = spec.nodes[name].roles
    if set(roles) == {"etcd"}:
        return {"etcd.conf.yaml": [member_configuration(spec, name)]}
    join = {"kubeadm-join.yaml": [join_configuration(spec, release, name, shared_kernel=shared_kernel)]}
    if "control-plane" not in roles:
        return join
    founding = [
        init_configuration(spec, release, name, shared_kernel=shared_kernel),
        cluster_configuration(spec, release, own),
        kubelet_configuration(spec, release, shared_kernel=shared_kernel),
        kube_proxy_configuration(spec, shared_kernel=shared_kernel),
    ]
    return {"kubeadm-init.yaml": founding, **join}


def text(documents: Sequence[Document]) -> str:
    """Documents as one file.

    >>> print(text([{"kind": "A"}, {"kind": "B"}]), end="")
    kind: A
    ---
    kind: B
    """
    return "---\n".join(yaml.safe_dump(document, sort_keys=False, width=120) for document in documents)
