"""What a node is made of, as upstream publishes it: files with URL and sha256, and images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, StringConstraints

if TYPE_CHECKING:
    from kprov.release.catalog import Catalog, Release

Architecture: TypeAlias = Literal["amd64", "arm64"]
Sha256: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Place: TypeAlias = Literal["control-plane", "worker", "etcd"]

KUBERNETES: Final = ("kubeadm", "kubelet", "kubectl")
"""The binaries of Kubernetes itself that nodes run outside of containers; their version is the cluster's."""
_COMPONENTS: Final = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")


class Published(BaseModel):
    """A file as its makers publish it: ``url`` with ``{version}`` and ``{arch}`` in it, sha256 by version and arch."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    sha256: dict[str, dict[Architecture, Sha256]]

    def at(self, version: str, architecture: Architecture) -> str:
        """Where the file of a version lies.

        >>> Published(url="https://example.com/{version}/kubeadm-{arch}", sha256={}).at("1.36.4", "amd64")
        'https://example.com/1.36.4/kubeadm-amd64'
        """
        return self.url.replace("{version}", version).replace("{arch}", architecture)


@dataclass(frozen=True, slots=True)
class Download:
    """One file to fetch. ``sha256`` is None where the catalog does not know it: such a file must not be used."""

    name: str
    version: str
    architecture: Architecture
    url: str
    sha256: str | None
    places: tuple[Place, ...]


def downloads(catalog: Catalog, version: str, architecture: Architecture) -> tuple[Download, ...]:
    """Every file of a version for one architecture, and the kinds of nodes that need it.

    etcd itself is for nodes that run it outside of Kubernetes: on control planes it comes as an image.
    """
    release = catalog.of(version)
    versions = dict.fromkeys(KUBERNETES, version) | dict(release.tools)
    return tuple(
        Download(
            name=name,
            version=number,
            architecture=architecture,
            url=catalog.artifacts[name].at(number, architecture),
            sha256=catalog.artifacts[name].sha256.get(number, {}).get(architecture),
            places=("etcd",) if name == "etcd" else ("control-plane", "worker"),
        )
        for name, number in versions.items()
    )


def images(release: Release, version: str, place: Place, repository: str = "") -> tuple[str, ...]:
    """The images that kubeadm starts on a kind of node, by the names that it gives them.

    ``repository`` is one of the user's own, where kubeadm looks for CoreDNS without the folder that the official
    registry has (GetDNSImage in cmd/kubeadm/app/images/images.go, 1.21 on). CoreDNS may run on any node.

    >>> from kprov.release.catalog import catalog
    >>> images(catalog().minors["1.36"], "1.36.4", "worker")  # doctest: +ELLIPSIS
    ('registry.k8s.io/kube-proxy:v1.36.4', 'registry.k8s.io/pause:3.10.2', 'registry.k8s.io/coredns/coredns:v1.14.2')
    >>> images(catalog().minors["1.36"], "1.36.4", "worker", "registry.example/k8s")[-1]
    'registry.example/k8s/coredns:v1.14.2'
    """
    if place == "etcd":
        return ()
    components = (*_COMPONENTS, "kube-proxy") if place == "control-plane" else ("kube-proxy",)
    dns = release.dns_image.rpartition("/")[2] if repository else release.dns_image
    etcd = (release.etcd_image,) if place == "control-plane" else ()
    relative = (*(f"{name}:v{version}" for name in components), release.pause_image, dns, *etcd)
    return tuple(f"{repository or release.image_repository}/{image}" for image in relative)
