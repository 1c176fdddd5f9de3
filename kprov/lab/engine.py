"""The container engine behind the lab: what it is asked for, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence
    from ipaddress import IPv4Address, IPv4Network
    from pathlib import Path

    from kprov.lab.process import Completed

EngineName: TypeAlias = Literal["podman", "docker"]
State: TypeAlias = Literal["running", "paused", "stopped", "unborn"]


@dataclass(frozen=True, slots=True)
class Container:
    """A node's container as it is.

    ``unborn`` is one that was made but never started, so that there is nothing in it to keep. ``pid`` is its first
    process; 0 where it does not run.
    """

    name: str
    cluster: str
    node: str
    address: IPv4Address
    image: str
    state: State
    pid: int = 0


@dataclass(frozen=True, slots=True)
class NodeNetwork:
    """A network of the engine; ``cluster`` is empty where kprov did not make it, ``home`` is its cluster file."""

    name: str
    cluster: str
    subnets: tuple[IPv4Network, ...]
    interface: str
    unreachable: tuple[IPv4Network, ...]
    home: str = ""


@dataclass(frozen=True, slots=True)
class Survey:
    """What is in the engine: the names of all containers, those of labs, and all networks."""

    names: frozenset[str]
    containers: tuple[Container, ...]
    networks: tuple[NodeNetwork, ...]


@dataclass(frozen=True, slots=True)
class NodeRequest:
    """A container to be made. ``ulimits``, ``devices`` and ``read_only`` (folders) are what this host can give."""

    name: str
    cluster: str
    node: str
    address: IPv4Address
    image: str
    network: str
    ulimits: tuple[str, ...]
    devices: tuple[str, ...]
    read_only: tuple[str, ...]


class Engine(Protocol):
    """A container engine. Its stand-in for tests is ``kprov.lab.fakes.FakeEngine``."""

    name: EngineName

    def image_exists(self, tag: str) -> bool:
        """Whether the image is in the engine's store."""

    def import_image(self, archive: Path, tag: str) -> None:
        """Take a root file system, as a tar, under this name."""

    def survey(self) -> Survey:
        """Everything at once.

        Raises:
            CheckFailed: the engine does not work on this host.
        """

    def containers(self, cluster: str = "") -> tuple[Container, ...]:
        """The nodes of this lab, or of all labs."""

    def networks(self) -> tuple[NodeNetwork, ...]:
        """All networks, whoever made them."""

    def create_network(self, network: NodeNetwork) -> None:
        """Make an internal network: its bridge has the first address, and nothing leads out."""

    def remove_network(self, name: str) -> None:
        """Remove a network that no container uses."""

    def create(self, node: NodeRequest) -> None:
        """Make and start a node."""

    def start(self, container: Container) -> None:
        """Start a stopped node, or let a paused one go on."""

    def remove(self, names: Sequence[str]) -> None:
        """Kill and remove containers with what they stored."""

    def execute(self, name: str, argv: Sequence[str], stdin: bytes = b"") -> Completed:
        """Run a command in a running node."""

    def read(self, container: Container, path: str) -> str:
        """A small file of a running node; empty where it is not there yet."""
