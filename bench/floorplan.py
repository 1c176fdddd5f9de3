"""Lays out what ``floor.sh`` needs, by kprov's own functions and from the roles' own templates."""

from __future__ import annotations

import json
import re
import secrets
import shutil
import string
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import yaml
from jinja2 import Environment, StrictUndefined

from kprov import project
from kprov.inventory.variables import Machines, variables
from kprov.phases.render_inventory import deliveries
from kprov.release.catalog import resolve

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from kprov.bundle.model import Bundle
    from kprov.inventory.model import JSON
    from kprov.spec.load import Loaded

_ROLES = ("container_runtime", "kubernetes", "api_endpoint", "network")
_LATE = "network"
"""The role whose files hold the nodes' pod networks, which only the cluster knows."""
_TEMPLATE = re.compile(r"lookup\('kprov_template', '([^']+)'\)")


@dataclass(frozen=True, slots=True)
class Secrets:
    """The bootstrap token and the key of the shared certificates of one cluster."""

    token: str
    certificate_key: str


def lay_out(folder: Path, loaded: Loaded, bundle: Bundle, controller: str) -> None:
    """Fill a private folder; ``controller`` is the address from which the nodes fetch.

    Each folder below ``nodes`` is copied to the root of that node. ``@m1@`` in a file stands for the pod network of m1.
    """
    spec = loaded.spec
    release = resolve(spec, file=str(loaded.paths.file))
    delivered = deliveries(bundle, (), loaded.paths)
    values = variables(spec, release, Machines(shared_kernel=True), delivered, loaded.paths.ssh_config)
    given = Secrets(f"{_random(6)}.{_random(16)}", secrets.token_hex(32))
    shutil.copy(loaded.paths.ssh_config, folder / "ssh_config")
    (folder / "log").mkdir()
    _write(folder / "address", f"{controller}\n")
    _write(folder / "control-planes", _lines(spec.control_planes))
    _write(folder / "workers", _lines(name for name in spec.nodes if name not in spec.control_planes))
    request = {"addresses": [controller], "files": values.group["bundle_files"], "watch_pid": 0}
    _write(folder / "serve.json", json.dumps(request))
    networks = {"networks": {name: {"IPv4": f"@{name}@"} for name in spec.nodes}}
    for name in spec.nodes:
        given_values = {**values.group, **values.hosts[name], "inventory_hostname": name, "network_assigned": networks}
        _node(folder / "nodes" / name, given_values, given)


def _own_objects(values: Mapping[str, JSON]) -> JSON:
    """The objects that the release itself needs; the network of the measured cluster has none."""
    (own,) = cast("list[dict[str, JSON]]", values["addons_first"])
    return own["objects"]


def _node(root: Path, values: Mapping[str, JSON], given: Secrets) -> None:
    """Everything that goes onto one node: the roles' files in their places, the rest in ``/run/floor``."""
    own = root / "run" / "floor"
    for role in _ROLES:
        for path, mode, text in _files_of(role, values):
            _write((own / "late" if role == _LATE else root) / path.lstrip("/"), text, mode)
    node = {**_defaults("node"), **values}
    sysctls = cast("Mapping[str, str]", node["node_sysctls"])
    _write(root / "etc" / "sysctl.d" / "99-kprov.conf", _lines(f"{key} = {value}" for key, value in sysctls.items()))
    _write(own / "hosts", _render("node", "hosts.j2", node))
    artifacts = cast("list[Mapping[str, str]]", values["kubernetes_artifacts"])
    _write(own / "artifacts", _lines(f"{each['kind']} {each['path']} {each['name']}" for each in artifacts))
    _write(own / "manifests.yaml", _documents(_own_objects(values), given))
    _write(own / "join.yaml", _documents(values["join_documents"], given))
    if "control_plane_documents" in values:
        _write(own / "kubeadm.yaml", _documents(values["control_plane_documents"], given))


def _files_of(role: str, values: Mapping[str, JSON]) -> Iterator[tuple[str, int, str]]:
    """Path, mode and content of every file that a role's tasks make from a template."""
    tasks = project.ansible_home() / "roles" / role / "tasks" / "main.yml"
    given = {**_defaults(role), **values}
    for task in yaml.safe_load(tasks.read_text(encoding="utf-8")):
        module = task.get("kprov_files") or task.get("kprov_units")
        if not module or not _holds(task.get("when", "true"), given):
            continue
        for file in module.get("files", ()):
            found = _TEMPLATE.search(file["content"])
            if found is None:
                sys.exit(f"{tasks}: {file['path']} comes from no template that the floor knows how to render")
            text = _render(role, found[1], given)
            yield file["path"], int(file.get("mode", "0644"), 8), text


def _holds(when: str | list[str], values: Mapping[str, JSON]) -> bool:
    """Whether a task's conditions hold."""
    conditions = [when] if isinstance(when, str) else when
    return all(Environment(autoescape=True).compile_expression(each)(**values) for each in conditions)


def _defaults(role: str) -> dict[str, JSON]:
    path = project.ansible_home() / "roles" / role / "defaults" / "main.yml"
    return cast("dict[str, JSON]", yaml.safe_load(path.read_text(encoding="utf-8")) or {})


def _render(role: str, template: str, values: Mapping[str, JSON]) -> str:
    """A role's template as Ansible renders it."""
    jinja = Environment(undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True, autoescape=False)
    jinja.filters["bool"] = bool
    path = project.ansible_home() / "roles" / role / "templates" / template
    return jinja.from_string(path.read_text(encoding="utf-8")).render(values)


def _documents(documents: JSON, given: Secrets) -> str:
    """Documents as one YAML stream, the secrets put in where a document takes one."""
    stream = []
    for document in cast("list[dict[str, JSON]]", documents):
        out = dict(document)
        if out["kind"] == "InitConfiguration":
            out["bootstrapTokens"] = [{"token": given.token, "ttl": "15m0s"}]
            out["certificateKey"] = given.certificate_key
        if out["kind"] == "JoinConfiguration":
            out["discovery"] = {**cast("dict[str, JSON]", out["discovery"]), "tlsBootstrapToken": given.token}
            if "controlPlane" in out:
                plane = cast("dict[str, JSON]", out["controlPlane"])
                out["controlPlane"] = {**plane, "certificateKey": given.certificate_key}
        stream.append(out)
    return yaml.safe_dump_all(stream)


def _random(length: int) -> str:
    """Letters and digits as kubeadm's tokens have them."""
    return "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(length))


def _lines(items: Iterator[str] | tuple[str, ...]) -> str:
    return "".join(f"{item}\n" for item in items)


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
