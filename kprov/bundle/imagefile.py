"""Archives of images as docker, podman, skopeo and ctr write them: read whole and checked before anything is kept.

Two forms are known: an OCI image layout (``oci-layout``, ``index.json``), which wins where an archive is both, and
Docker's (``manifest.json``). Names are found as containerd 1.6 finds them (images/archive/importer.go).
"""

from __future__ import annotations

import hashlib
import posixpath
import re
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from kprov.bundle.references import normal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

T = TypeVar("T")

_CHUNK = 1 << 20
# The limit that registries have for manifests; configurations are smaller.
_LARGEST_DOCUMENT = 4 << 20
_LONGEST_CHAIN = 16
_BLOB = re.compile(r"blobs/sha256/([0-9a-f]{64})")
_CONFIG = re.compile(r"(?:.*/)?([0-9a-f]{64})\.json")
_INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
# gzip, zstd, bzip2, xz.
_COMPRESSED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ\x00")
_BY_NAME = "Save it by its full name, with registry and tag: docker.io/library/busybox:1.36."


class Unusable(Exception):
    """What is wrong with an archive, and what the user can do."""

    def __init__(self, why: str, remedy: str = "Save the images again, and import the new archive.") -> None:
        super().__init__(why)
        self.remedy = remedy


def references_in(path: Path, architecture: str) -> tuple[str, ...]:
    """Check an archive that is not compressed; return the names of its images in normal form, sorted.

    Raises:
        Unusable: it is no archive of images, a part of it is missing or damaged, or an image has no full name or is for
            another architecture.
    """
    with path.open("rb") as file:
        archive = _Archive(file)
        images = _of_layout(archive, architecture) if archive.has("oci-layout") else _of_docker(archive, architecture)
        references = tuple(sorted(set(images)))
    if not references:
        raise Unusable("there is no image in it")
    return references


class _Platform(BaseModel):
    """What an image runs on, as its configuration and an index say it."""

    architecture: str = ""
    os: str = ""

    def suits(self, architecture: str) -> bool:
        return (self.os, self.architecture) == ("linux", architecture)


class _Layers(BaseModel):
    """The digests of the layers before compression."""

    diff_ids: tuple[str, ...] = ()


class _Configuration(_Platform):
    """The configuration of an image."""

    rootfs: _Layers = Field(default_factory=_Layers)


class _Descriptor(BaseModel):
    """A blob of a layout, by its digest."""

    media_type: str = Field(default="", alias="mediaType")
    digest: str
    platform: _Platform | None = None
    annotations: dict[str, str] | None = None

    @property
    def path(self) -> str:
        return f"blobs/{self.digest.replace(':', '/')}"

    @property
    def name(self) -> str:
        notes = self.annotations or {}
        return notes.get("io.containerd.image.name") or notes.get("org.opencontainers.image.ref.name") or ""


class _Index(BaseModel):
    """``index.json``, or the index of an image for several platforms."""

    manifests: tuple[_Descriptor, ...] = ()


class _Manifest(BaseModel):
    """The manifest of an image in a layout."""

    config: _Descriptor
    layers: tuple[_Descriptor, ...] = ()


class _Image(BaseModel):
    """An image in Docker's ``manifest.json``; ``config`` and ``layers`` are paths."""

    config: str = Field(alias="Config")
    names: tuple[str, ...] | None = Field(default=None, alias="RepoTags")
    layers: tuple[str, ...] | None = Field(default=None, alias="Layers")


@dataclass(frozen=True, slots=True)
class _Member:
    """A file in the archive: where its bytes lie, and what they hash to."""

    offset: int
    size: int
    sha256: str


