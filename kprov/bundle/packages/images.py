"""What images are made of: those that kubeadm 1.20 expects, by its names, and the probe that `kprov verify` uses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kprov.bundle.archive import Image, Layer, write_archive, write_layer
from kprov.bundle.packages.layers import NETWORK_TOOLS, origin_of
from kprov.bundle.store import Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from kprov.bundle.store import Part, Store, StoredFile

PROBE = "kprov.local/probe:1"

# cmd/kubeadm/app/constants/constants.go of 1.20: the repository, and the tags of what is not Kubernetes itself. They
# are names that kubeadm asks for; each image's labels and the lock say what is in it.
_REPOSITORY = "k8s.gcr.io"
_PAUSE = f"{_REPOSITORY}/pause:3.2"
_ETCD = f"{_REPOSITORY}/etcd:3.4.13-0"
_COREDNS = f"{_REPOSITORY}/coredns:1.7.0"


@dataclass(frozen=True, slots=True)
class Content:
    """What an image is made of: ready layers, lowest first, and a program above, or none.

    ``command`` is what the image starts: a path, where a program of its own lies, and arguments.
    """

    reference: str
    layers: tuple[StoredFile, ...]
    program: StoredFile | None
    command: tuple[str, ...]
    origin: Origin

    @property
    def labels(self) -> dict[str, str]:
        """What the image says of itself."""
        return {
            "org.opencontainers.image.version": self.origin.version,
            "org.opencontainers.image.source": self.origin.source,
        }

    @property
    def recipe(self) -> str:
        """What decides the image's bytes."""
        files = [stored.sha256 for stored in (*self.layers, self.program) if stored]
        return " ".join([*files, *self.command, self.origin.version, self.origin.source])


def node_images(programs: Mapping[str, Part], layers: Part, pause: Part, coredns: Part | None) -> tuple[Content, ...]:
    """What every node runs; without CoreDNS where that could not be built."""
    probe = Origin("1", origin_of(layers.origin, "busybox"))
    tools = origin_of(layers.origin, *NETWORK_TOOLS)
    contents = [
        Content(_PAUSE, (), pause.file("pause"), ("/pause",), pause.origin),
        _kubernetes("kube-proxy", programs, (layers.file("network.tar"),), tools),
        Content(PROBE, (layers.file("probe.tar"),), None, ("/bin/sh",), probe),
    ]
    if coredns:
        contents.append(Content(_COREDNS, (), coredns.file("coredns"), ("/coredns",), coredns.origin))
    return tuple(contents)


def control_plane_images(programs: Mapping[str, Part], layers: Part) -> tuple[Content, ...]:
    """What control planes run beside that."""
    etcd = Origin(layers.origin.version, origin_of(layers.origin, "etcd-server", "etcd-client"))
    return (
        _kubernetes("kube-apiserver", programs),
        _kubernetes("kube-controller-manager", programs),
        _kubernetes("kube-scheduler", programs),
        Content(_ETCD, (layers.file("etcd.tar"),), None, ("/usr/bin/etcd",), etcd),
    )


def source_of(contents: Sequence[Content]) -> str:
    """Where everything in an archive comes from, each source named once."""
    return ", ".join(dict.fromkeys(part for content in contents for part in content.origin.source.split(", ")))


def build_archive(
    store: Store, contents: Sequence[Content], architecture: str, compress: Callable[[Path, Path], None], target: Path
) -> None:
    """Write the images as one archive; ``compress`` writes its first argument, compressed with zstd, to its second."""
    with store.scratch(target.stem) as scratch:
        images = []
        for content in contents:
            tars = [store.path(layer) for layer in content.layers]
            if content.program:
                program = store.path(content.program)
                tars.append(scratch / f"{program.name}.tar")
                write_layer(tars[-1], {content.command[0].lstrip("/"): program})
            layers = tuple(Layer(tar, scratch / f"{tar.name}.zst") for tar in tars)
            for layer in layers:
                if not layer.blob.exists():
                    compress(layer.tar, layer.blob)
            images.append(Image(content.reference, layers, content.command, content.labels))
        write_archive(target, images, architecture)


def _kubernetes(
    name: str, programs: Mapping[str, Part], layers: tuple[StoredFile, ...] = (), tools: str = ""
) -> Content:
    """The image of a Kubernetes program; kubeadm's manifests call it by its name, so it lies on PATH."""
    part = programs[name]
    reference = f"{_REPOSITORY}/{name}:v{part.origin.version}"
    origin = Origin(part.origin.version, ", ".join(filter(None, (part.origin.source, tools))))
    return Content(reference, layers, part.file(name), (f"/usr/local/bin/{name}",), origin)
