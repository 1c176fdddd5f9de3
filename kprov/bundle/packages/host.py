"""What the source needs of this machine: Debian 12, an architecture it knows, tools, room on the disk."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kprov.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CODENAME = "bookworm"
GO_BIN = Path("/usr/lib/go-1.19/bin")
REFLECT2 = Path("/usr/share/gocode/src/github.com/modern-go/reflect2")

# Debian's name of an architecture (Go's is the same) -> the folder of its libraries.
LIBRARIES: Mapping[str, str] = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}

# A build's peak on amd64 is 5 GiB, most of it Go's caches.
_ROOM_BYTES = 6 << 30


@dataclass(frozen=True, slots=True)
class Tool:
    """A command or a file that the build needs, and the Debian package that brings it."""

    needed: str
    package: str

    def present(self) -> bool:
        """Whether this machine has it."""
        return Path(self.needed).exists() if self.needed.startswith("/") else shutil.which(self.needed) is not None


TOOLS: tuple[Tool, ...] = (
    Tool("apt-get", "apt"),
    Tool("dpkg-deb", "dpkg"),
    Tool("dpkg-source", "dpkg-dev"),
    Tool("gcc", "gcc"),
    Tool(f"{GO_BIN}/go", "golang-1.19-go"),
    Tool(f"{REFLECT2}/reflect2.go", "golang-github-modern-go-reflect2-dev"),
    Tool("/usr/include/stdio.h", "libc6-dev"),
    Tool("zstd", "zstd"),
)


def check_system(release: Mapping[str, str]) -> None:
    """Refuse a machine that is not Debian 12; ``release`` holds the fields of /etc/os-release.

    >>> check_system({"ID": "debian", "VERSION_ID": "12"})

    Raises:
        InputError: it is another system.
    """
    if (release.get("ID"), release.get("VERSION_ID")) != ("debian", "12"):
        raise InputError(
            "the bundle's source `packages` needs Debian 12",
            where="bundle.source",
            why=f"this machine runs {release.get('PRETTY_NAME', 'another system')}",
            remedy="Run kprov on Debian 12, or set bundle.source to one that this machine can use.",
        )


def check_tools(tools: Sequence[Tool]) -> None:
    """Refuse a machine without the tools, all of them named at once.

    Raises:
        InputError: something is missing, with the packages that bring it.
    """
    missing = [tool for tool in tools if not tool.present()]
    if missing:
        raise InputError(
            "tools to build the bundle are missing",
            why=", ".join(tool.needed for tool in missing),
            remedy="Run: apt-get install -y " + " ".join(dict.fromkeys(tool.package for tool in missing)),
        )


def check_room(store: Path) -> None:
    """Refuse a disk without room for a build.

    Raises:
        InputError: less is free than a build takes.
    """
    free = shutil.disk_usage(store).free
    if free < _ROOM_BYTES:
        raise InputError(
            "the disk has no room for a build",
            where=str(store),
            why=f"{free / 2**30:.1f} GiB are free, a build takes {_ROOM_BYTES >> 30}",
            remedy="Make room, or set XDG_CACHE_HOME to a folder on a larger disk.",
        )


def architecture() -> str:
    """This machine's architecture as Debian and Go name it.

    Raises:
        InputError: dpkg does not say, or the bundle is not built for it.
    """
    try:
        name = subprocess.run(
            ["dpkg", "--print-architecture"], capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError) as error:
        raise InputError(
            "cannot tell this machine's architecture", why=str(error), remedy="Run kprov on Debian 12, which has dpkg."
        ) from error
    if name not in LIBRARIES:
        raise InputError(
            f"the bundle's source `packages` does not build for {name}",
            where="bundle.source",
            remedy=f"Use a machine of one of these architectures: {', '.join(LIBRARIES)}.",
        )
    return name
