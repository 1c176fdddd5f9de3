"""The layers of images that come from Debian's binary packages: unpacked straight into tars, nothing installed."""

from __future__ import annotations

import io
import subprocess
import tarfile
from typing import TYPE_CHECKING

from kprov.bundle.archive import entry
from kprov.bundle.packages.host import LIBRARIES
from kprov.bundle.store import Origin
from kprov.errors import CheckFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from kprov.bundle.packages.apt import Deb, PrivateApt

# What kube-proxy calls, and what else images are made of.
NETWORK_TOOLS = ("conntrack", "ipset", "iptables", "kmod")
_OTHERS = ("busybox", "etcd-client", "etcd-server")
_NETWORK_FOLDERS = ("bin/", "etc/", "lib/", "lib64/", "sbin/", "usr/lib/", "usr/sbin/")
_NEVER = ("etc/init.d/", "etc/modprobe.d/", "lib/systemd/", "lib/udev/", "usr/lib/modules-load.d/")
_IPTABLES = ("iptables", "iptables-restore", "iptables-save", "ip6tables", "ip6tables-restore", "ip6tables-save")
_ETCD = ("usr/bin/etcd", "usr/bin/etcdctl")
# What the probe image and those of add-ons are asked to do, and what a person wants at hand in the probe.
_APPLETS = (
    *(
        "cat",
        "cp",
        "date",
        "dd",
        "df",
        "echo",
        "env",
        "grep",
        "head",
        "hostname",
        "httpd",
        "id",
        "ip",
        "ls",
        "mkdir",
        "nc",
    ),
    *(
        "nslookup",
        "ping",
        "ps",
        "rm",
        "seq",
        "sh",
        "sleep",
        "sync",
        "tail",
        "test",
        "touch",
        "tr",
        "true",
        "wc",
        "wget",
    ),
)

_PYTHON = "python3"
_PYTHON_FOLDERS = ("etc/mime.types", "lib/", "lib64/", "usr/bin/python3", "usr/lib/")

# What decides the content of the layers, as far as it is decided here.
RECIPE: Mapping[str, str] = {"packages": " ".join((*NETWORK_TOOLS, *_OTHERS)), "applets": " ".join(_APPLETS)}
PYTHON_RECIPE: Mapping[str, str] = {"packages": _PYTHON}


def build_layers(apt: PrivateApt, architecture: str, target: Path) -> Origin:
    """Write ``network.tar`` (for kube-proxy), ``etcd.tar`` and ``probe.tar`` into the folder ``target``.

    Raises:
        UnreachableError: the packages cannot be downloaded.
        CheckFailed: a package lacks what is expected in it.
    """
    apt.update()
    network = apt.closure(NETWORK_TOOLS)
    known = {deb.name: deb for deb in (*network, *apt.closure(_OTHERS))}
    libc, etcd, busybox = known["libc6"], (known["etcd-client"], known["etcd-server"]), known["busybox"]
    apt.download(tuple(dict.fromkeys((*network, libc, *etcd, busybox))))

    libraries = LIBRARIES[architecture]
    links = {f"usr/sbin/{name}": "xtables-nft-multi" for name in _IPTABLES}
    wanted = ("usr/sbin/xtables-nft-multi", "usr/sbin/conntrack", "usr/sbin/ipset", "bin/kmod")
    _write(target / "network.tar", network, lambda name: _for_network(name, libraries), links, wanted)

    def dynamic(*programs: str) -> Callable[[str], bool]:
        """Keeps these programs and the parts of libc6 that they are linked to."""
        folder = f"lib/{libraries}"
        needed = {*programs, *(f"{folder}/lib{name}" for name in ("c.so.6", "pthread.so.0", "resolv.so.2"))}
        return lambda name: name in needed or name.startswith((f"{folder}/ld-linux-", "lib/ld-linux-", "lib64/"))

    _write(target / "etcd.tar", (libc, *etcd), dynamic(*_ETCD), {}, _ETCD)
    applets = {f"bin/{applet}": "busybox" for applet in _APPLETS}
    # Not busybox-static: its wget and nslookup load parts of glibc at run time, and crash where there are none.
    _write(target / "probe.tar", (libc, busybox), dynamic("bin/busybox"), applets, ("bin/busybox",))

    named = (*etcd, busybox, *(deb for deb in network if deb.name in NETWORK_TOOLS))
    return Origin(etcd[1].version, ", ".join(f"debian:{deb.name}={deb.version}" for deb in named))


