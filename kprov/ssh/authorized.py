"""How a public key gets into ``~/.ssh/authorized_keys``: once, with the modes that sshd insists on (sshd(8))."""

from __future__ import annotations

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
