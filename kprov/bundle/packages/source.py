"""The source ``packages``: Kubernetes 1.20 and all it needs, built from what the host's package mirrors hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kprov.bundle import lockfile
from kprov.bundle.model import Artifact, Bundle, Lock
from kprov.bundle.packages import images
from kprov.bundle.packages.gomodules import COREDNS, CRICTL
from kprov.bundle.packages.kubernetes import MINOR, PROGRAMS
from kprov.bundle.packages.layers import RECIPE as LAYERS_RECIPE
from kprov.bundle.store import Origin, Store
from kprov.errors import CheckFailed, InputError, UnreachableError
from kprov.events import LeftOut, Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from kprov.bundle.model import Kind, Target
    from kprov.bundle.packages.gomodules import GoProgram
    from kprov.bundle.packages.images import Content
    from kprov.bundle.packages.workshop import Workshop
    from kprov.bundle.store import Part, StoredFile
    from kprov.events import Emit

# Changes when the way in which a part is made changes, so that older parts are made again.
_RECIPE = "1"

_NODES: tuple[Target, ...] = ("control-plane", "worker")
_BINARIES: Mapping[str, tuple[Target, ...]] = {
    "kubeadm": _NODES,
    "kubelet": _NODES,
    "kubectl": (*_NODES, "controller"),
}
# Debian's layers, the programs of Kubernetes, pause, two programs from Go modules, two archives of images.
_STEPS = 1 + len(PROGRAMS) + 1 + 2 + 2


@dataclass(frozen=True)
class PackagesSource:
    """Builds a bundle from Debian's packages, and from Go modules where a proxy is reached.

    ``workshop`` makes the one that does the work, for an open store.
    """

    workshop: Callable[[Store], Workshop]
    name: str = "packages"

    def ensure(self, kubernetes: str, store: Path, emit: Emit) -> Bundle:
        """Have every artifact in the store, its sha256 verified; build what is missing or damaged.

        Raises:
            InputError: this machine or this version cannot be served, and what to do.
            UnreachableError: the package mirrors do not answer.
            CheckFailed: a build failed; the log is named.
        """
        if kubernetes.rpartition(".")[0] != MINOR:
            raise InputError(
                f"the bundle's source `packages` has no Kubernetes {kubernetes}",
                where="kubernetes.version",
                why=f"Debian 12 carries the sources of {MINOR} only",
                remedy="Set kubernetes.version to 1.20.2, or bundle.source to one that has this version.",
            )
        with Store.opened(store, emit) as opened:
            build = _Build(opened, self.workshop(opened), kubernetes, emit)
            lock = build.lock()
            path = lockfile.lock_path(store, self.name, kubernetes, lock.architecture)
            changed = lockfile.write(lock, path) or build.changed
        return Bundle(lock, store, changed=changed)


class _Build:
    """One go through all parts, in the order in which they need each other."""

    def __init__(self, store: Store, workshop: Workshop, kubernetes: str, emit: Emit) -> None:
        self._store = store
        self._workshop = workshop
        self._kubernetes = kubernetes
        self._emit = emit
        self._architecture = workshop.architecture()
        self._done = 0
        self._left_out: list[LeftOut] = []
        self.changed = False

    def lock(self) -> Lock:
        """Have every part, and write down what they are."""
        layers = self._part("debian-layers", "unpacking Debian packages", self._workshop.layers, LAYERS_RECIPE)
        programs = {name: self._program(name) for name in PROGRAMS}
        pause = self._part("pause", "building pause", self._workshop.pause)
        coredns = self._go_program(COREDNS)
        crictl = self._go_program(CRICTL)
        binaries = [self._binary(name, programs[name], targets) for name, targets in _BINARIES.items()]
        if crictl:
            binaries.append(self._binary("crictl", crictl, _NODES))
        archives = [
            self._archive("node-images", images.node_images(programs, layers, pause, coredns), _NODES),
            self._archive("control-plane-images", images.control_plane_images(programs, layers), ("control-plane",)),
        ]
        return Lock("packages", self._kubernetes, self._architecture, (*binaries, *archives), tuple(self._left_out))

    def _part(
        self, name: str, doing: str, build: Callable[[Path, Path], Origin], recipe: Mapping[str, str] | None = None
    ) -> Part:
        """One part: as it is where it is intact, else built; ``build`` gets its folder and its log."""
        full = f"{name}-{self._architecture}"
        wanted = {"recipe": _RECIPE, **(recipe or {})}
        part = self._store.part(full, wanted)
        if part is None:
            self._emit(Progress("bundle", doing, done=self._done, total=_STEPS))
            if not self.changed:
                self._workshop.check()
            log = self._store.log(full)
            log.unlink(missing_ok=True)
            part = self._store.make(full, wanted, lambda target: build(target, log))
            self.changed = True
        self._done += 1
        return part

    def _program(self, name: str) -> Part:
        def build(target: Path, log: Path) -> Origin:
            return self._workshop.kubernetes(name, self._kubernetes, target, log)

        return self._part(f"{name}-{self._kubernetes}", f"building {name}", build)

    def _go_program(self, program: GoProgram) -> Part | None:
        """A program from a Go module, or None and a line in the lock where it cannot be had."""

        def build(target: Path, log: Path) -> Origin:
            return self._workshop.go_program(program, target, log)

        try:
            name = f"{program.name}-{program.origin.version}"
            return self._part(name, f"building {program.name}", build, program.recipe)
        except (UnreachableError, CheckFailed) as error:
            self._done += 1
            self._left_out.append(LeftOut(program.name, f"{error.what}: {error.why}", program.consequence))
            return None

    def _archive(self, name: str, contents: Sequence[Content], targets: tuple[Target, ...]) -> Artifact:
        def build(target: Path, log: Path) -> Origin:
            archive = target / f"{name}.tar"
            images.build_archive(
                self._store,
                contents,
                self._architecture,
                lambda tar, blob: self._workshop.compress(tar, blob, log),
                archive,
            )
            return Origin(self._kubernetes, images.source_of(contents))

        recipe = {"layers": "zstd", **{content.reference: content.recipe for content in contents}}
        part = self._part(f"{name}-{self._kubernetes}", f"assembling {name}", build, recipe)
        references = tuple(content.reference for content in contents)
        return self._artifact(name, "images", part, part.file(f"{name}.tar"), targets, references)

    def _binary(self, name: str, part: Part, targets: tuple[Target, ...]) -> Artifact:
        return self._artifact(name, "binary", part, part.file(name), targets, ())

    def _artifact(
        self, name: str, kind: Kind, part: Part, file: StoredFile, targets: tuple[Target, ...], images: tuple[str, ...]
    ) -> Artifact:
        origin = part.origin
        return Artifact(name, kind, origin.version, origin.source, file.sha256, file.size, file.path, targets, images)
