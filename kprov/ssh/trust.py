"""The first contact with machines: their host keys pinned, the cluster's key brought to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar

from kprov.errors import KprovError, UnreachableError
from kprov.ssh import known_hosts
from kprov.ssh.authorized import ADMIT, one_line
from kprov.ssh.connect import Way, connect, host_key
from kprov.ssh.errors import HostKeyUnknown, LoginRefused
from kprov.ssh.fan_out import fan_out, together
from kprov.ssh.keys import load_key, public_line

if TYPE_CHECKING:
    from pathlib import Path

    import paramiko

    from kprov.ssh.target import Target

Accept: TypeAlias = Callable[[Mapping[str, str]], bool]
"""Asked with the fingerprints of machines by name that are met for the first time; True pins them."""

Ask: TypeAlias = Callable[[Sequence[str]], str | None]
"""Asked for the login password, with the names of the machines that need it; None: there is none."""
Done: TypeAlias = Literal["already", "installed"]
Gave = TypeVar("Gave")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done for one machine: the key worked already, or was installed by password."""

    name: str
    done: Done


def accept_new(_fingerprints: Mapping[str, str]) -> bool:
    """Pin whatever new machines show: for networks that are trusted, as ssh's ``StrictHostKeyChecking=accept-new``."""
    return True


def trust(
    targets: Sequence[Target],
    way: Way,
    *,
    key: Path,
    accept: Accept | None = None,
    password: str | None = None,
    passphrase: str | None = None,
    ask: Ask | None = None,
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
        passphrase: opens the key.
        ask: asked once for the password, where there is none and a machine refuses the key.

    Raises:
        InputError: the key cannot be used.
        HostKeyChanged: a machine shows another key than the pinned one; nothing was sent to any.
        HostKeyUnknown: new machines were not accepted.
        LoginRefused: a machine takes neither the key nor the password.
        UnreachableError: a machine does not answer.
    """
    private = load_key(key, passphrase)
    admission = _Admission(private, public_line(key, passphrase))
    if way.bastion is not None:
        direct = replace(way, bastion=None)
        _meet((way.bastion,), direct, accept)
        admit = partial(admission.admit, direct)
        with_password((way.bastion,), admit, password, ask, LoginRefused)
        way = replace(way, bastion_key=private)
    _meet(targets, way, accept)
    admit = partial(admission.admit, way)
    done = with_password(targets, admit, password, ask, LoginRefused, workers=workers(way))
    return tuple(Outcome(name, what) for name, what in done.items())


def with_password(
    targets: Sequence[Target],
    work: Callable[[Target, str | None], Gave],
    password: str | None,
    ask: Ask | None,
    refusal: type[KprovError],
    *,
    workers: int = 32,
) -> dict[str, Gave]:
    """Do the work on every machine; where it is refused without a password, ask for it once and do it again there.

    Args:
        targets: the machines.
        work: gets the machine and the password, or None.
        password: the one that is known already.
        ask: asked in this thread, once for all machines.
        refusal: the error by which a machine wants a password.

    Raises:
        KprovError: of ``work``, as ``fan_out`` puts them together.
    """

    def attempt(target: Target) -> Gave | KprovError:
        try:
            return work(target, password)
        except refusal as error:
            if password is not None or ask is None:
                raise
            return error

    done: dict[str, Gave] = {}
    refused: dict[str, KprovError] = {}
    for name, result in fan_out({target.name: target for target in targets}, attempt, workers).items():
        if isinstance(result, KprovError):
            refused[name] = result
        else:
            done[name] = result
    if refused:
        told = ask(tuple(refused)) if ask is not None else None
        if told is None:
            raise together(refused)
        again = {target.name: target for target in targets if target.name in refused}
        done |= fan_out(again, lambda target: work(target, told), workers)
    return {target.name: done[target.name] for target in targets}


def workers(way: Way) -> int:
    """How many machines at once; a jump host drops logins above sshd's MaxStartups, ten by default."""
    return 8 if way.bastion is not None else 32


def _meet(targets: Sequence[Target], way: Way, accept: Accept | None) -> None:
    """Look at every machine's host key; pin the new ones where they are accepted."""
    shown = fan_out({target.name: target for target in targets}, lambda target: host_key(target, way), workers(way))
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
    """The key that machines are to take, and its public line."""

    key: paramiko.PKey
    public_key: str

    def admit(self, way: Way, target: Target, password: str | None) -> Done:
        """Log in by key; where it is refused, by password, to install it."""
        try:
            connect(target, way, key=self.key).close()
        except LoginRefused:
            if password is None:
                raise
        else:
            return "already"
        with connect(target, way, password=password) as remote:
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
