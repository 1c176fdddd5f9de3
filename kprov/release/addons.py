"""Objects that a release needs beside those that kubeadm makes itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kprov.release.catalog import Release
    from kprov.release.kubeadm import Document

_NAME = "kprov:coredns-endpointslices"


def manifests(release: Release) -> tuple[Document, ...]:
    """What to apply once the cluster is founded.

    kubeadm of the v1beta2 days gives CoreDNS the rights of its own version, 1.7, which reads Endpoints; CoreDNS 1.9
    reads EndpointSlices, as the roles of later kubeadms allow (cmd/kubeadm/app/phases/addons/dns/manifests.go, 1.22).
    """
    if release.kubeadm_api != "v1beta2":
        return ()
    meta = {"name": _NAME}
    rule = {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": _NAME}
    subject = {"kind": "ServiceAccount", "name": "coredns", "namespace": "kube-system"}
    api = "rbac.authorization.k8s.io/v1"
    return (
        {"apiVersion": api, "kind": "ClusterRole", "metadata": meta, "rules": [rule]},
        {"apiVersion": api, "kind": "ClusterRoleBinding", "metadata": meta, "roleRef": role, "subjects": [subject]},
    )
