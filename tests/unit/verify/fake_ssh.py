"""A stand-in for ``ssh`` and everything behind it: a cluster that is well, but for what a test breaks in it.

Run as a program, it is ``ssh``: it reads the world from the file named by ``FAKE_WORLD``, answers the questions in the
script that it is given, and appends what it was asked to ``<file>.log``.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

VERSION = "1.20.2"
MADE = "2026-01-01T12:00:00Z"  # a day before the clock of the control planes
RUNNING = {"phase": "Running", "containerStatuses": [{"name": "main", "ready": True, "state": {"running": {}}}]}


def world(control_planes: list[str], workers: list[str], certificates: str) -> dict[str, object]:
    """A cluster that is well. ``silent``, ``answers`` and ``unreached`` are there for breaking it."""
    return {
        "control_planes": control_planes,
        "nodes": [*control_planes, *workers],
        "certificates": certificates,
        "silent": {},  # host -> what ssh says
        "answers": {},  # host -> question -> [text, rc]
        "unreached": [],  # [node, target]
    }


def address(cluster: dict, node: str) -> str:
    return f"10.0.0.{11 + cluster['nodes'].index(node)}"


def answer(cluster: dict, host: str, question: str, script: str) -> tuple[str, int]:
    """What a machine answers to one question."""
    broken = cluster["answers"].get(host, {}).get(question)
    if broken:
        return broken[0], broken[1]
    if question == "reach":
        return _reach(cluster, script), 0
    if question.startswith(("create.", "delete.")):
        return "", 0
    return _FIXED[question](cluster, host), 0


def _reach(cluster: dict, script: str) -> str:
    lines = []
    for node in cluster["nodes"]:
        lines.append(f"pod probe-{node}")
        for target in dict.fromkeys(re.findall(r"ask (\S+) busybox", script)):
            given = (
                target[4:] if target.startswith("pod/") else "Name: x Address: 10.96.7.7" if "dns/" in target else "w1"
            )
            ok = [node, re.sub(r"kprov-verify-\w+", "NS", target)] not in cluster["unreached"]
            lines.append(f"@ {target} ok {given}" if ok else f"@ {target} failed wget: download timed out")
    return "\n".join(lines)


def _pod(name: str, node: str, labels: dict) -> dict:
    return {
        "metadata": {"name": name, "labels": labels, "creationTimestamp": MADE},
        "spec": {"nodeName": node},
        "status": RUNNING,
    }


def _system_pods(cluster: dict, _host: str) -> str:
    pods = [_pod(f"kube-proxy-{node}", node, {"k8s-app": "kube-proxy"}) for node in cluster["nodes"]]
    pods += [_pod("coredns-1", cluster["nodes"][-1], {"k8s-app": "kube-dns"})]
    for kind in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd"):
        pods += [_pod(f"{kind}-{node}", node, {}) for node in cluster["control_planes"]]
    return json.dumps({"items": pods})


def _nodes(cluster: dict, _host: str) -> str:
    def one(name: str) -> dict:
        status = {
            "conditions": [{"type": "Ready", "status": "True", "message": "kubelet is posting ready status"}],
            "addresses": [{"type": "InternalIP", "address": address(cluster, name)}],
        }
        return {"metadata": {"name": name, "creationTimestamp": MADE}, "spec": {}, "status": status}

    return json.dumps({"items": [one(name) for name in cluster["nodes"]]})


def _probe_pods(cluster: dict, _host: str) -> str:
    pods = [_pod(f"probe-{node}", node, {}) for node in cluster["nodes"]]
    return json.dumps({"items": [{**pod, "status": {**RUNNING, "podIP": "10.244.0.9"}} for pod in pods]})


def _members(cluster: dict, _host: str) -> str:
    return json.dumps({"members": [{"ID": f"id-{name}", "name": name} for name in cluster["control_planes"]]})


_FIXED = {
    "swap": lambda _c, _h: "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority",
    "unit.containerd": lambda _c, _h: "ActiveState=active\nUnitFileState=enabled",
    "unit.kubelet": lambda _c, _h: "ActiveState=active\nUnitFileState=enabled",
    "cri": lambda _c, _h: "{}",
    "sysctls": lambda _c, _h: "net.ipv4.ip_forward = 1\nnet.bridge.bridge-nf-call-iptables = 1",
    "kubelet": lambda _c, _h: f"Kubernetes v{VERSION}",
    "kubeadm": lambda _c, _h: f"v{VERSION}",
    "certificates": lambda c, _h: c["certificates"],
    "endpoint": lambda _c, _h: "ok",
    "api.livez": lambda _c, _h: "[+]ping ok\nlivez check passed",
    "api.readyz": lambda _c, _h: "[+]ping ok\nreadyz check passed",
    "api.version": lambda _c, _h: json.dumps({"gitVersion": f"v{VERSION}"}),
    "etcd.health": lambda _c, _h: '{"health":"true"}',
    "etcd.members": _members,
    "etcd.status": lambda c, _h: json.dumps({"leader": f"id-{c['control_planes'][0]}", "dbSize": "2048"}),
    "nodes": _nodes,
    "system-pods": _system_pods,
    "health.kube-controller-manager": lambda _c, _h: "ok",
    "health.kube-scheduler": lambda _c, _h: "ok",
    "now": lambda _c, _h: "1767355200",
    "stale": lambda _c, _h: '{"items": []}',
    "pods": _probe_pods,
    "service": lambda _c, _h: '{"spec": {"clusterIP": "10.96.7.7"}}',
    "endpoints": lambda _c, _h: '{"subsets": [{"addresses": [{"ip": "10.244.0.9"}]}]}',
}


def main() -> int:
    path, (host, script) = os.environ["FAKE_WORLD"], sys.argv[-2:]
    cluster = json.loads(Path(path).read_text(encoding="utf-8"))
    questions = re.findall(r"@@([a-z0-9][\w.-]*)", script)
    with Path(f"{path}.log").open("a", encoding="utf-8") as log:
        log.write("".join(f"{host} {question}\n" for question in questions))
    if host in cluster["silent"]:
        sys.stderr.write(cluster["silent"][host] + "\n")
        return 255
    for question in questions:
        text, rc = answer(cluster, host, question, script)
        sys.stdout.write(f"@@{question}\n{text}\n\n@@={rc}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
