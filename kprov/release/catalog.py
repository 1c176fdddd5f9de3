"""The version catalog: what belongs to a Kubernetes minor version, read from ``catalog.yaml``."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from kprov.errors import Problem, SpecError
from kprov.release import control_plane, fit
from kprov.release.artifacts import KUBERNETES, Architecture, Published, downloads
from kprov.spec.model import ClusterSpec, SourceName  # noqa: TC001 - pydantic reads the annotation
from kprov.spec.types import NEWEST

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Self

    from kprov.spec.load import Loaded


class Release(BaseModel):
    """The rules of one minor version; images are relative to ``image_repository``.

    ``tools`` are the versions of what upstream publishes apart from Kubernetes, by the name of the artifact.
    ``etcd_joins_as``: how its ``kubeadm join`` announces a new member of etcd. A voter counts before it runs, so that
    nothing can be written meanwhile; kubeadm announces learners by default from 1.29 on (feature EtcdLearnerMode).
    ``loses_watches``: its API server, cut off from etcd's leader, ends watches without all clients noticing.
    ``refuses_cgroup_v1``: its kubelet does not start on cgroup v1 unless told to.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kubeadm_api: Literal["v1beta2", "v1beta3", "v1beta4"]
    image_repository: str
    etcd_image: str
    dns_image: str
    pause_image: str
    control_plane_taints: tuple[str, ...]
    cri_socket: str
    loses_watches: bool = False
    etcd_joins_as: Literal["voter", "learner"] = "learner"
    refuses_cgroup_v1: bool = False
    sources: tuple[SourceName, ...]
    tools: dict[str, str] = Field(default_factory=dict)
    patches: tuple[str, ...] = Field(min_length=1)

    def image(self, relative: str, repository: str | None = None) -> str:
        """The full reference of an image of this release, in its own registry or in the user's ``repository``."""
        return f"{repository or self.image_repository}/{relative}"


class Catalog(BaseModel):
    """Everything that is known of versions: the rules of minors, oldest first, and the files that go with them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    minors: dict[str, Release]
    artifacts: dict[str, Published]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for minor, release in self.minors.items():
            if any(minor_of(patch) != minor for patch in release.patches):
                raise ValueError(f"{minor} has a patch of another minor version: {', '.join(release.patches)}")
            unknown = [name for name in (*KUBERNETES, *release.tools) if name not in self.artifacts]
            if unknown:
                raise ValueError(f"{minor} needs what is no artifact: {', '.join(unknown)}")
        return self

    def of(self, version: str) -> Release:
        """The rules of a version whose minor is known."""
        return self.minors[minor_of(version)]

    def served(self, version: str, source: SourceName, architectures: Sequence[Architecture] = ("amd64",)) -> bool:
        """Whether a source can serve this version: upstream needs the sha256 of every file."""
        release = self.minors.get(minor_of(version))
        if release is None or version not in release.patches or source not in release.sources:
            return False
        if source != "upstream":
            return True
        return all(file.sha256 for each in architectures for file in downloads(self, version, each))

    def at_hand(self, minor: str) -> tuple[str, ...]:
        """The patches of a minor version that one of its sources can serve, the oldest first."""
        release = self.minors[minor]
        able = [patch for patch in release.patches if any(self.served(patch, source) for source in release.sources)]
        return tuple([patch for patch in able if self.served(patch, "upstream")] or able)


def catalog_file() -> Path:
    """Where the catalog that comes with kprov lies."""
    return Path(__file__).with_name("catalog.yaml")


@cache
def catalog() -> Catalog:
    """The catalog that comes with kprov."""
    return Catalog.model_validate(yaml.safe_load(catalog_file().read_text(encoding="utf-8")))


def releases() -> dict[str, Release]:
    """Every known minor version, oldest first."""
    return catalog().minors


def newest(sources: Sequence[SourceName], architectures: Sequence[Architecture] = ("amd64",)) -> str | None:
    """The newest version that one of these sources can serve, None where there is none.

    >>> newest(["packages"])
    '1.20.2'
    >>> newest(["packages", "upstream"]) == newest(["upstream"])
    True
    """
    known = catalog()
    patches = [patch for release in known.minors.values() for patch in release.patches]
    able = [patch for patch in patches if any(known.served(patch, source, architectures) for source in sources)]
    return max(able, key=number, default=None)


def settled(loaded: Loaded, chosen: str | None = None) -> Loaded:
    """The cluster file with a version in full where it says ``newest``; anything else stays as it is.

    ``chosen`` is what was taken for this cluster before, as its lock has it, or what the sources that answered can
    serve; without it, it is the newest that any of the file's sources can serve, whether it answers or not.

    Raises:
        SpecError: none of the sources has a version to choose.
    """
    spec = loaded.spec
    if spec.kubernetes.version != NEWEST:
        return loaded
    version = chosen or newest(spec.bundle.source)
    if version is None:
        key, named = "kubernetes.version", " and ".join(spec.bundle.source)
        line = int(loaded.origins[key].rpartition(":")[2])
        right = f"Write a version in full, or add upstream to bundle.source: {newest(('upstream',))}."
        raise SpecError([Problem(str(loaded.paths.file), line, key, f"which is the newest of {named}?", right)])
    kubernetes = spec.kubernetes.model_copy(update={"version": version})
    return replace(loaded, spec=spec.model_copy(update={"kubernetes": kubernetes}))


def number(version: str) -> tuple[int, ...]:
    """A version as numbers, which order as versions do.

    >>> number("1.36.10") > number("1.36.9")
    True
    """
    return tuple(int(part) for part in version.split("."))


def minor_of(version: str) -> str:
    """The minor version of a full version.

    >>> minor_of("1.36.4")
    '1.36'
    """
    return ".".join(version.split(".")[:2])


def _nowhere(_key: str) -> int:
    return 0


def resolve(spec: ClusterSpec, *, file: str, line: int = 0, line_of: Callable[[str], int] = _nowhere) -> Release:
    """The rules for the version that a cluster file asks for; ``line`` is the version's, ``line_of`` that of any key.

    Raises:
        SpecError: the version has no rules, none of the bundle's sources can serve it, or it lacks what is asked for.
    """
    version = spec.kubernetes.version
    known = releases()
    release = known.get(minor_of(version))
    key = "kubernetes.version"
    if release is None:
        right = f"one of {', '.join(catalog().at_hand(minor)[-1] for minor in known)}"
        raise SpecError([Problem(file, line, key, f"no rules for Kubernetes {version}", right)])
    if not set(spec.bundle.source) & set(release.sources):
        wrong = f"Kubernetes {version} does not come from {' or '.join(spec.bundle.source)}"
        others = [entry for entry in known.values() if set(spec.bundle.source) & set(entry.sources)]
        served = ", ".join(catalog().at_hand(minor_of(entry.patches[-1]))[-1] for entry in others)
        right = f"bundle.source: {release.sources[0]}" + (f"; or another version: {served}" if served else "")
        raise SpecError([Problem(file, line, key, wrong, right)])
    if set(spec.bundle.source) & set(release.sources) == {"upstream"} and not catalog().served(version, "upstream"):
        wrong = f"no sha256 is known for Kubernetes {version}, and what cannot be checked is not downloaded"
        able = [patch for patch in release.patches if catalog().served(patch, "upstream")]
        raise SpecError([Problem(file, line, key, wrong, f"one of {', '.join(able)}; or bundle.source: directory")])
    found = [*control_plane.refusals(spec), *fit.refusals(spec, release)]
    lacking = [Problem(file, line_of(name), name, wrong, right) for name, wrong, right in found]
    if lacking:
        raise SpecError(lacking)
    return release
