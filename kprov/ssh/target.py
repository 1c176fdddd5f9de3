"""A machine as SSH needs to know it, and the OpenSSH configuration for a set of them."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Target:
    """One machine: where it is, who logs in, with which key, and which host keys are pinned.

    ``bastion`` is a jump host as ``user@host:port``, empty for none.
    """

    name: str
    address: str
    port: int
    user: str
    key: Path
    known_hosts: Path
    bastion: str = ""


def openssh_config(targets: Sequence[Target], control_path: str) -> str:
    r"""An OpenSSH configuration with every machine by its name and its address.

    Connections are shared for a minute, so that Ansible, the verification and a person pay for one handshake.

    Args:
        targets: the machines.
        control_path: a short path for the sockets of shared connections, with ``%C``.

    >>> one = Target("m1", "10.0.0.11", 22, "root", Path("/k"), Path("/h"))
    >>> openssh_config([one], "/run/x/%C").splitlines()[1:4]
    ['Host m1 10.0.0.11', '    HostName 10.0.0.11', '    User root']
    """
    blocks = ["# rendered by kprov; changes here are lost"]
    for target in targets:
        names = dict.fromkeys((target.name, target.address))
        lines = [
            f"Host {' '.join(names)}",
            f"HostName {target.address}",
            f"User {target.user}",
            f"Port {target.port}",
            f'IdentityFile "{target.key}"',
            f'UserKnownHostsFile "{target.known_hosts}"',
        ]
        if target.bastion:
            lines.append(f"ProxyJump {target.bastion}")
        blocks.append("\n    ".join(lines))
    common = [
        "Host *",
        "StrictHostKeyChecking yes",
        "GlobalKnownHostsFile none",
        "UpdateHostKeys no",
        "CheckHostIP no",
        "IdentitiesOnly yes",
        "PasswordAuthentication no",
        "ConnectTimeout 10",
        "ServerAliveInterval 15",
        "ServerAliveCountMax 4",
        "ControlMaster auto",
        f"ControlPath {control_path}",
        "ControlPersist 60s",
    ]
    return "\n".join([*blocks, "\n    ".join(common)]) + "\n"


def control_path() -> str:
    """Where shared connections have their sockets: a folder of the user's own, short enough for a socket's name.

    Sockets may have 108 bytes on Linux (unix(7)), of which ssh needs 17 and ``%C`` 40.
    """
    base = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    folder = Path(base) / f"kprov-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return f"{folder}/%C"
