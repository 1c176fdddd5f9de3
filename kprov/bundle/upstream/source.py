"""The source ``upstream``: releases as their makers publish them, fetched, checked and taken apart."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kprov.addons.model import Upstream
from kprov.bundle import files, lockfile
from kprov.bundle.archive import write_layout
from kprov.bundle.model import WITHOUT_IMAGE, Artifact, Bundle, Lock
from kprov.bundle.references import tag_of
from kprov.bundle.store import Origin, Store
from kprov.bundle.transfer import Patience
from kprov.bundle.upstream.pieces import USES, unpack
from kprov.bundle.upstream.pulled import BLOBS, ImageRecord, recall, remember
from kprov.errors import CheckFailed, InputError, KprovError, UnreachableError
from kprov.events import LeftOut, Progress
from kprov.release import artifacts as published
from kprov.release.catalog import minor_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from kprov.bundle.model import Target, Wanted
    from kprov.bundle.upstream.pieces import Use
    from kprov.bundle.upstream.registry import Registry
    from kprov.events import Emit
    from kprov.release.artifacts import Architecture, Download
    from kprov.release.catalog import Catalog

_NODES: Final[tuple[Target, ...]] = ("control-plane", "worker")
_RECIPE: Final = "1"
_PULLS: Final = 3
PROBE: Final = "kprov.local/probe:1"
"""The image that ``kprov verify`` tests the network with: a busybox by this name."""
_OWN: Final[Mapping[str, str]] = {PROBE: "registry.k8s.io/e2e-test-images/busybox:1.36.1-1"}
"""Names of kprov's own, and the image that goes by each."""
_OWN_HOST: Final = "kprov.local/"


@dataclass(frozen=True)
class UpstreamSource:
    """Fetches a bundle from release servers and registries, or from their mirrors.

    ``registry`` makes the one that pulls images, for a folder of its own and a log; ``machine`` is the architecture of
    this machine, which runs kubectl and is the one of all nodes whose cluster file says nothing else.
    """

    catalog: Catalog
    mirrors: Mapping[str, str]
    registry: Callable[[Path, Path], Registry]
    machine: Architecture
    patience: Patience = field(default_factory=Patience)
    name: str = "upstream"

    def check(self) -> None:
        """Refuse a machine that cannot pull images.

        Raises:
            InputError: with what is missing and the remedy.
        """
        self.registry(Path(), Path()).check()

    def ensure(self, wanted: Wanted, store: Path, emit: Emit) -> Bundle:
        """Have every artifact in the store, its sha256 verified; fetch what is missing or damaged.

        Images of add-ons that no registry gives are left out; those of Kubernetes itself are not.

        Raises:
            InputError: the version is not known, or this machine cannot pull images; with the remedy.
            UnreachableError: neither a release server nor a mirror has a file, or no registry an image.
            CheckFailed: a file differs from its sha256; nothing of it is kept.
        """
        architectures = wanted.architectures or (self.machine,)
        downloads = {each: self._downloads(wanted.kubernetes, each) for each in architectures}
        if self.machine not in downloads:
            own = self._downloads(wanted.kubernetes, self.machine)
            downloads[self.machine] = tuple(each for each in own if "controller" in USES[each.name].targets)
        upstreams = [_upstream(download) for each in downloads.values() for download in each]
        paths = set(map(files.path_of, upstreams))
        cached = all((store / path).is_file() for path in paths)
        files.fetch(upstreams, store, self.mirrors, emit, patience=self.patience)
        with Store.opened(store, emit) as opened:
            registry = self.registry(opened.work / "skopeo", opened.log("images"))
            gather = _Gather(opened, self.catalog, registry, wanted, emit)
            gather.changed = not cached
            lock = gather.lock(downloads, architectures, self.machine)
            lockfile.write(lock, lockfile.lock_path(store, self.name, wanted.kubernetes, lock.architecture))
        return Bundle(lock, store, changed=gather.changed)

    def _downloads(self, version: str, architecture: Architecture) -> tuple[Download, ...]:
        """The files of a version that nodes of an architecture need.

        Raises:
            InputError: the version or a sha256 is not known.
        """
        release = self.catalog.minors.get(minor_of(version))
        if release is None or self.name not in release.sources:
            raise InputError(
                f"the bundle's source `upstream` has no Kubernetes {version}",
                where="kubernetes.version",
                why="the catalog does not know it, or upstream does not serve it any more",
                remedy="Set kubernetes.version to one that `kprov release list` shows, or newest.",
            )
        found = published.downloads(self.catalog, version, architecture)
        needed = tuple(download for download in found if download.name in USES)
        if unknown := [f"{each.name} {each.version}" for each in needed if each.sha256 is None]:
            raise InputError(
                f"Kubernetes {version} for {architecture} cannot be checked, so it is not fetched",
                where="kubernetes.version",
                why=f"the catalog has no sha256 of {', '.join(unknown)}",
                remedy="Run 'kprov release update' where the release servers are reached, or choose another version.",
            )
        return needed


