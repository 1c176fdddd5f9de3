"""Programs that Debian 12 does not have, built from Go modules, where a module proxy is reached."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kprov.bundle.packages.host import GO_BIN
from kprov.bundle.packages.process import environment, run
from kprov.bundle.store import Origin
from kprov.errors import CheckFailed, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Mapping

# A proxy that is there answers within one second; this bounds what a network that swallows packets can cost.
_PROBE_TIMEOUT_S = 12
_HOST_SETTINGS = ("GOPROXY", "GONOPROXY", "GOSUMDB", "GONOSUMDB", "GOPRIVATE", "GOINSECURE")


@dataclass(frozen=True, slots=True)
class GoProgram:
    """A program in a Go module.

    ``toolchain`` is the Go that it needs, fetched as a module too; empty: Debian's Go 1.19 will do. ``stamp`` is the
    variable that carries its version. ``consequence`` says what the cluster does without it, where it is more than a
    part of an image. ``cgo``: a part of it is written in C.
    """

    name: str
    module: str
    version: str
    package: str
    toolchain: str
    stamp: str
    consequence: str = ""
    cgo: bool = False

    @property
    def origin(self) -> Origin:
        """Its version and where it comes from."""
        return Origin(self.version.removeprefix("v"), f"go:{self.module}@{self.version}")

    @property
    def recipe(self) -> dict[str, str]:
        """What decides the program beside its version."""
        decisive = {"toolchain": self.toolchain, "stamp": self.stamp, "cgo": "static" if self.cgo else ""}
        return {key: value for key, value in decisive.items() if value}


# CoreDNS 1.9 and 1.10 fall back to discovery v1beta1, which is what Kubernetes 1.20 speaks.
COREDNS = GoProgram(
    name="coredns",
    module="github.com/coredns/coredns",
    version="v1.9.4",
    package=".",
    toolchain="",
    stamp="",
    consequence="The cluster has no DNS: pods find services by address only.",
)
# From 1.26 on crictl speaks CRI v1 only, which containerd 1.6 has beside v1alpha2.
CRICTL = GoProgram(
    name="crictl",
    module="sigs.k8s.io/cri-tools",
    version="v1.30.0",
    package="./cmd/crictl",
    toolchain="go1.22.12",
    # Its go.mod of that version still carries the older path, which is also why `go install` refuses it.
    stamp="github.com/kubernetes-sigs/cri-tools/pkg/version.Version",
    consequence="Nodes have no crictl: kubeadm cannot ask the runtime for images, people use ctr -n k8s.io instead.",
)
# Version 3 of Helm; its checks of a chart's kubeVersion know every Kubernetes, whatever it is built with.
HELM = GoProgram(
    name="helm",
    module="helm.sh/helm/v3",
    version="v3.18.4",
    package="./cmd/helm",
    toolchain="go1.26.8",
    stamp="helm.sh/helm/v3/internal/version.version",
)


class GoModules:
    """Downloads modules through the proxy that the host's own Go is set up with, and builds programs from them.

    ``folder`` is for modules and Go's cache while a program is built; ``architecture`` is Go's name of it.
    """

    def __init__(self, folder: Path, architecture: str, base: Mapping[str, str], log: Path) -> None:
        self._folder = folder
        self._architecture = architecture
        self._base = base
        self._log = log

    def probe(self, program: GoProgram) -> None:
        """Ask the proxy for a program's version.

        Raises:
            UnreachableError: no proxy answers in time, or it does not have the version.
        """
        command = ["go", "list", "-m", f"{program.module}@{program.version}"]
        what = f"no Go module proxy gives {program.module}@{program.version}"
        try:
            run(command, what=what, log=self._log, env=self._go(GO_BIN), cwd=self._new(), timeout_s=_PROBE_TIMEOUT_S)
        except CheckFailed as error:
            raise UnreachableError(what, where=error.where, why=error.why) from error

    def build(self, program: GoProgram, target: Path) -> Origin:
        """Build a program, static and stripped, into the folder ``target``.

        ``go install module@version`` refuses modules with ``replace`` directives, so the module is downloaded (its
        checksum verified by Go's checksum database) and built where it was unpacked.

        Raises:
            CheckFailed: a download or the compiler failed.
        """
        go = self._toolchain(program.toolchain) if program.toolchain else GO_BIN
        source = self._folder / program.name
        shutil.rmtree(source, ignore_errors=True)
        shutil.copytree(self.download(program.module, program.version), source)
        flags = ["-s -w -buildid="]
        if program.stamp:
            flags.append(f"-X {program.stamp}={program.version}")
        if program.cgo:
            flags.append("-extldflags -static")
        run(
            [
                *("go", "build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-tags", "netgo,osusergo"),
                *("-ldflags", " ".join(flags), "-o", target / program.name, program.package),
            ],
            what=f"cannot build {program.name}",
            log=self._log,
            env=self._go(go) | {"CGO_ENABLED": "1" if program.cgo else "0"},
            cwd=source,
        )
        return program.origin

    def _toolchain(self, version: str) -> Path:
        """Download a Go toolchain, which is a module as well, and return its folder of commands."""
        name = f"v0.0.1-{version}.linux-{self._architecture}"
        root = self.download("golang.org/toolchain", name)
        # Modules carry no modes; later versions of Go make these executable themselves.
        for command in (*root.glob("bin/*"), *root.glob("pkg/tool/*/*")):
            command.chmod(0o755)
        return root / "bin"

    def download(self, module: str, version: str, timeout_s: float = 600) -> Path:
        """Download a module, its checksum verified by Go's checksum database; return its folder.

        Raises:
            CheckFailed: no proxy gives it.
        """
        command = ["go", "mod", "download", "-json", f"{module}@{version}"]
        what = f"cannot download the Go module {module}"
        output = run(command, what=what, log=self._log, env=self._go(GO_BIN), cwd=self._new(), timeout_s=timeout_s)
        return Path(json.loads(output)["Dir"])

    def _new(self) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True)
        return self._folder

    def _go(self, go: Path) -> dict[str, str]:
        return environment(
            self._base,
            [go],
            **self._host_settings(),
            GOENV="off",
            GOTOOLCHAIN="local",
            GOFLAGS="-modcacherw",
            GOPATH=str(self._folder / "go"),
            GOMODCACHE=str(self._folder / "modules"),
            GOCACHE=str(self._folder / "cache"),
            GOTMPDIR=str(self._folder),
        )

    def _host_settings(self) -> dict[str, str]:
        """How the host's own Go (the first on the user's PATH, or Debian's) reaches modules."""
        found = shutil.which("go", path=self._base.get("PATH")) or GO_BIN / "go"
        text = run(
            [found, "env", "-json", *_HOST_SETTINGS],
            what="the host's Go does not tell how it reaches modules",
            log=self._log,
            env={**self._base, "GOTOOLCHAIN": "local"},
            cwd=self._new(),
            timeout_s=10,
        )
        return {key: value for key, value in json.loads(text).items() if value}
