"""Helm, which renders charts on this machine and never talks to a cluster."""

from __future__ import annotations

import subprocess
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from kprov.addons.model import Upstream
from kprov.bundle import files
from kprov.bundle.model import Artifact
from kprov.bundle.packages.gomodules import HELM
from kprov.bundle.store import Origin, Store
from kprov.errors import CheckFailed, InputError, UnreachableError
from kprov.events import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from kprov.addons.model import Chart
    from kprov.bundle.packages.workshop import Workshop
    from kprov.bundle.store import Part
    from kprov.events import Emit

VERSION: Final = HELM.origin.version
# get.helm.sh publishes these beside each archive, as helm-v...tar.gz.sha256sum.
_RELEASES: Final[Mapping[str, str]] = {
    "amd64": "f8180838c23d7c7d797b208861fecb591d9ce1690d8704ed1e4cb8e2add966c1",
    "arm64": "c0a45e67eef0c7416a8a8c9e9d5d2d30d70e4f4d3f7bea5de28241fffa8f3b89",
}
_TIMEOUT_S: Final = 120
_LAST_LINES: Final = 6


class Helm(Protocol):
    """Renders a chart."""

    def template(self, chart: Chart, archive: Path, values: Sequence[Path], home: Path) -> bytes:
        """What the chart makes, as YAML: its CRDs and hooks too, its tests not.

        Args:
            chart: what is asked for.
            archive: the chart's archive.
            values: files with values, later ones over earlier ones.
            home: a folder for what Helm keeps for itself.

        Raises:
            InputError: Helm refuses the chart or its values, in its own words.
        """


@dataclass(frozen=True, slots=True)
class HelmProgram:
    """Helm as a program."""

    path: Path

    def template(self, chart: Chart, archive: Path, values: Sequence[Path], home: Path) -> bytes:
        """See Helm. No environment, kubeconfig or plugin of the user's has a say, and nothing is logged."""
        words = ["template", chart.release, archive, "--namespace", chart.namespace, "--include-crds", "--skip-tests"]
        words += ["--kube-version", chart.kubernetes]
        words += [word for path in values for word in ("--values", path)]
        words += [word for api in chart.api_versions for word in ("--api-versions", api)]
        folders = {f"HELM_{name}_HOME": str(home / name.lower()) for name in ("CACHE", "CONFIG", "DATA")}
        environment = {"HOME": str(home), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC", **folders}
        try:
            done = subprocess.run(
                [str(self.path), *map(str, words)],
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise _refusal(chart, f"no end after {_TIMEOUT_S} s") from None
        except OSError as error:
            raise CheckFailed("cannot run helm", where=str(self.path), why=error.strerror or str(error)) from error
        if done.returncode:
            lines = [line.strip() for line in done.stderr.decode(errors="replace").splitlines() if line.strip()]
            raise _refusal(chart, " | ".join(lines[-_LAST_LINES:]).replace(str(archive), chart.source))
        return done.stdout


def _refusal(chart: Chart, why: str) -> InputError:
    remedy = "Mend its values, or choose a version of the chart that serves this Kubernetes."
    return InputError("helm cannot render the chart", where=chart.where or chart.source, why=why, remedy=remedy)


@dataclass(frozen=True, slots=True)
class HelmSource:
    """Where Helm comes from: the sources of the cluster file, tried in order.

    ``workshop`` makes the one that builds, for an open store; ``mirrors`` are where published files are fetched
    instead.
    """

    names: Sequence[str]
    store: Path
    mirrors: Mapping[str, str]
    workshop: Callable[[Store], Workshop]
    architecture: Callable[[], str]

    def have(self, emit: Emit) -> Artifact:
        """Have Helm in the store, its sha256 verified.

        Raises:
            UnreachableError: no source gives it.
            CheckFailed: the build failed, or a checksum differs.
        """
        ways = {"packages": self._built, "upstream": self._released}
        reasons = []
        for name in self.names:
            try:
                if name in ways:
                    made = _artifact(ways[name](emit))
                    (self.store / made.path).chmod(0o700)  # a bundle's file that was carried here has lost its mode
                    return made
            except UnreachableError as error:
                reasons.append(str(error))
        raise UnreachableError(
            f"charts need helm {VERSION}, and no source of the bundle gives it",
            where="bundle.source",
            why="; ".join(reasons) or f"{', '.join(self.names)} has none",
            remedy="Reach a Go module proxy (packages), get.helm.sh or a mirror of it (upstream), or leave charts out.",
        )

    def _built(self, emit: Emit) -> Part:
        with Store.opened(self.store, emit) as store:
            workshop = self.workshop(store)
            name, recipe = f"helm-{VERSION}-{workshop.architecture()}", {"from": "modules", **HELM.recipe}
            part = store.part(name, recipe)
            if part is None:
                emit(Progress("bundle", "building helm"))
                log = store.log(name)
                log.unlink(missing_ok=True)
                part = store.make(name, recipe, lambda target: workshop.go_program(HELM, target, log))
            return part

    def _released(self, emit: Emit) -> Part:
        architecture = self.architecture()
        url = f"https://get.helm.sh/helm-v{VERSION}-linux-{architecture}.tar.gz"
        release = Upstream("helm", VERSION, url, _RELEASES[architecture], "chart")
        archive = files.fetch([release], self.store, self.mirrors, emit)[url]
        with Store.opened(self.store, emit) as store:
            name, recipe = f"helm-{VERSION}-{architecture}", {"from": url, "sha256": release.sha256}

            def unpack(target: Path) -> Origin:
                with tarfile.open(archive) as tar:
                    member = tar.extractfile(f"linux-{architecture}/helm")
                    (target / "helm").write_bytes(member.read() if member else b"")
                (target / "helm").chmod(0o700)
                return Origin(VERSION, url)

            return store.part(name, recipe) or store.make(name, recipe, unpack)


def _artifact(part: Part) -> Artifact:
    """Helm as a part of the bundle, for this machine alone."""
    file, origin = part.file("helm"), part.origin
    return Artifact("helm", "binary", origin.version, origin.source, file.sha256, file.size, file.path, ("controller",))
