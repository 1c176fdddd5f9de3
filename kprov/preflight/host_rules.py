"""Rules about one machine: each a pure function from its facts, and what it is meant to become, to remarks.

To add a rule, write a function and name it in ``HOST_RULES``; the rule's name is the function's, with dashes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Protocol

from kprov.preflight.finding import Remark
from kprov.preflight.questions import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kprov.preflight.expectations import Expectations, ExpectedHost
    from kprov.preflight.facts import HostFacts


class HostRule(Protocol):
    """What every rule about one machine looks like."""

    __name__: str

    def __call__(self, seen: HostFacts, host: ExpectedHost, cluster: Expectations, /) -> Iterator[Remark]:
        """Yield what is not as it should be."""


_PYTHON: Final = (3, 8)
"""The oldest Python on a node that ansible-core 2.18 and 2.19 support: docs.ansible.com, support matrix."""
_MEMORY_WARNING_MIB: Final = 1700
"""What a machine of 2 GiB shows: firmware and kernel keep some. kubeadm's own line (constants, ControlPlaneMem)."""
_MEMORY_ERROR_MIB: Final = 870
"""What a machine of 1 GiB shows, by the same share."""
_CONTROL_PLANE_CORES: Final = 2
"""kubeadm's own line (constants, ControlPlaneNumCPU)."""
_FREE_MIB: Final = 2048
"""Images, their unpacked layers, etcd's data and logs of a control plane take 1.5 GiB, the binaries 400 MiB."""
_FREE_INODES: Final = 10_000
"""The images of a control plane unpack to some 5,000 files and folders."""
_FREE_FOR_MEMBER: Final = (512, 1_000)
"""MiB and inodes for a machine on which all of that lies already."""
_FREE_ALONE: Final = {"/tmp": (64, 100), "/usr/local": (512, 100)}  # noqa: S108 - looked at, not written to
"""MiB and inodes for folders with a file system of their own."""
CGROUP_V2_MINOR: Final = (1, 35)
"""From here on the kubelet refuses cgroup v1 (failCgroupV1 defaults to true): the release notes of 1.35."""
_HOSTNAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
_KERNEL: Final = "kernel"
"""Stands for the kernel where it listens itself: the catalog of add-ons."""
_SHORT_NAME = 15
"""The kernel keeps this many characters of a process's name (TASK_COMM_LEN - 1)."""


def privileged(seen: HostFacts, _host: ExpectedHost, _cluster: Expectations) -> Iterator[Remark]:
    """Everything is done as root: the login is root's, or sudo asks for no password."""
    if not seen.root:
        remedy = "Log in as root, or allow the login's user sudo without a password."
        yield Remark("error", "no root", "the login is not root's, and sudo asks for a password or is missing", remedy)


def python(seen: HostFacts, _host: ExpectedHost, _cluster: Expectations) -> Iterator[Remark]:
    """Ansible's modules run on the machine's own Python."""
    wanted = ".".join(map(str, _PYTHON))
    if seen.python is None:
        yield Remark("error", "Python is missing", "no python3 on PATH", f"Install python3, {wanted} or newer.")
    elif seen.python < _PYTHON:
        found = ".".join(map(str, seen.python))
        yield Remark("error", "Python is too old", f"it is {found}", f"Install Python {wanted} or newer as python3.")


def systemd(seen: HostFacts, _host: ExpectedHost, _cluster: Expectations) -> Iterator[Remark]:
    """The kubelet and containerd are systemd units."""
    if seen.init != "systemd":
        remedy = "Use a distribution that boots with systemd; in a container, run /sbin/init."
        yield Remark("error", "systemd does not run this machine", f"process 1 is {seen.init or 'unknown'}", remedy)


def architecture(seen: HostFacts, _host: ExpectedHost, _cluster: Expectations) -> Iterator[Remark]:
    """Kubernetes is built for more, the bundle for these."""
    if seen.arch not in ("amd64", "arm64"):
        yield Remark("error", "unknown architecture", f"it is {seen.arch or 'unknown'}", "Use amd64 or arm64 machines.")


def operating_system(seen: HostFacts, _host: ExpectedHost, _cluster: Expectations) -> Iterator[Remark]:
    """A machine that does not name its system is none that was ever tried."""
    if not seen.os_id:
        remedy = "Use a current Linux distribution with systemd."
        yield Remark("error", "unknown operating system", "/etc/os-release names none", remedy)


