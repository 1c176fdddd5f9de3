"""Sudo without a password for the login's user, where a person asked for it: one drop-in, checked before it counts."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Literal, TypeAlias

from kprov.ssh.errors import SudoRefused

if TYPE_CHECKING:
    from kprov.ssh.remote import Remote
    from kprov.ssh.target import Target

DROP_IN = "/etc/sudoers.d/kprov-trust"
"""Read after what cloud images bring (90-cloud-init-users): the last match counts (sudoers(5))."""
_TIMEOUT_S = 30.0
Granted: TypeAlias = Literal["already", "granted"]

_FREE = 'if [ "$(id -u)" -eq 0 ] || sudo -k -n true 2>/dev/null; then exit 9; fi\n'
_ASK = f"LC_ALL=C; export LC_ALL\n{_FREE}command -v sudo >/dev/null || exit 8\n"
_CODES = {8: "sudo is not installed", 10: f"{DROP_IN} does not count: /etc/sudoers includes no drop-ins"}


def grant(remote: Remote, target: Target, password: str | None) -> Granted:
    """Let the user of a login become root without a password; nothing is changed where that is so already.

    The password goes to sudo's standard input, never into an argument.

    Raises:
        SudoRefused: sudo is missing, or does not let the user become root with this password, or with none.
    """
    if password is None:
        result = remote.run(_posix(f"{_ASK}exit 7"), timeout_s=_TIMEOUT_S)
        if result.code == 7:
            raise _refused(target, "it asks for a password", "Give the password: --ask-password or --password-file.")
    else:
        install = f"sudo -k -S -p '' sh -c {shlex.quote(drop_in(target.user))} || exit 1\nsudo -k -n true || exit 10"
        result = remote.run(_posix(f"{_ASK}{install}"), f"{password}\n".encode(), _TIMEOUT_S)
    if result.code in (0, 9):
        return "granted" if result.code == 0 else "already"
    said = [line.strip() for line in result.err.splitlines() if line.strip() and "try again" not in line]
    why = _CODES.get(result.code) or (said[-1] if said else f"it ended with {result.code}")
    raise _refused(target, why, f"Have an administrator let {target.user} use sudo there (group sudo or wheel).")


def drop_in(user: str) -> str:
    """The script that root runs: a draft that sudo does not read (its name ends in ``~``), checked, then in its place.

    >>> print(drop_in("me").splitlines()[3])
    printf '%s\\n' '# by kprov trust --sudo nopasswd' 'me ALL=(ALL:ALL) NOPASSWD: ALL' >"$draft"
    """
    lines = f"'# by kprov trust --sudo nopasswd' '{user} ALL=(ALL:ALL) NOPASSWD: ALL'"
    return (
        f"set -eu\numask 077\ndraft={DROP_IN}.new~\n"
        f"printf '%s\\n' {lines} >\"$draft\"\n"
        'chmod 0440 "$draft"\n'
        'visudo -cqf "$draft" || { rm -f "$draft"; exit 1; }\n'
        f'mv -f "$draft" {DROP_IN}\n'
    )


def revoke(remote: Remote) -> bool:
    """Take the drop-in away; return whether there was one. Without sudo there is none of ours."""
    gone = f"[ -e {DROP_IN} ] && rm -f {DROP_IN}"
    become = f"if [ \"$(id -u)\" -eq 0 ]; then sh -c '{gone}'; else sudo -n sh -c '{gone}' 2>/dev/null; fi"
    return remote.run(_posix(become), timeout_s=_TIMEOUT_S).code == 0


def _posix(script: str) -> str:
    """The script for a login shell that may be no POSIX shell."""
    return f"exec sh -c {shlex.quote(script)}"


def _refused(target: Target, why: str, remedy: str) -> SudoRefused:
    return SudoRefused(f"sudo is refused for {target.user}", where=target.name, why=why, remedy=remedy)
