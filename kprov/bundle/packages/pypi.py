"""Programs in Python for Debian's own interpreter, fetched by pip as the host's pip is set up."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kprov.bundle.archive import write_layer
from kprov.bundle.packages.process import environment, run
from kprov.bundle.store import Origin

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# Debian 12's interpreter, the one in the images: what pip chooses and compiles fits it.
_PYTHON = "/usr/bin/python3"
_PACKAGES = "usr/lib/python3/dist-packages"
# How the host's pip reaches packages; none of its other settings may change what is installed, or where.
_SETTINGS = (
    *("CERT", "CLIENT_CERT", "CONFIG_FILE", "DEFAULT_TIMEOUT", "EXTRA_INDEX_URL", "FIND_LINKS", "INDEX_URL"),
    *("NO_INDEX", "PROXY", "RETRIES", "TRUSTED_HOST"),
)
_UNNEEDED = ("bin", "__pycache__")


@dataclass(frozen=True, slots=True)
class PythonProgram:
    """A program on PyPI; ``constraints`` are versions of what it needs that its own metadata does not name."""

    name: str
    version: str
    constraints: tuple[str, ...]

    @property
    def recipe(self) -> dict[str, str]:
        """What decides the program beside its version."""
        return {"constraints": " ".join(self.constraints)}


def build_program_layer(program: PythonProgram, target: Path, base: Mapping[str, str], log: Path) -> Origin:
    """Write ``<name>.tar``, the program and all that it needs, into the folder ``target``.

    Compilers are kept away, so that what has an optional part in C is the same wherever it is made.

    Raises:
        CheckFailed: no index gives the packages, or one cannot be installed.
    """
    settings = {f"PIP_{name}": base[f"PIP_{name}"] for name in _SETTINGS if f"PIP_{name}" in base}
    folder = target.parent / "packages"
    run(
        [
            *(sys.executable, "-m", "pip", "--python", _PYTHON, "--disable-pip-version-check", "--no-input"),
            *("install", "--quiet", "--no-cache-dir", "--no-compile", "--root-user-action", "ignore"),
            *("--target", folder, f"{program.name}=={program.version}", *program.constraints),
        ],
        what=f"pip cannot install {program.name} {program.version}",
        log=log,
        env=environment(base, CC="/bin/false") | settings,
        timeout_s=600,
    )
    for name in _UNNEEDED:
        shutil.rmtree(folder / name, ignore_errors=True)
    files = {f"{_PACKAGES}/{path.relative_to(folder)}": path for path in folder.rglob("*") if path.is_file()}
    write_layer(target / f"{program.name}.tar", files, 0o644)
    return Origin(program.version, ", ".join(f"pypi:{each}" for each in installed(folder, first=program.name)))


def installed(folder: Path, *, first: str) -> tuple[str, ...]:
    """The packages in a folder with their versions, the program itself first."""
    found = [path.name.removesuffix(".dist-info").partition("-") for path in folder.glob("*.dist-info")]
    names = sorted((name.lower().replace("_", "-"), version) for name, _, version in found)
    return tuple(f"{name}=={version}" for name, version in sorted(names, key=lambda pair: pair[0] != first))
