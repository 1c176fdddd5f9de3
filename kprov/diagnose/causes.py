"""The causes that users meet most, each by the words that tell it, and what to do about it.

The words are those of kubeadm 1.20 and 1.33 to 1.36 (cmd/kubeadm/app), the kubelet, containerd 1.6 and 2, etcd 3.4 to
3.6, CoreDNS and Ansible; where an older and a newer release say it differently, both stand here. The order counts: the
first cause that is told is the likely one, so what explains other errors comes first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from kprov.diagnose.evidence import Evidence

_ALL: Final = ("task", "kubeadm", "kubelet", "containerd", "proxy", "coredns")


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause: its short ``name``, what it ``says`` in a clause, the ``remedy``, and what tells it.

    ``words`` is searched in the lines of ``sources``, in that order, the newest line first. ``fact`` looks at the
    machine's facts: the words that prove it, or nothing. With both, either tells it.
    """

    name: str
    says: str
    remedy: str
    words: str = ""
    sources: tuple[str, ...] = _ALL
    fact: Callable[[Evidence], str] | None = None

    def told_by(self, evidence: Evidence) -> tuple[str, str]:
        """The source and the line that tell it; two empty texts where nothing does."""
        if self.words:
            pattern = re.compile(self.words, re.IGNORECASE)
            for source in self.sources:
                for line in reversed(evidence.lines(source)):
                    if pattern.search(line):
                        return source, line
        if self.fact and (seen := self.fact(evidence)):
            return "facts", seen
        return "", ""


def _drivers(evidence: Evidence) -> str:
    """The kubelet's and the runtime's cgroup drivers where they differ."""
    text = evidence.text("drivers")
    kubelet = re.search(r"cgroupDriver:\s*(\w+)", text)
    runtime = re.search(r"SystemdCgroup\s*=\s*(\w+)", text)
    if not kubelet or not runtime:
        return ""
    of_runtime = "systemd" if runtime[1] == "true" else "cgroupfs"
    return "" if kubelet[1] == of_runtime else f"kubelet: {kubelet[1]}, containerd: {of_runtime}"


def _full(evidence: Evidence) -> str:
    return evidence.text("disk").replace("\n", ", ")


