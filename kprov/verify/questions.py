"""What verification asks machines and the cluster: one command per question, sent together, changing nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from kprov.spec.addresses import host_port

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kprov.ssh.batch import Answer
    from kprov.verify.settings import Settings, Target

CRI_SOCKET: Final = "unix:///run/containerd/containerd.sock"
UNITS: Final = ("containerd", "kubelet")
_SYSCTLS: Final = {"net.ipv4.ip_forward": "1", "net.bridge.bridge-nf-call-iptables": "1"}
"""Kernel parameters that pods and kube-proxy need: kubernetes.io, Container Runtimes, Network configuration."""
_SYSCTLS_V6: Final = {"net.ipv6.conf.all.forwarding": "1", "net.bridge.bridge-nf-call-ip6tables": "1"}
CNI_FOLDER: Final = "/etc/cni/net.d"

_KUBELET_CERTIFICATE: Final = "/var/lib/kubelet/pki/kubelet-client-current.pem"
_API_CURL: Final = f"curl -sS -m 5 --cacert /etc/kubernetes/pki/ca.crt --cert {_KUBELET_CERTIFICATE}"
"""As the kubelet would ask: with its own certificate, so that it works where anonymous requests are refused."""
_ETCD_PKI: Final = "/etc/kubernetes/pki/etcd"
_ETCD_CURL: Final = (
    f"curl -sS -m 5 --cacert {_ETCD_PKI}/ca.crt --cert {_ETCD_PKI}/healthcheck-client.crt"
    f" --key {_ETCD_PKI}/healthcheck-client.key"
)
"""etcd speaks JSON over HTTP on its client port (gRPC gateway, 3.4 to 3.6): no etcdctl, no shell in its pod needed."""
_CERTIFICATES: Final = """\
for f in /etc/kubernetes/pki/*.crt /etc/kubernetes/pki/etcd/*.crt /var/lib/kubelet/pki/*.crt \
/var/lib/kubelet/pki/kubelet-client-current.pem; do
  test -r "$f" && echo "file $f" && sed -n '/BEGIN CERTIFICATE/,/END CERTIFICATE/p' "$f"
done
for f in /etc/kubernetes/*.conf; do
  d=$(sed -n 's/^ *client-certificate-data: *//p' "$f" 2>/dev/null)
  test -n "$d" && echo "file $f" && echo "$d" | base64 -d
done; true"""
"""Public parts only: no private key is ever read."""


_PATIENT: Final = (
    'i=0; while o=$({curl} 2>&1); r=$?; test "$o" != ok && test $i -lt 3; do i=$((i+1)); sleep 1; done;'
    ' echo "$o"; (exit $r)'
)
"""The endpoint's proxy may be a second behind a control plane that just went or came back."""
_STEADY: Final = (
    'i=0; while o=$({curl} 2>&1); r=$?; case "$o" in *"check passed"*) false ;; *) test $i -lt 5 ;; esac;'
    ' do i=$((i+1)); sleep 1; done; echo "$o"; (exit $r)'
)
"""An API server that once waited too long for its etcd is not ready for one request; one that is unwell stays so."""


def sysctls(target: Target) -> Mapping[str, str]:
    """The kernel parameters that a machine must have for the families of its addresses.

    >>> from kprov.verify.settings import Target
    >>> list(sysctls(Target("m1", "10.0.0.11", True, False, True, second_address="fd00::11")))[2:]
    ['net.ipv6.conf.all.forwarding', 'net.bridge.bridge-nf-call-ip6tables']
    """
    return {**_SYSCTLS, **(_SYSCTLS_V6 if any(":" in address for address in target.addresses) else {})}


def basic_questions(settings: Settings) -> dict[str, str]:
    """Whether pods can be expected to start on a node at all; asked of those too that are not to be checked."""
    curl = f"{_API_CURL} https://{host_port(settings.endpoint_host, settings.endpoint_port)}/readyz"
    return {
        **{f"unit.{unit}": f"systemctl show -p ActiveState -p UnitFileState {unit}" for unit in UNITS},
        "endpoint": _PATIENT.format(curl=curl),
    }


def fault(answers: Mapping[str, Answer]) -> str:
    """Why no pod can be expected to start on a node, from its answers to ``basic_questions``; empty: it can.

    >>> from kprov.ssh.batch import Answer
    >>> up = Answer("ActiveState=active", 0)
    >>> fault({"unit.containerd": up, "unit.kubelet": up, "endpoint": Answer("curl: (7) refused", 7)})
    'the node does not reach the API'
    """
    for unit in UNITS:
        answer = answers.get(f"unit.{unit}")
        if answer is not None and answer.ok and unit_states(answer.text).get("ActiveState") != "active":
            return f"{unit} does not run"
    endpoint = answers.get("endpoint")
    return "the node does not reach the API" if endpoint is not None and endpoint.text != "ok" else ""


