"""What stands in ``~/.ssh/authorized_keys``: keys brought there once, with the modes that sshd insists on (sshd(8))."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

ADMIT = """\
set -eu
umask 077
read -r key
mkdir -p "$HOME/.ssh"
chmod 0700 "$HOME/.ssh"
file="$HOME/.ssh/authorized_keys"
touch "$file"
chmod 0600 "$file"
grep -qxF -- "$key" "$file" && exit 0
[ -z "$(tail -c1 "$file")" ] || echo >>"$file"
printf '%s\\n' "$key" >>"$file"
if command -v restorecon >/dev/null 2>&1; then restorecon -R "$HOME/.ssh" || true; fi
"""
"""A POSIX shell script that reads the public key, as one line, from its standard input."""


def one_line(public_key: str) -> bytes:
    r"""What ``ADMIT`` reads.

    >>> one_line("ssh-ed25519 AAAA me\n")
    b'ssh-ed25519 AAAA me\n'
    """
    return public_key.strip().partition("\n")[0].encode() + b"\n"


def without(text: str, *, line: str = "", comment: str = "") -> str:
    r"""The file without this very line, and without every line that ends in this comment; the rest as it was.

    >>> without("ssh-ed25519 AAAA me\nssh-ed25519 BBBB kprov\n", line="ssh-ed25519 BBBB kprov")
    'ssh-ed25519 AAAA me\n'
    >>> without("ssh-ed25519 AAAA kprov-mesh:book\n", comment="kprov-mesh:book")
    ''
    """
    return "".join(
        each
        for each in text.splitlines(keepends=True)
        if not (line and each.strip() == line) and not (comment and each.split()[-1:] == [comment])
    )


def with_lines(text: str, lines: Iterable[str]) -> str:
    r"""The file with these lines at its end.

    >>> with_lines("ssh-ed25519 AAAA me", ["ssh-ed25519 BBBB kprov"])
    'ssh-ed25519 AAAA me\nssh-ed25519 BBBB kprov\n'
    """
    head = f"{text}\n" if text and not text.endswith("\n") else text
    return head + "".join(f"{line}\n" for line in lines)
