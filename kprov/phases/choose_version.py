"""Which Kubernetes ``newest`` is, and from which source it comes: decided once, before anything is made."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from kprov.bundle.ensure import machine_architecture, upstream_source
from kprov.bundle.upstream.probe import unreached
from kprov.errors import UnreachableError
from kprov.preflight.service_rules import CGROUP_V2_MINOR
from kprov.release.artifacts import downloads
from kprov.release.catalog import catalog, minor_of, number, settled
from kprov.spec.types import NEWEST

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from kprov.bundle.model import Lock
    from kprov.release.artifacts import Architecture
    from kprov.spec.load import Loaded
    from kprov.spec.types import SourceName

_CONTAINERS: Final = ("podman", "docker")
_NEEDS_V2: Final = f"; 1.{CGROUP_V2_MINOR[1]} and later need cgroup v2, which containers on this machine do not have"
_PROBED: Final = ("kubeadm", "containerd")
"""One file of each release server; if these are reached, the others lie beside them."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A cluster file with a version in full; ``why`` tells how it was chosen, empty where the file says it itself."""

    loaded: Loaded
    why: str = ""


def choose(
    loaded: Loaded,
    locks: Sequence[Lock],
    mirrors: Mapping[str, str],
    reached: Callable[[str, Sequence[Architecture], Mapping[str, str]], str] | None = None,
) -> Choice:
    """The version and the source that ``newest`` stands for: what a lock pins, else the first source that answers.

    ``locks`` are the cluster's own, or those of the bundles that were imported, the first that is allowed counts.
    ``reached`` tells why upstream is not, by version, architectures and mirrors.

    Raises:
        InputError: upstream is reached, but this machine cannot pull images.
        UnreachableError: no source of the cluster file is reached.
        SpecError: none of them has a version to choose.
    """
    spec = loaded.spec
    if spec.kubernetes.version != NEWEST:
        return Choice(loaded)
    for lock in locks:
        if _serves(spec.bundle.source, lock):
            why = "the lock of the bundle pins it; 'kprov bundle build --update' looks for a newer one"
            return _taken(loaded, lock.kubernetes, lock.source, why)
    missing: list[str] = []
    limited = spec.lab is not None and spec.lab.provider in _CONTAINERS and not cgroup_v2()
    for source in spec.bundle.source:
        version = _newest(source, _architectures(loaded), limited=limited)
        if version is None:
            continue
        why = ""
        if source == "upstream":
            why = (reached or not_reached)(version, _architectures(loaded), mirrors)
        if not why:
            said = f"upstream is not reached ({missing[0]})" if missing else "the newest that this source has"
            if source == "upstream":
                said = "upstream is reached" + (_NEEDS_V2 if limited else "")
            return _taken(loaded, version, source, said)
        missing.append(why)
    if missing:
        remedy = "Name a mirror (--mirror HOST=URL), set HTTPS_PROXY, or add packages to bundle.source."
        raise UnreachableError(
            "no source of the bundle is reached", where="bundle.source", why=missing[0], remedy=remedy
        )
    return Choice(settled(loaded))


def not_reached(version: str, architectures: Sequence[Architecture], mirrors: Mapping[str, str]) -> str:
    """Why upstream cannot be taken, empty where it can.

    Raises:
        InputError: it is reached, but this machine lacks what pulls images.
    """
    files = [each.url for each in downloads(catalog(), version, architectures[0]) if each.name in _PROBED]
    left = unreached(files, [catalog().of(version).image_repository.partition("/")[0]], mirrors)
    if left:
        name, why = next(iter(left.items()))
        return f"{urlsplit(name).netloc or name}: {why}"
    upstream_source(mirrors, os.environ).check()
    return ""


def cgroup_v2() -> bool:
    """Whether this machine has the unified hierarchy of cgroups alone, which containers then have too."""
    return Path("/sys/fs/cgroup/cgroup.controllers").exists()


def _newest(source: SourceName, architectures: Sequence[Architecture], *, limited: bool) -> str | None:
    """The newest version that a source can serve; ``limited``: one whose kubelet still runs on cgroup v1."""
    known = catalog()
    patches = [patch for release in known.minors.values() for patch in release.patches]
    able = [patch for patch in patches if known.served(patch, source, architectures)]
    fit = [patch for patch in able if not limited or number(patch) < CGROUP_V2_MINOR]
    return max(fit, key=number, default=None)


def _serves(names: Sequence[SourceName], lock: Lock) -> bool:
    release = catalog().minors.get(minor_of(lock.kubernetes))
    return release is not None and lock.source in names and lock.source in release.sources


def _architectures(loaded: Loaded) -> tuple[Architecture, ...]:
    named = {node.architecture or machine_architecture() for node in loaded.spec.nodes.values()}
    return tuple(sorted(named)) or (machine_architecture(),)


def _taken(loaded: Loaded, version: str, source: str, why: str) -> Choice:
    """With this version, and this source before the others that have it."""
    chosen = settled(loaded, version)
    able = [name for name in chosen.spec.bundle.source if name in catalog().of(version).sources]
    order = tuple(sorted(able, key=lambda name: name != source))
    bundle = chosen.spec.bundle.model_copy(update={"source": order})
    spec = chosen.spec.model_copy(update={"bundle": bundle})
    return Choice(replace(chosen, spec=spec), f"Kubernetes {version} from {source}: {why}")
