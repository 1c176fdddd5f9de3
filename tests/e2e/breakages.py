"""What can go wrong with a cluster, one at a time: how it is done on a real node, what tells of it, how it heals.

In commands, ``{net}`` is the start of the nodes' addresses, ``{pods}`` the network of the pods on w1, ``{quiet}`` a
node without DNS servers. ``K`` is kubectl on a control plane.
"""

from __future__ import annotations

from dataclasses import dataclass

K = "kubectl --kubeconfig /etc/kubernetes/admin.conf"
CTR = "ctr -n k8s.io images"
MANIFESTS = "/etc/kubernetes/manifests"
ENDPOINT = "for i in 1 2 3 4 5 6; do curl -sk -m 3 https://127.0.0.1:8443/readyz | grep -qx ok || exit 1; done"
"""The endpoint's proxy of a node knows which API servers are well: six answers in a row come from all of them."""
PKI = "/etc/kubernetes/pki"
ETCD = (
    f"curl -sS --cacert {PKI}/etcd/ca.crt --cert {PKI}/etcd/peer.crt --key {PKI}/etcd/peer.key"
    " https://{net}.11:2379/v3/cluster/member"
)
STRANGER = '"peerURLs":["https://{net}.99:2380"]'

Failure = tuple[str, str, str]
"""A check: its suite, its name, its node."""


@dataclass(frozen=True)
class Breakage:
    """``do`` and ``undo`` run on ``node``; each has come about when its condition, a command on ``node``, holds.

    ``fails`` are exactly the checks that fail then; ``says`` is part of what they say.
    """

    name: str
    node: str
    do: str
    undo: str
    fails: tuple[Failure, ...]
    says: str
    done: str = "true"
    undone: str = "true"
    code: int = 1

    def __str__(self) -> str:
        return self.name


def _moved(what: str) -> tuple[str, str]:
    return f"mv {what} /root/moved", f"mv /root/moved {what}"


def _scheduled(port: int, pod: str, node: str) -> str:
    """A static pod is served, and the API server knows of it."""
    return f"curl -sk -m 3 https://127.0.0.1:{port}/healthz | grep -qx ok && {K} -n kube-system get pod {pod}-{node}"


def _gone(port: int, pod: str, node: str) -> str:
    """A static pod is gone, the API server knows of it, and nothing on its node leads any more."""
    leads = f"{K} -n kube-system get leases -o yaml | grep -q 'holderIdentity: {node}_'"
    return f"! ss -ltn | grep -q ':{port} ' && ! {K} -n kube-system get pod {pod}-{node} && ! {leads}"


def _pairs(one: str, other: str) -> tuple[Failure, ...]:
    """Between two nodes nothing passes, as an answer has to come back too."""
    return (
        ("network", f"its pod reaches the pod on {other}", one),
        ("network", f"its pod reaches the pod on {one}", other),
    )


