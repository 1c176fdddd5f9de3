"""What a lab is to the rest of kprov: machines with names and fixed addresses, reached by SSH with one key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ipaddress import IPv4Address, IPv4Network
    from pathlib import Path

    from kprov.events import Emit
    from kprov.spec.lab import System

MachineState: TypeAlias = Literal["running", "stopped", "absent"]


@dataclass(frozen=True, slots=True)
class MachineRequest:
    """One machine as it should be. ``system`` is its operating system; what Vagrant makes has it in ``definition``."""

    name: str
    address: IPv4Address
    system: System = "debian-12"


@dataclass(frozen=True, slots=True)
class LabRequest:
    """A whole lab as it should be.

    ``name`` is the cluster's; two labs with different names and subnets stand side by side. ``unreachable`` are
    networks that live inside the lab only (pods, services): the host refuses to route them, so that a stray packet goes
    nowhere.
    ``public_key`` is an OpenSSH public key that root accepts on every machine. ``home`` is the cluster file to
    which the lab belongs: no other file's commands touch it while that file is there; empty, it is anybody's.
    ``definition`` is what the Vagrantfile reads of virtual machines (``definition.py``); empty for containers.
    """

    name: str
    subnet: IPv4Network
    machines: tuple[MachineRequest, ...]
    public_key: str
    unreachable: tuple[IPv4Network, ...]
    cpus: int
    memory_mib: int
    home: str = ""
    definition: str = ""


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine as it is. ``host_keys``, its SSH host keys (``ssh-ed25519 AAAA…``), come over a trusted channel."""

    name: str
    address: IPv4Address
    state: MachineState
    host_keys: tuple[str, ...] = ()


class Provider(Protocol):
    """Makes, shows and removes machines. Every method may be repeated and may be interrupted."""

    name: str

    def check(self, lab: LabRequest) -> None:
        """Refuse, before anything is made, what cannot work here: no engine, no root, subnet in use.

        Raises:
            InputError: with what is missing and the remedy.
        """

    def up(self, lab: LabRequest, emit: Emit) -> int:
        """Make every machine that is missing, start every one that is stopped; return how many changed.

        It returns when SSH answers on all of them.
        """

    def down(self, name: str, emit: Emit, home: str = "") -> int:
        """Remove everything that ``up`` made but cached images; return how many machines were removed.

        Raises:
            InputError: the lab belongs to another cluster file than ``home``.
        """

    def status(self, lab: LabRequest) -> tuple[Machine, ...]:
        """Every machine of the request, with its state and host keys."""

    def snapshot(self, lab: LabRequest, label: str, emit: Emit) -> None:
        """Keep the machines as they are now, all of the same moment; one of the same label is replaced.

        Raises:
            InputError: machines of this provider cannot be kept, or one is absent.
        """

    def restore(self, lab: LabRequest, label: str, emit: Emit) -> None:
        """Have the machines as they were kept, and running.

        Raises:
            InputError: machines of this provider cannot be kept, or there is no such snapshot.
        """

    def facts(self) -> Mapping[str, bool]:
        """What differs on these machines, as switches that the inventory hands to the roles.

        Keys: ``shared_kernel`` (swap, modules, clock and kernel parameters belong to the host),
        ``root_is_overlay`` and so on; documented where they are read, in ``kprov/inventory``.
        """

    def private_folders(self) -> tuple[Path, ...]:
        """Folders on this host that hold the provider's state, for ``down`` and for people."""
