"""kubectl on this machine, as the cluster's admin: the fetched kubeconfig and the bundle's kubectl."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, Protocol

import yaml

from kprov.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from kprov.spec.paths import ClusterPaths

_TIMEOUT_S: Final = 10
"""How long one API server may take to answer."""
_GRACE_S: Final = 5


@dataclass(frozen=True, slots=True)
class Said:
    """How kubectl ended, and what it wrote."""

    code: int
    out: str
    err: str


class Forwarding(Protocol):
    """A way from a port of this machine into the cluster, open as long as kubectl runs."""

    def lines(self) -> Iterator[str]:
        """What kubectl says, line by line as it comes, until it ends."""

    def error(self) -> str:
        """Once it has ended: what it said last of what went wrong."""


class Kubectl(Protocol):
    """kubectl; its stand-in for tests is ``kprov.kubectl.fakes.FakeKubectl``.

    ``context`` names one of ``contexts``: each is an API server.
    """

    @property
    def contexts(self) -> Mapping[str, str]:
        """The URL of the API server by the name of its context, the current one first."""

    def run(self, context: str, words: Sequence[str], stdin: str = "") -> Said:
        """Run it to its end; what is secret goes to ``stdin`` and comes from ``out``, never into ``words``."""

    def forward(self, context: str, words: Sequence[str]) -> AbstractContextManager[Forwarding]:
        """Run it until the end of the ``with``."""


@dataclass(frozen=True, slots=True)
class Program:
    """The program itself."""

    path: Path
    kubeconfig: Path

    @property
    def contexts(self) -> Mapping[str, str]:
        """Read from the kubeconfig, the current context first."""
        config = yaml.safe_load(self.kubeconfig.read_text(encoding="utf-8"))
        servers = {each["name"]: str(each["cluster"]["server"]) for each in config["clusters"]}
        named = {str(each["name"]): servers[each["context"]["cluster"]] for each in config["contexts"]}
        return {name: named[name] for name in sorted(named, key=lambda name: name != config["current-context"])}

    def run(self, context: str, words: Sequence[str], stdin: str = "") -> Said:
        """Run it to its end."""
        command = [*self._command(context), f"--request-timeout={_TIMEOUT_S}s", *words]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        return Said(done.returncode, done.stdout, done.stderr)

    @contextlib.contextmanager
    def forward(self, context: str, words: Sequence[str]) -> Iterator[Forwarding]:
        """Run it until the end of the ``with``."""
        command = [*self._command(context), "port-forward", *words]
        with (
            tempfile.TemporaryFile("w+") as errors,  # a pipe that nobody empties would fill
            subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True
            ) as process,
        ):
            try:
                yield _Running(process, errors)
            finally:
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_GRACE_S)
                process.kill()

    def _command(self, context: str) -> list[str]:
        return [str(self.path), f"--kubeconfig={self.kubeconfig}", f"--context={context}"]


@dataclass(frozen=True, slots=True)
class _Running:
    process: subprocess.Popen[str]
    errors: IO[str]

    def lines(self) -> Iterator[str]:
        yield from self.process.stdout or ()

    def error(self) -> str:
        self.errors.seek(0)
        return last_line(self.errors.read())


def last_line(text: str) -> str:
    """The last line that says something; kubectl's reasons stand there.

    >>> last_line("Handling connection\\nerror: lost connection to pod\\n")
    'error: lost connection to pod'
    """
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


def program(paths: ClusterPaths) -> Program:
    """kubectl for this cluster.

    Raises:
        InputError: there is no kubeconfig of the cluster, or no kubectl.
    """
    if not paths.kubeconfig.is_file():
        remedy = "Run 'kprov up' first: it makes the cluster and fetches its kubeconfig."
        raise InputError("there is no kubeconfig of this cluster", where=str(paths.kubeconfig), remedy=remedy)
    path = paths.kubectl if paths.kubectl.exists() else Path(shutil.which("kubectl") or paths.kubectl)
    if not path.exists():
        remedy = "Run 'kprov up': it brings the cluster's own; or install kubectl on this machine."
        raise InputError("there is no kubectl", where=str(path), remedy=remedy)
    return Program(path, paths.kubeconfig)