def memory(seen: HostFacts, host: ExpectedHost, _cluster: Expectations) -> Iterator[Remark]:
    """2 GiB for every machine; below 1 GiB nothing works."""
    why = f"{seen.memory_mib} MiB"
    remedy = f"Give the {'control plane' if host.control_plane else 'machine'} 2 GiB or more."
    if seen.memory_mib < _MEMORY_ERROR_MIB:
        yield Remark("error", "too little memory", why, remedy)
    elif seen.memory_mib < _MEMORY_WARNING_MIB:
        yield Remark("warning", "little memory", why, remedy)


def cores(seen: HostFacts, host: ExpectedHost, _cluster: Expectations) -> Iterator[Remark]:
    """A control plane with one core misses etcd's heartbeats; kubeadm refuses it."""
    if host.control_plane and seen.cores < _CONTROL_PLANE_CORES:
        remedy = f"Give the control plane {_CONTROL_PLANE_CORES} processors or more."
        yield Remark("error", "too few processors", f"{seen.cores}", remedy)


def swap_off(seen: HostFacts, _host: ExpectedHost, cluster: Expectations) -> Iterator[Remark]:
    """The kubelet refuses to start while swap is on."""
    if seen.swaps and not cluster.shared_kernel:
        remedy = "Nothing to do: up turns it off, now and after a reboot."
        yield Remark("info", "swap is on", ", ".join(seen.swaps), remedy)


def disk_space(seen: HostFacts, _host: ExpectedHost, cluster: Expectations) -> Iterator[Remark]:
    """A full disk shows as anything but a full disk: images that vanish, evicted pods, an etcd that stops."""
    member = seen.owner == cluster.cluster and seen.kubeadm_state == "member"
    for disk in seen.disks:
        mib, inodes = _FREE_ALONE.get(disk.mount, _FREE_FOR_MEMBER if member else (_FREE_MIB, _FREE_INODES))
        if disk.free_mib < mib:
            why = f"{disk.mount} has {disk.free_mib} MiB free, {mib} are needed"
            yield Remark("error", "disk full", why, f"Free space on {disk.mount}, or make it larger.")
        if disk.free_inodes is not None and disk.free_inodes < inodes:
            why = f"{disk.mount} has {disk.free_inodes} inodes free, {inodes} are needed"
            yield Remark("error", "no room for more files", why, f"Remove files on {disk.mount}.")


def ports_free(seen: HostFacts, host: ExpectedHost, cluster: Expectations) -> Iterator[Remark]:
    """The ports of the machine's roles are free, unless this very cluster's own processes hold them."""
    ours = seen.owner == cluster.cluster
    wanted = {(port.protocol, port.port): (port.process, needs) for port, needs in host.ports.items()}
    for listener in sorted(set(seen.listeners), key=lambda each: (each.port, each.protocol)):
        process, needs = wanted.get((listener.protocol, listener.port), ("", ""))
        own = "" if process == _KERNEL else process[:_SHORT_NAME]
        if not needs or (ours and listener.process == own):
            continue
        who = listener.process or ("the kernel" if process == _KERNEL else "a process")
        udp = "udp " if listener.protocol == "udp" else ""
        why = f"{who} listens on {udp}{listener.address}:{listener.port}, which {needs} needs"
        remedy = f"Stop {listener.process or 'it'}, or move it to another port."
        yield Remark("error", f"{udp}port {listener.port} is taken", why, remedy)


def hostname_valid(seen: HostFacts, host: ExpectedHost, _cluster: Expectations) -> Iterator[Remark]:
    """The machine's own name becomes the node's; up sets it where another is given."""
    if seen.hostname != host.name:
        invalid = "" if _HOSTNAME.fullmatch(seen.hostname) else ", which is no valid name"
        why = f"it calls itself '{seen.hostname}'{invalid}"
        yield Remark("info", "the machine has another name", why, f"Nothing to do: up names it {host.name}.")


def address_present(seen: HostFacts, host: ExpectedHost, _cluster: Expectations) -> Iterator[Remark]:
    """The address in the cluster file is one of the machine's own: otherwise kubelet and etcd cannot bind to it."""
    if host.address not in seen.addresses:
        own = ", ".join(each for each in seen.addresses if not each.startswith("127.")) or "no IPv4 address"
        remedy = f"Give the machine {host.address}, or set 'address' of {host.name} to an address that it has."
        yield Remark("error", "the machine does not have its address", f"{host.address} is none of {own}", remedy)


