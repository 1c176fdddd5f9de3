"""Names of images in the form in which containerd keeps them: registry, repository, and a tag or a digest."""

from __future__ import annotations

import re

# The grammar of github.com/distribution/reference v0.5, as far as names of images use it.
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = re.compile(rf"(?:[A-Za-z0-9.-]+(?::[0-9]+)?/)?{_PART}(?:/{_PART})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"[a-z0-9]+:[0-9a-f]{32,}")


def normal(reference: str) -> str:
    """The name under which containerd and the kubelet know an image.

    >>> normal("calico/node:v3.24.5")
    'docker.io/calico/node:v3.24.5'
    >>> normal("busybox")
    'docker.io/library/busybox:latest'
    >>> normal("registry.example:5000/shop:1"), normal("localhost/shop:1")
    ('registry.example:5000/shop:1', 'localhost/shop:1')

    A tag beside a digest is dropped, as the kubelet's runtime does (ParseDockerRef of containerd 1.6).

    Raises:
        ValueError: it is no name of an image.
    """
    given, at, digest = reference.partition("@")
    head, _, last = given.rpartition("/")
    last, colon, tag = last.partition(":")
    name = _with_registry(f"{head}/{last}" if head else last)
    if not _NAME.fullmatch(name) or (colon and not _TAG.fullmatch(tag)) or (at and not _DIGEST.fullmatch(digest)):
        raise ValueError(f"{reference!r} is no name of an image")
    return f"{name}@{digest}" if at else f"{name}:{tag or 'latest'}"


def tag_of(reference: str) -> str:
    """The tag or digest of a name in normal form.

    >>> tag_of("docker.io/calico/node:v3.24.5")
    'v3.24.5'
    """
    return reference.partition("@")[2] or reference.rpartition(":")[2]


def _with_registry(name: str) -> str:
    """A name with its registry: its first part, where that can be a host, else Docker's."""
    first, slash, rest = name.partition("/")
    if not slash or not (first == "localhost" or "." in first or ":" in first or first != first.lower()):
        first, rest = "docker.io", name
    if first in ("docker.io", "index.docker.io"):
        return f"docker.io/{rest}" if "/" in rest else f"docker.io/library/{rest}"
    return f"{first}/{rest}"
