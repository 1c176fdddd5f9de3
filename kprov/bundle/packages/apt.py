"""An apt of its own: the host's mirrors and keys; sources, lists and archives in the store. /etc/apt is only read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kprov.bundle.packages.host import CODENAME
from kprov.bundle.packages.process import environment, run
from kprov.errors import CheckFailed, InputError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

# `apt-get indextargets --format`: the fields of one line, separated by blanks (no field holds one).
_FORMAT = "$(REPO_URI) $(RELEASE) $(COMPONENT) $(CREATED_BY) $(ORIGIN)"
_SUITES = (CODENAME, f"{CODENAME}-updates", f"{CODENAME}-security")


@dataclass(frozen=True, slots=True)
class Mirror:
    """A repository of Debian 12 that the host's apt uses."""

    uri: str
    suite: str


@dataclass(frozen=True, slots=True)
class Deb:
    """A package, and where it lies once it was downloaded."""

    name: str
    version: str
    path: Path


def mirrors(targets: str) -> tuple[Mirror, ...]:
    """The host's mirrors of Debian 12, from the lines of ``apt-get indextargets``; other repositories are passed over.

    >>> mirrors("http://mirror.example/debian/ bookworm main Packages Debian")
    (Mirror(uri='http://mirror.example/debian/', suite='bookworm'),)
    >>> mirrors("http://other.example/apt/ bookworm main Packages Other")
    ()
    """
    found = []
    for line in targets.splitlines():
        uri, suite, component, created_by, *origin = line.split()
        # Before the host's first `apt-get update`, apt does not know the origin and leaves the field as it is.
        ours = origin in (["Debian"], ["$(ORIGIN)"], [])
        if (component, created_by) == ("main", "Packages") and suite in _SUITES and ours:
            found.append(Mirror(uri, suite))
    return tuple(dict.fromkeys(found))


def acquire_settings(dump: str) -> tuple[str, ...]:
    """How the host's apt reaches its mirrors (proxies, certificates), from ``apt-config dump``.

    Nothing else of its configuration is taken over: its hooks may delete files or call services.

    >>> acquire_settings('APT::Update::Post-Invoke "";\\nAcquire::http::Proxy "http://proxy.example:3128";')
    ('Acquire::http::Proxy "http://proxy.example:3128";',)
    """
    return tuple(line for line in dump.splitlines() if line.startswith("Acquire::"))


def debs_of(simulation: str, folder: Path) -> tuple[Deb, ...]:
    """The packages that ``apt-get --simulate install`` would install, with the paths that ``download`` gives them.

    >>> from pathlib import Path
    >>> debs_of("Inst busybox (1:1.35.0-4 Debian:12.15/oldstable [amd64])", Path("/a"))
    (Deb(name='busybox', version='1:1.35.0-4', path=PosixPath('/a/busybox_1%3a1.35.0-4_amd64.deb')),)
    """
    found = re.findall(r"^Inst (\S+) \((\S+) .*\[(\S+)\]", simulation, flags=re.MULTILINE)
    return tuple(
        Deb(name, version, folder / f"{name}_{version.replace(':', '%3a')}_{architecture}.deb")
        for name, version, architecture in sorted(found)
    )


class PrivateApt:
    """Downloads Debian packages and source packages without touching the host's apt.

    ``folder`` keeps lists and downloads between builds; ``log`` gets apt's output.
    """

    def __init__(self, folder: Path, base: Mapping[str, str], log: Path) -> None:
        self._folder = folder
        self._env = environment(base)
        self._log = log
        self._apt_conf = folder / "apt.conf"
        self._updated = False

    def update(self) -> None:
        """Take the mirrors from the host's apt and fetch their lists, once.

        Raises:
            InputError: the host's apt knows no mirror of Debian 12.
            UnreachableError: the mirrors do not answer.
        """
        if self._updated:
            return
        output = self._run(["apt-get", "indextargets", "--format", _FORMAT], "apt does not name its mirrors")
        found = mirrors(output)
        if not any(mirror.suite == CODENAME for mirror in found):
            raise InputError(
                "apt on this machine has no mirror of Debian 12",
                where="/etc/apt/sources.list.d",
                why=f"no repository with the suite {CODENAME} and the component main",
                remedy="Add one to apt's sources and run apt-get update.",
            )
        self._configure(self._run(["apt-config", "dump"], "apt does not show its configuration"), found)
        self._apt("-o", "APT::Update::Error-Mode=any", "update")
        self._updated = True

    def source(self, package: str) -> Path:
        """Download the newest source package of this name; return its ``.dsc``.

        Raises:
            UnreachableError: it cannot be downloaded.
        """
        folder = self._folder / "sources"
        self._apt("source", "--download-only", package, cwd=folder)
        return max(folder.glob(f"{package}_*.dsc"), key=lambda path: path.stat().st_mtime)

    def closure(self, names: Sequence[str]) -> tuple[Deb, ...]:
        """The packages and all they depend on, as if nothing were installed yet; nothing is downloaded.

        Raises:
            UnreachableError: apt knows no such packages.
        """
        return debs_of(self._apt("--simulate", "install", *names), self._folder / "archives")

    def download(self, debs: Sequence[Deb]) -> None:
        """Download packages to their paths.

        Raises:
            UnreachableError: one cannot be downloaded.
        """
        self._apt("download", *(f"{deb.name}={deb.version}" for deb in debs), cwd=self._folder / "archives")

    def _configure(self, dump: str, found: Sequence[Mirror]) -> None:
        """Write apt's sources and its whole configuration: how the host reaches its mirrors, and folders of our own."""
        for name in ("lists/partial", "archives/partial", "sources"):
            (self._folder / name).mkdir(parents=True, exist_ok=True)
        (self._folder / "status").touch()
        sources = [f"{kind} {mirror.uri} {mirror.suite} main\n" for mirror in found for kind in ("deb", "deb-src")]
        (self._folder / "sources.list").write_text("".join(sources), encoding="utf-8")
        settings = {
            "Dir::Etc::main": "/dev/null",
            "Dir::Etc::parts": "/dev/null",
            "Dir::Etc::sourcelist": self._folder / "sources.list",
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::State": self._folder,
            "Dir::State::lists": self._folder / "lists",
            "Dir::State::status": self._folder / "status",
            "Dir::Cache": self._folder,
            "Dir::Cache::archives": self._folder / "archives",
            # The store is the user's alone, so apt's own unprivileged user cannot write there.
            "APT::Sandbox::User": "",
            "APT::Install-Recommends": "false",
            "Acquire::Retries": "3",
            "Acquire::http::Timeout": "20",
            "Acquire::https::Timeout": "20",
        }
        lines = [*acquire_settings(dump), *(f'{key} "{value}";' for key, value in settings.items())]
        self._apt_conf.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def _apt(self, *arguments: str, cwd: Path | None = None) -> str:
        try:
            return self._run(["apt-get", "-q", *arguments], "apt cannot reach the Debian mirrors", cwd, own=True)
        except CheckFailed as error:
            raise UnreachableError(
                error.what,
                where=error.where,
                why=error.why,
                remedy="Check that `apt-get update` works on this machine, then run the command again.",
            ) from error

    def _run(self, command: Sequence[str], what: str, cwd: Path | None = None, *, own: bool = False) -> str:
        env = self._env | ({"APT_CONFIG": str(self._apt_conf)} if own else {})
        return run(command, what=what, log=self._log, env=env, cwd=cwd, timeout_s=900)
