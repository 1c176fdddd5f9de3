"""What was seen of the cluster while it was asked: its nodes, the versions that run, when certificates end."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING

from kprov.report.model import CertificateRow, Fact, NodeRow
from kprov.report.words import listing
from kprov.verify.certificates import certificates
from kprov.verify.questions import version_in
from kprov.verify.view import node_ready

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from kprov.ssh.batch import Answer
    from kprov.verify.settings import Settings
    from kprov.verify.view import View

_INFO = {
    "Kubelet": "kubeletVersion",
    "Runtime": "containerRuntimeVersion",
    "System": "osImage",
    "Kernel": "kernelVersion",
}


def seen(settings: Settings, view: View | None, answers: Mapping[str, Mapping[str, Answer]]) -> dict[str, object]:
    """Everything as JSON-ready data, in the shape that ``report.results.seen_of`` reads.

    Args:
        settings: what the cluster is held to.
        view: what the API server said; None where it said nothing.
        answers: what each machine answered; those that are silent are not in it.
    """
    return {
        "nodes": [asdict(each) for each in _nodes(settings, view, answers)],
        "versions": [asdict(each) for each in _versions(view, answers)],
        "certificates": [{**asdict(each), "ends": each.ends.isoformat()} for each in _certificates(answers)],
    }


def _nodes(settings: Settings, view: View | None, answers: Mapping[str, Mapping[str, Answer]]) -> Iterator[NodeRow]:
    for target in settings.targets:
        roles = {"control-plane": target.control_plane, "etcd": target.etcd, "worker": target.worker}
        node = view.nodes.get(target.name) if view else None
        info = node["status"].get("nodeInfo", {}) if node else {}
        notes = [
            *(["silent over SSH"] if target.name not in answers else []),
            *(["not registered"] if view and target.node and node is None else []),
            *(["cordoned"] if node and node["spec"].get("unschedulable") else []),
        ]
        yield NodeRow(
            name=target.name,
            address=target.address,
            roles=tuple(role for role, its in roles.items() if its),
            ready=node is not None and node_ready(node),
            version=info.get("kubeletVersion", ""),
            system=info.get("osImage", ""),
            runtime=info.get("containerRuntimeVersion", ""),
            kernel=info.get("kernelVersion", ""),
            note=", ".join(notes),
        )


def _versions(view: View | None, answers: Mapping[str, Mapping[str, Answer]]) -> Iterator[Fact]:
    found = {
        "API server": _told(answers, "api.version", "gitVersion"),
        "etcd": _told(answers, "etcd.status", "version"),
        "kubeadm": {name: version_in(said["kubeadm"].text) for name, said in answers.items() if "kubeadm" in said},
    }
    for title, key in _INFO.items():
        nodes = view.nodes.items() if view else ()
        found[title] = {name: str(node["status"].get("nodeInfo", {}).get(key, "")) for name, node in nodes}
    for title, by_host in found.items():
        if any(by_host.values()):
            yield Fact(title, by_value(by_host))
    pods = view.system_pods.values() if view else ()
    images = {each["image"] for pod in pods for each in pod["spec"].get("containers", ()) if "image" in each}
    if images:
        yield Fact("Images", ", ".join(sorted(images)))


def _told(answers: Mapping[str, Mapping[str, Answer]], question: str, key: str) -> Mapping[str, str]:
    """A value out of the JSON that machines answered with."""
    found = {}
    for name, said in answers.items():
        if question in said and said[question].ok:
            with suppress(ValueError, AttributeError):
                found[name] = str(json.loads(said[question].text).get(key, ""))
    return found


def by_value(by_host: Mapping[str, str]) -> str:
    """What all hosts say, once where it is the same.

    >>> by_value({"m1": "3.4.23", "m2": "3.4.23"}), by_value({"m1": "a", "m2": "b", "m3": "a"})
    ('3.4.23', 'a on m1 and m3; b on m2')
    """
    hosts: dict[str, list[str]] = {}
    for host, value in by_host.items():
        hosts.setdefault(value or "unknown", []).append(host)
    if len(hosts) == 1:
        return next(iter(hosts))
    return "; ".join(f"{value} on {listing(names)}" for value, names in hosts.items())


def _certificates(answers: Mapping[str, Mapping[str, Answer]]) -> Sequence[CertificateRow]:
    rows: list[CertificateRow] = []
    for name, said in answers.items():
        if "certificates" in said:
            with suppress(ValueError):
                found = certificates(said["certificates"].text)
                rows += [CertificateRow(name, each.file, each.subject, each.ends) for each in found]
    return sorted(rows, key=lambda each: (each.ends, each.file, each.host))
