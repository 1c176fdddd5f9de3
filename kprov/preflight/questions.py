"""What preflight asks a machine: one shell command per fact, all of them sent together, none of them changing anything.

The commands need ``sh`` and what every Linux has; a command that is missing there is an answer too.
"""

from __future__ import annotations

from typing import Final

COMMANDS: Final = ("conntrack", "curl", "ip", "iptables", "mount", "nsenter", "socat", "tar")
"""What kubelet, kubeadm and kube-proxy call, or a node needs to fetch its part of the bundle.

Source: kubeadm's own checks (cmd/kubeadm/app/preflight/checks.go, 1.20 to 1.36), without those it calls optional.
"""
INSTALLERS: Final = ("apt-get", "dnf", "yum", "zypper")
"""Package managers: with one of them, a missing command can be had."""

DISK_FOLDERS: Final = ("/var/lib", "/usr/local", "/tmp")  # noqa: S108 - looked at, not written to
"""Where images, etcd and logs, the binaries, and everybody's scratch files go."""

_FEATURES: Final = {
    "dummy": ("DUMMY", "unshare -n ip link add kprov0 type dummy"),
    "ip_set": ("IP_SET", "unshare -n ipset -n list"),
    "ipip": ("NET_IPIP", "unshare -n ip link add kprov0 type ipip local 192.0.2.1 remote 192.0.2.2"),
    "openvswitch": ("OPENVSWITCH", "test -d /sys/module/openvswitch"),
    "vxlan": ("VXLAN", "unshare -n ip link add kprov0 type vxlan id 1 dstport 4789"),
}
"""What network plugins need of kernels: by the module's name its option in the kernel's configuration, and a try.

The try is made in a network namespace of its own, which goes with the command. A container does not see its host's
modules: there, trying is the only way to find out about one that is not loaded.
"""
FEATURE: Final = "feature-"
"""What the names of those questions begin with."""

_ASK_FEATURES: Final = {
    f"{FEATURE}{name}": f"modprobe -n -q {name} || zcat /proc/config.gz | grep -q ^CONFIG_{option}=y || {attempt}"
    for name, (option, attempt) in _FEATURES.items()
}

QUESTIONS: Final = {
    "clock-before": "date +%s.%N",
    "uid": "id -u",
    "python": """python3 -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])'""",
    "init": "cat /proc/1/comm",
    "os": "cat /etc/os-release",
    "kernel": "uname -r",
    "arch": "uname -m",
    "memory": "cat /proc/meminfo",
    "cores": "nproc",
    "swap": "cat /proc/swaps",
    "space": f"df -Pk {' '.join(DISK_FOLDERS)}",
    "inodes": f"df -Pi {' '.join(DISK_FOLDERS)}",
    "listeners": "ss -H -ltunp",
    "hostname": "cat /proc/sys/kernel/hostname",
    "machine-id": "cat /etc/machine-id",
    "product-uuid": "cat /sys/class/dmi/id/product_uuid",
    "addresses": "ip -o -4 addr show",
    "commands": f"for c in {' '.join((*COMMANDS, *INSTALLERS))}; do command -v $c >/dev/null && echo $c; done; true",
    "leftovers": "ls -d /etc/kubernetes/*.conf /var/lib/etcd/member 2>/dev/null",
    "node-marker": "cat /etc/kprov/node.json",
    "kubeadm-marker": "cat /var/lib/kprov/kubeadm.json",
    "bridge-filter": "test -d /proc/sys/net/bridge || modprobe -n -q br_netfilter",
    "overlay": "grep -qw overlay /proc/filesystems || modprobe -n -q overlay",
    **_ASK_FEATURES,
    "cgroup": "stat -fc %T /sys/fs/cgroup",
    "selinux": "cat /sys/fs/selinux/enforce",
    "clock-after": "date +%s.%N",
}