def node_questions(target: Target, settings: Settings) -> dict[str, str]:
    """What to ask this machine, by name of the question."""
    asked = {
        "swap": "cat /proc/swaps",
        **basic_questions(settings),
        "cri": f"if command -v crictl >/dev/null; then timeout 5 crictl -r {CRI_SOCKET} info"
        f" && timeout 5 crictl -r {CRI_SOCKET} ps -q; else timeout 5 ctr -n k8s.io containers ls -q; fi",
        "sysctls": f"sysctl {' '.join(sysctls(target))}",
        "kubelet": "kubelet --version",
        "kubeadm": "kubeadm version -o short",
        "certificates": _CERTIFICATES,
        "cni": f"ls -1 {CNI_FOLDER}",
    }
    if not target.node:
        asked = {}
    if target.control_plane:
        api = f"https://{host_port(target.address, 6443)}"
        asked |= {name: f"{_API_CURL} '{api}/{path}'" for name, path in _API_PATHS.items()}
        asked |= {name: _STEADY.format(curl=asked[name]) for name in ("api.livez", "api.readyz")}
        asked["admin"] = f"{KUBECTL} get --raw /api/v1/namespaces/kube-system"
        asked |= {f"health.{name}": f"curl -sSk -m 5 https://127.0.0.1:{port}/healthz" for name, port in HEALTH.items()}
    if target.etcd:
        client = f"https://{host_port(target.address, 2379)}"
        asked["etcd.health"] = f"{_ETCD_CURL} {client}/health"
        asked |= {name: f"{_ETCD_CURL} -d '{{}}' {client}/v3/{path}" for name, path in _ETCD_PATHS.items()}
    return asked


HEALTH: Final = {"kube-controller-manager": 10257, "kube-scheduler": 10259}
"""Components that tell their health to anyone on the machine itself, under a certificate that nobody signed."""
_API_PATHS: Final = {"api.livez": "livez?verbose", "api.readyz": "readyz?verbose", "api.version": "version"}
_ETCD_PATHS: Final = {"etcd.members": "cluster/member/list", "etcd.status": "maintenance/status"}

KUBECTL_UNTIMED: Final = "kubectl --kubeconfig /etc/kubernetes/admin.conf"
KUBECTL: Final = f"{KUBECTL_UNTIMED} --request-timeout 10s"
"""``get --raw`` and its like ask for one path and nothing else, which spares kubectl its discovery of the whole API."""


def member_is_well(answer: Answer) -> bool:
    """Whether an etcd member says that it is healthy; it says so as a text or, in newer ones, as a truth value.

    >>> from kprov.ssh.batch import Answer
    >>> member_is_well(Answer('{"health":"true"}', 0)), member_is_well(Answer('{"health":"false"}', 0))
    (True, False)
    """
    return answer.ok and re.search(r'"health": *"?true', answer.text) is not None


def cni_configurations(text: str) -> list[str]:
    """The files that a container runtime takes for a network's configuration, out of those that ``ls`` printed.

    Of several, the first by name is used (containerd, pkg/cri/config: max_conf_num 1).

    >>> cni_configurations("20-b.conf\\n10-a.conflist\\ncalico-kubeconfig")
    ['10-a.conflist', '20-b.conf']
    """
    return sorted(name for name in text.splitlines() if name.endswith((".conf", ".conflist", ".json")))


def unit_states(text: str) -> dict[str, str]:
    """The properties that ``systemctl show`` printed.

    >>> unit_states("ActiveState=active\\nUnitFileState=enabled")
    {'ActiveState': 'active', 'UnitFileState': 'enabled'}
    """
    return dict(line.partition("=")[::2] for line in text.splitlines() if "=" in line)


def sysctl_values(text: str) -> dict[str, str]:
    """The values that ``sysctl`` printed.

    >>> sysctl_values("net.ipv4.ip_forward = 1\\nsysctl: cannot stat /proc/sys/net/bridge: No such file or directory")
    {'net.ipv4.ip_forward': '1'}
    """
    return dict(re.findall(r"^([\w.-]+) = (.*)$", text, re.MULTILINE))


def version_in(text: str) -> str:
    """The first full version in a program's answer, without the ``v``; empty where there is none.

    >>> version_in("Kubernetes v1.20.2"), version_in('{"gitVersion": "v1.36.4"}'), version_in("not found")
    ('1.20.2', '1.36.4', '')
    """
    found = re.search(r"v(\d+\.\d+\.\d+)", text)
    return found[1] if found else ""
