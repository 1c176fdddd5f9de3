"""Where etcd has objects; for modules, and for the driver, which has no module_utils of Ansible's."""

from __future__ import annotations

import re

ODD_FOLDERS = {
    "endpoints": "services/endpoints",
    "ingresses.networking.k8s.io": "ingress",
    "nodes": "minions",
    "services": "services/specs",
}
"""Resources that etcd has under another name (pkg/kubeapiserver/default_storage_factory_builder.go, 1.36)."""
BUILT_IN = re.compile(
    r"(networking|rbac\.authorization|storage|coordination|discovery|admissionregistration|certificates|events|node"
    r"|scheduling|flowcontrol\.apiserver|resource)\.k8s\.io$|[a-z]*$"
)
"""Groups of the API server's own, whose objects etcd has without the group's name."""


def folder(resource):
    """Where etcd has the objects of a resource: below kubeadm's prefix, and those of others' groups below the group.

    >>> folder("secrets"), folder("deployments.apps"), folder("crontabs.example.com")
    ('/registry/secrets/', '/registry/deployments/', '/registry/example.com/crontabs/')
    """
    plural, _, group = resource.partition(".")
    name = ODD_FOLDERS.get(resource, plural)
    return "/registry/%s/" % (name if BUILT_IN.match(group) else "%s/%s" % (group, name))