def build_python_layer(apt: PrivateApt, architecture: str, target: Path) -> Origin:
    """Write ``python.tar``, Debian's Python with its standard library, into the folder ``target``.

    Raises:
        UnreachableError: the packages cannot be downloaded.
        CheckFailed: a package lacks what is expected in it.
    """
    apt.update()
    debs = apt.closure((_PYTHON,))
    apt.download(debs)
    libraries = LIBRARIES[architecture]

    def keep(name: str) -> bool:
        return name.startswith(_PYTHON_FOLDERS) and not name.startswith((*_NEVER, f"usr/lib/{libraries}/gconv/"))

    _write(target / "python.tar", debs, keep, {}, ("usr/bin/python3",))
    python = next(deb for deb in debs if deb.name == _PYTHON)
    return Origin(python.version, f"debian:{_PYTHON}={python.version}")


def origin_of(origin: Origin, *names: str) -> str:
    """The part of the layers' source that names these packages.

    >>> origin_of(Origin("3.4", "debian:etcd-server=3.4, debian:kmod=30"), "kmod")
    'debian:kmod=30'
    """
    wanted = tuple(f"debian:{name}=" for name in names)
    return ", ".join(part for part in origin.source.split(", ") if part.startswith(wanted))


def _for_network(name: str, libraries: str) -> bool:
    """Whether kube-proxy's image keeps a file: programs and libraries, no documentation, no character sets."""
    charsets = name.startswith(f"usr/lib/{libraries}/gconv/")
    return name.startswith(_NETWORK_FOLDERS) and not name.startswith(_NEVER) and not charsets


def _write(
    target: Path, debs: Iterable[Deb], keep: Callable[[str], bool], links: Mapping[str, str], wanted: Iterable[str]
) -> None:
    """Write the files of packages that ``keep`` chooses, and links, as a layer: sorted, without times and owners.

    Raises:
        CheckFailed: a package cannot be read, or one of ``wanted`` is in none of them.
    """
    members: dict[str, tuple[tarfile.TarInfo, bytes]] = {}
    for deb in debs:
        members |= {info.name: (info, data) for info, data in _contents(deb, keep)}
    missing = sorted(set(wanted) - set(members))
    if missing:
        raise CheckFailed(
            "Debian's packages do not hold what an image needs",
            where=target.name,
            why=", ".join(missing),
            remedy="Report this with the versions of the packages in the build's log.",
        )
    with tarfile.open(target, "w", format=tarfile.GNU_FORMAT) as tar:
        for name in sorted({*members, *links}):
            if name in links:
                tar.addfile(entry(name, 0o777, link=links[name]))
            else:
                info, data = members[name]
                tar.addfile(info, io.BytesIO(data))


def _contents(deb: Deb, keep: Callable[[str], bool]) -> list[tuple[tarfile.TarInfo, bytes]]:
    """The files and links of a package that ``keep`` chooses."""
    unpacked = subprocess.run(["dpkg-deb", "--fsys-tarfile", deb.path], capture_output=True, check=False, timeout=120)
    if unpacked.returncode:
        why = unpacked.stderr.decode(errors="replace").strip()
        raise CheckFailed("cannot unpack a package", where=str(deb.path), why=why)
    found = []
    with tarfile.open(fileobj=io.BytesIO(unpacked.stdout)) as tar:
        for member in tar:
            name = member.name.removeprefix("./")
            if not keep(name) or member.isdir():
                continue
            if member.issym():
                found.append((entry(name, 0o777, link=member.linkname), b""))
            elif content := tar.extractfile(member):
                data = content.read()
                found.append((entry(name, member.mode & 0o755, size=len(data)), data))
    return found
