"""The version catalog: what belongs to a Kubernetes minor version, read from ``catalog.yaml``."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Literal

import yaml
from pydantic import BaseModel, ConfigDict

from kprov.errors import Problem, SpecError
from kprov.release.control_plane import refusals
from kprov.spec.model import ClusterSpec, SourceName  # noqa: TC001 - pydantic reads the annotation

if TYPE_CHECKING:
    from collections.abc import Callable


class Release(BaseModel):
    """The rules of one minor version; images are relative to ``image_repository``.

    ``loses_watches``: its API server, cut off from etcd's leader, ends watches without all clients noticing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kubeadm_api: Literal["v1beta2", "v1beta3", "v1beta4"]
    image_repository: str
    pause_image: str
    control_plane_taints: tuple[str, ...]
    cri_socket: str
    loses_watches: bool = False
    sources: tuple[SourceName, ...]
    patches: tuple[str, ...]

    def image(self, relative: str) -> str:
        """The full reference of an image of this release."""
        return f"{self.image_repository}/{relative}"


@cache
def releases() -> dict[str, Release]:
    """Every known minor version, oldest first."""
    text = files(__package__).joinpath("catalog.yaml").read_text(encoding="utf-8")
    return {minor: Release.model_validate(entry) for minor, entry in yaml.safe_load(text)["minors"].items()}


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
    newest = ", ".join(patch for entry in known.values() for patch in entry.patches)
    key = "kubernetes.version"
    if release is None:
        raise SpecError([Problem(file, line, key, f"no rules for Kubernetes {version}", f"one of {newest}")])
    if not set(spec.bundle.source) & set(release.sources):
        wrong = f"Kubernetes {version} does not come from {' or '.join(spec.bundle.source)}"
        others = [entry for entry in known.values() if set(spec.bundle.source) & set(entry.sources)]
        served = ", ".join(patch for entry in others for patch in entry.patches)
        right = f"bundle.source: {release.sources[0]}" + (f"; or another version: {served}" if served else "")
        raise SpecError([Problem(file, line, key, wrong, right)])
    lacking = [Problem(file, line_of(name), name, wrong, right) for name, wrong, right in refusals(spec)]
    if lacking:
        raise SpecError(lacking)
    return release
