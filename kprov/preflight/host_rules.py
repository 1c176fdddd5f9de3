"""Rules about what a machine is: hardware, system, kernel, disks; pure functions, see ``rules``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from kprov.inventory.systems import systems
from kprov.preflight.facts import ARCHITECTURES
from kprov.preflight.finding import Remark
from kprov.preflight.questions import COMMANDS, FAMILIES, INSTALLABLE, RUNTIME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kprov.events import Level
    from kprov.preflight.expectations import Expectations, ExpectedHost
    from kprov.preflight.facts import HostFacts


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
_FREE_ALONE: Final = {"/tmp": (64, 100), "/usr/local": (512, 100), "/var/lib/etcd": (512, 100)}  # noqa: S108
"""MiB and inodes for folders with a file system of their own."""
_FREE_ALONE_FOR_MEMBER: Final = dict.fromkeys(_FREE_ALONE, (64, 100))
_FSYNC_WARNING_MS: Final = 10
"""etcd's own line for the 99th percentile of fsync (etcd.io, FAQ)."""
_FSYNC_ERROR_MS: Final = 250
"""The heartbeat of etcd in our clusters: one write takes longer than a leader may be silent."""
_KERNEL_OLD: Final = (3, 10)
_KERNEL_NEW: Final = (4, 19)
_KERNEL_NEW_MINOR: Final = (1, 32)
"""kubeadm's lines (k8s.io/system-validators, types_unix.go): 3.10, and 4.19 from Kubernetes 1.32 on."""
_SWAP_REMEDY: Final = "Nothing to do: up turns swap off, now and after a reboot."


def privileged(seen: HostFacts, _host: ExpectedHost, _cluster: Expectations) -> Iterator[Remark]:
    """Everything is done as root: the login is root's, or sudo asks for no password."""
    if not seen.root:
        why = "sudo asks for a password" if seen.sudo else "there is no sudo"
        remedy = "Log in as root, or run 'kprov trust --sudo nopasswd' to let the login's user become root."
        yield Remark("error", "no root", f"the login is not root's, and {why}", remedy)


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


def architecture(seen: HostFacts, host: ExpectedHost, cluster: Expectations) -> Iterator[Remark]:
    """Kubernetes is built for more, the bundle for these; and a machine gets what is for its own."""
    if seen.arch not in ARCHITECTURES.values():
        yield Remark("error", "unknown architecture", f"it is {seen.arch or 'unknown'}", "Use amd64 or arm64 machines.")
    elif host.architecture and seen.arch != host.architecture:
        why = f"the machine is {seen.arch}, its part of the bundle is for {host.architecture}"
        remedy = f"Write nodes.{host.name}.architecture: {seen.arch} in the cluster file."
        if not cluster.any_architecture:
            remedy = (
                "Use machines like the one that kprov runs on, for which it builds; or take bundle.source: upstream."
            )
        yield Remark("error", "the bundle is for another architecture", why, remedy)


def kernel_version(seen: HostFacts, _host: ExpectedHost, cluster: Expectations) -> Iterator[Remark]:
    """Older kernels lack what kubelet and network plugins take for granted; kubeadm refuses them."""
    found = re.match(r"(\d+)\.(\d+)", seen.kernel)
    oldest = _KERNEL_NEW if cluster.minor >= _KERNEL_NEW_MINOR else _KERNEL_OLD
    if found and (int(found[1]), int(found[2])) < oldest:
        wanted = ".".join(map(str, oldest))
        remedy = "Upgrade to a distribution with a newer kernel."
        yield Remark("error", "the kernel is too old", f"{seen.kernel}; Kubernetes needs {wanted}", remedy)


def operating_system(seen: HostFacts, _host: ExpectedHost, _cluster: Expectations) -> Iterator[Remark]:
    """A machine that does not name its system is none that was ever tried."""
    if not seen.os_id:
        remedy = "Use a current Linux distribution with systemd."
        yield Remark("error", "unknown operating system", "/etc/os-release names none", remedy)
    elif not seen.os_family and not seen.commands.issuperset(INSTALLABLE):
        why = f"{seen.os_id} is related to none of {', '.join(FAMILIES)}"
        remedy = f"Install what a node needs by hand ({', '.join(INSTALLABLE)}), or use one of those distributions."
        yield Remark("warning", "packages of this system are unknown", why, remedy)


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
        yield Remark("info", "swap is on", ", ".join(seen.swaps), _SWAP_REMEDY, fixable=True)
    if seen.swap_at_boot and not cluster.shared_kernel:
        yield Remark("info", "swap comes back at boot", ", ".join(seen.swap_at_boot), _SWAP_REMEDY, fixable=True)


