"""Whether this host's processor can run virtual machines itself: /dev/kvm may be there and yet boot no Linux."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from kprov.lab.process import run as run_command

if TYPE_CHECKING:
    from kprov.lab.process import Run

Driver: TypeAlias = Literal["kvm", "qemu"]

DEVICE = Path("/dev/kvm")
_BOOT_S = 20
"""A kernel without a root file system panics within two seconds under KVM, and the emulator then ends."""


def driver(kernel: str = "", device: Path = DEVICE, run: Run = run_command) -> tuple[Driver, str]:
    """What libvirt should run machines by, and why where it is not KVM.

    The device must be there and usable. Where a kernel can be read (the one that the machines boot, else this host's),
    it is started for a moment: on some hosts KVM runs a boot loader and then hangs in every kernel.
    """
    if not device.exists():
        return "qemu", f"there is no {device}"
    if not os.access(device, os.R_OK | os.W_OK):
        return "qemu", f"{device} may not be used by this user"
    probe = Path(kernel or f"/boot/vmlinuz-{platform.release()}")
    if not os.access(probe, os.R_OK):
        return "kvm", ""
    argv = [
        *(f"qemu-system-{platform.machine()}", "-accel", "kvm", "-cpu", "host", "-m", "512", "-display", "none"),
        *("-nodefaults", "-no-reboot", "-serial", "none", "-kernel", str(probe), "-append", "panic=-1 quiet"),
    ]
    try:
        done = run(["timeout", "--signal=KILL", str(_BOOT_S), *argv])
    except (OSError, subprocess.SubprocessError) as error:
        return "qemu", str(error)
    if done.code:
        why = done.why if done.err.strip() and "Killed" not in done.err else f"{probe.name} does not boot by it"
        return "qemu", why
    return "kvm", ""
