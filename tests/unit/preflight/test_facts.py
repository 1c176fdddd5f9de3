"""Facts out of what real machines answer."""

from __future__ import annotations

from kprov.preflight.facts import Clock, Disk, Earlier, Firewall, HostFacts, Listener, Names, Probe, Proxies, Time
from kprov.preflight.gather import clock, interpret
from kprov.preflight.parse import host_facts
from kprov.ssh.batch import Answer

# As a Debian 12 container in a lab answers, shortened in length only.
DEBIAN = """\
@@clock-before
1763708899.250000000

@@=0
@@uid
0

@@=0
@@python
3.11.2

@@=0
@@init
systemd

@@=0
@@os
PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
VERSION_ID="12"
ID=debian

@@=0
@@kernel
6.1.0-37-amd64

@@=0
@@arch
x86_64

@@=0
@@memory
MemTotal:       24684356 kB
MemFree:        23131836 kB

@@=0
@@cores
2

@@=0
@@swap
Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority
/dev/sda2                               partition\t1000\t\t0\t\t-2
/swap\\040file                           file\t\t1000\t\t0\t\t-3

@@=0
@@space
Filesystem     1024-blocks     Used Available Capacity Mounted on
/dev/vda1        103081248 26178496  76886368      26% /var
overlay          103081248 26178496  76886368      26% /
tmpfs             12342176        4  12342172       1% /tmp

@@=0
@@inodes
Filesystem       Inodes  IUsed    IFree IUse% Mounted on
/dev/vda1             0      0        0     - /var
overlay        16777216 607896 16169320    4% /
tmpfs           1048576      5  1048571    1% /tmp

@@=0
@@listeners
udp   UNCONN 0      0            0.0.0.0:8472       0.0.0.0:*
udp   UNCONN 0      0      127.0.0.53%lo:53         0.0.0.0:*    users:(("systemd-resolve",pid=88,fd=12))
tcp   LISTEN 0      4096       127.0.0.1:2379       0.0.0.0:*    users:(("etcd",pid=811,fd=7))
tcp   LISTEN 0      4096               *:6443             *:*    users:(("kube-apiserver",pid=790,fd=7))
tcp   LISTEN 0      128             [::]:22            [::]:*    users:(("sshd",pid=88,fd=4),("systemd",pid=1,fd=50))
tcp   LISTEN 0      128   127.0.0.53%lo:53          0.0.0.0:*

@@=0
@@hostname
m1-k8s

@@=0
@@machine-id
3d1219c7c4c5404aaa1f6d2a48adfda4

@@=0
@@product-uuid
cat: /sys/class/dmi/id/product_uuid: No such file or directory

@@=1
@@addresses
1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever
2: eth0    inet 10.0.0.11/24 brd 10.0.0.255 scope global eth0\\       valid_lft forever preferred_lft forever

@@=0
@@commands
curl
ip
tar
apt-get

@@=0
@@leftovers
/etc/kubernetes/admin.conf

@@=2
@@node-marker
{"cluster": "book"}

@@=0
@@kubeadm-marker
{"state": "in-progress", "operation": "init", "cluster": "book"}

@@=0
@@bridge-filter

@@=0
@@overlay

@@=1
@@feature-vxlan

@@=0
@@feature-dummy
zcat: /proc/config.gz: No such file or directory
Error: Unknown device type.

@@=2
@@cgroup
tmpfs

@@=0
@@selinux
cat: /sys/fs/selinux/enforce: No such file or directory

@@=1
@@sudo
/usr/bin/sudo

@@=0
@@swap-at-boot
/etc/fstab: /dev/sda2
/etc/systemd/system/swap.swap

@@=0
@@settings
/etc/sysctl.d/zz.conf:net.ipv4.ip_forward = 0

@@=0
@@forwards
0

@@=0
@@links
1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN \\    link/loopback 00:00:00:00:00:00
2: eth0@if48: <BROADCAST,UP> mtu 1500 qdisc noqueue state UP \\    link/ether 36:40:2d:5f:54:52 brd ff:ff:ff:ff:ff:ff

@@=0
@@routes
default via 10.0.0.1 dev eth0
10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.11
unreachable 169.254.169.254

@@=0
@@own-name
127.0.1.1       STREAM m1-k8s
127.0.1.1       DGRAM

@@=0
@@resolv
# stub
nameserver 127.0.0.53
search example.org

@@=0
@@resolved-upstream
nameserver 10.0.0.1

@@=0
@@proxies
http_proxy=set
NO_PROXY=10.0.0.0/24,.svc

@@=0
@@time
Failed to connect to bus
NTPSynchronized=no

@@=0
@@units
Id=systemd-timesyncd.service
LoadState=loaded
ActiveState=inactive
UnitFileState=enabled

Id=chrony.service
LoadState=not-found
ActiveState=inactive
UnitFileState=

Id=ufw.service
LoadState=loaded
ActiveState=active
UnitFileState=enabled

Id=zramswap.service
LoadState=loaded
ActiveState=active
UnitFileState=enabled

Id=systemd-resolved.service
LoadState=loaded
ActiveState=active
UnitFileState=enabled

@@=0
@@filters
-P INPUT ACCEPT
-P FORWARD DROP
-A FORWARD -j ufw-forward

@@=0
@@apparmor
Y

@@=0
@@processes
kubelet
etcd
kubelet

@@=0
@@cni
/etc/cni/net.d/10-weave.conflist

@@=2
@@pod-links
cni0

@@=0
@@drivers
cgroupDriver: systemd
            SystemdCgroup = false

@@=0
@@clock-after
1763708899.750000000

@@=0
"""


