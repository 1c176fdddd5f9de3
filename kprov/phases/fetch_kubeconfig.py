"""Fetch the admin kubeconfig and look at the nodes through the cluster's own eyes."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kprov.errors import UnreachableError
from kprov.events import Notice
from kprov.phases import kubeconfig
from kprov.phases.base import Context, Done
from kprov.phases.machines import as_root, log_in
from kprov.report.model import NodeRow

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

    from kprov.ssh.remote import Remote

_ADMIN = "/etc/kubernetes/admin.conf"
_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class FetchKubeconfig:
    """Writes ``artifacts/kubeconfig`` (0600) and leaves the cluster's kubectl beside it."""

    name: Final = "kubeconfig"
    title: Final = "Fetch the kubeconfig"

    def should_run(self, context: Context) -> bool:  # noqa: D102 - see Phase
        return bool(context.spec.control_planes)

    def run(self, context: Context) -> Done:  # noqa: D102 - see Phase
        admin, listed = ask(context)
        written = kubeconfig.write(context.paths.kubeconfig, kubeconfig.for_this_machine(admin, context.spec))
        _place_kubectl(context)
        nodes = tuple(row(item) for item in json.loads(listed)["items"])
        for name in sorted({node.name for node in nodes} - set(context.spec.nodes)):
            text = f"{name} is in the cluster and not in the cluster file; kprov removes no node"
            remedy = f"Name it in the file again, or take it out: `kubectl drain {name}`, `kubectl delete node {name}`."
            context.emit(Notice("warning", text, remedy))
        ready = sum(node.ready for node in nodes)
        summary = f"{ready} of {len(nodes)} nodes ready"
        return Done(replace(context, nodes=nodes), "done" if written else "unchanged", summary)


def ask(context: Context) -> tuple[str, str]:
    """The admin kubeconfig and the nodes as JSON, from the first control plane that answers.

    Raises:
        UnreachableError: none does.
    """
    said: list[str] = []
    for name in context.spec.control_planes:
        try:
            with log_in(context.loaded, name) as remote:
                return _sudo(remote, f"cat {_ADMIN}"), _sudo(
                    remote, f"/usr/local/bin/kubectl --kubeconfig {_ADMIN} get nodes -o json"
                )
        except UnreachableError as error:
            said.append(str(error))
    raise UnreachableError(
        "no control plane gives the admin kubeconfig",
        where=", ".join(context.spec.control_planes),
        why="; ".join(said),
        remedy="Run `kprov up`, or start the control planes.",
    )


def _sudo(remote: Remote, command: str) -> str:
    """Run a command as root.

    Raises:
        UnreachableError: it failed: the node is no control plane yet, or sudo asks for a password.
    """
    result = remote.run(as_root(command), timeout_s=_TIMEOUT_S)
    if result.code:
        raise UnreachableError("the node does not answer", why=result.err.strip()[-300:])
    return result.out


def row(item: Mapping[str, object]) -> NodeRow:
    """A node of ``kubectl get nodes -o json`` as a row for people."""
    node = json.loads(json.dumps(item))
    labels, status = node["metadata"].get("labels", {}), node["status"]
    prefix = "node-role.kubernetes.io/"
    roles = {label.removeprefix(prefix) for label in labels if label.startswith(prefix)}
    if "control-plane" in roles:
        roles.discard("master")
    return NodeRow(
        name=node["metadata"]["name"],
        address=next((a["address"] for a in status["addresses"] if a["type"] == "InternalIP"), ""),
        roles=tuple(sorted(roles)) or ("worker",),
        ready=any(c["type"] == "Ready" and c["status"] == "True" for c in status["conditions"]),
        version=status["nodeInfo"]["kubeletVersion"],
        system=status["nodeInfo"]["osImage"],
        runtime=status["nodeInfo"]["containerRuntimeVersion"],
    )


def _place_kubectl(context: Context) -> None:
    """A link to the bundle's kubectl, which runs where its architecture is this machine's."""
    if context.bundle is None:
        return
    for artifact in context.bundle.lock.artifacts:
        if artifact.name == "kubectl" and "controller" in artifact.targets:
            link = context.paths.kubectl
            link.unlink(missing_ok=True)
            link.symlink_to(context.bundle.path(artifact))
