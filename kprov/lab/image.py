"""The node image: built once from the package mirrors that this host's own apt uses, and kept in the engine's store.

A build works in a folder of its own in the cache. What an interrupted build leaves there is swept away by the next one,
and nothing reaches the engine's store before mmdebstrap has succeeded.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
from typing import TYPE_CHECKING, Protocol

from kprov.errors import CheckFailed, InputError
from kprov.events import Emit, Progress
from kprov.lab.process import Run, must
from kprov.lab.process import run as run_command
from kprov.lab.recipe import Recipe, overlay

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_INDEX_FORMAT = "$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)"
_PHASE = "lab"
_STAGES = {
    "running apt-get update": "reading the package lists",
    "downloading packages": "downloading packages",
    "extracting archives": "unpacking the base system",
    "installing essential packages": "installing the base system",
    "installing remaining packages": "installing what a node needs",
    "creating tarball": "packing the image",
}
"""What mmdebstrap 1.x says it does, and what that is called here."""


class Store(Protocol):
    """The part of an engine that keeps images."""

    def image_exists(self, tag: str) -> bool:
        """Whether the image is there, whole."""

    def import_image(self, archive: Path, tag: str) -> None:
        """Take a root file system, as a tar, under this name."""


def sources(index_targets: str, release: str) -> tuple[str, ...]:
    r"""The apt sources for a Debian release, on the mirrors that this host's apt uses; none where none is Debian's.

    Args:
        index_targets: one line per package list of this host: ``origin|repository|release|component``.
        release: codename of the wanted release; the host may run another one.

    >>> sources("Debian|http://mirror.example/debian/|bookworm|main\n"
    ...         "Debian|http://mirror.example/debian/|bookworm-backports|main\n"
    ...         "Debian|http://mirror.example/security/|bookworm-security|main\n"
    ...         "Node Source|http://node.example/|nodistro|main\n", "trixie")
    ('deb http://mirror.example/debian/ trixie main', 'deb http://mirror.example/security/ trixie-security main')
    """
    found: dict[str, None] = {}
    for line in index_targets.splitlines():
        origin, uri, suite, component = line.split("|")
        _base, dash, pocket = suite.partition("-")
        if origin == "Debian" and component == "main" and pocket in ("", "updates", "security"):
            found[f"deb {uri} {release}{dash}{pocket} main"] = None
    return tuple(found)


def ensure(recipe: Recipe, store: Store, cache: Path, emit: Emit, run: Run = run_command) -> bool:
    """Have the image in the engine's store; return whether it had to be built, in a minute and a gigabyte of disk.

    Raises:
        InputError: apt knows no package list.
        CheckFailed: the build failed.
    """
    if store.image_exists(recipe.tag):
        return False
    cache.mkdir(parents=True, exist_ok=True)
    with _alone(cache, emit) as lock:
        if store.image_exists(recipe.tag):
            return False
        work = cache / "build"
        _sweep(work, run)
        work.mkdir(mode=0o700)
        try:
            (work / "overlay.tar").write_bytes(overlay(recipe))
            archive = _bootstrap(recipe, work, lock, emit, run)
            emit(Progress(_PHASE, "node image: storing it"))
            store.import_image(archive, recipe.tag)
        finally:
            _sweep(work, run)
    return True


@contextlib.contextmanager
def _alone(cache: Path, emit: Emit) -> Iterator[int]:
    """Hold the cache; the lock also passes to mmdebstrap, so that one which outlives a killed kprov is waited for."""
    lock = os.open(cache, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            emit(Progress(_PHASE, "node image: waiting for another build"))
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock
    finally:
        os.close(lock)


def _sweep(work: Path, run: Run) -> None:
    # --one-file-system: a root that is being built may have the host's /dev bound into it.
    must(run, ["rm", "-rf", "--one-file-system", "--", str(work)], what=f"cannot remove {work}")


def _bootstrap(recipe: Recipe, work: Path, lock: int, emit: Emit, run: Run) -> Path:
    """Make the root file system as a tar in ``work``."""
    archive = work / "node.tar"
    argv = [
        *("mmdebstrap", "--mode=root", "--variant=minbase", "--format=tar", "--components=main"),
        f"--architectures={recipe.architecture}",
        f"--include={','.join(recipe.packages)}",
        *(f"--dpkgopt=path-exclude={path}" for path in recipe.left_out),
        f"--aptopt={_apt_conf(work, run)}",
        f"--customize-hook=tar-in {work / 'overlay.tar'} /",
        f'--customize-hook=chroot "$1" systemctl --quiet disable {" ".join(recipe.disabled)}',
        '--customize-hook=rm -f "$1"/etc/ssh/ssh_host_* "$1"/etc/apt/apt.conf.d/99mmdebstrap',
        *(recipe.release, str(archive), *_mirrors(recipe, run)),
    ]
    said: list[str] = []
    with subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=os.environ | {"TMPDIR": str(work), "LC_ALL": "C.UTF-8"},
        pass_fds=(lock,),
        text=True,
    ) as build:
        try:
            for line in build.stderr or ():
                said.append(line.strip())
                for stage, words in _STAGES.items():
                    if stage in line:
                        emit(Progress(_PHASE, f"node image: {words}"))
        except BaseException:
            build.terminate()
            raise
    if build.returncode:
        raise CheckFailed(
            "the node image cannot be built",
            why=_cause(said),
            remedy="Run `apt-get update`; where that works, run the command again.",
        )
    return archive


def _cause(said: Sequence[str]) -> str:
    """The lines of mmdebstrap and apt that tell an error, the last three.

    >>> _cause(["I: running apt-get update...", "E: Unable to locate package foo", "I: removing tempdir"])
    'E: Unable to locate package foo'
    """
    errors = [line for line in said if line.startswith("E:")]
    return "; ".join(errors[-3:] or said[-3:])


def _mirrors(recipe: Recipe, run: Run) -> tuple[str, ...]:
    """The sources; none on a host of another distribution, where mmdebstrap has a default of its own."""
    argv = ["apt-get", "indextargets", "--format", _INDEX_FORMAT, "Created-By: Packages"]
    targets = must(run, argv, what="apt-get does not tell its mirrors")
    if not targets.strip():
        raise InputError(
            "apt on this host knows no package lists",
            why="the node image is made from the mirrors that apt is set up with",
            remedy="Run `apt-get update`.",
        )
    return sources(targets, recipe.release)


def _apt_conf(work: Path, run: Run) -> Path:
    """A file with the proxies of this host's apt; not arguments, because a proxy's address may hold a password."""
    dump = must(
        run, ["apt-config", "dump", "--format", "%f %v%n", "Acquire"], what="apt-config does not tell its settings"
    )
    pairs = (line.partition(" ") for line in dump.splitlines())
    conf = work / "apt.conf"
    conf.write_text("".join(f'{name} "{value}";\n' for name, _, value in pairs if "::Proxy" in name and value))
    return conf
