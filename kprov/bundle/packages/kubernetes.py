"""Kubernetes 1.20 from Debian's source package: the upstream tree with its vendor folder, built in GOPATH mode."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from kprov.bundle.packages.host import GO_BIN, REFLECT2
from kprov.bundle.packages.process import environment, run
from kprov.bundle.store import Origin
from kprov.errors import CheckFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kprov.bundle.packages.apt import PrivateApt

MINOR = "1.20"
PROGRAMS: tuple[str, ...] = (
    "kubeadm",
    "kubelet",
    "kubectl",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kube-proxy",
)

_PACKAGE = "k8s.io/kubernetes"
# hack/lib/version.sh stamps the version into both of these.
_STAMPED = ("client-go/pkg/version", "component-base/version")
# hack/lib/golang.sh builds with these tags.
_TAGS = "selinux,notest"
_OPENAPI = "pkg/generated/openapi"


@dataclass(frozen=True, slots=True)
class Tree:
    """The prepared source tree. ``gopath`` holds it at ``src/k8s.io/kubernetes``.

    ``debian`` is the source package's version, ``upstream`` the release in it, ``date`` its changelog's (ISO 8601).
    """

    gopath: Path
    debian: str
    upstream: str
    commit: str
    date: str

    @property
    def folder(self) -> Path:
        """The top of the tree."""
        return self.gopath / "src" / _PACKAGE

    def origin(self, kubernetes: str) -> Origin:
        """Where a program built from this tree comes from, the stamped version named where it is another one."""
        stamp = "" if kubernetes == self.upstream else f" ({self.upstream} stamped {kubernetes})"
        return Origin(kubernetes, f"debian:kubernetes={self.debian}{stamp}")


class Builder:
    """Builds the programs; the tree and Go's cache stay in ``work`` for the next build."""

    def __init__(self, work: Path, base: Mapping[str, str]) -> None:
        self._work = work
        self._base = base

    def tree(self, apt: PrivateApt, scratch: Path, log: Path) -> Tree:
        """Fetch and prepare the source tree, unless that was done before.

        Raises:
            UnreachableError: the source package cannot be downloaded.
            CheckFailed: it cannot be unpacked or prepared.
        """
        final = self._work / "kubernetes"
        if not final.is_dir():
            new = scratch / "kubernetes"
            top = new / "src" / _PACKAGE
            top.parent.mkdir(parents=True)
            apt.update()
            package = apt.source("kubernetes")
            env = environment(self._base)
            run(["dpkg-source", "-x", package, top], what="cannot unpack Kubernetes' sources", log=log, env=env)
            _replace_reflect2(top)
            self._generate_openapi(new, top, log)
            new.rename(final)
        return _read_tree(final, log, environment(self._base))

    def build(self, program: str, kubernetes: str, tree: Tree, target: Path, log: Path) -> Origin:
        """Build one program, static and stripped, stamped with a version.

        Raises:
            CheckFailed: the compiler refuses it.
        """
        major, minor, _ = kubernetes.split(".")
        stamps = {
            "gitVersion": f"v{kubernetes}",
            "gitMajor": major,
            "gitMinor": minor,
            "gitCommit": tree.commit,
            "gitTreeState": "archive",
            "buildDate": tree.date,
        }
        flags = [f"-X {_PACKAGE}/vendor/k8s.io/{place}.{k}={v}" for place in _STAMPED for k, v in stamps.items()]
        run(
            [
                *("go", "build", "-trimpath", "-tags", _TAGS, "-ldflags", " ".join(["-s -w -buildid=", *flags])),
                *("-o", target / program, f"{_PACKAGE}/cmd/{program}"),
            ],
            what=f"cannot build {program}",
            log=log,
            env=self._go(tree.gopath, target.parent),
            cwd=tree.folder,
        )
        return tree.origin(kubernetes)

    def build_pause(self, tree: Tree, target: Path, log: Path) -> Origin:
        """Build the program that holds a pod's namespaces, static.

        Raises:
            CheckFailed: the compiler refuses it.
        """
        source = tree.folder / "build/pause/linux/pause.c"
        command = ["gcc", "-Os", "-s", "-static", "-Wall", "-DVERSION=v3.2", "-o", target / "pause", source]
        run(command, what="cannot build pause", log=log, env=environment(self._base))
        return Origin("3.2", f"debian:kubernetes={tree.debian}")

    def _go(self, gopath: Path, scratch: Path) -> dict[str, str]:
        """Go's environment; what an interrupted build leaves in ``scratch`` is removed with it."""
        return environment(
            self._base,
            [GO_BIN],
            GO111MODULE="off",
            GOENV="off",
            GOPATH=str(gopath),
            GOCACHE=str(self._work / "kubernetes-go-cache"),
            GOTMPDIR=str(scratch),
            CGO_ENABLED="0",
        )

    def _generate_openapi(self, gopath: Path, top: Path, log: Path) -> None:
        """Generate the one file that the tree lacks, as ``make gen_openapi`` does, without its search for staleness."""
        what = "cannot generate the API server's OpenAPI definitions"
        generator = gopath / "openapi-gen"
        env = self._go(gopath, gopath.parent)
        source = f"{_PACKAGE}/vendor/k8s.io/kube-openapi/cmd/openapi-gen"
        run(["go", "build", "-trimpath", "-o", generator, source], what=what, log=log, env=env, cwd=top)
        run(
            [
                *(generator, "-O", "zz_generated.openapi", "-p", f"{_PACKAGE}/{_OPENAPI}"),
                *("-i", ",".join(f"{_PACKAGE}/{folder}" for folder in tagged_folders(top))),
                *("-h", "vendor/k8s.io/code-generator/hack/boilerplate.go.txt"),
                *("-r", gopath / "violations.report"),
            ],
            what=what,
            log=log,
            env=env,
            cwd=top,
        )
        if not (top / _OPENAPI / "zz_generated.openapi.go").is_file():
            raise CheckFailed(what, where=str(log), why="the generator wrote no file", remedy="Read that log.")


