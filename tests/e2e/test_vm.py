"""A cluster on real virtual machines by Vagrant and libvirt: what containers cannot show (a kernel of their own, swap,
modules, reboots, snapshots). By software emulation where KVM boots nothing, which takes its time: ``make e2e-vm``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.box import build
from tests.e2e.made import HOME, Cluster

if TYPE_CHECKING:
    from collections.abc import Iterator

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kprov" / "vagrant-box"
# Where the hypervisor's user may read it.
BOOT = Path("/var/lib/libvirt/boot")
BOX = "kprov/debian-12"
CLUSTER = """\
cluster: e2e-vm
kubernetes: {{version: 1.20.2}}
network: {{plugin: bridge}}
bundle: {{source: packages}}
ssh: {{user: vagrant}}
lab:
  provider: vagrant
  subnet: 10.104.1.0/24
  disks_gib: [1]
  vagrant:
    provider: libvirt
    box: {box}
    box_url: {archive}
    boot_timeout_s: 1800
    libvirt:
      management: 10.104.2.0/24
      kernel: {kernel}
      initrd: {initrd}
      command_line: root=/dev/vda rw console=ttyS0 net.ifnames=0
nodes:
  m1: {{address: 10.104.1.11, roles: [control-plane, etcd]}}
  w1: {{address: 10.104.1.101, roles: [worker], machine: {{memory_mib: 1536}}}}
"""
NODES = ("m1", "w1")
PATIENCE_S = 2400


def virsh(*words: str) -> str:
    """What libvirt says."""
    argv = ["virsh", "-c", "qemu:///system", *words]
    return subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False).stdout


@pytest.fixture(scope="module")
def libvirt() -> Iterator[None]:
    """A running libvirt; where no init runs it, it is started and ended here."""
    needed = ("vagrant", "virsh", "libvirtd", "qemu-img", "dnsmasq", "mmdebstrap", "mke2fs")
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    if lacking := [command for command in needed if shutil.which(command, path=path) is None]:
        pytest.skip(f"needs {', '.join(lacking)}: see `make e2e-vm`")
    ours = "libvirt" not in virsh("version")
    if ours:
        subprocess.run(["sh", "tools/libvirt.sh", "start"], cwd=HOME, check=True, timeout=120)
    yield
    if ours:
        subprocess.run(["sh", "tools/libvirt.sh", "stop"], cwd=HOME, check=True, timeout=120)


@pytest.fixture(scope="module")
def cluster(libvirt: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two virtual machines to be, with a state of Vagrant of their own."""
    folder = tmp_path_factory.mktemp("vm")
    box = build(CACHE)
    boot = {name: BOOT / f"kprov-e2e-{name}" for name in ("kernel", "initrd")}
    shutil.copyfile(box.kernel, boot["kernel"])
    shutil.copyfile(box.initrd, boot["initrd"])
    text = CLUSTER.format(box=BOX, archive=box.archive, **boot)
    (folder / "cluster.yaml").write_text(text)
    made = Cluster(folder, "e2e-vm", "10.104.1.0/24")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VAGRANT_HOME", str(folder / "home"))
        patch.setenv("VAGRANT_DOTFILE_PATH", str(folder / "state"))
        yield made
        made.kprov("lab", "down", timeout_s=PATIENCE_S)
    for volume in virsh("vol-list", "default").split():
        if volume.startswith(BOX.replace("/", "-VAGRANTSLASH-")):
            virsh("vol-delete", "--pool", "default", volume)
    for file in boot.values():
        file.unlink()


def swaps(cluster: Cluster, node: str) -> list[str]:
    """The swap areas in use."""
    return cluster.on(node, "tail -n +2 /proc/swaps").split("\n")[:-1]


def boot_id(cluster: Cluster, node: str) -> str:
    """What changes with each boot."""
    return cluster.on(node, "cat /proc/sys/kernel/random/boot_id").strip()


def await_ready(cluster: Cluster) -> None:
    """Wait until every node is Ready, by the word of the kubelet that runs since its last boot."""
    wanted = {node: boot_id(cluster, node) for node in NODES}
    deadline = time.monotonic() + PATIENCE_S
    seen = ""
    while time.monotonic() < deadline:
        try:
            items = cluster.kubectl("get", "nodes")["items"]
            booted = {item["metadata"]["name"]: item["status"]["nodeInfo"]["bootID"] for item in items}
            ready = cluster.ready()
            seen = f"{booted} {ready}"
            if booted == wanted and set(ready.values()) == {True}:
                return
        except (subprocess.SubprocessError, ValueError) as error:
            seen = str(error)
        time.sleep(5)
    raise AssertionError(f"not Ready again since {wanted}: {seen}")


