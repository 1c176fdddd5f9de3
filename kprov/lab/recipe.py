"""What the node image is made of, as data: packages, files and units. Its digest names the image.

The image is the same for every node. What must differ between nodes (SSH host keys, machine-id) is made by each node
when it first boots.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Final

from kprov.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kprov.spec.lab import System

RELEASES: Final[Mapping[System, str]] = {"debian-12": "bookworm", "debian-13": "trixie"}
"""Debian's codename of each operating system that a node can have."""

PACKAGES = (
    # A system that boots and answers SSH and Ansible.
    *(
        "systemd",
        "systemd-sysv",
        "dbus",
        "openssh-server",
        "python3",
        "python3-minimal",
        "sudo",
        "apt",
        "ca-certificates",
    ),
    # What kubelet, kube-proxy and the networks call (kubeadm's preflight names most of them).
    *("conntrack", "ebtables", "ethtool", "ipset", "iproute2", "iptables", "kmod", "mount", "socat", "util-linux"),
    *("containerd", "runc", "containernetworking-plugins", "haproxy", "keepalived"),
    # What a person needs who looks into a node.
    *("bash-completion", "curl", "iputils-ping", "less", "procps", "vim-tiny"),
)

DISABLED = ("containerd.service", "haproxy.service", "keepalived.service")
"""Services that a role enables where the cluster needs them."""

MASKED = (
    # There is no console, no device and no seat in a container.
    *("console-getty.service", "getty@tty1.service", "systemd-logind.service", "systemd-udevd.service"),
    # These belong to the host, whose kernel the node shares.
    *("systemd-binfmt.service", "proc-sys-fs-binfmt_misc.automount", "proc-sys-fs-binfmt_misc.mount"),
    *("dev-hugepages.mount", "sys-fs-fuse-connections.mount", "sys-kernel-config.mount"),
    *("sys-kernel-debug.mount", "sys-kernel-tracing.mount", "systemd-journald-audit.socket"),
    *("systemd-remount-fs.service", "systemd-modules-load.service", "systemd-networkd-wait-online.service"),
    # A node cannot reach any mirror, and lives for hours.
    *(
        "apt-daily.timer",
        "apt-daily-upgrade.timer",
        "dpkg-db-backup.timer",
        "e2scrub_all.timer",
        "e2scrub_reap.service",
    ),
)

LEFT_OUT = (
    *("/usr/share/doc/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/man/*"),
    # Debian's defaults set kernel.pid_max and the like: on a shared kernel that would change the host.
    "/usr/lib/sysctl.d/*",
)
"""Paths of packages that are not unpacked (dpkg's path-exclude)."""

_HOST_KEY = """\
#!/bin/sh
# Makes this node's own SSH host key at its first boot. The public half is moved last: where it is, the key is whole.
set -eu
key=/etc/ssh/ssh_host_ed25519_key
[ -s "$key.pub" ] && exit 0
rm -f "$key" "$key.new" "$key.new.pub"
ssh-keygen -q -t ed25519 -N '' -C "$(hostname)" -f "$key.new"
mv "$key.new" "$key"
mv "$key.new.pub" "$key.pub"
"""

_NODE_UNIT = """\
[Unit]
Description=What makes this container a lab node: host key, shared mounts, a cloud metadata address that fails at once
DefaultDependencies=no
After=local-fs.target
Before=ssh.service sysinit.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/bin/mount --make-rshared /
ExecStart=/usr/sbin/ip route replace unreachable 169.254.169.254
ExecStart=/usr/local/lib/kprov/host-key

[Install]
WantedBy=sysinit.target
"""

_SSHD = """\
HostKey /etc/ssh/ssh_host_ed25519_key
MaxSessions 100
MaxStartups 100
PasswordAuthentication no
PermitRootLogin prohibit-password
X11Forwarding no
"""

_RESOLV = """\
# A lab has no way out: an address kept for documentation (RFC 5737), to which no route leads, so lookups fail at once.
nameserver 203.0.113.53
"""

FILES = {
    "etc/default/locale": "LANG=C.UTF-8\n",
    "etc/hostname": "node\n",
    "etc/hosts": "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n",
    "etc/resolv.conf": _RESOLV,
    "etc/ssh/sshd_config.d/10-kprov.conf": _SSHD,
    # The kernel's log is the host's; each node copying it costs more than it tells.
    "etc/systemd/journald.conf.d/10-kprov.conf": "[Journal]\nReadKMsg=no\nSystemMaxUse=64M\n",
    "etc/systemd/system/kprov-node.service": _NODE_UNIT,
    "usr/local/lib/kprov/host-key": _HOST_KEY,
}

LINKS = {
    "etc/systemd/system/default.target": "/usr/lib/systemd/system/multi-user.target",
    "etc/systemd/system/sysinit.target.wants/kprov-node.service": "/etc/systemd/system/kprov-node.service",
}

_EXECUTABLE = ("usr/local/lib/kprov/",)


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides what is in the image; two equal recipes make the same image.

    ``release`` is a Debian release by its codename; ``architecture`` is Debian's word for it (amd64).
    """

    release: str = "bookworm"
    architecture: str = "amd64"
    packages: tuple[str, ...] = PACKAGES
    disabled: tuple[str, ...] = DISABLED
    masked: tuple[str, ...] = MASKED
    left_out: tuple[str, ...] = LEFT_OUT
    files: dict[str, str] = field(default_factory=lambda: dict(FILES))
    links: dict[str, str] = field(default_factory=lambda: dict(LINKS))

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits that change with anything in the recipe.

        >>> Recipe().digest == Recipe(release="bookworm").digest, Recipe().digest == Recipe(release="trixie").digest
        (True, False)
        """
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:12]

    @property
    def tag(self) -> str:
        """The image's name in the engine's store."""
        return f"localhost/kprov-node:{self.digest}"

    def of(self, system: System) -> Recipe:
        """The same for another operating system.

        >>> Recipe().of("debian-13").release
        'trixie'

        Raises:
            InputError: it is not made of Debian's packages.
        """
        if system not in RELEASES:
            raise InputError(
                f"there is no node image of {system}",
                where="lab.system",
                why=f"node images are made of Debian's packages: {', '.join(RELEASES)}",
                remedy="Choose one of these, or have Vagrant make the machines: lab: {provider: vagrant}.",
            )
        return replace(self, release=RELEASES[system])


def overlay(recipe: Recipe) -> bytes:
    """The recipe's files, links and masked units as a tar that is unpacked over the root.

    >>> len(overlay(Recipe())) > 0 and overlay(Recipe()) == overlay(Recipe())
    True
    """
    links = recipe.links | {f"etc/systemd/system/{unit}": "/dev/null" for unit in recipe.masked}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, content in sorted(recipe.files.items()):
            entry = tarfile.TarInfo(path)
            entry.size = len(content.encode())
            entry.mode = 0o755 if path.startswith(_EXECUTABLE) else 0o644
            tar.addfile(entry, io.BytesIO(content.encode()))
        for path, target in sorted(links.items()):
            entry = tarfile.TarInfo(path)
            entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, target, 0o777
            tar.addfile(entry)
    return buffer.getvalue()
