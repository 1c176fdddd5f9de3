"""What is known of versions, for people and programs to read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kprov.errors import InputError
from kprov.release.artifacts import downloads, images
from kprov.release.catalog import catalog, minor_of, newest
from kprov.release.published import published
from kprov.spec.types import NEWEST

if TYPE_CHECKING:
    from kprov.release.artifacts import Architecture, Download
    from kprov.spec.types import SourceName


@dataclass(frozen=True, slots=True)
class Known:
    """A minor version in one line; ``newest`` is its newest patch that is to be had, ``patches`` are all."""

    minor: str
    newest: str
    patches: tuple[str, ...]
    sources: tuple[SourceName, ...]
    kubeadm_api: str
    etcd: str
    coredns: str


@dataclass(frozen=True, slots=True)
class Details:
    """A version: its rules, its images, and its files for one architecture."""

    version: str
    sources: tuple[SourceName, ...]
    kubeadm_api: str
    cri_socket: str
    control_plane_taints: tuple[str, ...]
    cgroup_v1: str
    images: tuple[str, ...]
    files: tuple[Download, ...]
    arguments: dict[str, int]
    feature_gates: int


def listing() -> tuple[Known, ...]:
    """Every minor version, the newest first.

    >>> listing()[-1].minor, listing()[-1].newest
    ('1.20', '1.20.2')
    """
    known = catalog()
    found = []
    for minor, release in known.minors.items():
        found.append(
            Known(
                minor=minor,
                newest=known.at_hand(minor)[-1],
                patches=release.patches,
                sources=release.sources,
                kubeadm_api=release.kubeadm_api,
                etcd=release.etcd_image.partition(":")[2],
                coredns=release.dns_image.partition(":")[2],
            )
        )
    return tuple(reversed(found))


def details(wanted: str, architecture: Architecture = "amd64") -> Details:
    """What is known of a version, of the newest of a minor version, or of the newest of all.

    Raises:
        InputError: it is not in the catalog.
    """
    known = catalog()
    by_minor = {each.minor: each.newest for each in listing()}
    version = newest(("upstream", "packages")) if wanted == NEWEST else by_minor.get(wanted, wanted)
    release = known.minors.get(minor_of(version)) if version and version.count(".") == 2 else None
    if version is None or release is None or version not in release.patches:
        raise InputError(
            f"no version {wanted} in the catalog",
            remedy=f"Name one of {', '.join(by_minor.values())}, a minor version like {listing()[0].minor}, or newest.",
        )
    what = published(minor_of(version))
    return Details(
        version=version,
        sources=release.sources,
        kubeadm_api=release.kubeadm_api,
        cri_socket=release.cri_socket,
        control_plane_taints=release.control_plane_taints,
        cgroup_v1="refused unless kubelet.cgroup_v1 is true" if release.refuses_cgroup_v1 else "taken",
        images=images(release, version, "control-plane"),
        files=downloads(known, version, architecture) if release.tools else (),
        arguments={program: len(names) for program, names in what.arguments.items()},
        feature_gates=len(what.feature_gates),
    )
