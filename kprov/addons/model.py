"""What an add-on is: the files of its makers, the objects made of them, and what it asks of machines."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kprov.spec.flaw import Value

Document: TypeAlias = "dict[str, Value]"
"""One object of Kubernetes as plain data."""

LABEL = "kprov.io/addon"
"""On every object of an add-on; its value is the add-on's name."""

KEEP = "kprov.io/keep"
"""An annotation on objects that others made and an add-on only tunes: they are never removed.

``true``: they stay as they were tuned last.
"""

RELEASE = "release"
"""The other value of ``KEEP``: when the add-on goes, they lose what it has set, and nothing else."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """A file that an add-on's makers publish; the bundle fetches it and checks its sha256.

    ``where`` is the place in the cluster file that names it; empty where the catalog does.
    """

    name: str
    version: str
    url: str
    sha256: str
    kind: Literal["manifest", "chart"] = "manifest"
    where: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """A Helm chart that is rendered to objects before anything is applied.

    ``source`` is the URL or the path of its archive, ``values_file`` a path of the user's or empty; ``values`` go over
    what that file has. ``api_versions`` are APIs that the cluster has beside Kubernetes' own:
    ``monitoring.coreos.com/v1``. ``where`` is the place in the cluster file that asks for it.
    """

    source: str
    release: str
    namespace: str
    kubernetes: str
    values: Document = field(default_factory=dict)
    values_file: str = ""
    api_versions: tuple[str, ...] = ()
    where: str = ""

    @property
    def rendered(self) -> str:
        """The key of what was rendered of it among an add-on's files."""
        return f"chart:{self.release}"


@dataclass(frozen=True, slots=True)
class OpenPort:
    """A port that must be open between nodes, and the process that listens there."""

    protocol: Literal["tcp", "udp"]
    port: int
    process: str


@dataclass(frozen=True, slots=True)
class SecretFile:
    """A Secret with a value that is the content of a file of the user's, which is in no object, lock or log.

    ``file`` is a path as the cluster file has it, relative to that file's folder. ``also`` are further keys with values
    that everybody may know.
    """

    namespace: str
    name: str
    key: str
    file: str
    also: tuple[tuple[str, str], ...] = ()


class Addon(Protocol):
    """One thing that runs in the cluster. Everything here is decided from the cluster file, without I/O."""

    @property
    def name(self) -> str:
        """Its name: the value of the label ``kprov.io/addon`` on its objects, and the name of their set."""

    @property
    def version(self) -> str:
        """Its makers' version; empty where it has none."""

    @property
    def upstream(self) -> tuple[Upstream, ...]:
        """The files of its makers that ``objects`` is made of."""

    @property
    def local(self) -> tuple[str, ...]:
        """The files of the user's that ``objects`` is made of: paths as the cluster file has them."""

    @property
    def charts(self) -> tuple[Chart, ...]:
        """The Helm charts that ``objects`` is made of; their archives are among ``upstream`` or ``local``."""

    @property
    def kernel(self) -> tuple[str, ...]:
        """What it needs of the nodes' kernels: ``vxlan``, ``ipip``, ``ip_set``, ``dummy``, ``bpf``."""

    @property
    def kernel_optional(self) -> tuple[str, ...]:
        """What it uses of the nodes' kernels where it is there: ``openvswitch``."""

    @property
    def ports(self) -> tuple[OpenPort, ...]:
        """What must be open between nodes."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should be told when it is installed: whole sentences."""

    @property
    def alarms(self) -> tuple[str, ...]:
        """What nobody may overlook: a door that stands open; whole sentences."""

    @property
    def secrets(self) -> tuple[SecretFile, ...]:
        """What is applied beside the objects, over SSH and unlogged."""

    def objects(self, files: Mapping[str, bytes]) -> tuple[Document, ...]:
        """Its objects as this cluster needs them, in the order in which they are applied; same input, same result.

        Args:
            files: contents by URL, for ``upstream``, and by path, for ``local``; what was rendered of ``charts`` by
                the key that each has for that.

        Raises:
            InputError: a file is no manifest, or not the one that this add-on knows to change.
        """
