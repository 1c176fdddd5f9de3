"""The source ``packages``: Kubernetes 1.20 and what runs in it, built from what the host's package mirrors hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kprov.bundle import lockfile
from kprov.bundle.model import WITHOUT_IMAGE, Artifact, Bundle, Lock
from kprov.bundle.packages import images
from kprov.bundle.packages.gomodules import COREDNS, CRICTL, GoProgram
from kprov.bundle.packages.images import Content
from kprov.bundle.packages.kubernetes import MINOR, PROGRAMS
from kprov.bundle.packages.layers import NETWORK_TOOLS, PYTHON_RECIPE, origin_of
from kprov.bundle.packages.layers import RECIPE as LAYERS_RECIPE
from kprov.bundle.packages.recipes import asked_for, steps
from kprov.bundle.store import Origin, Store
from kprov.errors import CheckFailed, InputError, KprovError, UnreachableError
from kprov.events import LeftOut, Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from kprov.bundle.model import Kind, Target, Wanted
    from kprov.bundle.packages.pypi import PythonProgram
    from kprov.bundle.packages.recipes import Base, Recipe
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
_PACKAGES: Mapping[Base, tuple[str, ...]] = {"network": NETWORK_TOOLS, "probe": ("busybox",)}
# Debian's layers, the programs of Kubernetes, pause, two programs from Go modules, two archives of images.
_STEPS = 1 + len(PROGRAMS) + 1 + 2 + 2


@dataclass(frozen=True)
class PackagesSource:
    """Builds a bundle from Debian's packages, and from Go modules where a proxy is reached.

    ``workshop`` makes the one that does the work, for an open store.
    """

    workshop: Callable[[Store], Workshop]
    name: str = "packages"

    def ensure(self, wanted: Wanted, store: Path, emit: Emit) -> Bundle:
        """Have every artifact in the store, its sha256 verified; build what is missing or damaged.

        Of the images of add-ons it makes those that it has a recipe for.

        Raises:
            InputError: this machine or this version cannot be served, and what to do.
            UnreachableError: the package mirrors do not answer.
            CheckFailed: a build failed; the log is named.
        """
        kubernetes = wanted.kubernetes
        if kubernetes.rpartition(".")[0] != MINOR:
            raise InputError(
                f"the bundle's source `packages` has no Kubernetes {kubernetes}",
                where="kubernetes.version",
                why=f"Debian 12 carries the sources of {MINOR} only",
                remedy="Set kubernetes.version to 1.20.2, or bundle.source to one that has this version.",
            )
        with Store.opened(store, emit) as opened:
            workshop = self.workshop(opened)
            if foreign := [each for each in wanted.architectures if each != workshop.architecture()]:
                raise InputError(
                    f"the bundle's source `packages` builds nothing for {', '.join(foreign)}",
                    where="nodes",
                    why="it builds for the machine that it runs on",
                    remedy="Use nodes of this machine's architecture, or the source upstream.",
                )
            build = _Build(opened, workshop, wanted, emit)
            lock = build.lock()
            lockfile.write(lock, lockfile.lock_path(store, self.name, kubernetes, lock.architecture))
        return Bundle(lock, store, changed=build.changed)


class _Build:
    """One go through all parts, in the order in which they need each other."""

    def __init__(self, store: Store, workshop: Workshop, wanted: Wanted, emit: Emit) -> None:
        self._store = store
        self._workshop = workshop
        self._kubernetes = wanted.kubernetes
        self._addons = asked_for(wanted.images)
        self._emit = emit
        self._architecture = workshop.architecture()
        self._done = 0
        self._steps = _STEPS + sum(map(steps, self._addons.values()))
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
        version = self._kubernetes
        for_nodes = images.node_images(programs, layers, pause, coredns)
        for_planes = images.control_plane_images(programs, layers)
        archives = [
            self._archive("node-images", version, for_nodes, _NODES),
            self._archive("control-plane-images", version, for_planes, ("control-plane",)),
            *self._addon_archives(layers),
        ]
        return Lock("packages", version, self._architecture, (*binaries, *archives), tuple(self._left_out))

    def _addon_archives(self, layers: Part) -> Iterator[Artifact]:
        """One archive for the images of each add-on: another add-on changes none that is there."""
        for addon, recipes in self._addons.items():
            contents = [content for recipe in recipes if (content := self._content(recipe, layers))]
            if contents:
                yield self._archive(f"addon-{addon}", recipes[0].program.version.removeprefix("v"), contents, _NODES)
            else:
                self._done += 1

    def _part(
        self, name: str, doing: str, build: Callable[[Path, Path], Origin], recipe: Mapping[str, str] | None = None
    ) -> Part:
        """One part: as it is where it is intact, else built; ``build`` gets its folder and its log."""
        full = f"{name}-{self._architecture}"
        wanted = {"recipe": _RECIPE, **(recipe or {})}
        part = self._store.part(full, wanted)
        if part is None:
            self._emit(Progress("bundle", doing, done=self._done, total=self._steps))
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
        try:
            return self._from_go(program)
        except (UnreachableError, CheckFailed) as error:
            self._leave_out(program.name, error, program.consequence)
            return None

    def _content(self, recipe: Recipe, layers: Part) -> Content | None:
        """What an image of an add-on is made of, or None and a line in the lock where it cannot be had."""
        program = recipe.program
        try:
            bases = [self._base(base, layers) for base in recipe.bases]
            part = self._from_go(program) if isinstance(program, GoProgram) else self._from_pypi(program)
        except (UnreachableError, CheckFailed) as error:
            self._leave_out(recipe.reference, error, WITHOUT_IMAGE)
            return None
        files, origins = tuple(file for file, _ in bases), [*(origin for _, origin in bases), part.origin.source]
        origin = Origin(part.origin.version, ", ".join(dict.fromkeys(origins)))
        if isinstance(program, GoProgram):
            return Content(recipe.reference, files, part.file(program.name), recipe.command, origin)
        return Content(recipe.reference, (*files, part.file(f"{program.name}.tar")), None, recipe.command, origin)

    def _base(self, base: Base, layers: Part) -> tuple[StoredFile, str]:
        """A layer of Debian's, and where what is in it comes from."""
        if base == "python":
            part = self._part("debian-python", "unpacking Debian's Python", self._workshop.python, PYTHON_RECIPE)
            return part.file("python.tar"), part.origin.source
        return layers.file(f"{base}.tar"), origin_of(layers.origin, *_PACKAGES[base])

    def _from_go(self, program: GoProgram) -> Part:
        def build(target: Path, log: Path) -> Origin:
            return self._workshop.go_program(program, target, log)

        name = f"{program.name}-{program.origin.version}"
        return self._part(name, f"building {program.name}", build, program.recipe)

    def _from_pypi(self, program: PythonProgram) -> Part:
        def build(target: Path, log: Path) -> Origin:
            return self._workshop.python_program(program, target, log)

        name = f"{program.name}-{program.version}"
        return self._part(name, f"fetching {program.name}", build, program.recipe)

    def _leave_out(self, name: str, error: KprovError, consequence: str) -> None:
        self._done += 1
        self._left_out.append(LeftOut(name, f"{error.what}: {error.why}", consequence))

    def _archive(self, name: str, version: str, contents: Sequence[Content], targets: tuple[Target, ...]) -> Artifact:
        def build(target: Path, log: Path) -> Origin:
            archive = target / f"{name}.tar"
            images.build_archive(
                self._store,
                contents,
                self._architecture,
                lambda tar, blob: self._workshop.compress(tar, blob, log),
                archive,
            )
            return Origin(version, images.source_of(contents))

        recipe = {"layers": "zstd", **{content.reference: content.recipe for content in contents}}
        part = self._part(f"{name}-{version}", f"assembling {name}", build, recipe)
        references = tuple(content.reference for content in contents)
        return self._artifact(name, "images", part, part.file(f"{name}.tar"), targets, references)

    def _binary(self, name: str, part: Part, targets: tuple[Target, ...]) -> Artifact:
        return self._artifact(name, "binary", part, part.file(name), targets, ())

    def _artifact(
        self, name: str, kind: Kind, part: Part, file: StoredFile, targets: tuple[Target, ...], images: tuple[str, ...]
    ) -> Artifact:
        origin = part.origin
        return Artifact(name, kind, origin.version, origin.source, file.sha256, file.size, file.path, targets, images)
