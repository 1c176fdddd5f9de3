"""A Vagrant box of Debian 12 made of packages: for machines without a registry of boxes, and for tests.

``python -m tests.e2e.box FOLDER`` makes ``kprov-debian-12.box`` there, with the kernel and initrd that libvirt boots.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from kprov.lab.image import sources

SIZE_GIB = 8
PACKAGES = """\
systemd systemd-sysv dbus udev kmod initramfs-tools linux-image-cloud-amd64
openssh-server openssh-client sudo python3 apt ca-certificates less procps iputils-ping
conntrack curl ebtables ethtool ipset iproute2 iptables mount socat util-linux
containerd runc containernetworking-plugins haproxy e2fsprogs bash-completion
"""
# Vagrant's public key, which every public box admits until Vagrant replaces it: hashicorp/vagrant, keys/vagrant.pub.
GEMS = Path("/usr/share/rubygems-integration/all/gems")
FILES = {
    "etc/hostname": "debian\n",
    "etc/hosts": "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n",
    # An address kept for documentation (RFC 5737): these machines have no way out.
    "etc/resolv.conf": "nameserver 203.0.113.53\n",
    "etc/fstab": "/dev/vda / ext4 defaults 0 1\n",
    "etc/sudoers.d/vagrant": "vagrant ALL=(ALL) NOPASSWD: ALL\n",
    # An emulated processor makes no RSA key in less than a quarter of a minute.
    "etc/ssh/sshd_config.d/10-host-key.conf": "HostKey /etc/ssh/ssh_host_ed25519_key\n",
    # Only what this virtual machine boots from: a tenth of the usual initial RAM disk.
    "etc/initramfs-tools/conf.d/small": "MODULES=list\n",
    "etc/initramfs-tools/modules": "virtio_pci\nvirtio_blk\next4\ncrc32c_generic\n",
    "etc/modprobe.d/emulated.conf": "blacklist kvm_amd\nblacklist powernow_k8\nblacklist acpi_cpufreq\n",
    "etc/systemd/network/10-eth0.network": "[Match]\nName=eth0\n\n[Network]\nDHCP=ipv4\nLinkLocalAddressing=no\n",
    "etc/systemd/system/host-keys.service": (
        "[Unit]\nDescription=SSH host keys of this machine's own\nBefore=ssh.service\n"
        "ConditionPathExists=!/etc/ssh/ssh_host_ed25519_key\n\n"
        "[Service]\nType=oneshot\n"
        "ExecStart=/usr/bin/ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key\n\n"
        "[Install]\nWantedBy=multi-user.target\n"
    ),
}
SETUP = """\
set -eu
useradd -m -s /bin/bash vagrant
install -d -m 0700 -o vagrant -g vagrant /home/vagrant/.ssh
install -m 0600 -o vagrant -g vagrant /tmp/vagrant.pub /home/vagrant/.ssh/authorized_keys
chmod 0440 /etc/sudoers.d/vagrant
systemctl --quiet enable systemd-networkd.service host-keys.service ssh.service
systemctl --quiet disable containerd.service haproxy.service apt-daily.timer apt-daily-upgrade.timer
systemctl --quiet mask systemd-networkd-wait-online.service systemd-binfmt.service getty@tty1.service \
    serial-getty@ttyS0.service e2scrub_reap.service dpkg-db-backup.timer e2scrub_all.timer
update-initramfs -u >/dev/null
rm -f /tmp/vagrant.pub /etc/ssh/ssh_host_* /etc/machine-id
touch /etc/machine-id
"""


@dataclass(frozen=True)
class Box:
    """The box and what boots it."""

    archive: Path
    kernel: Path
    initrd: Path


def build(folder: Path) -> Box:
    """Have the box in the folder; one that is there was made of the same recipe."""
    recipe = repr((PACKAGES, sorted(FILES.items()), SETUP, SIZE_GIB)).encode()
    home = folder / hashlib.sha256(recipe).hexdigest()[:12]
    box = Box(home / "kprov-debian-12.box", home / "vmlinuz", home / "initrd")
    if not box.archive.exists():
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix="build-") as work:
            _make(Path(work), box)
    return box


def _make(work: Path, box: Box) -> None:
    root, raw, image = work / "root", work / "box.raw", work / "box.img"
    overlay = work / "overlay"
    for name, content in FILES.items():
        (overlay / name).parent.mkdir(parents=True, exist_ok=True)
        (overlay / name).write_text(content)
    (overlay / "tmp").mkdir()
    shutil.copyfile(next(GEMS.glob("vagrant-*/keys/vagrant.pub")), overlay / "tmp/vagrant.pub")
    (work / "setup.sh").write_text(SETUP)
    apt = [
        "apt-get",
        "indextargets",
        "--format",
        "$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)",
        "Created-By: Packages",
    ]
    mirrors = sources(_run(*apt), "bookworm")
    (work / "apt.conf").write_text(_run("apt-config", "dump", "Acquire::http::Proxy"))
    _run(
        *(
            "mmdebstrap",
            "--mode=root",
            "--variant=minbase",
            "--components=main",
            f"--include={','.join(PACKAGES.split())}",
        ),
        *(f"--dpkgopt=path-exclude=/usr/share/{part}/*" for part in ("doc", "info", "locale", "man")),
        *(f"--aptopt={work / 'apt.conf'}", f"--customize-hook=sync-in {overlay} /"),
        *(f'--customize-hook=chroot "$1" sh < {work / "setup.sh"}', "bookworm", str(root), *mirrors),
    )
    kernel = next((root / "boot").glob("vmlinuz-*"))
    shutil.copyfile(kernel, box.kernel)
    shutil.copyfile(root / "boot" / kernel.name.replace("vmlinuz", "initrd.img"), box.initrd)
    _run("mke2fs", "-q", "-t", "ext4", "-d", str(root), str(raw), f"{SIZE_GIB}G")
    _run("qemu-img", "convert", "-O", "qcow2", str(raw), str(image))
    metadata = {"provider": "libvirt", "format": "qcow2", "virtual_size": SIZE_GIB}
    (work / "metadata.json").write_text(json.dumps(metadata))
    (work / "Vagrantfile").write_text("Vagrant.configure('2') { |config| }\n")
    draft = work / "draft.box"
    with tarfile.open(draft, "w:gz", compresslevel=1) as tar:
        for name in ("metadata.json", "Vagrantfile", "box.img"):
            tar.add(work / name, name)
    draft.replace(box.archive)


def _run(*argv: str) -> str:
    environment = os.environ | {"LC_ALL": "C.UTF-8"}
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, f"{argv[0]} ended with {done.returncode}: {done.stderr[-2000:]}"
    return done.stdout


if __name__ == "__main__":
    made = build(Path(sys.argv[1]))
    sys.stdout.write(f"{made.archive}\n{made.kernel}\n{made.initrd}\n")
