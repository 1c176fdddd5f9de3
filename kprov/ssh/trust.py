"""The first contact with machines: their host keys pinned, the cluster's key brought to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from kprov.errors import UnreachableError
from kprov.ssh import known_hosts
from kprov.ssh.authorized import ADMIT, one_line
from kprov.ssh.connect import Way, connect, host_key
from kprov.ssh.errors import HostKeyUnknown, LoginRefused
from kprov.ssh.fan_out import fan_out
from kprov.ssh.keys import load_key, public_line

if TYPE_CHECKING:
    from pathlib import Path

    import paramiko

    from kprov.ssh.target import Target

Accept: TypeAlias = Callable[[Mapping[str, str]], bool]
"""Asked with the fingerprints of machines by name that are met for the first time; True pins them."""

Done: TypeAlias = Literal["already", "installed"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done for one machine: the key worked already, or was installed by password."""

    name: str
    done: Done


def accept_new(_fingerprints: Mapping[str, str]) -> bool:
    """Pin whatever new machines show: for networks that are trusted, as ssh's ``StrictHostKeyChecking=accept-new``."""
    return True


def trust(
    targets: Sequence[Target], way: Way, *, key: Path, accept: Accept | None = None, password: str | None = None
) -> tuple[Outcome, ...]:
    """Have every machine known and taking the key; on a second time nothing changes.

    All host keys are looked at before anything is sent to any machine. The password is used only where the key is
    refused, and only for the machines' own users.

    Args:
        targets: the machines.
        way: how they are reached. A jump host is made to trust first, by the same key and password.
        key: the private key.
        accept: asked whether new machines are to be pinned; None pins none.
        password: the login password, where there is one.

    Raises:
        InputError: the key cannot be used.
        HostKeyChanged: a machine shows another key than the pinned one; nothing was sent to any.
        HostKeyUnknown: new machines were not accepted.
        LoginRefused: a machine takes neither the key nor the password.
        UnreachableError: a machine does not answer.
    """
    private = load_key(key)
    admission = _Admission(private, public_line(key), password)
    if way.bastion is not None:
        direct = replace(way, bastion=None)
        _meet((way.bastion,), direct, accept)
        admission.admit(way.bastion, direct)
        way = replace(way, bastion_key=private)
    _meet(targets, way, accept)
    done = fan_out(
        {target.name: target for target in targets}, lambda target: admission.admit(target, way), _workers(way)
    )
    return tuple(Outcome(name, what) for name, what in done.items())


def _workers(way: Way) -> int:
    """How many machines at once; a jump host drops logins above sshd's MaxStartups, ten by default."""
    return 8 if way.bastion is not None else 32


def _meet(targets: Sequence[Target], way: Way, accept: Accept | None) -> None:
    """Look at every machine's host key; pin the new ones where they are accepted."""
    shown = fan_out({target.name: target for target in targets}, lambda target: host_key(target, way), _workers(way))
    places = {target.place: (shown[target.name],) for target in targets}
    pinned = known_hosts.read(way.known_hosts)
    known_hosts.refuse_changed(way.known_hosts, pinned, places)
    new = {target.name: known_hosts.fingerprint(shown[target.name]) for target in targets if target.place not in pinned}
    if new and not (accept is not None and accept(new)):
        raise HostKeyUnknown(
            "the host keys are not known yet",
            where=", ".join(new),
            why="; ".join(f"{name} shows {print_}" for name, print_ in new.items()),
            remedy="Compare them with the machines' own; then run `kprov trust`, or `kprov trust --accept-new`.",
        )
    if new:
        known_hosts.pin(way.known_hosts, places)


@dataclass(frozen=True, slots=True)
class _Admission:
    """The key that machines are to take, and the password that lets it in; neither shows in its repr."""

    key: paramiko.PKey
    public_key: str
    password: str | None

    def __repr__(self) -> str:
        return "_Admission(…)"

    def admit(self, target: Target, way: Way) -> Done:
        """Log in by key; where it is refused, by password, to install it."""
        try:
            connect(target, way, key=self.key).close()
        except LoginRefused:
            if self.password is None:
                raise
        else:
            return "already"
        with connect(target, way, password=self.password) as remote:
            installed = remote.run(f"exec sh -c '{_QUOTED_ADMIT}'", one_line(self.public_key))
        if installed.code:
            raise UnreachableError(
                "the key cannot be installed",
                where=target.name,
                why=installed.err.strip().rpartition("\n")[2],
                remedy=f"See whether the home of {target.user} can be written and has space.",
            )
        try:
            connect(target, way, key=self.key).close()
        except LoginRefused as error:
            raise LoginRefused(
                "the key is installed, and refused all the same",
                where=target.name,
                why=error.why,
                remedy=f"See what sshd logs there: may others write the home of {target.user}, are keys allowed?",
            ) from error
        return "installed"


_QUOTED_ADMIT = ADMIT.replace("'", "'\\''")
"""For login shells that are no POSIX shell."""