class _Gather:
    """One go through all parts: taken out of archives, pulled, and put together for each kind of node."""

    def __init__(self, store: Store, catalog: Catalog, registry: Registry, wanted: Wanted, emit: Emit) -> None:
        self._store = store
        self._catalog = catalog
        self._registry = registry
        self._wanted = wanted
        self._emit = emit
        self._left_out: dict[str, LeftOut] = {}
        self.changed = False

    def lock(
        self,
        downloads: Mapping[Architecture, Sequence[Download]],
        nodes: Sequence[Architecture],
        machine: Architecture,
    ) -> Lock:
        """Have every part, and write down what they are; the controller's kubectl is for this machine."""
        made: list[Artifact] = []
        for architecture, each in downloads.items():
            own: tuple[Target, ...] = ("controller",) if architecture == machine else ()
            targets = (*(_NODES if architecture in nodes else ()), *own)
            for download in each:
                made += self._programs(download, USES[download.name], targets)
        sets = tuple(self._sets())
        records = self._pull([(name, each) for each in nodes for one in sets for name in one.images])
        for architecture in nodes:
            for one in sets:
                here = [record for name in one.images if (record := records.get((name, architecture)))]
                if here:
                    made.append(self._archive(one, here, architecture))
        return Lock("upstream", self._wanted.kubernetes, machine, tuple(made), tuple(self._left_out.values()))

    def _programs(self, download: Download, use: Use, allowed: Sequence[Target]) -> Iterator[Artifact]:
        """The artifacts of one published file."""
        targets = tuple(target for target in use.targets if target in allowed)
        upstream = _upstream(download)
        if not use.members:
            path = files.path_of(upstream)
            size = (self._store.root / path).stat().st_size
            yield Artifact(
                *(download.name, use.kind, download.version, download.url, upstream.sha256, size, path, targets),
                architecture=download.architecture,
            )
            return
        recipe = {"recipe": _RECIPE, "archive": upstream.sha256, "members": " ".join(use.members)}
        name = f"{download.name}-{download.version}-{download.architecture}"
        part = self._store.part(name, recipe)
        if part is None:
            self._emit(Progress("bundle", f"unpacking {download.name} {download.version}"))

            def build(target: Path) -> Origin:
                unpack(self._store.root / files.path_of(upstream), use.members, target)
                return Origin(download.version, download.url)

            part = self._store.make(name, recipe, build)
            self.changed = True
        for program in use.members.values():
            file = part.file(program)
            yield Artifact(
                *(program, use.kind, download.version, download.url, file.sha256, file.size, file.path, targets),
                architecture=download.architecture,
            )

    def _sets(self) -> Iterator[_Set]:
        """What is in one archive: the images of all nodes, those of control planes beside, and each of add-ons'."""
        version = self._wanted.kubernetes
        release = self._catalog.of(version)
        on_workers = published.images(release, version, "worker", self._wanted.repository)
        on_planes = published.images(release, version, "control-plane", self._wanted.repository)
        yield _Set("node-images", version, (*on_workers, PROBE), _NODES)
        only = tuple(image for image in on_planes if image not in on_workers)
        yield _Set("control-plane-images", version, only, ("control-plane",))
        for image in self._wanted.images:
            name = image.partition("@")[0].rpartition("/")[2].partition(":")[0]
            yield _Set(f"image-{name}-{_short(image)}", tag_of(image), (image,), _NODES)

    def _pull(self, wanted: Sequence[tuple[str, Architecture]]) -> Mapping[tuple[str, Architecture], ImageRecord]:
        """Have all images, several at a time; one of an add-on that cannot be had is left out."""
        wanted = tuple(dict.fromkeys(wanted))
        found = {key: record for key in wanted if (record := recall(self._store, *key)) and self._fits(record)}
        missing = [key for key in wanted if key not in found]
        if not missing:
            return found
        self._registry.check()
        self.changed = True
        with ThreadPoolExecutor(max_workers=_PULLS) as pool:
            futures = [pool.submit(self._pulled, *key) for key in missing]
            try:
                for done, (key, future) in enumerate(zip(missing, futures, strict=True)):
                    self._emit(Progress("bundle", f"pulling {key[0]}", done=done, total=len(missing)))
                    try:
                        record = future.result()
                    except (UnreachableError, CheckFailed) as error:
                        if key[0] not in self._wanted.images:
                            raise
                        self._leave_out(key[0], error)
                        continue
                    remember(self._store, record)
                    found[key] = record
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        return found

    def _fits(self, record: ImageRecord) -> bool:
        """Whether an image is the one that is pinned, where one is."""
        return self._wanted.pinned.get(record.reference, record.digest) == record.digest

    def _pulled(self, name: str, architecture: Architecture) -> ImageRecord:
        reference = _OWN.get(name, name)
        if reference.startswith(_OWN_HOST):
            raise UnreachableError("no registry has this image", where=name, why="it is made from packages")
        digest = self._wanted.pinned.get(name) or reference.partition("@")[2] or self._registry.digest(reference)
        pulled = self._registry.pull(reference, digest, architecture, self._store.root / BLOBS)
        manifest = {key: value for key, value in pulled.manifest.items() if isinstance(value, str | int)}
        return ImageRecord(name, architecture, digest, manifest, pulled.blobs)

    def _leave_out(self, name: str, error: KprovError) -> None:
        self._left_out[name] = LeftOut(name, f"{error.what}: {error.why}", WITHOUT_IMAGE)

    def _archive(self, one: _Set, records: Sequence[ImageRecord], architecture: Architecture) -> Artifact:
        """One archive of images, as containerd imports it."""
        recipe = {"recipe": _RECIPE, **{record.reference: str(record.manifest["digest"]) for record in records}}
        name = f"upstream-{one.name}-{one.version.replace(':', '-')[:40]}-{architecture}"
        file_name = f"{one.name}.tar"
        source = ", ".join(f"{_OWN.get(record.reference, record.reference)}@{record.digest}" for record in records)
        part = self._store.part(name, recipe)
        if part is None:
            self._emit(Progress("bundle", f"assembling {one.name}"))

            def build(target: Path) -> Origin:
                blobs = self._store.root / BLOBS / "sha256"
                write_layout(
                    target / file_name,
                    [(record.reference, record.manifest) for record in records],
                    {blob: blobs / blob for record in records for blob in record.blobs},
                    architecture,
                )
                return Origin(one.version, source)

            part = self._store.make(name, recipe, build)
            self.changed = True
        file = part.file(file_name)
        return Artifact(
            *(one.name, "images", one.version, source, file.sha256, file.size, file.path, one.targets),
            images=tuple(record.reference for record in records),
            digests=tuple(record.digest for record in records),
            architecture=architecture,
        )


@dataclass(frozen=True, slots=True)
class _Set:
    """The images of one archive."""

    name: str
    version: str
    images: tuple[str, ...]
    targets: tuple[Target, ...]


def _upstream(download: Download) -> Upstream:
    return Upstream(download.name, download.version, download.url, download.sha256 or "")


def _short(image: str) -> str:
    """A few characters that tell two images of the same name apart."""
    return hashlib.sha256(image.encode()).hexdigest()[:8]
