"""Rules about what runs on a machine: ports, firewalls, clocks, earlier clusters. Pure functions; see ``rules``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kprov.preflight.finding import Remark

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kprov.preflight.expectations import Expectations, ExpectedHost
    from kprov.preflight.facts import HostFacts

CGROUP_V2_MINOR: Final = (1, 35)
"""From here on the kubelet refuses cgroup v1 (failCgroupV1 defaults to true): the release notes of 1.35."""
_KERNEL: Final = "kernel"
"""Stands for the kernel where it listens itself: the catalog of add-ons."""
_SHORT_NAME = 15
"""The kernel keeps this many characters of a process's name (TASK_COMM_LEN - 1)."""
_DRIVER: Final = "systemd"
"""The cgroup driver that up gives to containerd and kubelet."""


def ports_free(seen: HostFacts, host: ExpectedHost, cluster: Expectations) -> Iterator[Remark]:
    """The ports of the machine's roles are free, unless this very cluster's own processes hold them."""
    ours = seen.owner == cluster.cluster
    wanted = {(port.protocol, port.port): (port.process, needs) for port, needs in host.ports.items()}
    for listener in sorted(set(seen.listeners), key=lambda each: (each.port, each.protocol)):
        process, needs = wanted.get((listener.protocol, listener.port), ("", ""))
        own = "" if process == _KERNEL else process[:_SHORT_NAME]
        if not needs or (ours and (listener.process == own or not seen.root)):  # only root sees whose a port is
            continue
        who = listener.process or ("the kernel" if process == _KERNEL else "a process")
        udp = "udp " if listener.protocol == "udp" else ""
        why = f"{who} listens on {udp}{listener.address}:{listener.port}, which {needs} needs"
        remedy = f"Stop {listener.process or 'it'}, or move it to another port."
        yield Remark("error", f"{udp}port {listener.port} is taken", why, remedy)


def firewall(seen: HostFacts, _host: ExpectedHost, _cluster: Expectations) -> Iterator[Remark]:
    """What filters packets drops those of pods unless it is told of them."""
    for service in seen.firewall.services:
        remedy = f"Let the cluster's ports and networks through, or turn it off: 'systemctl disable --now {service}'."
        yield Remark("warning", f"{service} filters packets", "packets of pods may be dropped", remedy)
    if seen.firewall.drops and not seen.firewall.services:
        why = ", ".join(seen.firewall.drops)
        remedy = "Let the cluster's ports and networks through, or have the chains accept what no rule drops."
        yield Remark("warning", "a firewall drops what no rule lets through", why, remedy)


def selinux(seen: HostFacts, _host: ExpectedHost, _cluster: Expectations) -> Iterator[Remark]:
    """Nothing here labels files for SELinux."""
    if seen.selinux_enforcing:
        remedy = "Set SELINUX=permissive in /etc/selinux/config and run 'setenforce 0', or install container-selinux."
        yield Remark("warning", "SELinux enforces its policy", "pods may be refused their files", remedy)


def apparmor(seen: HostFacts, _host: ExpectedHost, cluster: Expectations) -> Iterator[Remark]:
    """containerd confines containers by a profile, unless what loads it is missing."""
    if seen.apparmor and "apparmor_parser" not in seen.commands and not cluster.shared_kernel:
        why = "the kernel has it, and apparmor_parser is missing: containers run without a profile"
        yield Remark(
            "info", "AppArmor is not used", why, "Install the package apparmor, if you want containers confined."
        )


def time_synchronised(seen: HostFacts, _host: ExpectedHost, cluster: Expectations) -> Iterator[Remark]:
    """Certificates and leases go by the clock; somebody has to keep it."""
    if cluster.shared_kernel:
        return
    time = seen.time
    if len(time.running) > 1:
        remedy = f"Keep one of them: 'systemctl disable --now {time.running[-1]}'."
        yield Remark("warning", "two services keep the time", ", ".join(time.running), remedy)
    if time.synchronised is not False:
        return
    what = "the clock is not synchronised"
    if time.running:
        why = f"{time.running[0]} runs, and has no time from anywhere yet"
        yield Remark("warning", what, why, "See that it reaches a time server: 'timedatectl timesync-status'.")
    elif time.installed:
        remedy = f"Nothing to do: up starts {time.installed[0]}."
        yield Remark("info", what, f"{time.installed[0]} does not run", remedy, fixable=True)
    else:
        yield Remark("warning", what, "nothing is installed that keeps it", "Install chrony or systemd-timesyncd.")


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


