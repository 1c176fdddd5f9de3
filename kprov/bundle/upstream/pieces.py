"""What becomes of each published file on a node: a binary as it is, or some members of an archive."""

from __future__ import annotations

import re
import shutil
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kprov.errors import CheckFailed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from kprov.bundle.model import Kind, Target


@dataclass(frozen=True, slots=True)
class Use:
    """What a node does with a published file.

    ``members`` are the files that are taken out of an archive; empty: the file is the binary itself.
    """

    kind: Kind
    members: Mapping[str, str]
    targets: tuple[Target, ...] = ("control-plane", "worker")


# The plugins that the networks of the catalog call: the bridge's own, and what flannel, Calico and Weave chain.
_PLUGINS: Final = ("bandwidth", "bridge", "firewall", "host-local", "loopback", "portmap", "static", "tuning")

USES: Final[Mapping[str, Use]] = {
    "kubeadm": Use("binary", {}),
    "kubelet": Use("binary", {}),
    "kubectl": Use("binary", {}, ("control-plane", "worker", "controller")),
    "crictl": Use("binary", {"crictl": "crictl"}),
    "runc": Use("runtime", {}),
    "containerd": Use("runtime", {f"bin/{name}": name for name in ("containerd", "containerd-shim-runc-v2", "ctr")}),
    "cni-plugins": Use("cni-plugin", {name: name for name in _PLUGINS}),
}
"""By the name of the artifact in the catalog; what has no use here is not fetched."""

_ELF: Final = b"\x7fELF"
_LARGEST_MEMBER: Final = 512 << 20


def unpack(archive: Path, members: Mapping[str, str], target: Path) -> None:
    """Take some programs out of an archive, compressed or not, into a folder.

    Raises:
        CheckFailed: it is no archive, lacks one of them, or one is no program.
    """
    missing = dict(members)
    try:
        with tarfile.open(archive) as tar:
            for info in tar:
                name = missing.pop(re.sub(r"^\./", "", info.name), None)
                if name is None:
                    continue
                content = tar.extractfile(info) if info.isfile() and info.size <= _LARGEST_MEMBER else None
                if content is None:
                    raise CheckFailed("cannot use a published archive", where=str(archive), why=f"{name} is no file")
                with content, (target / name).open("wb") as out:
                    shutil.copyfileobj(content, out)
    except (tarfile.TarError, EOFError) as error:
        raise CheckFailed("cannot use a published archive", where=str(archive), why=str(error)) from error
    if missing:
        why = f"there is no {', '.join(missing)} in it"
        raise CheckFailed("cannot use a published archive", where=str(archive), why=why)
