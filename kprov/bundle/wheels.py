"""kprov itself as wheels, with all that it needs, in the versions that run here: for a machine without an index."""

from __future__ import annotations

import hashlib
import os
import sys
from importlib.metadata import distribution, distributions
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kprov.bundle.packages.process import environment, run
from kprov.bundle.store import Origin, Store, sha256_of
from kprov.errors import CheckFailed, InputError, UnreachableError
from kprov.events import Progress

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kprov.events import Emit

_NAME: Final = "kprov"
_SOURCES: Final = ("kprov", "roles", "playbooks")
_FILES: Final = ("pyproject.toml", "ansible.cfg", "README.md")
# The time in wheels that are built here: the first that a zip file can tell.
_EPOCH: Final = "315532800"


def wheels(checkout: Path, store: Path, emit: Emit) -> Mapping[str, Path]:
    """The wheels by name, made once for the code and the versions that are here.

    Raises:
        InputError: kprov does not run from a checkout, so that its wheel cannot be built.
        UnreachableError: pip cannot build or fetch them.
    """
    if not (checkout / "pyproject.toml").is_file():
        raise InputError(
            "kprov's own wheel cannot be built here",
            where=str(checkout),
            why="kprov does not run from a checkout",
            remedy="Export from a checkout, or leave them out: --without-wheels.",
        )
    pins = {each.name: each.version for each in distributions() if each.name != _NAME}
    code = hashlib.sha256("".join(f"{name}=={version}\n" for name, version in sorted(pins.items())).encode())
    recipe = {
        "kprov": _code(checkout),
        "python": f"{sys.version_info[0]}.{sys.version_info[1]}",
        "pins": code.hexdigest(),
    }
    with Store.opened(store, emit) as opened:
        part = opened.part("wheels", recipe)
        if part is None:
            emit(Progress("bundle", "gathering the wheels of kprov"))
            part = opened.make("wheels", recipe, lambda target: _gather(checkout, pins, target, opened))
        return {Path(file.path).name: opened.path(file) for file in part.files}


def _gather(checkout: Path, pins: Mapping[str, str], target: Path, store: Store) -> Origin:
    """Build kprov's wheel, and fetch those of what it needs in the versions that run here."""
    env = environment(os.environ, [Path(sys.executable).parent], SOURCE_DATE_EPOCH=_EPOCH, **_pip_settings())
    wanted = f"{checkout}[fast]" if "mitogen" in pins else str(checkout)
    with store.scratch("pins") as folder:
        pinned = folder / "constraints.txt"
        pinned.write_text("".join(f"{name}=={version}\n" for name, version in pins.items()), encoding="utf-8")
        pip = (sys.executable, "-m", "pip", "wheel", "--disable-pip-version-check")
        try:
            run(
                [*pip, "-c", pinned, "-w", target, wanted],
                what="cannot gather kprov's wheels",
                log=store.log("wheels"),
                env=env,
                cwd=folder,
            )
        except CheckFailed as error:
            remedy = "Have a package index reached (pip's own settings count), or leave them out: --without-wheels."
            raise UnreachableError(error.what, where=error.where, why=error.why, remedy=remedy) from error
    return Origin(distribution(_NAME).version, "pypi")


def _pip_settings() -> dict[str, str]:
    """What the user has told pip in the environment."""
    return {key: value for key, value in os.environ.items() if key.startswith("PIP_")}


def _code(checkout: Path) -> str:
    """A sha256 of everything that kprov's own wheel is built from."""
    found = [path for folder in _SOURCES for path in (checkout / folder).rglob("*") if path.is_file()]
    found += [checkout / name for name in _FILES]
    digest = hashlib.sha256()
    for path in sorted(path for path in found if "__pycache__" not in path.parts):
        digest.update(f"{path.relative_to(checkout)} {sha256_of(path)}\n".encode())
    return digest.hexdigest()
