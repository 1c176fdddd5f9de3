"""Objects that several add-ons need in the same shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kprov.addons.model import Document
    from kprov.spec.flaw import Value

RBAC: Final = "rbac.authorization.k8s.io"


def thing(api: str, kind: str, name: str, namespace: str = "", parts: Document | None = None) -> Document:
    """An object by its kind and name; ``parts`` stand beside its metadata.

    >>> thing("v1", "ServiceAccount", "a", "kube-system")["metadata"]
    {'name': 'a', 'namespace': 'kube-system'}
    """
    metadata: Document = {"name": name, "namespace": namespace} if namespace else {"name": name}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **(parts or {})}


def role(name: str, rules: Sequence[Document], namespace: str = "") -> Document:
    """A ClusterRole, or with a namespace a Role."""
    return thing(f"{RBAC}/v1", "Role" if namespace else "ClusterRole", name, namespace, {"rules": list(rules)})


def rule(group: str, resources: Sequence[str], verbs: Sequence[str], names: Sequence[str] = ()) -> Document:
    """What may be done with resources of one group, or with only some of them by name."""
    allowed: Document = {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)}
    return {**allowed, "resourceNames": list(names)} if names else allowed


def binding(
    name: str, role_name: str, account: tuple[str, str], namespace: str = "", *, local: bool = False
) -> Document:
    """The role given to an account, which is a namespace and a name.

    With a namespace it holds there only; ``local``: the role is one of that namespace.
    """
    parts: Document = {
        "roleRef": {"apiGroup": RBAC, "kind": "Role" if local else "ClusterRole", "name": role_name},
        "subjects": [{"kind": "ServiceAccount", "name": account[1], "namespace": account[0]}],
    }
    return thing(f"{RBAC}/v1", "RoleBinding" if namespace else "ClusterRoleBinding", name, namespace, parts)


def probe(path: str, port: str, scheme: str = "HTTP", **numbers: int) -> Document:
    """A probe by HTTP; ``numbers`` are its times in seconds and its counts, by the names that Kubernetes gives them."""
    times: dict[str, Value] = dict(numbers)
    return {"httpGet": {"path": path, "port": port, "scheme": scheme}, **times}


def confined(user: int, *, writable_root: bool = False) -> Document:
    """The security context of a container that needs nothing of its node."""
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": not writable_root,
        "runAsNonRoot": True,
        "runAsUser": user,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
