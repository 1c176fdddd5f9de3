"""Mirrors of what others publish: by host, or one for all, whose folders are hosts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from kprov.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ALL = "*"
"""The host of the mirror that has files of every host, below ``/<host>/<path>``."""

VARIABLE = "KPROV_MIRROR"
"""The environment variable that names a mirror of all hosts: a URL or a folder."""

_FOR_HOST = re.compile(r"(\*|[A-Za-z0-9.-]+(?::[0-9]+)?)=(.+)")
_SCHEMES = ("https", "http", "file")


def merged(spec: Mapping[str, str], environment: Mapping[str, str], given: Sequence[str]) -> Mapping[str, str]:
    """All mirrors by host; one of the command line goes before one of the environment, and that before the spec's.

    >>> merged({"a.example": "https://m.example/a"}, {"KPROV_MIRROR": "https://m.example"}, ["*=https://n.example/"])
    {'a.example': 'https://m.example/a', '*': 'https://n.example'}

    Raises:
        InputError: one is neither a URL nor a folder.
    """
    named = {host: _base(base, f"bundle.mirrors.{host}") for host, base in spec.items()}
    variable = environment.get(VARIABLE)
    everywhere = {ALL: _base(variable, VARIABLE)} if variable else {}
    return {**named, **everywhere, **dict(map(_option, given))}


def places(url: str, mirrors: Mapping[str, str]) -> tuple[str, ...]:
    """Where a file is looked for, in order: the mirror of its host, the mirror of all hosts, its own URL.

    >>> places("https://a.example/b/c.yaml", {"*": "file:///mirror", "a.example": "https://m.example/a"})
    ('https://m.example/a/b/c.yaml', 'file:///mirror/a.example/b/c.yaml', 'https://a.example/b/c.yaml')
    """
    parts = urlsplit(url)
    host, path = parts.netloc, parts.path + (f"?{parts.query}" if parts.query else "")
    own = [f"{mirrors[host]}{path}"] if host in mirrors else []
    everywhere = [f"{mirrors[ALL]}/{host}{path}"] if ALL in mirrors and host else []
    return tuple(dict.fromkeys([*own, *everywhere, url]))


def _option(text: str) -> tuple[str, str]:
    """``HOST=URL``, or a URL or a folder for all hosts."""
    match = _FOR_HOST.fullmatch(text)
    host, base = match.groups() if match else (ALL, text)
    return host, _base(base, "--mirror")


def _base(text: str, where: str) -> str:
    """The base URL of a mirror, without a slash at its end.

    Raises:
        InputError: it is neither a URL of a scheme that can be fetched nor a folder.
    """
    parts = urlsplit(text)
    if parts.scheme in _SCHEMES and (parts.netloc or parts.scheme == "file"):
        if "@" in parts.netloc:
            why, remedy = "it holds a user name", "Give a mirror that asks for no password, or a folder."
            raise InputError("cannot use this mirror", where=where, why=why, remedy=remedy)
        return text.rstrip("/")
    if not parts.scheme and (folder := Path(text).expanduser()).is_dir():
        return folder.absolute().as_uri()
    raise InputError(
        "cannot use this mirror",
        where=where,
        why=f"{text} is neither a URL (https, http, file) nor a folder",
        remedy="Write the URL below which the hosts' files lie, HOST=URL for one host, or a folder that exists.",
    )
