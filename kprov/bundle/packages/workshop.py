"""Who does the work of the source ``packages``: a Protocol, and the one that does it with Debian's tools."""

from __future__ import annotations

import platform
import shutil
from typing import TYPE_CHECKING, Protocol

from kprov.bundle.packages import host
from kprov.bundle.packages.apt import PrivateApt
from kprov.bundle.packages.gomodules import GoModules
from kprov.bundle.packages.kubernetes import Builder
from kprov.bundle.packages.layers import build_layers, build_python_layer
from kprov.bundle.packages.process import environment, run
from kprov.bundle.packages.pypi import build_program_layer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from kprov.bundle.packages.gomodules import GoProgram
    from kprov.bundle.packages.kubernetes import Tree
    from kprov.bundle.packages.pypi import PythonProgram
    from kprov.bundle.store import Origin, Store


class Workshop(Protocol):
    """Makes the parts of a bundle. Each method writes files into ``target``, its output into ``log``."""

    def architecture(self) -> str:
        """The architecture that it builds for, as Debian and Go name it.

        Raises:
            InputError: it cannot build on this machine's.
        """

    def check(self) -> None:
        """Refuse, before the first part is made, what would stop the work later.

        Raises:
            InputError: another system, missing tools, a full disk; with the remedy.
        """

    def layers(self, target: Path, log: Path) -> Origin:
        """Make the images' layers that come from Debian's packages.

        Raises:
            UnreachableError: the mirrors do not answer.
            CheckFailed: a package lacks what is expected in it.
        """

    def python(self, target: Path, log: Path) -> Origin:
        """Make the layer with Debian's Python.

        Raises:
            UnreachableError: the mirrors do not answer.
            CheckFailed: a package lacks what is expected in it.
        """

    def kubernetes(self, program: str, version: str, target: Path, log: Path) -> Origin:
        """Build one program of Kubernetes, stamped with a version.

        Raises:
            UnreachableError: the sources cannot be downloaded.
            CheckFailed: the build failed.
        """

    def pause(self, target: Path, log: Path) -> Origin:
        """Build the program that holds a pod's namespaces.

        Raises:
            UnreachableError: the sources cannot be downloaded.
            CheckFailed: the build failed.
        """

    def go_program(self, program: GoProgram, target: Path, log: Path) -> Origin:
        """Build a program from a Go module.

        Raises:
            UnreachableError: no module proxy is reached.
            CheckFailed: the build failed.
        """

    def python_program(self, program: PythonProgram, target: Path, log: Path) -> Origin:
        """Make the layer with a program from PyPI.

        Raises:
            CheckFailed: no index gives it, or it cannot be installed.
        """

    def compress(self, source: Path, target: Path, log: Path) -> None:
        """Write a file compressed with zstd.

        Raises:
            CheckFailed: it cannot be done.
        """


class DebianWorkshop:
    """Works on Debian 12; ``environment`` is the user's, of which apt and Go get what they need (home, proxies)."""

    def __init__(self, store: Store, environment: Mapping[str, str]) -> None:
        self._store = store
        self._environment = environment
        self._apt = PrivateApt(store.work / "apt", environment, store.log("apt"))
        self._builder = Builder(store.work, environment)

    def architecture(self) -> str:
        """See Workshop."""
        return host.architecture()

    def check(self) -> None:
        """See Workshop."""
        host.check_system(platform.freedesktop_os_release())
        host.check_tools(host.TOOLS)
        host.check_room(self._store.root)

    def layers(self, target: Path, log: Path) -> Origin:  # noqa: ARG002
        """See Workshop."""
        return build_layers(self._apt, self.architecture(), target)

    def python(self, target: Path, log: Path) -> Origin:  # noqa: ARG002
        """See Workshop."""
        return build_python_layer(self._apt, self.architecture(), target)

    def kubernetes(self, program: str, version: str, target: Path, log: Path) -> Origin:
        """See Workshop."""
        return self._builder.build(program, version, self._tree(log), target, log)

    def pause(self, target: Path, log: Path) -> Origin:
        """See Workshop."""
        return self._builder.build_pause(self._tree(log), target, log)

    def go_program(self, program: GoProgram, target: Path, log: Path) -> Origin:
        """See Workshop. Downloaded modules (a GiB and more) are removed once the program is built."""
        folder = self._store.work / "go-modules"
        modules = GoModules(folder, self.architecture(), self._environment, log)
        modules.probe(program)
        origin = modules.build(program, target)
        shutil.rmtree(folder, ignore_errors=True)
        return origin

    def python_program(self, program: PythonProgram, target: Path, log: Path) -> Origin:
        """See Workshop."""
        return build_program_layer(program, target, self._environment, log)

    def compress(self, source: Path, target: Path, log: Path) -> None:
        """See Workshop."""
        command = ["zstd", "-q", "-3", "-o", target, source]
        run(command, what="cannot compress a layer", log=log, env=environment(self._environment))

    def _tree(self, log: Path) -> Tree:
        with self._store.scratch("kubernetes") as scratch:
            return self._builder.tree(self._apt, scratch, log)
