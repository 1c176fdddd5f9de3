"""The cluster's own known_hosts: which key each machine must show, in OpenSSH's format."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, TypeAlias

from kprov.errors import InputError
from kprov.ssh.errors import HostKeyChanged
from kprov.ssh.files import write_private
from kprov.ssh.target import SSH_PORT

if TYPE_CHECKING:
    from pathlib import Path

Place: TypeAlias = tuple[str, int]
Keys: TypeAlias = Mapping[Place, tuple[str, ...]]
"""Host keys (``ssh-ed25519 AAAA…``) by address and port."""


def read(path: Path) -> dict[Place, tuple[str, ...]]:
    """The pinned keys; none where there is no file yet.

    Raises:
        InputError: the file cannot be read, or a line of it is not as kprov writes it.
    """
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            "cannot read the pinned host keys", where=str(path), why=str(error), remedy=_remake(path)
        ) from error
    found: dict[Place, tuple[str, ...]] = {}
    for number, line in enumerate(lines, start=1):
        if line.strip() and not line.startswith("#"):
            place, key = _parse(line, f"{path}:{number}", path)
            found[place] = (*found.get(place, ()), key)
    return found


def render(keys: Keys) -> str:
    r"""The file, sorted, so that the same keys give the same bytes.

    >>> render({("m1", 22): ("ssh-ed25519 AAAA",), ("m1", 2222): ("ssh-ed25519 BBBB",)})
    '[m1]:2222 ssh-ed25519 BBBB\nm1 ssh-ed25519 AAAA\n'
    """
    return "".join(sorted(f"{host(place)} {key}\n" for place, many in keys.items() for key in set(many)))


def changed(pinned: Keys, shown: Keys) -> dict[Place, tuple[tuple[str, ...], tuple[str, ...]]]:
    """The places that show a key which contradicts the pinned ones, with those and the shown ones.

    A further key of another type is no contradiction, as long as one of the pinned keys is shown too.

    >>> list(changed({("m1", 22): ("ssh-ed25519 AAAA",)}, {("m1", 22): ("ssh-ed25519 BBBB",)}))
    [('m1', 22)]
    """
    found = {}
    for place, new in shown.items():
        old = pinned.get(place, ())
        types = {key.split()[0] for key in old}
        unknown = set(new) - set(old)
        if old and new and (unknown == set(new) or any(key.split()[0] in types for key in unknown)):
            found[place] = (old, new)
    return found


def pin(path: Path, shown: Keys) -> int:
    """Add keys to the pinned ones; return for how many places something was added.

    Raises:
        HostKeyChanged: a key contradicts a pinned one; then nothing is written.
        InputError: the file cannot be read or written.
    """
    pinned = read(path)
    refuse_changed(path, pinned, shown)
    merged = pinned | {place: tuple(sorted({*pinned.get(place, ()), *keys})) for place, keys in shown.items()}
    added = sum(set(keys) != set(pinned.get(place, ())) for place, keys in merged.items())
    if added:
        write_private(path, render(merged).encode())
    return added


def replace(path: Path, shown: Keys) -> None:
    """Pin these keys whatever was pinned for their places: for keys that came over a channel that is trusted anyway.

    Raises:
        InputError: the file cannot be read or written.
    """
    pinned = read(path)
    if (merged := pinned | dict(shown)) != pinned:
        write_private(path, render(merged).encode())


def forget(path: Path, places: Iterable[Place]) -> int:
    """Pin the keys of these places no more; return for how many there were some.

    Raises:
        InputError: the file cannot be read or written.
    """
    pinned = read(path)
    gone = set(places) & set(pinned)
    if gone:
        write_private(path, render({place: keys for place, keys in pinned.items() if place not in gone}).encode())
    return len(gone)


def refuse_changed(path: Path, pinned: Keys, shown: Keys) -> None:
    """Refuse to go on where a machine shows another key than the pinned one.

    Raises:
        HostKeyChanged: with every such machine, and the fingerprints of both keys.
    """
    if found := changed(pinned, shown):
        raise contradiction(path, found)


def contradiction(path: Path, found: Mapping[Place, tuple[tuple[str, ...], tuple[str, ...]]]) -> HostKeyChanged:
    """The error about machines that show other keys: by place, the pinned ones and the shown ones."""
    places = [host(place) for place in found]
    forget = " and ".join(f"`ssh-keygen -f {path} -R '{place}'`" for place in places)
    return HostKeyChanged(
        "the host key changed; nothing was sent",
        where=", ".join(places),
        why="; ".join(
            f"{host(place)} shows {_fingerprints(new)}, pinned is {_fingerprints(old)}"
            for place, (old, new) in found.items()
        ),
        remedy=f"If the machine was made anew, run {forget}; if it was not, somebody stands in between.",
    )


def fingerprint(key: str) -> str:
    """The SHA256 fingerprint of a public key, as OpenSSH shows it.

    >>> fingerprint("ssh-ed25519 AAAA")
    'SHA256:cJ6AyISHokEeHuTfufIqhhSS0gxHZRUMDHlKvXD4FHw'
    """
    digest = hashlib.sha256(base64.b64decode(key.split()[1])).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def _fingerprints(keys: tuple[str, ...]) -> str:
    return " and ".join(sorted(map(fingerprint, keys)))


def host(place: Place) -> str:
    """The place as known_hosts writes it.

    >>> host(("m1", 22)), host(("m1", 2222))
    ('m1', '[m1]:2222')
    """
    address, port = place
    return address if port == SSH_PORT else f"[{address}]:{port}"


def _parse(line: str, where: str, path: Path) -> tuple[Place, str]:
    try:
        host, kind, key = line.split()[:3]
        base64.b64decode(key, validate=True)
        if not host.startswith("["):
            return (host, SSH_PORT), f"{kind} {key}"
        address, _, port = host.removeprefix("[").partition("]:")
        return (address, int(port)), f"{kind} {key}"
    except (ValueError, binascii.Error) as error:
        raise InputError(
            "this is no pinned host key", where=where, why="expected: host type key", remedy=_remake(path)
        ) from error


def _remake(path: Path) -> str:
    return f"Mend the file, or remove {path} and pin the keys again with `kprov trust`."
