"""Kernel parameters of the host that a lab changes, and that get their values back after the last lab."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kprov.events import Emit, Notice
from kprov.lab.lock import alone

if TYPE_CHECKING:
    from kprov.lab.host import Host

INOTIFY = "fs.inotify.max_user_instances"
INOTIFY_WANTED = 1024
"""Measured: 128, the default of many hosts, fails from five nodes on; 1024 served nine and more."""

_CHANGED_BY_KUBELET = ("kernel.panic", "kernel.panic_on_oops", "vm.overcommit_memory", "vm.panic_on_oom")
"""Parameters of the shared kernel that kubelet sets where they differ from its wishes (its protectKernelDefaults)."""

LOCK = "this host"
"""Name of the lock under which these parameters are changed, and the last lab is told from others."""
LOCK_WAIT_S = 10


def raise_limits(host: Host, emit: Emit) -> None:
    """Note the values as they are, and allow the inotify instances that many nodes need."""
    with alone(LOCK, LOCK_WAIT_S):
        host.remember((INOTIFY, *_CHANGED_BY_KUBELET))
        now = host.parameter(INOTIFY) or 0
        if now < INOTIFY_WANTED and host.can_set(INOTIFY):
            host.set_parameter(INOTIFY, INOTIFY_WANTED)
            emit(Notice("info", f"{INOTIFY} of this host raised from {now} to {INOTIFY_WANTED} while a lab is up"))


def restore_limits(host: Host, emit: Emit) -> None:
    """Give the host the noted values back, and forget them."""
    for parameter, value in sorted(host.recall().items()):
        now = host.parameter(parameter)
        if now is not None and now != value and host.can_set(parameter):
            host.set_parameter(parameter, value)
            emit(Notice("info", f"{parameter} of this host set back from {now} to {value}"))
    host.forget()