def disk_space(seen: HostFacts, _host: ExpectedHost, cluster: Expectations) -> Iterator[Remark]:
    """A full disk shows as anything but a full disk: images that vanish, evicted pods, an etcd that stops."""
    member = seen.owner == cluster.cluster and seen.kubeadm_state == "member"
    for disk in seen.disks:
        alone = _FREE_ALONE_FOR_MEMBER if member else _FREE_ALONE
        mib, inodes = alone.get(disk.mount, _FREE_FOR_MEMBER if member else (_FREE_MIB, _FREE_INODES))
        if disk.free_mib < mib:
            why = f"{disk.mount} has {disk.free_mib} MiB free, {mib} are needed"
            yield Remark("error", "disk full", why, f"Free space on {disk.mount}, or make it larger.")
        if disk.free_inodes is not None and disk.free_inodes < inodes:
            why = f"{disk.mount} has {disk.free_inodes} inodes free, {inodes} are needed"
            yield Remark("error", "no room for more files", why, f"Remove files on {disk.mount}.")


def commands(seen: HostFacts, _host: ExpectedHost, cluster: Expectations) -> Iterator[Remark]:
    """What kubelet and kubeadm call must be there; up installs most of it, where packages can be had."""
    missing = [name for name in COMMANDS if name not in seen.commands]
    if not missing:
        return
    names = ", ".join(missing)
    installer = f" with {seen.installer}" if seen.installer else ""
    if installer and seen.os_family and set(missing) <= set(INSTALLABLE) and not cluster.shared_kernel:
        remedy = f"Nothing to do: up installs them{installer}."
        yield Remark("info", "commands are missing", names, remedy, fixable=True)
    else:
        yield Remark("error", "commands are missing", names, f"Install what brings {names}{installer}.")


def runtime(seen: HostFacts, _host: ExpectedHost, cluster: Expectations) -> Iterator[Remark]:
    """Where the bundle brings no containerd, the system must: it is there, or up can install it."""
    missing = [name for name in RUNTIME if name not in seen.commands] if cluster.system_runtime else []
    if not missing:
        return
    names = ", ".join(missing)
    if seen.os_family in systems().runtime_packages and seen.installer and not cluster.shared_kernel:
        remedy = f"Nothing to do: up installs it with {seen.installer}."
        yield Remark("info", "there is no containerd", f"missing: {names}", remedy, fixable=True)
    else:
        why = f"missing: {names}; the bundle brings none, and up has no package of it for {seen.os_id or 'this system'}"
        remedy = "Install containerd and runc by hand, or take bundle.source: upstream, which brings them."
        yield Remark("error", "there is no containerd", why, remedy)


def disk_speed(seen: HostFacts, host: ExpectedHost, _cluster: Expectations) -> Iterator[Remark]:
    """etcd waits for the disk at every write; a slow one costs it its leader. Measured only where it is asked for."""
    took_ms = seen.probe.fsync_ms if seen.probe and host.etcd else None
    if took_ms is not None and took_ms > _FSYNC_WARNING_MS:
        level: Level = "error" if took_ms > _FSYNC_ERROR_MS else "warning"
        why = f"a small write takes up to {took_ms:.0f} ms to be safe, {_FSYNC_WARNING_MS} are good"
        yield Remark(level, "the disk is slow for etcd", why, "Have /var/lib/etcd on an SSD that nothing else uses.")


def kernel_features(seen: HostFacts, _host: ExpectedHost, _cluster: Expectations) -> Iterator[Remark]:
    """containerd unpacks images with overlay; kube-proxy sees bridged packets through br_netfilter."""
    missing = [name for name, there in (("overlay", seen.overlay), ("br_netfilter", seen.bridge_filter)) if not there]
    if missing:
        why = f"{', '.join(missing)}: neither built in nor a module of kernel {seen.kernel}"
        remedy = "Install the distribution's full kernel or its extra modules; reboot after a kernel upgrade."
        yield Remark("error", "the kernel lacks features", why, remedy)


def addon_features(seen: HostFacts, host: ExpectedHost, cluster: Expectations) -> Iterator[Remark]:
    """What network plugins and other add-ons need of the kernel; without it their pods crash, or packets are lost."""
    for needs in host.needs if seen.root else ():  # a plain user cannot try
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