def test_the_answers_of_a_debian_node_become_typed_facts() -> None:
    seen = interpret({"host": "m1-k8s", "output": DEBIAN, "asked": 1763708899.0, "answered": 1763708900.0})
    assert seen.__class__.__name__ == "HostFacts"
    assert (seen.root, seen.python, seen.init, seen.os_id, seen.os_version) == (
        True,
        (3, 11, 2),
        "systemd",
        "debian",
        "12",
    )
    assert (seen.arch, seen.memory_mib, seen.cores, seen.cgroup) == ("amd64", 24105, 2, 1)
    assert seen.swaps == ("/dev/sda2", "/swap file")
    assert seen.disks == (Disk("/var", 75084, None), Disk("/", 75084, 16169320), Disk("/tmp", 12052, 1048571))
    assert Listener("*", 6443, "kube-apiserver") in seen.listeners
    assert Listener("::", 22, "sshd") in seen.listeners
    assert Listener("127.0.0.53%lo", 53, "") in seen.listeners
    assert Listener("127.0.0.53%lo", 53, "systemd-resolve", "udp") in seen.listeners
    assert Listener("0.0.0.0", 8472, "", "udp") in seen.listeners, "the kernel's own, which is no process"
    assert seen.features == {"vxlan"}
    assert seen.product_uuid == "", "an error message is no UUID"
    assert seen.addresses == ("127.0.0.1", "10.0.0.11")
    assert seen.installer == "apt-get"
    assert seen.leftovers == ("/etc/kubernetes/admin.conf",)
    assert (seen.owner, seen.kubeadm_state) == ("book", "in-progress")
    assert (seen.bridge_filter, seen.overlay, seen.selinux_enforcing) == (True, False, False)
    assert seen.clock == Clock(0.0, 0.25)


def test_what_runs_and_what_the_network_is_like_become_facts_too() -> None:
    seen = interpret({"host": "m1-k8s", "output": DEBIAN, "asked": 1763708899.0, "answered": 1763708900.0})
    assert isinstance(seen, HostFacts)
    assert (seen.os_family, seen.sudo, seen.forwards, seen.apparmor) == ("debian", True, False, True)
    assert seen.swap_at_boot == ("/etc/fstab: /dev/sda2", "/etc/systemd/system/swap.swap", "zramswap.service")
    assert seen.settings == ("/etc/sysctl.d/zz.conf:net.ipv4.ip_forward = 0",)
    interface = seen.holding("10.0.0.11")
    assert interface is not None
    assert (interface.name, interface.mac, interface.mtu) == ("eth0", "36:40:2d:5f:54:52", 1500)
    assert [(str(route.network), route.device) for route in seen.routes] == [
        ("10.0.0.0/24", "eth0"),
        ("169.254.169.254/32", "unreachable"),
    ]
    assert seen.names == Names(("127.0.1.1",), ("127.0.0.53",), True, ("10.0.0.1",))
    assert seen.proxies == Proxies(("http_proxy",), ("10.0.0.0/24", ".svc"))
    assert seen.time == Time(False, (), ("systemd-timesyncd",))
    assert seen.firewall == Firewall(("ufw",), ("FORWARD",))
    assert seen.earlier == Earlier(("etcd", "kubelet"), ("/etc/cni/net.d/10-weave.conflist",), ("cni0",))
    assert seen.drivers == {"kubelet": "systemd", "containerd": "cgroupfs"}
    assert seen.probe is None


def test_what_a_machine_found_of_the_others_is_a_fact() -> None:
    probe = {
        "ports": {"tcp/6443": "bound"},
        "reached": {"w1": {"tcp/10250": "open"}},
        "mtu": {"w1": 1500},
        "own_mtu": 1500,
        "fsync_ms": 2.5,
    }
    seen = interpret({"host": "m1", "output": "", "asked": 1.0, "answered": 2.0, "probe": probe})
    assert isinstance(seen, HostFacts)
    assert seen.probe == Probe(**probe)


def test_a_machine_that_answers_nothing_has_facts_that_the_rules_can_judge() -> None:
    seen = host_facts("m1", {}, Clock(0.0, float("inf")))
    assert (seen.root, seen.python, seen.memory_mib, seen.disks, seen.owner) == (False, None, 0, (), "")


def test_a_damaged_marker_is_no_marker() -> None:
    for text in ("", "{", "[1]", "null"):
        seen = host_facts("m1", {"node-marker": Answer(text, 0)}, Clock(0.0, 0.0))
        assert seen.owner == ""


def test_a_machine_out_of_reach_is_told_with_the_reason() -> None:
    seen = interpret({"host": "w1", "kind": "login", "why": "Authentication failed."})
    assert (seen.host, seen.kind, seen.why) == ("w1", "login", "Authentication failed.")


def test_a_clock_without_an_answer_is_known_to_nobody() -> None:
    assert clock("date: not found", "", asked=1.0, answered=2.0).error_s == float("inf")