CAUSES: Final = (
    Cause(
        "disk-full",
        "a file system of the node is full",
        "Free space there: df -h on the node shows which one.",
        r"no space left on device|disk quota exceeded|\bis full\b",
        fact=_full,
    ),
    Cause(
        "python-missing",
        "the node has no Python, with which Ansible works",
        "Install python3 (3.8 or later) on the node.",
        r"python[\d.]*:? (?:command not found|not found|No such file)|No such file or directory.*python3"
        r"|interpreter .*python.* (?:was )?not found",
        ("task",),
    ),
    Cause(
        "sudo-password",
        "sudo asks for a password on the node",
        "Let kprov set it up once: kprov trust --sudo nopasswd; or do it by hand in /etc/sudoers.d.",
        r"sudo: .*password is required|missing sudo password|incorrect sudo password|sudo: a terminal is required",
        ("task",),
    ),
    Cause(
        "inotify-limits",
        "the host allows too few inotify instances or open files; containers of one user share them",
        "Raise them: sysctl -w fs.inotify.max_user_instances=1024 fs.inotify.max_user_watches=524288",
        r"inotify_(?:init|add_watch)|inotify instances|too many open files|no space left on device.*watch",
        ("task", "kubelet", "containerd", "kubeadm"),
    ),
    Cause(
        "swap-on",
        "swap is on, and this kubelet does not start with it",
        "Run kprov preflight --fix, and look what turns it on again: systemctl list-units --type swap.",
        r"running with swap on|\[ERROR Swap\]",
        ("task", "kubelet", "kubeadm"),
    ),
    Cause(
        "other-cluster",
        "the node carries parts of another cluster",
        "Where nobody needs that one: kubeadm reset on the node; kprov resets nothing that it did not begin.",
        r"carries another cluster|cluster that kprov did not make"
        r"|\[ERROR DirAvailable--var-lib-etcd\]|\[ERROR FileAvailable--etc-kubernetes-",
        ("task", "kubeadm"),
    ),
    Cause(
        "port-taken",
        "another program listens on a port that Kubernetes needs",
        "ss -ltnp on the node names it; stop it, or give the endpoint another port (endpoint.port).",
        r"\[ERROR Port-\d+\]|address already in use|cannot bind socket",
        ("task", "kubeadm", "proxy", "kubelet"),
    ),
    Cause(
        "br-netfilter",
        "packets of pods pass the bridge without iptables: the module br_netfilter is missing",
        "Load it: modprobe br_netfilter; a kernel without it cannot be a node.",
        r"\[ERROR FileContent--proc-sys-net-bridge|bridge-nf-call-ip6?tables (?:does not exist|contents are not set)",
        ("task", "kubeadm"),
    ),
    Cause(
        "no-default-route",
        "the node has no default route, and something chose its address by it",
        "Give it one, or state every address: kprov does so for kubeadm and the kubelet.",
        r"unable to select an IP from default routes|no default routes? found|unable to fetch the default route",
        ("task", "kubeadm", "kubelet"),
    ),
    Cause(
        "kubelet-version",
        "kubeadm, the kubelet and the control plane are of versions that do not go together",
        "Look for a kubelet or kubeadm from another source on the node, and remove it.",
        r"\[ERROR KubeletVersion\]|version skew|only supports deploying clusters with the control plane version"
        r"|kubelet version is (?:higher|lower) than",
        ("task", "kubeadm"),
    ),
    Cause(
        "clock-skew",
        "the node's clock is behind: a certificate is not valid yet for it",
        "Set the clocks: timedatectl set-ntp true on every node; kprov preflight compares them.",
        r"x509: certificate has expired or is not yet valid: current time \S+ is before|certificate is not yet valid",
    ),
    Cause(
        "certificate-expired",
        "a certificate has expired",
        "kubeadm certs check-expiration on a control plane names it; kubeadm certs renew renews it.",
        r"x509: certificate has expired or is not yet valid: current time \S+ is after|certificate has expired"
        r"|client certificate .* expired|part of the existing bootstrap client certificate .* is expired",
    ),
    Cause(
        "certificate-name",
        "a certificate is for other names or signed by another authority than the one in use",
        "See that nothing but this cluster's API servers answers at the endpoint; a new name needs new certificates.",
        r"x509: (?:certificate is valid for|cannot validate certificate for|certificate signed by unknown authority"
        r"|certificate is not valid for)",
    ),
    Cause(
        "token-expired",
        "the token by which the node wanted to join is not valid any more",
        "Run the same command again: every run makes new ones.",
        r"could not find a JWS signature|token .{0,40}(?:expired|not found|invalid)|failed to request .*bootstrap"
        r"|error downloading the secret|\"kubeadm-certs\" not found"
        r"|unable to (?:read|create|fetch).*(?:Unauthorized|system:anonymous)",
        ("task", "kubeadm", "kubelet"),
    ),
    Cause(
        "etcd-member",
        "etcd counts a member that does not run, or one that this node was before",
        "Start the control planes that are down; one that is gone for good: etcdctl member remove.",
        r"etcdserver: (?:unhealthy cluster|Peer URLs already exists|re-configuration failed|too many learner)"
        r"|member count is unequal|member \S+ has already been bootstrapped|etcd cluster is not healthy"
        r"|could cost etcd its quorum|the member has been permanently removed",
        ("task", "kubeadm"),
    ),
    Cause(
        "hostname-mismatch",
        "the node calls itself otherwise than the cluster file does",
        "Name it as in the cluster file: kprov preflight --fix sets the host name.",
        r"not allowed to modify node \"|\[ERROR Hostname\]|hostname .* could not be (?:reached|resolved)",
        ("task", "kubeadm", "kubelet"),
    ),
    Cause(
        "cgroup-driver",
        "the kubelet and the runtime use different cgroup drivers",
        "Let both be systemd: SystemdCgroup = true in /etc/containerd/config.toml, cgroupDriver in the kubelet's.",
        r"cgroup driver: .* is different from|expected cgroupsPath to be of format|misconfiguration: kubelet cgroup",
        ("task", "kubelet", "containerd"),
        fact=_drivers,
    ),
    Cause(
        "cgroup-v1",
        "this kubelet does not start on a host with cgroup v1",
        "Boot the host with cgroup v2 (systemd.unified_cgroup_hierarchy=1), or take a Kubernetes before 1.35.",
        r"kubelet is configured to not run on a host using cgroup v1",
        ("task", "kubelet", "kubeadm"),
    ),
    Cause(
        "image-missing",
        "an image is not on the node, and cannot be had from there",
        "kprov bundle list names what the nodes get; kprov bundle import takes an archive with what is missing.",
        r"the image \S+ cannot be had|ErrImage(?:Pull|NeverPull)|ImagePullBackOff|failed to pull (?:and unpack )?image"
        r"|\[ERROR ImagePull\]|failed to resolve reference",
        ("task", "kubeadm", "kubelet", "containerd"),
    ),
    Cause(
        "resolver-loop",
        "names are resolved in a circle: pods are told to ask the node's own resolver",
        "Give the kubelet the real servers: resolvConf: /run/systemd/resolve/resolv.conf.",
        r"plugin/loop: Loop",
        ("task", "coredns"),
    ),
    Cause(
        "cni-missing",
        "no network plugin is configured on the node",
        "See whether the plugin's own pods run: kubectl get pods -A -o wide; with plugin none, it is yours to install.",
        # Every kubelet says so until the network is there: only where a task waited for it in vain does it count.
        r"cni plugin not initialized|no networks found in /etc/cni/net\.d|cni config uninitialized"
        r"|NetworkPluginNotReady|failed to find plugin \"[^\"]+\" in path",
        ("task",),
    ),
    Cause(
        "endpoint-unreachable",
        "the API does not answer at the endpoint",
        "See on a control plane whether its API server runs (crictl ps -a), and on this node whether the port is open.",
        # A kubelet says so too whenever it starts: its journal does not count.
        r"dial tcp \S+: (?:connect: |i/o )?(?:connection refused|no route to host|timeout|network is unreachable)"
        r"|couldn't validate the identity of the API Server|failed to get API group resources"
        r"|the API (?:server )?(?:at \S+ )?(?:does|did) not (?:answer|become ready)",
        ("task", "kubeadm"),
    ),
)
"""Every known cause, what explains others first."""
