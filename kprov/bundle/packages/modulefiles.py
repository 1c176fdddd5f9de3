"""Published files that a Go module holds as well: for machines that reach a module proxy and nothing else."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kprov.bundle.packages import host
from kprov.bundle.packages.gomodules import GoModules
from kprov.errors import KprovError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# One module without what it needs itself: some MiB.
_TIMEOUT_S = 60
# Major versions from 2 on have other paths as modules than as repositories.
_PUBLISHED = re.compile(r"https://raw\.githubusercontent\.com/([\w.-]+/[\w.-]+)/(v[01]\.[0-9]+\.[0-9]+)/([\w./-]+)")

# Where a tag was moved after the proxies had seen it: what differs in the module. The sha256 says if that is all.
_EDITS: Mapping[str, tuple[tuple[bytes, bytes], ...]] = {
    "https://raw.githubusercontent.com/flannel-io/flannel/v0.15.1/Documentation/kube-flannel.yml": (
        (b"mirrored-flannelcni-flannel-cni-plugin:v1.2\n", b"mirrored-flannelcni-flannel-cni-plugin:v1.0.0\n"),
        (b"quay.io/coreos/flannel:v0.15.0\n", b"quay.io/coreos/flannel:v0.15.1\n"),
    ),
}


def in_module(url: str) -> tuple[str, str, str] | None:
    """The module, its version and the path in it of a file in a repository on GitHub; None for any other URL.

    >>> in_module("https://raw.githubusercontent.com/flannel-io/flannel/v0.15.1/Documentation/kube-flannel.yml")
    ('github.com/flannel-io/flannel', 'v0.15.1', 'Documentation/kube-flannel.yml')
    >>> in_module("https://example.org/kube-flannel.yml")
    """
    match = _PUBLISHED.fullmatch(url)
    return (f"github.com/{match[1]}", match[2], match[3]) if match else None


@dataclass(frozen=True, slots=True)
class ModuleFiles:
    """Takes files out of Go modules; ``folder`` holds a module while that is done, and is removed."""

    folder: Path
    environment: Mapping[str, str]
    log: Path

    def copy(self, url: str, target: Path) -> str:
        """See Elsewhere; the bytes are for the caller to check."""
        place = in_module(url)
        if place is None:
            return ""
        module, version, path = place
        try:
            modules = GoModules(self.folder, host.architecture(), self.environment, self.log)
            content = (modules.download(module, version, _TIMEOUT_S) / path).read_bytes()
        except (KprovError, OSError):
            return ""
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
        for old, new in _EDITS.get(url, ()):
            content = content.replace(old, new)
        target.write_bytes(content)
        return f"the Go module {module}@{version}"