def running_cluster(seen: HostFacts, _host: ExpectedHost, cluster: Expectations) -> Iterator[Remark]:
    """A kubelet of another cluster, or another distribution of Kubernetes, would fight with ours."""
    if seen.earlier.processes and seen.owner != cluster.cluster:  # pods of a node of ours may run what they like
        remedy = (
            "Stop and remove that cluster's parts first ('kubeadm reset', 'k3s-uninstall.sh'), or use another machine."
        )
        yield Remark("error", "another cluster runs here", ", ".join(seen.earlier.processes), remedy)


def pod_networks(seen: HostFacts, _host: ExpectedHost, cluster: Expectations) -> Iterator[Remark]:
    """containerd takes the first configuration by name; a bridge of another network has the wrong addresses."""
    if seen.owner == cluster.cluster:
        return
    if seen.earlier.networks:
        remedy = "Remove them: containerd takes the first by name, ours or not."
        yield Remark("warning", "configurations of other pod networks", ", ".join(seen.earlier.networks), remedy)
    if seen.earlier.links:
        links = ", ".join(seen.earlier.links)
        remedy = "Remove them: " + ", ".join(f"'ip link delete {link}'" for link in seen.earlier.links) + "."
        yield Remark("warning", "interfaces of an earlier pod network", links, remedy)


def cgroup_version(seen: HostFacts, _host: ExpectedHost, cluster: Expectations) -> Iterator[Remark]:
    """Newer kubelets refuse to start on cgroup v1."""
    if seen.cgroup == 1 and cluster.minor >= CGROUP_V2_MINOR:
        version = ".".join(map(str, cluster.minor))
        remedy = "Boot with systemd.unified_cgroup_hierarchy=1, or choose Kubernetes 1.34 or older."
        yield Remark("error", "cgroup v1", f"the kubelet of {version} needs cgroup v2", remedy)


def cgroup_drivers(seen: HostFacts, _host: ExpectedHost, cluster: Expectations) -> Iterator[Remark]:
    """kubelet and runtime must manage cgroups by the same hand, or pods are killed under load."""
    kubelet, runtime = (seen.drivers.get(name, "") for name in ("kubelet", "containerd"))
    if seen.owner == cluster.cluster and kubelet and kubelet != _DRIVER:
        remedy = f"Set cgroupDriver: {_DRIVER} in /var/lib/kubelet/config.yaml and restart kubelet."
        why = f"kubelet says {kubelet}, containerd {runtime or _DRIVER}"
        yield Remark("error", "kubelet and containerd differ in their cgroup driver", why, remedy)
    elif kubelet and runtime and kubelet != runtime:
        why = f"kubelet says {kubelet}, containerd {runtime}"
        remedy = f"Nothing to do: up has both use {_DRIVER}."
        yield Remark("info", "kubelet and containerd differ in their cgroup driver", why, remedy)


def settings_kept(seen: HostFacts, _host: ExpectedHost, cluster: Expectations) -> Iterator[Remark]:
    """Nodes forward packets and filter bridged ones; a file that is read later than ours would undo that at boot."""
    if seen.settings:
        remedy = "Remove those lines: they are read after /etc/sysctl.d/99-kprov.conf."
        yield Remark("warning", "kernel parameters are undone at boot", "; ".join(seen.settings), remedy)
    if not seen.forwards and not cluster.shared_kernel:
        remedy = "Nothing to do: up sets it, now and for later boots."
        yield Remark("info", "the kernel does not forward packets", "net.ipv4.ip_forward is 0", remedy, fixable=True)
