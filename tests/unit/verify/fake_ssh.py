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
TAINT = "node-role.kubernetes.io/master"
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
        "states": {},  # pod -> what its status says instead
        "replicas": {},  # workload -> how many of its pods are ready
        "files": {},  # node -> what lies in /etc/cni/net.d
        "not_ready": "",  # what nodes that are not ready say; empty: all are
        "altered": {},  # node -> parts of it that are otherwise
        "statuses": {},  # node -> what its status says beside or instead
        "pending": [],  # nodes whose probe pod does not start
        "done": 0,  # how many times something was done to the programs
        "said": "",  # what is read from the volume; empty: what was written
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
    if question == "pod":
        return _volume_pod(cluster, script), 0
    if question == "guard":
        return _guard(cluster, script), 0
    if question.startswith(("create.", "delete.")) or question in ("gone", "free"):
        return "", 0
    if question.startswith("workload."):
        return _workload(cluster, question, script)
    if question.startswith("door."):
        return "200", 0
    if question.startswith("log."):
        return "Failed to find any valid interface to use", 0
    return _FIXED[question](cluster, host), 0


def _reach(cluster: dict, script: str) -> str:
    lines = []
    full = [f"full/{node}" for node in dict.fromkeys(re.findall(r"&& full (\S+) ", script))]
    for node in cluster["nodes"]:
        if node in cluster["pending"]:
            continue
        lines += [f"pod probe-{node}", "@ mtu ok 1450"]
        lines += [
            f"@ {target} failed in fragments only" if [node, target] in cluster["unreached"] else f"@ {target} ok 1450"
            for target in full
        ]
        for target in dict.fromkeys(re.findall(r"ask (\S+) busybox", script)):
            given = (
                target[4:] if target.startswith("pod/") else "Name: x Address: 10.96.7.7" if "dns/" in target else "w1"
            )
            ok = [node, re.sub(r"kprov-verify-\w+", "NS", target)] not in cluster["unreached"]
            lines.append(f"@ {target} ok {given}" if ok else f"@ {target} failed wget: download timed out")
    return "\n".join(lines)


def _volume_pod(cluster: dict, script: str) -> str:
    space = re.search(r"namespaces/(\S+)/pods/", script)[1]
    ended = {"state": {"terminated": {"message": cluster["said"] or space}}}
    return json.dumps({"spec": {"nodeName": "w1"}, "status": {"phase": "Succeeded", "containerStatuses": [ended]}})


def _guard(cluster: dict, script: str) -> str:
    """What the pods found who were told to wait until they are locked out, or until they are let in again."""
    found = "failed" if [("locked" if "if !" in script else "freed"), "policy"] in cluster["unreached"] else "ok"
    return "\n".join(f"pod probe-{node}\n@ {node} {found}" for node in cluster["nodes"])


def _pod(name: str, node: str, labels: dict, namespace: str = "kube-system") -> dict:
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": labels, "creationTimestamp": MADE},
        "spec": {
            "nodeName": node,
            "containers": [{"name": "main", "image": f"example.com/{name.rpartition('-')[0]}:1"}],
        },
        "status": RUNNING,
    }


WORKLOADS = {
    "calico-node": ("DaemonSet", "kube-system"),
    "metrics-server": ("Deployment", "kube-system"),
    "local-path-provisioner": ("Deployment", "local-path-storage"),
    "kube-web-view": ("Deployment", "kprov-dashboard"),
}


def _addon_pods(cluster: dict, namespace: str) -> list[dict]:
    """One on each node of a DaemonSet, one of a Deployment on the last node."""
    return [
        _pod(f"{name}-{node}", node, {"app": name}, namespace)
        for name, (kind, where) in WORKLOADS.items()
        if where == namespace
        for node in (cluster["nodes"] if kind == "DaemonSet" else cluster["nodes"][-1:])
    ]


def _items(cluster: dict, pods: list[dict]) -> str:
    return json.dumps(
        {"items": [{**pod, "status": cluster["states"].get(pod["metadata"]["name"], pod["status"])} for pod in pods]}
    )


