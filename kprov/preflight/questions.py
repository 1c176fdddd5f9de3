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
    "listeners": "ss -H -ltnp",
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
    "cgroup": "stat -fc %T /sys/fs/cgroup",
    "selinux": "cat /sys/fs/selinux/enforce",
    "clock-after": "date +%s.%N",
}