def tagged_folders(top: Path) -> tuple[str, ...]:
    """The folders of a tree with Go files that ask for OpenAPI definitions, relative to it.

    The same choice as in ``build/root/Makefile.generated_files``; ``vendor/k8s.io`` links to ``staging``.
    """
    left_out = ("vendor/k8s.io/code-generator/", "vendor/k8s.io/sample-apiserver/")
    roots = [top / "cmd", top / "pkg", top / "plugin", *sorted((top / "vendor/k8s.io").iterdir())]
    found = set()
    for root in roots:
        for folder, _, names in os.walk(root):
            relative = Path(folder).relative_to(top).as_posix()
            if f"{relative}/".startswith(left_out):
                continue
            if any(name.endswith(".go") and b"+k8s:openapi-gen=" in Path(folder, name).read_bytes() for name in names):
                found.add(relative)
    return tuple(sorted(found))


def _replace_reflect2(top: Path) -> None:
    """Replace the vendored reflect2 1.0.1, which panics under Go 1.18 and later, by Debian's 1.0.2."""
    vendored = top / "vendor/github.com/modern-go/reflect2"
    for pattern in ("*.go", "*.s"):
        for old in vendored.glob(pattern):
            old.unlink()
        for new in REFLECT2.glob(pattern):
            shutil.copyfile(new, vendored / new.name)


def _read_tree(gopath: Path, log: Path, env: Mapping[str, str]) -> Tree:
    """What a prepared tree says of itself."""
    top = gopath / "src" / _PACKAGE
    what = "cannot read the version of Kubernetes' sources"
    command = ["dpkg-parsechangelog", "-l", top / "debian/changelog", "-S"]
    debian, timestamp = (run([*command, key], what=what, log=log, env=env).strip() for key in ("Version", "Timestamp"))
    script = (top / "hack/lib/version.sh").read_text(encoding="utf-8")
    commit = re.search(r"KUBE_GIT_COMMIT='([0-9a-f]{40})'", script)
    release = re.search(r"'tag: v(\d+\.\d+\.\d+)'", script)
    if not commit or not release:
        raise CheckFailed(what, where=str(top / "hack/lib/version.sh"), why="it names no commit and release")
    date = datetime.fromtimestamp(int(timestamp), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Tree(gopath, debian, release[1], commit[1], date)