def test_machines_with_kernels_of_their_own(cluster: Cluster) -> None:
    """One is made by a plain vagrant, the other by kprov, which takes the first as it is."""
    cluster.kprov("inventory", "render")
    plain = os.environ | {"KPROV_CLUSTER": str(cluster.folder), "KPROV_LIBVIRT_DRIVER": "qemu"}
    subprocess.run(["vagrant", "up", "e2e-vm.w1"], cwd=HOME, env=plain, check=True, timeout=PATIENCE_S)
    assert "2 machines by vagrant, 1 started" in cluster.kprov("lab", "up", timeout_s=PATIENCE_S)
    for node in NODES:
        assert cluster.on(node, "hostname").strip() == node
        assert cluster.on(node, "stat -fc %T /sys/fs/cgroup").strip() == "cgroup2fs"
        assert cluster.on(node, "uname -r") != subprocess.run(["uname", "-r"], capture_output=True, text=True).stdout
        assert "data1" in cluster.on(node, "lsblk -no SERIAL,SIZE")
        keys = cluster.on(node, "cat .ssh/authorized_keys")
        assert "vagrant insecure public key" not in keys, "the key that everybody has is replaced"
        assert "kprov" in keys
    pinned = (cluster.folder / "artifacts/ssh/known_hosts").read_text()
    assert {line.split()[0] for line in pinned.splitlines()} == {"10.104.1.11", "10.104.1.101"}
    assert "2 machines by vagrant, 0 started" in cluster.kprov("lab", "up", timeout_s=PATIENCE_S)


def test_up_turns_swap_off_and_proves_the_cluster(cluster: Cluster) -> None:
    """One machine has its swap in fstab, the other as a unit of its own."""
    for node in NODES:
        cluster.on(node, "sudo sh -c 'umask 077; dd if=/dev/zero of=/swap bs=1M count=64 status=none; mkswap -q /swap'")
    cluster.on("m1", "sudo sh -c 'echo /swap none swap sw 0 0 >>/etc/fstab; swapon -a'")
    unit = "[Swap]\\nWhat=/swap\\n[Install]\\nWantedBy=swap.target\\n"
    cluster.on("w1", f"sudo sh -c 'printf \"{unit}\" >/etc/systemd/system/swap.swap; systemctl enable --now swap.swap'")
    assert all(swaps(cluster, node) for node in NODES)
    cluster.kprov("up", timeout_s=2 * PATIENCE_S)
    assert set(cluster.ready().values()) == {True}
    for node in NODES:
        assert swaps(cluster, node) == []
        assert "br_netfilter" in cluster.on(node, "lsmod")


def test_a_snapshot_is_a_reboot_after_which_all_is_as_before(cluster: Cluster) -> None:
    before = {node: boot_id(cluster, node) for node in NODES}
    cluster.kprov("lab", "snapshot", "proven", timeout_s=PATIENCE_S)
    for node in NODES:
        assert boot_id(cluster, node) != before[node]
        assert swaps(cluster, node) == [], "swap stays off"
        loaded = cluster.on(node, "lsmod")
        assert "br_netfilter" in loaded, "modules are loaded at boot"
        assert "overlay" in loaded
        assert cluster.on(node, "cat /proc/sys/net/ipv4/ip_forward").strip() == "1"
    await_ready(cluster)


def test_restore_brings_back_what_was_kept(cluster: Cluster) -> None:
    kubectl = [str(cluster.folder / "artifacts/kubectl"), "--kubeconfig", str(cluster.folder / "artifacts/kubeconfig")]
    subprocess.run([*kubectl, "create", "namespace", "later"], check=True, timeout=300)
    cluster.on("w1", "sudo touch /later && sudo sync")
    cluster.kprov("lab", "restore", "proven", timeout_s=PATIENCE_S)
    assert cluster.on("w1", "ls /").split().count("later") == 0
    await_ready(cluster)
    names = [item["metadata"]["name"] for item in cluster.kubectl("get", "namespaces")["items"]]
    assert "later" not in names
    cluster.kprov("verify", timeout_s=PATIENCE_S)


def test_down_leaves_nothing(cluster: Cluster) -> None:
    assert "2 machines removed" in cluster.kprov("lab", "down", timeout_s=PATIENCE_S)
    assert "kprov-e2e-vm" not in virsh("list", "--all") + virsh("net-list", "--all") + virsh("vol-list", "default")
    assert not (cluster.folder / "vagrant.json").exists()