def commands(seen: HostFacts, _host: ExpectedHost, _cluster: Expectations) -> Iterator[Remark]:
    """What kubelet and kubeadm call must be there."""
    missing = [name for name in COMMANDS if name not in seen.commands]
    if missing:
        installer = f" with {seen.installer}" if seen.installer else ""
        remedy = f"Install what brings {', '.join(missing)}{installer}."
        yield Remark("error", "commands are missing", ", ".join(missing), remedy)


def leftovers(seen: HostFacts, _host: ExpectedHost, cluster: Expectations) -> Iterator[Remark]:
    """A machine that belonged to another cluster would join with the old one's certificates or data."""
    if seen.owner == cluster.cluster:
        return
    if seen.owner:
        remedy = f"Run 'kprov reset' with the cluster file of {seen.owner}, or use another machine."
        yield Remark("error", "the machine belongs to another cluster", f"to {seen.owner}, made by kprov", remedy)
    elif seen.leftovers:
        remedy = "If nothing there is needed: 'kubeadm reset', then remove /etc/kubernetes and /var/lib/etcd."
        yield Remark("error", "leftovers of an earlier cluster", ", ".join(seen.leftovers), remedy)


def kernel_features(seen: HostFacts, _host: ExpectedHost, _cluster: Expectations) -> Iterator[Remark]:
    """containerd unpacks images with overlay; kube-proxy sees bridged packets through br_netfilter."""
    missing = [name for name, there in (("overlay", seen.overlay), ("br_netfilter", seen.bridge_filter)) if not there]
    if missing:
        why = f"{', '.join(missing)}: neither built in nor a module of kernel {seen.kernel}"
        remedy = "Install the distribution's full kernel or its extra modules; reboot after a kernel upgrade."
        yield Remark("error", "the kernel lacks features", why, remedy)


def addon_features(seen: HostFacts, host: ExpectedHost, cluster: Expectations) -> Iterator[Remark]:
    """What network plugins and other add-ons need of the kernel; without it their pods crash, or packets are lost."""
    for needs in host.needs:
        missing = [name for name in needs.kernel if name not in seen.features]
        if missing:
            whose = ", which is that of the containers' host" if cluster.shared_kernel else ""
            why = f"{', '.join(missing)}: neither built in nor a module of kernel {seen.kernel}{whose}"
            others = [mode for mode, kernel in needs.modes.items() if not set(kernel) & set(missing)]
            instead = f"set network.encapsulation: {' or '.join(others)}" if others else "choose another network.plugin"
            remedy = f"Install the distribution's full kernel or its extra modules, or {instead}."
            yield Remark("error", f"the kernel lacks what {needs.addon} needs", why, remedy)
        slower = [name for name in needs.optional if name not in seen.features]
        if slower:
            what = f"the kernel lacks what {needs.addon} uses where it is there"
            yield Remark("info", what, ", ".join(slower), f"Nothing to do: {needs.addon} works without, and slower.")


def cgroup_version(seen: HostFacts, _host: ExpectedHost, cluster: Expectations) -> Iterator[Remark]:
    """Newer kubelets refuse to start on cgroup v1."""
    if seen.cgroup == 1 and cluster.minor >= CGROUP_V2_MINOR:
        version = ".".join(map(str, cluster.minor))
        remedy = "Boot with systemd.unified_cgroup_hierarchy=1, or choose Kubernetes 1.34 or older."
        yield Remark("error", "cgroup v1", f"the kubelet of {version} needs cgroup v2", remedy)


def selinux(seen: HostFacts, _host: ExpectedHost, _cluster: Expectations) -> Iterator[Remark]:
    """Nothing here labels files for SELinux."""
    if seen.selinux_enforcing:
        remedy = "Set SELINUX=permissive in /etc/selinux/config and run 'setenforce 0', or install container-selinux."
        yield Remark("warning", "SELinux enforces its policy", "pods may be refused their files", remedy)


HOST_RULES: Final[tuple[HostRule, ...]] = (
    privileged, python, systemd, operating_system, architecture, memory, cores, swap_off, disk_space, ports_free,
    hostname_valid, address_present, commands, leftovers, kernel_features, addon_features, cgroup_version, selinux,
)  # fmt: skip
