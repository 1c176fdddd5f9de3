"""Images from registries, pulled by skopeo: no container engine, no daemon, no root.

skopeo is the tool of the containers project, in the package archives of Debian, Ubuntu, Fedora and RHEL. It speaks the
registries' protocol with all that belongs to it (tokens, platforms, retries, resumption by layer), takes proxies from
the environment and mirrors from a ``registries.conf``, and several images share one folder of blobs.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import unquote, urlsplit

from kprov.bundle.mirrors import ALL
from kprov.bundle.packages.process import environment, run
from kprov.errors import CheckFailed, InputError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Mapping

_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_POLICY: Final = {"default": [{"type": "insecureAcceptAnything"}]}
"""Who made an image is not asked here: it is taken by its digest."""
_TIMEOUT_S: Final = 1800.0
_ASK_TIMEOUT_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class Pulled:
    """An image in a folder of blobs: the descriptor of its manifest for one platform, and all its blobs by sha256."""

    manifest: Mapping[str, object]
    blobs: tuple[str, ...]


class Registry(Protocol):
    """Where images come from."""

    def check(self) -> None:
        """Refuse a machine that cannot pull.

        Raises:
            InputError: with what is missing and the remedy.
        """

    def digest(self, reference: str) -> str:
        """The digest under which a registry has a reference now: of the index where it has several platforms.

        Raises:
            UnreachableError: no place answers, or none has it.
        """

    def pull(self, reference: str, digest: str, architecture: str, blobs: Path) -> Pulled:
        """Have the blobs of an image for an architecture in ``blobs/sha256/``, each checked by its digest.

        Raises:
            UnreachableError: no place answers, or none has it.
        """


class Skopeo:
    """Registries as skopeo reaches them; ``folder`` is for its configuration, ``log`` for its output."""

    def __init__(self, folder: Path, mirrors: Mapping[str, str], base: Mapping[str, str], log: Path) -> None:
        self._folder = folder
        self._mirrors = mirrors
        self._base = base
        self._log = log

    def check(self) -> None:  # noqa: D102 - see Registry
        if shutil.which("skopeo", path=f"{os.defpath}:/usr/local/bin:{self._base.get('PATH', '')}") is None:
            raise InputError(
                "a tool to pull images is missing",
                why="skopeo is not installed",
                remedy="Run: apt-get install -y skopeo (or dnf install skopeo).",
            )

    def digest(self, reference: str) -> str:  # noqa: D102 - see Registry
        output = self._run(["inspect", "--raw", "--retry-times", 3, self._source(reference)], reference, _ASK_TIMEOUT_S)
        return f"sha256:{hashlib.sha256(output.encode()).hexdigest()}"

    def pull(self, reference: str, digest: str, architecture: str, blobs: Path) -> Pulled:  # noqa: D102 - see Registry
        if not _DIGEST.fullmatch(digest):
            raise CheckFailed(f"cannot pull {reference}", why=f"{digest} is no digest of a kind that is known")
        blobs.mkdir(parents=True, exist_ok=True)
        layout = self._folder / hashlib.sha256(f"{reference} {architecture}".encode()).hexdigest()
        shutil.rmtree(layout, ignore_errors=True)
        name = reference.partition("@")[0].rpartition(":")[0] if "@" not in reference else reference.partition("@")[0]
        source = self._source(reference, pinned=f"{name}@{digest}")
        if source.startswith("oci:") and (found := self.digest(reference)) != digest:
            raise CheckFailed(f"cannot pull {reference}", where=source, why=f"it is {found}, wanted was {digest}")
        try:
            self._run(
                [
                    *("--override-os", "linux", "--override-arch", architecture, "copy", "--quiet", "--retry-times", 3),
                    # Layers stay as they are: another compression would be another digest.
                    *(
                        "--dest-oci-accept-uncompressed-layers",
                        "--dest-shared-blob-dir",
                        blobs,
                        source,
                        f"oci:{layout}",
                    ),
                ],
                reference,
                _TIMEOUT_S,
            )
            (manifest,) = json.loads((layout / "index.json").read_bytes())["manifests"]
        finally:
            shutil.rmtree(layout, ignore_errors=True)
        return Pulled(_descriptor(manifest), blobs_of(blobs, manifest["digest"]))

    def _source(self, reference: str, pinned: str = "") -> str:
        """Where skopeo takes an image from: a layout in a folder that is the mirror of its host, or a registry."""
        host, _, rest = reference.partition("/")
        repository, _, tag = rest.partition(":")
        for base, path in ((self._mirrors.get(host), ""), (self._mirrors.get(ALL), f"/{host}")):
            if base is None or urlsplit(base).scheme != "file":
                continue
            layout = Path(unquote(urlsplit(base).path) + path) / repository
            if "@" not in rest and (layout / "index.json").is_file():
                return f"oci:{layout}:{tag}"
        return f"docker://{pinned or reference}"

    def _run(self, command: list[object], reference: str, timeout_s: float) -> str:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        registries, policy = self._folder / "registries.conf", self._folder / "policy.json"
        registries.write_text(registries_conf(self._mirrors), encoding="utf-8")
        policy.write_text(json.dumps(_POLICY), encoding="utf-8")
        env = environment(self._base, [Path("/usr/local/bin")])
        what = f"cannot pull {reference}"
        try:
            return run(
                [
                    "skopeo",
                    "--policy",
                    policy,
                    "--registries-conf",
                    registries,
                    "--command-timeout",
                    f"{timeout_s:.0f}s",
                    *command,
                ],
                what=what,
                log=self._log,
                env=env,
                timeout_s=timeout_s + 30,
            )
        except CheckFailed as error:
            remedy = "Name a mirror of its registry (--mirror HOST=URL), or bring it: kprov bundle import ARCHIVE."
            raise UnreachableError(what, where=error.where, why=error.why, remedy=remedy) from error


def registries_conf(mirrors: Mapping[str, str]) -> str:
    """The mirrors in the form that the tools of the containers project read (containers-registries.conf(5)).

    >>> print(registries_conf({"registry.k8s.io": "http://mirror.example/k8s"}), end="")
    unqualified-search-registries = []
    <BLANKLINE>
    [[registry]]
    prefix = "registry.k8s.io"
    location = "registry.k8s.io"
    [[registry.mirror]]
    location = "mirror.example/k8s"
    insecure = true
    """
    text = "unqualified-search-registries = []\n"
    everywhere = mirrors.get(ALL)
    hosts = [*(host for host in mirrors if host != ALL), *(_PUBLIC if everywhere else ())]
    for host in dict.fromkeys(hosts):
        bases = [mirrors.get(host), f"{everywhere}/{host}" if everywhere else None]
        places = [urlsplit(base) for base in bases if base and not base.startswith("file:")]
        if not places:
            continue
        text += f'\n[[registry]]\nprefix = "{host}"\nlocation = "{host}"\n'
        for place in places:
            text += f'[[registry.mirror]]\nlocation = "{place.netloc}{place.path}"\n'
            text += "insecure = true\n" if place.scheme == "http" else ""
    return text


# The registries that the catalogs name: a mirror of all hosts has to be said for each.
_PUBLIC: Final = ("registry.k8s.io", "k8s.gcr.io", "docker.io", "quay.io", "ghcr.io", "gcr.io", "public.ecr.aws")


def blobs_of(blobs: Path, digest: object) -> tuple[str, ...]:
    """The sha256 of an image's manifest, configuration and layers, from a folder of blobs."""
    manifest = str(digest).removeprefix("sha256:")
    document = json.loads((blobs / "sha256" / manifest).read_bytes())
    parts = [document["config"], *document["layers"]]
    return tuple(dict.fromkeys([manifest, *(str(part["digest"]).removeprefix("sha256:") for part in parts)]))


def _descriptor(manifest: Mapping[str, object]) -> Mapping[str, object]:
    return {key: manifest[key] for key in ("mediaType", "digest", "size")}
