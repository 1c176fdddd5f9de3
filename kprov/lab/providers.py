"""The providers by name, and the request that a cluster file makes of them."""

from __future__ import annotations

import os
import platform
import shutil
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from kprov.errors import InputError
from kprov.lab.command_line import CommandLine
from kprov.lab.definition import definition
from kprov.lab.host import LinuxHost
from kprov.lab.podman import ContainerLab
from kprov.lab.provider import LabRequest, MachineRequest, Provider
from kprov.lab.recipe import Recipe
from kprov.lab.vagrant import VagrantLab

if TYPE_CHECKING:
    from kprov.lab.engine import EngineName
    from kprov.spec.model import ClusterSpec, Node

_DOCKER_SOCKET = Path("/var/run/docker.sock")
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_DEFAULT_PREFIX = 24


def provider(name: Literal["podman", "docker", "vagrant"]) -> Provider:
    """The provider of this name. ``podman`` falls back on docker where only docker is there and runs.

    Raises:
        InputError: there is no node image for this host's architecture.
    """
    if name == "vagrant":
        return VagrantLab(LinuxHost())
    only_docker = shutil.which("podman") is None and shutil.which("docker") is not None and _DOCKER_SOCKET.exists()
    engine: EngineName = "docker" if name == "docker" or only_docker else "podman"
    return ContainerLab(CommandLine(engine), LinuxHost(), Recipe(architecture=_architecture()), cache_folder())


def cache_folder() -> Path:
    """Where node images are built: in the user's cache (XDG base directories)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kprov" / "node-image"


def lab_request(spec: ClusterSpec, public_key: str, file: Path | None = None) -> LabRequest:
    """What the cluster file asks of a provider.

    Args:
        spec: a cluster with a ``lab``.
        public_key: the OpenSSH public key that root is to accept, as one line.
        file: the cluster file, to which the lab is to belong.

    Raises:
        InputError: the file has no ``lab``, or its nodes do not lie in one /24 and it names no subnet.
    """
    if spec.lab is None:
        raise InputError(
            f"the cluster {spec.cluster} has no lab",
            why="its machines exist already",
            remedy="Add `lab: {provider: podman}` to the cluster file to have machines made.",
        )
    return LabRequest(
        name=spec.cluster,
        subnet=spec.lab.subnet or _around(spec),
        machines=tuple(
            MachineRequest(name, _ipv4(node), spec.lab.system_of(node.machine)) for name, node in spec.nodes.items()
        ),
        public_key=public_key,
        unreachable=tuple(
            network for network in (*spec.network.pods, *spec.network.services) if isinstance(network, IPv4Network)
        ),
        cpus=spec.lab.cpus,
        memory_mib=spec.lab.memory_mib,
        home=str(file.resolve()) if file else "",
        definition=definition(spec, public_key) if spec.lab.provider == "vagrant" else "",
    )


def _ipv4(node: Node) -> IPv4Address:
    assert isinstance(node.address, IPv4Address)  # noqa: S101 - the spec has no lab with IPv6
    return node.address


def _around(spec: ClusterSpec) -> IPv4Network:
    """The /24 that holds all nodes."""
    addresses = {name: node.address for name, node in spec.nodes.items()}
    subnet = IPv4Network(f"{next(iter(addresses.values()))}/{_DEFAULT_PREFIX}", strict=False)
    if outside := [name for name, address in addresses.items() if address not in subnet]:
        raise InputError(
            "the lab's subnet cannot be guessed",
            where="lab.subnet",
            why=f"not all nodes lie in {subnet}: {', '.join(outside)}",
            remedy="Write the network that holds all nodes as `lab: {subnet: ...}`.",
        )
    return subnet


def _architecture() -> str:
    machine = platform.machine()
    if machine not in _ARCHITECTURES:
        raise InputError(
            f"there are no node images for {machine}",
            why="Debian's amd64 and arm64 are known",
            remedy="Use another host.",
        )
    return _ARCHITECTURES[machine]
