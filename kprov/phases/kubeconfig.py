"""Kubeconfigs as data: the cluster's own made fit for this machine, and merged with what a user has."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, cast

import yaml

from kprov.errors import InputError
from kprov.spec.addresses import host_port

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kprov.spec.model import ClusterSpec

Kubeconfig: TypeAlias = "dict[str, object]"

_LISTS = ("clusters", "users", "contexts")


def for_this_machine(admin: str, spec: ClusterSpec) -> Kubeconfig:
    """The admin kubeconfig of a control plane as a client elsewhere needs it.

    With a node-local endpoint every control plane is a cluster entry and a context of its own: ``lab`` is the first
    one, ``lab@m2`` the second, so that a client can turn to another when one is down. Other endpoints are reached as
    they are.

    Args:
        admin: content of ``/etc/kubernetes/admin.conf``.
        spec: the cluster file.
    """
    given = cast("Mapping[str, list[Mapping[str, Mapping[str, object]]]]", yaml.safe_load(admin))
    cluster, user = given["clusters"][0]["cluster"], given["users"][0]["user"]
    name = spec.cluster
    servers = {name: str(cluster["server"])}
    if spec.endpoint.mode == "node-local":
        servers = {
            name if index == 0 else f"{name}@{plane}": f"https://{host_port(_reached(spec, plane), 6443)}"
            for index, plane in enumerate(spec.control_planes)
        }
    user_name = f"{name}-admin"
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": entry, "cluster": {**cluster, "server": server}} for entry, server in servers.items()],
        "users": [{"name": user_name, "user": dict(user)}],
        "contexts": [{"name": entry, "context": {"cluster": entry, "user": user_name}} for entry in servers],
        "current-context": name,
    }


def _reached(spec: ClusterSpec, plane: str) -> str:
    node = spec.nodes[plane]
    return node.ssh_address or str(node.address)


def merged(have: Kubeconfig, add: Kubeconfig) -> Kubeconfig:
    """What the user has, with the entries of one cluster added or replaced; the user's current context stays.

    >>> merged({"users": [{"name": "a"}], "current-context": "x"}, {"users": [{"name": "b"}], "current-context": "lab"})
    {'users': [{'name': 'a'}, {'name': 'b'}], 'current-context': 'x', 'clusters': [], 'contexts': []}
    """
    out: Kubeconfig = {**{"apiVersion": "v1", "kind": "Config"} | have} if "apiVersion" in have else dict(have)
    for key in _LISTS:
        old = cast("list[Mapping[str, object]]", have.get(key) or [])
        new = cast("list[Mapping[str, object]]", add.get(key) or [])
        names = {entry["name"] for entry in new}
        out[key] = [*(entry for entry in old if entry["name"] not in names), *new]
    out["current-context"] = have.get("current-context") or add.get("current-context")
    return out


def read(path: Path) -> Kubeconfig:
    """A kubeconfig file; an empty one where there is none.

    Raises:
        InputError: the file is no kubeconfig.
    """
    if not path.exists():
        return {"apiVersion": "v1", "kind": "Config"}
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError("cannot read the kubeconfig", where=str(path), why=str(error).splitlines()[0]) from error
    if not isinstance(found, dict):
        raise InputError(
            "this is no kubeconfig",
            where=str(path),
            why="it holds no mapping",
            remedy="Name another file with --to, or move this one away.",
        )
    return found


def write(path: Path, content: Kubeconfig) -> bool:
    """Write a kubeconfig in one step, readable by its owner alone; return whether anything differed."""
    text = yaml.safe_dump(content, sort_keys=False)
    if path.is_file() and path.read_text(encoding="utf-8") == text and path.stat().st_mode & 0o777 == 0o600:
        return False
    target = path.resolve()
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".kubeconfig.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(text)
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return True