def _live(cluster: dict, kind: str) -> str:
    items = []
    for name, (its_kind, namespace) in WORKLOADS.items():
        wanted = len(cluster["nodes"]) if its_kind == "DaemonSet" else 1
        ready = cluster["replicas"].get(name, wanted)
        status = {"numberReady": ready, "readyReplicas": ready, "updatedReplicas": wanted}
        if its_kind == "DaemonSet":
            status |= {"desiredNumberScheduled": wanted, "updatedNumberScheduled": wanted}
        items.append(
            {
                "kind": its_kind,
                "metadata": {"name": name, "namespace": namespace, "creationTimestamp": MADE},
                "spec": {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": {"spec": {}}},
                "status": {**status, "observedGeneration": 1},
            }
        )
    return json.dumps({"items": [each for each in items if each["kind"] == kind]})


def _sets(_cluster: dict, _host: str) -> str:
    names = ("calico", "metrics-server", "local-path-provisioner", "dashboard")
    return json.dumps({"items": [{"metadata": {"name": x, "labels": {"kprov.io/addon-set": x}}} for x in names]})


def _classes(_cluster: dict, _host: str) -> str:
    marks = {"storageclass.kubernetes.io/is-default-class": "true"}
    return json.dumps({"items": [{"metadata": {"name": "local-path", "annotations": marks}}]})


def _services(_cluster: dict, _host: str) -> str:
    spec = {"clusterIP": "10.96.9.9", "ports": [{"port": 80}]}
    return json.dumps({"items": [{"metadata": {"name": "dashboard", "namespace": "kprov-dashboard"}, "spec": spec}]})


def _metrics(cluster: dict, _host: str) -> str:
    return json.dumps({"items": [{"metadata": {"name": node}} for node in cluster["nodes"]]})


def _system_pods(cluster: dict, _host: str) -> str:
    pods = [_pod(f"kube-proxy-{node}", node, {"k8s-app": "kube-proxy"}) for node in cluster["nodes"]]
    pods += [_pod("coredns-1", cluster["nodes"][-1], {"k8s-app": "kube-dns"})]
    for kind in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd"):
        pods += [_pod(f"{kind}-{node}", node, {}) for node in cluster["control_planes"]]
    return _items(cluster, [*pods, *_addon_pods(cluster, "kube-system")])


def _nodes(cluster: dict, _host: str) -> str:
    def one(name: str) -> dict:
        status = {
            "conditions": [
                {"type": "Ready", "status": "False", "message": cluster["not_ready"]}
                if cluster["not_ready"]
                else {"type": "Ready", "status": "True", "message": "kubelet is posting ready status"}
            ],
            "addresses": [{"type": "InternalIP", "address": address(cluster, name)}],
            "nodeInfo": {"kubeletVersion": f"v{VERSION}", "osImage": "Debian 12", "kernelVersion": "6.1"},
        }
        plane = name in cluster["control_planes"]
        labels = {"node-role.kubernetes.io/control-plane": ""} if plane else {"disk": "ssd"}
        return {
            "metadata": {"name": name, "creationTimestamp": MADE, "labels": labels},
            "spec": {"taints": [{"key": TAINT, "effect": "NoSchedule"}]} if plane else {},
            "status": {**status, **cluster["statuses"].get(name, {})},
            **cluster["altered"].get(name, {}),
        }

    return json.dumps({"items": [one(name) for name in cluster["nodes"]]})


def _probe_pods(cluster: dict, _host: str) -> str:
    pods = [_pod(f"probe-{node}", node, {}) for node in cluster["nodes"]]
    seen = [{**pod, "status": {**RUNNING, "podIP": "10.244.0.9"}} for pod in pods]
    late = [{**pod, "status": {"phase": "Pending"}} for pod in pods]
    waits = [pod["spec"]["nodeName"] in cluster["pending"] for pod in pods]
    return json.dumps({"items": [late[i] if wait else seen[i] for i, wait in enumerate(waits)]})


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
    "admin": lambda _c, _h: '{"kind": "Namespace"}',
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
    "cni": lambda c, h: c["files"].get(h, "10-calico.conflist"),
    "live.daemonset": lambda c, _h: _live(c, "DaemonSet"),
    "live.deployment": lambda c, _h: _live(c, "Deployment"),
    "pods.local-path-storage": lambda c, _h: _items(c, _addon_pods(c, "local-path-storage")),
    "pods.kprov-dashboard": lambda c, _h: _items(c, _addon_pods(c, "kprov-dashboard")),
    "sets": _sets,
    "classes": _classes,
    "services.kprov-dashboard": _services,
    "metrics": _metrics,
    "events": lambda _c, _h: '{"items": []}',
    "now": lambda _c, _h: "1767355200",
    "stale": lambda _c, _h: '{"items": []}',
    "pods": _probe_pods,
    "service": lambda _c, _h: '{"spec": {"clusterIP": "10.96.7.7"}}',
    "endpoints": lambda _c, _h: '{"subsets": [{"addresses": [{"ip": "10.244.0.9"}]}]}',
}


def _workload(cluster: dict, question: str, script: str) -> tuple[str, int]:
    """Programs that always are where they are to be, and another pod in place of each when anything was done."""
    kind = question.split(".")[1]
    if kind == "do":
        cluster["done"] += 1
        return "", 0
    if kind == "classes":
        return _classes(cluster, ""), 0
    if kind == "pods":
        return _programs(cluster, re.search(r"app%3D(\w+)", script)[1]), 0
    if kind == "page":
        uids = [f"diary-{done}-w1" for done in range(cluster["done"] + 1) if done in (3, 4)]
        return "\n".join(uids) if "/diary-" in script else f"{2 if cluster['done'] == 1 else 1} a-pod", 0
    if kind == "events":
        return '{"items": []}', 0
    counts = {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2, "succeeded": 3}
    daemons = {"desiredNumberScheduled": 3, "numberAvailable": 3}
    return json.dumps({"metadata": {}, "spec": {"replicas": 2}, "status": {**counts, **daemons}}), 0


def _programs(cluster: dict, app: str) -> str:
    ended = {"state": {"terminated": {"message": "5050"}}, "ready": False}
    many = {"diary": 1, "site": 2}.get(app, len(cluster["nodes"]))
    pods = [_pod(f"{app}-{cluster['done']}-{node}", node, {}) for node in cluster["nodes"][-many:]]
    for pod in pods:
        pod["metadata"]["uid"] = pod["metadata"]["name"]
        pod["status"] = {"containerStatuses": [ended]} if app == "sums" else RUNNING
    return json.dumps({"items": pods})


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
