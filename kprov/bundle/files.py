"""Files that others publish, by URL and sha256: fetched once, through mirrors where there are some, then kept."""

from __future__ import annotations

import hashlib
import http.client
import socket
import ssl
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from kprov.bundle.mirrors import VARIABLE, places
from kprov.bundle.model import Artifact
from kprov.bundle.store import Store
from kprov.errors import InputError, UnreachableError
from kprov.events import Notice, Progress

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from kprov.addons.model import Upstream
    from kprov.events import Emit

_CHUNK = 1 << 16
# The largest manifest in the catalog has half a MiB; this bounds what a wrong server can fill the disk with.
_LARGEST_BYTES = 32 << 20
# Request Timeout, Too Early, Too Many Requests, and a server or a gateway that has trouble: RFC 9110, 6585, 8470.
_TRANSIENT_STATUS = frozenset([408, 425, 429, 500, 502, 503, 504])
_REMEDY = (
    "Name a mirror that has it, or a folder laid out by host and path: --mirror URL, the environment variable "
    f"{VARIABLE}, or bundle.mirrors in the cluster file."
)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one place is tried: each answer, all tries together, and the pauses between tries, in seconds."""

    answer_s: float = 10
    total_s: float = 60
    pauses_s: tuple[float, ...] = (0.5, 1, 2)


class Elsewhere(Protocol):
    """Somewhere else where a published file may lie, asked when its URL and mirrors do not have it."""

    def copy(self, url: str, target: Path) -> str:
        """Write the file to ``target`` and return the name of the place; return an empty text where it has none."""


class NotThere(Exception):
    """A place does not have a file, for this reason; ``transient`` where it may have it a moment later."""

    def __init__(self, why: str, *, transient: bool = False) -> None:
        super().__init__(why)
        self.transient = transient


def fetch(
    upstreams: Sequence[Upstream],
    store: Path,
    mirrors: Mapping[str, str],
    emit: Emit,
    *,
    elsewhere: Elsewhere | None = None,
    patience: Patience | None = None,
) -> Mapping[str, Path]:
    """Have every file in the store, its sha256 verified; return their paths by URL.

    Raises:
        UnreachableError: a file is nowhere, and what to do.
        InputError: a file differs from its sha256; it is not kept.
    """
    if not upstreams:
        return {}
    with Store.opened(store, emit) as opened:
        fetcher = _Fetcher(opened, mirrors, emit, elsewhere, patience or Patience())
        return {upstream.url: fetcher.have(upstream) for upstream in upstreams}


def path_of(upstream: Upstream) -> str:
    """Where the store keeps a file, relative to its root.

    >>> from kprov.addons.model import Upstream
    >>> path_of(Upstream("shop", "1", "https://a.example/shop.yaml", "ab12"))
    'files/ab12'
    """
    return f"files/{upstream.sha256}"


def artifacts(upstreams: Sequence[Upstream], store: Path) -> tuple[Artifact, ...]:
    """The files in the store as parts of a bundle; nodes do not get them."""
    return tuple(
        Artifact(
            upstream.url.rpartition("/")[2],
            upstream.kind,
            upstream.version,
            upstream.url,
            upstream.sha256,
            (store / path_of(upstream)).stat().st_size,
            path_of(upstream),
            ("controller",),
        )
        for upstream in upstreams
    )


class _Fetcher:
    """Fetches into one open store."""

    def __init__(
        self, store: Store, mirrors: Mapping[str, str], emit: Emit, elsewhere: Elsewhere | None, patience: Patience
    ) -> None:
        self._store = store
        self._mirrors = mirrors
        self._emit = emit
        self._elsewhere = elsewhere
        self._patience = patience

    def have(self, upstream: Upstream) -> Path:
        """The file in the store; fetched where it is not there yet, or damaged."""
        relative = path_of(upstream)
        if not self._store.holds(relative, upstream.sha256):
            self._emit(Progress("bundle", f"fetching {upstream.name} {upstream.version}".rstrip()))
            with self._store.scratch("file") as scratch:
                draft = scratch / "draft"
                self._bring(upstream, draft)
                self._store.adopt(draft, relative, upstream.sha256)
        return self._store.root / relative

    def _bring(self, upstream: Upstream, draft: Path) -> None:
        failures = []
        for place in places(upstream.url, self._mirrors):
            try:
                found = _patiently(place, draft, self._patience)
            except NotThere as reason:
                failures.append(str(reason) if place == upstream.url else f"{place}: {reason}")
                continue
            if found != upstream.sha256:
                raise InputError(
                    f"{upstream.name} {upstream.version}".rstrip() + " is not the file that it should be",
                    where=upstream.where or place,
                    why=f"the sha256 of {place} is {found}, wanted was {upstream.sha256}",
                    remedy=f"Find out who changed {upstream.url}; nothing of it was kept.",
                )
            return
        if place := self._copied(upstream, draft):
            text = f"{upstream.url} was not reached: the same file was taken from {place}"
            self._emit(Notice("info", text))
            return
        raise UnreachableError(
            f"cannot fetch {upstream.name} {upstream.version}".rstrip(),
            where=upstream.url,
            why="; ".join(failures),
            remedy=_REMEDY,
        )

    def _copied(self, upstream: Upstream, draft: Path) -> str:
        """The other place that had the very file; empty where there is none."""
        place = self._elsewhere.copy(upstream.url, draft) if self._elsewhere else ""
        if not place:
            return ""
        with draft.open("rb") as file:
            return place if hashlib.file_digest(file, "sha256").hexdigest() == upstream.sha256 else ""


def _patiently(url: str, target: Path, patience: Patience) -> str:
    """Download a file and return its sha256; what may be different a moment later is tried again.

    Raises:
        NotThere: the place does not have it, or did not answer in time.
        InputError: the file is too large.
    """
    deadline = time.monotonic() + patience.total_s
    for pause in (*patience.pauses_s, None):
        try:
            return _download(url, target, patience.answer_s, deadline)
        except NotThere as reason:
            if not reason.transient or pause is None or time.monotonic() + pause > deadline:
                raise
            time.sleep(pause)
    raise AssertionError("the last try returns or raises")


def _download(url: str, target: Path, answer_s: float, deadline: float) -> str:
    """Download a file, once; return its sha256."""
    digest, received = hashlib.sha256(), 0
    with target.open("wb") as out:
        for chunk in _chunks(url, answer_s):
            received += len(chunk)
            if received > _LARGEST_BYTES:
                why = f"it is larger than {_LARGEST_BYTES >> 20} MiB"
                raise InputError("this is not the file that it should be", where=url, why=why)
            if time.monotonic() > deadline:
                raise NotThere("it did not arrive in time")
            digest.update(chunk)
            out.write(chunk)
    return digest.hexdigest()


def _chunks(url: str, answer_s: float) -> Iterator[bytes]:
    """What lies at a URL."""
    received = 0
    try:
        with _opener().open(url, timeout=answer_s) as answer:
            expected = answer.headers.get("Content-Length") or ""
            while chunk := answer.read(_CHUNK):
                received += len(chunk)
                yield chunk
    except urllib.error.HTTPError as error:
        with error:
            raise NotThere(f"HTTP {error.code} {error.reason}", transient=error.code in _TRANSIENT_STATUS) from error
    except urllib.error.URLError as error:
        raise _not_there(error.reason) from error
    except (OSError, http.client.HTTPException) as error:
        raise _not_there(error) from error
    if expected.isdecimal() and received < int(expected):
        raise NotThere(f"cut short: {received} of {expected} bytes arrived", transient=True)


def _not_there(reason: object) -> NotThere:
    """Why a place does not have a file, and whether it may have it a moment later."""
    final = (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError, ssl.SSLCertVerificationError)
    unknown_host = isinstance(reason, socket.gaierror) and reason.errno != socket.EAI_AGAIN
    transient = isinstance(reason, OSError | http.client.HTTPException) and not isinstance(reason, final)
    why = (reason.strerror if isinstance(reason, OSError) else None) or str(reason) or type(reason).__name__
    return NotThere(why, transient=transient and not unknown_host)


def _opener() -> urllib.request.OpenerDirector:
    """Opens https, http and file, through the proxies of the environment, and nothing else."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.FileHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPRedirectHandler,
        urllib.request.HTTPErrorProcessor,
        urllib.request.UnknownHandler,
    ):
        opener.add_handler(handler())
    return opener