class _Archive:
    """The files of a tar by their paths; each is read once from its first byte to its last."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._members: dict[str, _Member] = {}
        self._links: dict[str, str] = {}
        try:
            with tarfile.open(fileobj=file, mode="r:") as tar:
                for info in tar:
                    self._take(tar, info)
        except tarfile.TarError as error:
            raise Unusable(f"it is no tar, or was cut short: {error}") from error

    def has(self, path: str) -> bool:
        """Whether there is such a file."""
        return self._resolved(path) in self._members

    def member(self, path: str, what: str) -> _Member:
        """The file at a path, symbolic links followed; ``what`` it is, where it is missing."""
        member = self._members.get(self._resolved(path))
        if member is None:
            raise Unusable(f"{what} is missing: {path}")
        return member

    def begin(self, member: _Member) -> bytes:
        """The first bytes of a file, by which compressed ones are known."""
        self._file.seek(member.offset)
        return self._file.read(min(6, member.size))

    def document(self, path: str, what: str, shape: type[T]) -> T:
        """The JSON document at a path."""
        member = self.member(path, what)
        if member.size > _LARGEST_DOCUMENT:
            raise Unusable(f"{what} is too large: {path}")
        self._file.seek(member.offset)
        try:
            return TypeAdapter(shape).validate_json(self._file.read(member.size))
        except ValidationError as error:
            raise Unusable(f"{what} is not what it should be: {path}: {error.errors()[0]['msg']}") from error

    def _take(self, tar: tarfile.TarFile, info: tarfile.TarInfo) -> None:
        name = posixpath.normpath(info.name)
        if info.issym():
            self._links[name] = posixpath.join(posixpath.dirname(name), info.linkname)
        elif content := tar.extractfile(info) if info.isreg() else None:
            digest = hashlib.sha256()
            for chunk in iter(lambda: content.read(_CHUNK), b""):
                digest.update(chunk)
            self._members[name] = _Member(info.offset_data, info.size, digest.hexdigest())
            if (blob := _BLOB.fullmatch(name)) and blob[1] != digest.hexdigest():
                raise Unusable(f"a blob is damaged: {name}")

    def _resolved(self, path: str) -> str:
        name = posixpath.normpath(path)
        for _ in range(_LONGEST_CHAIN):
            if name not in self._links:
                break
            name = posixpath.normpath(self._links[name])
        return name


def _of_docker(archive: _Archive, architecture: str) -> Iterator[str]:
    """The names in an archive of Docker's form."""
    if not archive.has("manifest.json"):
        raise Unusable(
            "it holds neither manifest.json nor oci-layout",
            "Give an archive that 'docker save', 'podman save', 'skopeo copy' or 'ctr images export' wrote.",
        )
    for image in archive.document("manifest.json", "the list of images", tuple[_Image, ...]):
        if not image.names:
            raise Unusable("an image in it has no name", _BY_NAME)
        name = image.names[0]
        config = _configuration(archive, image.config, architecture, name)
        named = _CONFIG.fullmatch(image.config)
        if named and named[1] != archive.member(image.config, "").sha256:
            raise Unusable(f"the configuration of {name} is damaged: {image.config}")
        _check_layers(archive, image.layers or (), config.rootfs.diff_ids, name)
        yield from map(_normal, image.names)


def _check_layers(archive: _Archive, paths: tuple[str, ...], digests: tuple[str, ...], name: str) -> None:
    """Refuse an image of Docker's form whose layers are not those that its configuration names."""
    if len(paths) != len(digests):
        raise Unusable(f"{name} has {len(paths)} layers, its configuration names {len(digests)}")
    for path, digest in zip(paths, digests, strict=True):
        layer = archive.member(path, f"a layer of {name}")
        # The digest is that of the bytes before compression.
        if digest != f"sha256:{layer.sha256}" and not archive.begin(layer).startswith(_COMPRESSED):
            raise Unusable(f"a layer of {name} is damaged: {path}")


def _of_layout(archive: _Archive, architecture: str) -> Iterator[str]:
    """The names in an OCI image layout."""
    for descriptor in archive.document("index.json", "the index", _Index).manifests:
        name = descriptor.name
        # containerd takes a name of a layout as it stands, and the kubelet asks for the normal form only.
        if not name or _normal(name) != name:
            raise Unusable(f"{name} is no full name of an image" if name else "an image in it has no name", _BY_NAME)
        _check_image(archive, descriptor, architecture, name)
        yield name


def _check_image(archive: _Archive, descriptor: _Descriptor, architecture: str, name: str) -> None:
    """Refuse an image of a layout of which a part is missing; of several platforms only ours must be there."""
    if descriptor.media_type in _INDEXES:
        index = archive.document(descriptor.path, f"the index of {name}", _Index)
        ours = [choice for choice in index.manifests if choice.platform and choice.platform.suits(architecture)]
        if not ours:
            raise _foreign(name, architecture)
        descriptor = ours[0]
    manifest = archive.document(descriptor.path, f"the manifest of {name}", _Manifest)
    _configuration(archive, manifest.config.path, architecture, name)
    for layer in manifest.layers:
        archive.member(layer.path, f"a layer of {name}")


def _configuration(archive: _Archive, path: str, architecture: str, name: str) -> _Configuration:
    """The configuration of an image, which must be for this architecture."""
    config = archive.document(path, f"the configuration of {name}", _Configuration)
    if not config.suits(architecture):
        raise _foreign(name, architecture)
    return config


def _foreign(name: str, architecture: str) -> Unusable:
    platform = f"linux/{architecture}"
    return Unusable(f"{name} is not for {platform}", f"Pull it with --platform {platform}, and save it again.")


def _normal(name: str) -> str:
    try:
        return normal(name)
    except ValueError as error:
        raise Unusable(str(error), _BY_NAME) from error
