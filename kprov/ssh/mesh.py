"""Machines that reach each other: each has a key of its own, which the others take from its address only.

What belongs to it lies in one folder on each machine, ``~/.ssh/kprov_mesh``; beside it are one line of
``~/.ssh/config`` and the others' lines in ``~/.ssh/authorized_keys``. Private keys are made where they are used and
never leave.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from kprov.errors import CheckFailed
from kprov.ssh import known_hosts
from kprov.ssh.authorized import with_lines, without
from kprov.ssh.batch import answers, script
from kprov.ssh.fan_out import fan_out

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kprov.ssh.remote import Remote

FOLDER = ".ssh/kprov_mesh"
_AUTHORIZED, _CONFIG = ".ssh/authorized_keys", ".ssh/config"
INCLUDE = "Include kprov_mesh/config"
Meshed: TypeAlias = Literal["already", "meshed"]

_MAKE_KEY = f"""\
set -eu
umask 077
mkdir -p "$HOME/{FOLDER}"
cd "$HOME/{FOLDER}"
if [ ! -s id_ed25519.pub ]; then
  rm -f id_ed25519
  ssh-keygen -q -t ed25519 -N '' -C kprov-mesh -f id_ed25519 >&2
fi
cat id_ed25519.pub
"""


@dataclass(frozen=True, slots=True)
class Member:
    """A machine as the others see it; ``host_keys`` are the pinned ones, ``connect`` logs in from here."""

    name: str
    address: str
    user: str
    port: int
    host_keys: tuple[str, ...]
    connect: Callable[[], Remote]


def mesh(cluster: str, members: Sequence[Member], workers: int = 32) -> dict[str, Meshed]:
    """Have every machine reach every other one by its name and its address; a second time changes nothing.

    Raises:
        CheckFailed: a machine has no ssh-keygen, or a file cannot be written.
        UnreachableError: a machine cannot be reached.
    """
    by_name = {member.name: member for member in members}
    public = fan_out(by_name, _key_of, workers)

    def join(member: Member) -> Meshed:
        others = [other for other in members if other.name != member.name]
        lines = [authorized_line(cluster, other.address, public[other.name]) for other in others]
        remote = member.connect()
        try:
            return _write(remote, wanted_files(_files(remote), cluster, lines, others))
        finally:
            remote.close()

    return fan_out(by_name, join, workers)


def leave(remote: Remote, cluster: str) -> bool:
    """Take the mesh from one machine; return whether there was any of it."""
    seen = _files(remote)
    there = remote.run(f"[ -d {FOLDER} ] && rm -rf {FOLDER}").code == 0
    wanted = {
        _AUTHORIZED: without(seen[_AUTHORIZED], comment=_comment(cluster)),
        _CONFIG: without(seen[_CONFIG], line=INCLUDE),
    }
    return _write(remote, {path: (seen[path], text) for path, text in wanted.items()}) == "meshed" or there


def wanted_files(
    seen: dict[str, str], cluster: str, lines: Sequence[str], others: Sequence[Member]
) -> dict[str, tuple[str, str]]:
    """Each file by its path, as it is and as it should be."""
    pins = {(other.address, other.port): other.host_keys for other in others}
    config = seen[_CONFIG]
    wanted = {
        _AUTHORIZED: with_lines(without(seen[_AUTHORIZED], comment=_comment(cluster)), lines),
        _CONFIG: config if INCLUDE in config.splitlines() else f"{INCLUDE}\n{config}",
        f"{FOLDER}/known_hosts": known_hosts.render(pins),
        f"{FOLDER}/config": "\n".join(map(_block, others)),
    }
    return {path: (seen[path], text) for path, text in wanted.items()}


def authorized_line(cluster: str, address: str, public_key: str) -> str:
    """The line that lets one machine in, from its own address and without any further leading.

    >>> authorized_line("book", "10.0.0.11", "ssh-ed25519 AAAA kprov-mesh")
    'from="10.0.0.11",no-agent-forwarding,no-port-forwarding,no-X11-forwarding ssh-ed25519 AAAA kprov-mesh:book'
    """
    kind, key = public_key.split()[:2]
    options = f'from="{address}",no-agent-forwarding,no-port-forwarding,no-X11-forwarding'
    return f"{options} {kind} {key} {_comment(cluster)}"


def _comment(cluster: str) -> str:
    return f"kprov-mesh:{cluster}"


def _block(other: Member) -> str:
    return (
        f"Host {' '.join(dict.fromkeys((other.name, other.address)))}\n"
        f"  HostName {other.address}\n  User {other.user}\n  Port {other.port}\n"
        f"  IdentityFile ~/{FOLDER}/id_ed25519\n  IdentitiesOnly yes\n"
        f"  UserKnownHostsFile ~/{FOLDER}/known_hosts\n  StrictHostKeyChecking yes\n"
    )


def _key_of(member: Member) -> str:
    """The machine's own public key, made where there is none."""
    remote = member.connect()
    try:
        made = remote.run("exec sh", _MAKE_KEY.encode())
    finally:
        remote.close()
    if made.code or len(made.out.split()) < 2:
        why = made.err.strip().rpartition("\n")[2] or "ssh-keygen wrote no key"
        remedy = f"Install openssh-client there, and see that the home of {member.user} can be written."
        raise CheckFailed("a key for the mesh cannot be made", where=member.name, why=why, remedy=remedy)
    return made.out.strip()


def _files(remote: Remote) -> dict[str, str]:
    """The contents of the files that the mesh concerns; empty where there is none."""
    paths = {"authorized": _AUTHORIZED, "config": _CONFIG, "pins": f"{FOLDER}/known_hosts", "mesh": f"{FOLDER}/config"}
    asked = script({name: f"cd && cat {path}" for name, path in paths.items()})
    found = answers(remote.run("exec sh", asked.encode()).out)
    return {
        path: f"{found[name].text}\n" if name in found and found[name].ok and found[name].text else ""
        for name, path in paths.items()
    }


def _write(remote: Remote, files: dict[str, tuple[str, str]]) -> Meshed:
    changed = {path: new for path, (old, new) in files.items() if old != new}
    for path, text in changed.items():
        remote.write(path, text.encode(), 0o600)
    return "meshed" if changed else "already"
