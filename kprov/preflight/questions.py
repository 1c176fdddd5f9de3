"""What preflight asks a machine: one shell command per fact, all of them sent together, none of them changing anything.

The commands need ``sh`` and what every Linux has; a command that is missing there is an answer too.
"""

from __future__ import annotations

from typing import Final

from kprov.inventory.systems import systems

INSTALLABLE: Final = tuple(systems().commands)
"""Those that the role node installs where they are missing: its variable node_commands."""
RUNTIME: Final = systems().runtime_commands
"""Those of containerd, where that is the system's own."""
COMMANDS: Final = (*INSTALLABLE, "nsenter", "tar")
"""What kubelet, kubeadm and kube-proxy call, or a node needs to fetch its part of the bundle.

Source: kubeadm's own checks (cmd/kubeadm/app/preflight/checks.go, 1.20 to 1.36), without those it calls optional.
"""
INSTALLERS: Final = ("apt-get", "dnf", "yum", "zypper")
"""Package managers: with one of them, a missing command can be had."""

ETCD_FOLDER: Final = "/var/lib/etcd"
DISK_FOLDERS: Final = ("/var/lib", "/usr/local", "/tmp", ETCD_FOLDER)  # noqa: S108 - looked at, not written to
"""Where images, etcd and logs, the binaries, and everybody's scratch files go."""

FAMILIES: Final = systems().families
"""Families of distributions whose packages the roles know."""
_LOOKED_FOR: Final = " ".join((*COMMANDS, *RUNTIME, *INSTALLERS, "apparmor_parser"))
TIME_SERVICES: Final = ("systemd-timesyncd", "chrony", "chronyd", "ntpsec", "ntpd", "openntpd")
FIREWALLS: Final = ("firewalld", "ufw")
ZRAM_SERVICES: Final = ("zramswap", "zram-config", "zram-swap")
RESOLVED: Final = "systemd-resolved"
_ORCHESTRATORS: Final = "kubelet|kube-apiserver|k3s|k3s-server|k3s-agent|rke2|k0s|kubelite"
_POD_LINKS: Final = "cni0|flannel[.].*|vxlan[.]calico|cali[0-9a-f]+|tunl0|weave|cilium_.*|kube-ipvs0|kube-bridge"

_UNITS: Final = (*TIME_SERVICES, *FIREWALLS, *ZRAM_SERVICES, RESOLVED)

_SWAP_AT_BOOT: Final = r"""\
awk '!/^[[:space:]]*#/ && $3 == "swap" {print "/etc/fstab: " $1}' /etc/fstab
for f in /etc/systemd/system/*.swap /usr/lib/systemd/system/*.swap /lib/systemd/system/*.swap; do
  [ -f "$f" ] && [ "$(readlink "/etc/systemd/system/${f##*/}")" != /dev/null ] && echo "$f"; done
for d in /etc /run /usr/local/lib /usr/lib; do f=$d/systemd/zram-generator.conf
  if [ -e $f ]; then grep -q '^[[]zram' $f && echo $f; break; fi; done; true"""

_SETTINGS: Final = r"""\
for f in /etc/sysctl.d/*.conf /run/sysctl.d/*.conf; do
  [ "$(printf '%s\n' 99-kprov.conf "${f##*/}" | sort | tail -1)" = 99-kprov.conf ] && continue
  grep -sHE '^[[:space:]]*net[./](ipv4[./]ip_forward|bridge[./]bridge-nf-call-ip6?tables)[[:space:]]*=[[:space:]]*0' $f
done; true"""

_PROXIES: Final = r"""\
cat /etc/environment /etc/systemd/system.conf /etc/systemd/system.conf.d/*.conf /etc/default/kubelet \
  /etc/systemd/system/containerd.service.d/*.conf /etc/systemd/system/kubelet.service.d/*.conf 2>/dev/null |
grep -v '^ *#' | tr ' "'"'" '\n\n\n' |
sed -nE 's/^(DefaultEnvironment=|Environment=)?((https?|all)_proxy)=.+/\2=set/Ip
s/^(DefaultEnvironment=|Environment=)?(no_proxy=.*)/\2/Ip'"""

_FILTERS: Final = """\
if command -v nft >/dev/null; then nft list chains; else for c in INPUT FORWARD; do iptables -S $c; done; fi"""

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
} | {
    # Cilium's System Requirements: Linux 5.10, the syscall bpf, and its programs in traffic control.
    f"{FEATURE}bpf": "printf '5.10\\n%s\\n' \"$(uname -r)\" | sort -VC && test -d /sys/fs/bpf && "
    "{ modprobe -n -q cls_bpf || zcat /proc/config.gz | grep -q ^CONFIG_NET_CLS_BPF=y; }",
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
    "space": f"df -Pk $(ls -d {' '.join(DISK_FOLDERS)} 2>/dev/null)",
    "inodes": f"df -Pi $(ls -d {' '.join(DISK_FOLDERS)} 2>/dev/null)",
    "listeners": "ss -H -ltunp",
    "hostname": "cat /proc/sys/kernel/hostname",
    "machine-id": "cat /etc/machine-id",
    "product-uuid": "cat /sys/class/dmi/id/product_uuid",
    "sudo": "command -v sudo",
    "swap-at-boot": _SWAP_AT_BOOT,
    "settings": _SETTINGS,
    "forwards": "cat /proc/sys/net/ipv4/ip_forward",
    "links": "ip -o link show",
    "routes": "ip -4 route show; ip -6 route show",
    "own-name": 'timeout 3 getent ahostsv4 "$(cat /proc/sys/kernel/hostname)"',
    "resolv": "cat /etc/resolv.conf",
    "resolved-upstream": "cat /run/systemd/resolve/resolv.conf",
    "proxies": _PROXIES,
    "time": "tr '\\0' '\\n' </proc/1/environ | grep -q ^container= || timedatectl show -p NTPSynchronized",
    "units": f"systemctl show -p Id,LoadState,ActiveState,UnitFileState {' '.join(_UNITS)} 2>/dev/null",
    "filters": _FILTERS,
    "apparmor": "cat /sys/module/apparmor/parameters/enabled",
    "processes": f"cat /proc/[0-9]*/comm 2>/dev/null | grep -xE '{_ORCHESTRATORS}'",
    "cni": "ls -d /etc/cni/net.d/*.conf /etc/cni/net.d/*.conflist 2>/dev/null",
    "pod-links": f"ls /sys/class/net | grep -xE '{_POD_LINKS}'",
    "drivers": "cat /var/lib/kubelet/config.yaml /etc/containerd/config.toml 2>/dev/null | "
    "grep -E '^ *(cgroupDriver|SystemdCgroup)'",
    "addresses": "ip -o addr show",
    "commands": f"for c in {_LOOKED_FOR}; do command -v $c >/dev/null && echo $c; done; true",
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
