"""Names of images in the form in which containerd keeps them: registry, repository, and a tag or a digest."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

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


def stand_in(reference: str, held: Collection[str]) -> str:
    """The image that a person brought under another name than the one asked for; empty where there is none, or no need.

    Archives of ``docker save`` hold no digest, so that a tag beside a digest will do; and who has a registry or a proxy
    of their own saves images under its name, so that the same repository and tag of one other registry will do.

    >>> stand_in("quay.io/shop/agent:v1@sha256:" + 64 * "0", ["quay.io/shop/agent:v1"])
    'quay.io/shop/agent:v1'
    >>> stand_in("docker.io/shop/agent:v1", ["proxy.example:5000/hub/shop/agent:v1", "docker.io/shop/agent:v2"])
    'proxy.example:5000/hub/shop/agent:v1'
    >>> stand_in("shop/agent:v1", ["docker.io/shop/agent:v1"]), stand_in("a.example/agent:v1", ["b.example/agent:v1"])
    ('', '')

    Args:
        reference: as a manifest has it.
        held: names in normal form.

    Raises:
        ValueError: the reference is no name of an image.
    """
    if normal(reference) in held:
        return ""
    tagged, at, _ = reference.partition("@")
    if at and ":" not in tagged.rpartition("/")[2]:
        return ""
    name = normal(tagged)
    if name in held:
        return name
    path = name.partition("/")[2]
    if "/" not in path:  # one word alone names too many things
        return ""
    others = {other for other in held if f"/{other.partition('/')[2]}".endswith(f"/{path}")}
    return others.pop() if len(others) == 1 else ""


def _with_registry(name: str) -> str:
    """A name with its registry: its first part, where that can be a host, else Docker's."""
    first, slash, rest = name.partition("/")
    if not slash or not (first == "localhost" or "." in first or ":" in first or first != first.lower()):
        first, rest = "docker.io", name
    if first in ("docker.io", "index.docker.io"):
        return f"docker.io/{rest}" if "/" in rest else f"docker.io/library/{rest}"
    return f"{first}/{rest}"
