"""What a cluster is made of, as data: artifacts, the lock, and what had to be left out."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from kprov.events import LeftOut  # noqa: TC001  pydantic reads it when the lock is loaded
from kprov.release.artifacts import Architecture  # noqa: TC001

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from kprov.events import Emit

Kind: TypeAlias = Literal["binary", "runtime", "cni-plugin", "images", "manifest", "chart"]
Target: TypeAlias = Literal["control-plane", "worker", "controller"]

WITHOUT_IMAGE = "nodes must pull it themselves; bring it with 'kprov bundle import ARCHIVE'"
"""What follows where an image of an add-on is left out."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """One file of the bundle.

    ``kind`` says what a node does with it: a ``binary`` is installed to ``/usr/local/bin/<name>`` with mode 0755,
    a ``runtime`` too, before containerd is started, a ``cni-plugin`` to ``/opt/cni/bin``. ``images`` is an archive that
    containerd imports; ``images`` then lists its references in containerd's normal form, and ``digests`` those that a
    registry has them under, where they come from one. A ``manifest`` or a ``chart`` is a file of an add-on's makers,
    for the controller alone. ``targets`` are the kinds of nodes that need it, ``architecture`` is theirs; empty: that
    of the lock. ``path`` is relative to the store's root, ``size`` in bytes.
    """

    name: str
    kind: Kind
    version: str
    source: str
    sha256: str
    size: int
    path: str
    targets: tuple[Target, ...]
    images: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    architecture: Architecture | Literal[""] = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a bundle is asked for: Kubernetes with all it needs itself, and ``images`` that add-ons need beyond.

    The images are full references in containerd's normal form. ``architectures`` are those of the nodes; none: this
    machine's. ``pinned`` has the digests of images that an earlier lock took, by reference. ``repository`` is where
    Kubernetes' own images are taken from instead of the official registry.
    """

    kubernetes: str
    images: tuple[str, ...] = ()
    architectures: tuple[Architecture, ...] = ()
    pinned: Mapping[str, str] = field(default_factory=dict)
    repository: str = ""


@dataclass(frozen=True, slots=True)
class Lock:
    """A finished bundle: what it is for, every artifact, and what was left out. Written as ``bundle.lock.yaml``."""

    source: str
    kubernetes: str
    architecture: str
    artifacts: tuple[Artifact, ...]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True, slots=True)
class Bundle:
    """A lock together with the folder in which its artifacts lie; ``changed`` is False when all of it was cached."""

    lock: Lock
    store: Path
    changed: bool

    def path(self, artifact: Artifact) -> Path:
        """Where the artifact lies on this machine."""
        return self.store / artifact.path

    def having(self, artifacts: Sequence[Artifact], left_out: Sequence[LeftOut] = ()) -> Bundle:
        """The bundle with more in its lock."""
        lock = replace(
            self.lock,
            artifacts=(*self.lock.artifacts, *artifacts),
            left_out=(*self.lock.left_out, *left_out),
        )
        return replace(self, lock=lock)


class Source(Protocol):
    """Where a bundle comes from. ``ensure`` may be repeated and may be interrupted; it resumes."""

    @property
    def name(self) -> str:
        """Its name in the cluster file."""

    def ensure(self, wanted: Wanted, store: Path, emit: Emit) -> Bundle:
        """Have every artifact in the store, its sha256 verified; an image that it does not have is left out.

        Raises:
            InputError: this machine or this version cannot be served by the source, and what to do.
            UnreachableError: the source does not answer.
            CheckFailed: a build failed or a checksum differs.
        """