MACHINES = (
    Breakage(
        *("kubelet stopped", "w1", "systemctl stop kubelet", "systemctl start kubelet"),
        fails=(("nodes", "kubelet runs and starts at boot", "w1"),),
        says="kubelet is inactive",
    ),
    Breakage(
        *("kubelet not started at boot", "w1", "systemctl disable kubelet", "systemctl enable kubelet"),
        fails=(("nodes", "kubelet runs and starts at boot", "w1"),),
        says="does not start at boot",
    ),
    Breakage(
        *("containerd stopped", "w1", "systemctl stop containerd", "systemctl start containerd kubelet"),
        fails=(("nodes", "containerd runs and starts at boot", "w1"),),
        says="containerd is inactive",
        undone="crictl ps",
    ),
    Breakage(
        *("kubeadm of another version", "w1"),
        do="mv /usr/local/bin/kubeadm /root/moved; printf '#!/bin/sh\\necho v1.19.9\\n' >/usr/local/bin/kubeadm;"
        " chmod 755 /usr/local/bin/kubeadm",
        undo="mv /root/moved /usr/local/bin/kubeadm",
        fails=(("nodes", "kubeadm has the version of the cluster file", "w1"),),
        says="kubeadm is 1.19.9, not 1.20.2",
    ),
    Breakage(
        *("a kernel parameter changed", "{quiet}"),
        do="sysctl -w net.bridge.bridge-nf-call-iptables=0",
        undo="sysctl -w net.bridge.bridge-nf-call-iptables=1",
        fails=(("nodes", "kernel parameters are set", "{quiet}"),),
        says="net.bridge.bridge-nf-call-iptables is 0, not 1",
    ),
    Breakage(
        *("the machine is silent", "w1"),
        do="iptables -I INPUT -p tcp --dport 22 -j DROP",
        undo="",  # nobody is let in to undo it; see the test
        fails=(("nodes", "answers over SSH", "w1"),),
        says="w1: answers over SSH",
        code=3,
    ),
)
ENDPOINTS = (
    Breakage(
        *(
            "the endpoint's proxy stopped",
            "w1",
            "systemctl stop kprov-api-endpoint",
            "systemctl start kprov-api-endpoint",
        ),
        fails=(("nodes", "the API answers through the endpoint", "w1"),),
        says="port 8443",
        undone=ENDPOINT,
    ),
    Breakage(
        *("the endpoint's name gone from /etc/hosts", "w1"),
        do="cp /etc/hosts /root/moved; grep -v '^127.0.0.1 api' /root/moved >/etc/hosts",
        undo="cat /root/moved >/etc/hosts",
        fails=(("nodes", "the API answers through the endpoint", "w1"),),
        says="Could not resolve host",
    ),
    Breakage(
        *("the admin's kubeconfig wrong", "m1"),
        do="sed -i.was s/:8443/:8444/ /etc/kubernetes/admin.conf",
        undo="mv /etc/kubernetes/admin.conf.was /etc/kubernetes/admin.conf",
        fails=(("control plane", "kubectl is let in by its admin.conf", "m1"),),
        says=":8444 was refused",
    ),
)
NODES = (
    Breakage(
        *("a node cordoned", "m1", f"{K} cordon w1", f"{K} uncordon w1"),
        fails=(("nodes", "the node takes pods", "w1"),),
        says="w1 is cordoned",
    ),
    Breakage(
        *("a label missing", "m1", f"{K} label node w1 disk-", f"{K} label node w1 disk=ssd"),
        fails=(("nodes", "the node has its labels", "w1"),),
        says="disk is missing",
    ),
    Breakage(
        *("a taint missing", "m1", f"{K} taint node m3 node-role.kubernetes.io/master-"),
        undo=f"{K} taint node m3 node-role.kubernetes.io/master=:NoSchedule",
        fails=(("nodes", "the node has its taints", "m3"),),
        says="node-role.kubernetes.io/master:NoSchedule is missing",
    ),
    Breakage(
        *("the network's configuration gone, so NotReady", "w1"),
        do="mv /etc/cni/net.d/10-kprov.conflist /root/moved",
        undo="mv /root/moved /etc/cni/net.d/10-kprov.conflist && systemctl restart containerd",
        fails=(("network", "pods get their network from bridge", "w1"),),
        says="10-kprov.conflist is missing",
        done="crictl info | grep -q 'cni plugin not initialized'",
        undone="! crictl info | grep -q 'cni plugin not initialized'",
    ),
    Breakage(
        *("an image missing", "w1"),
        do=f"{CTR} tag kprov.local/probe:1 kprov.local/kept:1 && {CTR} rm kprov.local/probe:1",
        undo=f"{CTR} tag kprov.local/kept:1 kprov.local/probe:1 && {CTR} rm kprov.local/kept:1",
        fails=(("network", "a pod runs", "w1"),),
        says="ErrImageNeverPull",
        done="! crictl images | grep -q local/probe",
        undone="crictl images | grep -q local/probe",
    ),
    Breakage(
        *("kube-proxy missing on a node", "m1", f"{K} label node w1 kubernetes.io/os=other --overwrite"),
        undo=f"{K} label node w1 kubernetes.io/os=linux --overwrite",
        fails=(("network", "kube-proxy runs", "w1"),),
        says="no kube-proxy on w1",
        done=f"! {K} -n kube-system get pods -l k8s-app=kube-proxy -o wide | grep -q ' w1 '",
        undone=f"{K} -n kube-system rollout status ds/kube-proxy --timeout 60s",
    ),
    Breakage(
        *("CoreDNS scaled to zero", "m1"),
        do=f"{K} -n kube-system scale deployment coredns --replicas 0",
        undo=f"{K} -n kube-system scale deployment coredns --replicas 2",
        fails=(("dns", "the DNS servers run", ""),),
        says="k8s-app=kube-dns",
        done=f"{K} -n kube-system get pods -l k8s-app=kube-dns 2>&1 | grep -q 'No resources'",
        undone=f"{K} -n kube-system rollout status deployment/coredns --timeout 60s",
    ),
)
PACKETS = (
    Breakage(
        *("a route to pods removed", "m2"),
        do="ip route show {pods} >/root/moved; ip route del {pods}",
        undo="ip route add $(cat /root/moved)",
        fails=_pairs("m2", "w1"),
        says="m2: its pod reaches the pod on w1",
    ),
    Breakage(
        *("a route to pods leads nowhere", "m3"),
        do="ip route show {pods} >/root/moved; ip route replace {pods} via {net}.250",
        undo="ip route replace $(cat /root/moved)",
        fails=_pairs("m3", "w1"),
        says="m3: its pod reaches the pod on w1",
    ),
    Breakage(
        *("a firewall between pods", "m1"),
        do="iptables -I FORWARD -s {pods} -j DROP",
        undo="iptables -D FORWARD -s {pods} -j DROP",
        fails=_pairs("m1", "w1"),
        says="m1: its pod reaches the pod on w1",
    ),
)
CONTROL_PLANES = (
    Breakage(
        *("a certificate ended", "m2", "", ""),  # made by the test
        fails=(("nodes", "certificates are valid for more than 30 days", "m2"),),
        says="front-proxy-client.crt ended",
    ),
    Breakage(
        *("a certificate for another name", "m2", "", ""),
        fails=(("control plane", "the API server's certificate is for every name of it", "m2"),),
        says="{net}.12",
        undone="curl -sS -m 3 --cacert /etc/kubernetes/pki/ca.crt https://{net}.12:6443/readyz",
    ),
    Breakage(
        *("a stranger among etcd's members", "m1"),
        do=f"{ETCD}/add -d '{{{{{STRANGER},\"isLearner\":true}}}}' | grep -q isLearner",
        undo=f"{ETCD}/list -d '{{{{}}}}' | grep -o '\"ID\":\"[0-9]*\",{STRANGER.replace('[', '.').replace(']', '.')}'"
        f' | cut -d\'"\' -f4 | xargs -I% {ETCD}/remove -d \'{{{{"ID":"%"}}}}\'',
        fails=tuple(("etcd", "the member knows all others", node) for node in ("m1", "m2", "m3")),
        says="(not started)",
    ),
    Breakage(
        *("a static pod's manifest broken", "m3"),
        do=f"mv {MANIFESTS}/kube-scheduler.yaml /root/moved; echo 'kind: [' >{MANIFESTS}/kube-scheduler.yaml",
        undo=f"mv /root/moved {MANIFESTS}/kube-scheduler.yaml",
        fails=(
            ("control plane", "kube-scheduler is healthy", "m3"),
            ("control plane", "kube-scheduler runs", "m3"),
        ),
        says="there is no pod kube-scheduler-m3",
        done=_gone(10259, "kube-scheduler", "m3"),
        undone=_scheduled(10259, "kube-scheduler", "m3"),
    ),
    Breakage(
        *("a controller manager gone", "m2", *_moved(f"{MANIFESTS}/kube-controller-manager.yaml")),
        fails=(
            ("control plane", "kube-controller-manager is healthy", "m2"),
            ("control plane", "kube-controller-manager runs", "m2"),
        ),
        says="there is no pod kube-controller-manager-m2",
        done=_gone(10257, "kube-controller-manager", "m2"),
        undone=_scheduled(10257, "kube-controller-manager", "m2"),
    ),
    Breakage(
        *("an API server down", "m3", *_moved(f"{MANIFESTS}/kube-apiserver.yaml")),
        fails=(
            ("control plane", "the API server's /livez is ok", "m3"),
            ("control plane", "the API server's /readyz is ok", "m3"),
            ("control plane", "kube-apiserver runs", "m3"),
        ),
        says="there is no pod kube-apiserver-m3",
        done=f"{_gone(6443, 'kube-apiserver', 'm3')} && {ENDPOINT}",
        undone="curl -sk -m 3 https://127.0.0.1:6443/readyz | grep -qx ok",
    ),
    Breakage(
        *("an etcd member stopped", "m3", *_moved(f"{MANIFESTS}/etcd.yaml")),
        fails=(("etcd", "etcd runs", "m3"), ("etcd", "the member is healthy", "m3")),
        says="there is no pod etcd-m3",
        done=f"{_gone(2379, 'etcd', 'm3')} && {ENDPOINT}",
        undone="curl -sk -m 3 https://127.0.0.1:6443/readyz | grep -qx ok",
    ),
)
"""The last two leave programs behind that were started again and again; what watches for readiness heals them."""

ALL = (*MACHINES, *ENDPOINTS, *NODES, *PACKETS, *CONTROL_PLANES)
