"""The part of the cluster file on machines that kprov makes: containers, or virtual machines by Vagrant."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from kprov.spec.addresses import Subnet
from kprov.spec.base import Model
from kprov.spec.types import BoxName, FilePath

VmProvider: TypeAlias = Literal["virtualbox", "libvirt", "vmware_desktop", "hyperv", "parallels"]
"""Vagrant's own names of its providers."""
System: TypeAlias = Literal["debian-12", "debian-13", "ubuntu-22.04", "ubuntu-24.04", "rocky-9", "almalinux-9"]
ContainerSystem: TypeAlias = Literal["debian-12", "debian-13"]
"""Those of which there are node images: kprov makes them of Debian's packages."""
Cpus: TypeAlias = Annotated[int, Field(ge=1, le=64, strict=True)]
MemoryMib: TypeAlias = Annotated[int, Field(ge=512, strict=True)]
Disks: TypeAlias = Annotated[tuple[Annotated[int, Field(ge=1, le=65536, strict=True)], ...], Field(max_length=8)]


class Hardware(Model):
    """What one machine has; what is left out is the lab's. Of a container only the operating system can be chosen."""

    system: System | None = Field(default=None, description="Operating system; absent: lab.system.")
    cpus: Cpus | None = Field(default=None, description="Processors; absent: lab.cpus.")
    memory_mib: MemoryMib | None = Field(default=None, description="Memory in MiB; absent: lab.memory_mib.")
    disks_gib: Disks | None = Field(default=None, description="Further empty disks in GiB; absent: lab.disks_gib.")


class Libvirt(Model):
    """What only libvirt has."""

    driver: Literal["auto", "kvm", "qemu"] = Field(
        default="auto", description="auto: kvm where it boots a machine, else qemu, software emulation."
    )
    management: Subnet | None = Field(
        default=None, description="Network of the first interface, by DHCP; absent: vagrant-libvirt's own."
    )
    kernel: FilePath | None = Field(default=None, description="A kernel on this host, for boxes without boot loader.")
    initrd: FilePath | None = Field(default=None, description="The initial RAM disk of that kernel.")
    command_line: str = Field(default="", description="What that kernel is told: root=/dev/vda rw console=ttyS0.")


class Vagrant(Model):
    """How Vagrant makes the machines."""

    provider: VmProvider | None = Field(
        default=None, description="Vagrant's provider; absent: what Vagrant takes by itself."
    )
    box: BoxName | None = Field(
        default=None, description="A box of your own instead of that of lab.system: owner/name."
    )
    box_url: str | None = Field(default=None, min_length=1, description="Where that box is: a URL or a file.")
    box_version: str | None = Field(default=None, min_length=1, description="Its version; absent: the newest.")
    linked_clones: bool = Field(
        default=True, strict=True, description="Machines share the disk of the box (libvirt always does)."
    )
    boot_timeout_s: int = Field(
        default=600, ge=60, le=7200, strict=True, description="How long a machine may take to boot."
    )
    libvirt: Libvirt = Field(default_factory=Libvirt, description="What only libvirt has.")
    switch: str = Field(default="Default Switch", min_length=1, description="The virtual switch, for hyperv.")


class Lab(Model):
    """Machines that kprov makes; absent: the machines exist already."""

    provider: Literal["podman", "docker", "vagrant"] = Field(description="What makes the machines.")
    subnet: Subnet | None = Field(default=None, description="The lab's network; absent: the /24 of the nodes.")
    system: System = Field(
        default="debian-12", description="Operating system of a machine; of containers debian-12 or debian-13."
    )
    cpus: Cpus = Field(default=2, description="Processors of a machine (virtual machines only).")
    memory_mib: MemoryMib = Field(default=2048, description="Memory of a machine in MiB (virtual machines only).")
    disks_gib: Disks = Field(default=(), description="Further empty disks, in GiB (virtual machines only).")
    vagrant: Vagrant | None = Field(default=None, description="How Vagrant makes them; absent: by the defaults below.")

    def system_of(self, machine: Hardware | None) -> System:
        """The operating system of a machine, by what its node says of its own."""
        return (machine.system if machine is not None else None) or self.system
