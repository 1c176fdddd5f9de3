"""The OpenSSH configuration of a cluster: for Ansible, for testinfra, and for people (``ssh -F … m1``)."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from kprov.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kprov.ssh.target import Target

CONNECT_TIMEOUT_S = 10
_FALLBACK = Path("/tmp")  # noqa: S108
_CONTROL_PATH_MAX = 40
"""Of the 107 bytes of a socket's path (unix(7)), ``/``, a mark and ``-`` take 10, %C takes 40, ssh adds 17 at first."""


def render(
    targets: Sequence[Target], *, identity: Path, known_hosts: Path, control: Path, bastion: Target | None = None
) -> str:
    """The configuration: one block per machine, found by its name and its address, and one with what all share.

    Args:
        targets: the machines.
        identity: the private key.
        known_hosts: the pinned host keys; a machine without one is refused.
        control: a private folder with a short path, for the sockets of shared connections.
        bastion: the jump host.

    >>> from kprov.ssh.target import Target
    >>> print(render([Target("m1", "10.0.0.11")], identity=Path("/k/id"), known_hosts=Path("/k/known"),
    ...              control=Path("/run/c"), bastion=Target("jump", "jump.example", 2222, "me")))
    Host m1 10.0.0.11
      HostName 10.0.0.11
      User root
      Port 22
      ProxyJump jump
    <BLANKLINE>
    Host jump jump.example
      HostName jump.example
      User me
      Port 2222
    <BLANKLINE>
    Host *
      IdentityFile "/k/id"
      IdentitiesOnly yes
      PreferredAuthentications publickey
      UserKnownHostsFile "/k/known"
      GlobalKnownHostsFile /dev/null
      StrictHostKeyChecking yes
      UpdateHostKeys no
      ControlMaster auto
      ControlPath "/run/c/6c3a6712-%C"
      ControlPersist 60s
      ConnectTimeout 10
      ServerAliveInterval 15
      ServerAliveCountMax 4
    <BLANKLINE>
    """
    blocks = [_block(target, bastion) for target in targets]
    if bastion is not None:
        blocks.append(_block(bastion, None))
    shared = (
        f"IdentityFile {_quoted(identity)}",
        "IdentitiesOnly yes",
        "PreferredAuthentications publickey",
        f"UserKnownHostsFile {_quoted(known_hosts)}",
        "GlobalKnownHostsFile /dev/null",
        "StrictHostKeyChecking yes",
        "UpdateHostKeys no",
        "ControlMaster auto",
        f'ControlPath "{_escaped(control)}/{_mark(known_hosts)}-%C"',
        "ControlPersist 60s",
        f"ConnectTimeout {CONNECT_TIMEOUT_S}",
        "ServerAliveInterval 15",
        "ServerAliveCountMax 4",
    )
    return "\n".join([*blocks, _lines("Host *", shared)])


def control_folder() -> Path:
    """Have the folder for the sockets of shared connections: private to the user, short, and gone after a reboot.

    Raises:
        InputError: somebody else has put something in its place.
    """
    uid = os.getuid()
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or ("/run" if uid == 0 else f"/run/user/{uid}"))
    fits = runtime.is_dir() and len(str(runtime)) < _CONTROL_PATH_MAX - len("/kprov-ssh")
    folder = runtime / "kprov-ssh" if fits else _FALLBACK / f"kprov-ssh-{uid}"
    folder.mkdir(mode=0o700, exist_ok=True)
    seen = folder.lstat()
    if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != uid or seen.st_mode & 0o077:
        raise InputError(
            "the folder for shared SSH connections is not private", where=str(folder), remedy=f"Remove {folder}."
        )
    return folder


def hang_up(known_hosts: Path) -> None:
    """End the shared connections of one cluster's machines, and remove what killed ones left behind.

    The folder stays: another cluster may be about to put a socket there.
    """
    folder = control_folder()
    for control in folder.glob(f"{_mark(known_hosts)}-*"):
        argv = ["ssh", "-F", "none", "-S", str(control), "-O", "exit", "machine"]
        subprocess.run(argv, capture_output=True, timeout=CONNECT_TIMEOUT_S, check=False)
        control.unlink(missing_ok=True)


def _mark(known_hosts: Path) -> str:
    """What tells one cluster's sockets from another's."""
    return hashlib.sha256(str(known_hosts).encode()).hexdigest()[:8]


def _block(target: Target, bastion: Target | None) -> str:
    names = dict.fromkeys((target.name, target.address))
    options = [f"HostName {target.address}", f"User {target.user}", f"Port {target.port}"]
    return _lines(f"Host {' '.join(names)}", [*options, f"ProxyJump {bastion.name}"] if bastion else options)


def _lines(head: str, options: Sequence[str]) -> str:
    return "\n".join([head, *(f"  {option}" for option in options), ""])


def _escaped(path: Path) -> str:
    """A path in which ssh_config(5) sees no token.

    >>> _escaped(Path("/100%/k"))
    '/100%%/k'
    """
    return str(path).replace("%", "%%")


def _quoted(path: Path) -> str:
    return f'"{_escaped(path)}"'
