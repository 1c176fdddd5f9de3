"""One file from one place, by HTTP(S) or out of a folder: resumed after a cut, tried again where that may help.

A transfer is given up when ``Patience.total_s`` pass without a MiB more, so that neither a dead server nor one that
drips holds a run up, and a large file on a slow line still arrives. What arrived before a cut stays in the draft; the
next try, or the next run, asks for the rest with ``Range`` (RFC 9110, 14.2). Whether the whole is what it should be
only its sha256 can say: that is the caller's to check.
"""

from __future__ import annotations

import errno
import http.client
import shutil
import socket
import ssl
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kprov.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_CHUNK = 1 << 16
_HEADWAY_BYTES = 1 << 20
# Request Timeout, Too Early, Too Many Requests, and a server or a gateway that has trouble: RFC 9110, 6585, 8470.
_TRANSIENT_STATUS = frozenset([408, 425, 429, 500, 502, 503, 504])
_RANGE_NOT_SATISFIABLE = 416
_PARTIAL_CONTENT = 206


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one place is tried: each answer, the time without headway, and the pauses between tries, in seconds.

    The pauses, and with them the tries, begin anew whenever a try has brought more.
    """

    answer_s: float = 10
    total_s: float = 60
    pauses_s: tuple[float, ...] = (0.5, 1, 2, 4, 8)


class Refused(InputError):
    """A file is not what it should be, or has no room: no other place or source stands in for it."""


class NotThere(Exception):
    """A place does not have a file, for this reason; ``transient`` where it may have it a moment later."""

    def __init__(self, why: str, *, transient: bool = False) -> None:
        super().__init__(why)
        self.transient = transient


def bring(
    url: str, draft: Path, patience: Patience, largest: int, advance: Callable[[int], None] = lambda _received: None
) -> bool:
    """Bring a file into ``draft``, going on from what is there; return whether any of it was there before.

    ``advance`` is told how many bytes each step has brought; negative where a server began anew.

    Raises:
        NotThere: the place does not have it, or did not answer in time; the draft keeps what arrived.
        Refused: the file has more than ``largest`` bytes, or the disk is full; nothing is kept.
    """
    attempt = _Attempt(url, draft, patience, largest, advance)
    resumed = attempt.size > 0
    tries = 0
    while True:
        before = attempt.size
        try:
            attempt.once()
        except NotThere as reason:
            tries = 0 if attempt.size > before else tries + 1
            pause = patience.pauses_s[tries - 1] if 0 < tries <= len(patience.pauses_s) else 0.0
            late = time.monotonic() + pause > attempt.deadline
            if not reason.transient or tries > len(patience.pauses_s) or late:
                raise
            time.sleep(pause)
            resumed = resumed or attempt.size > 0
        except Refused:
            draft.unlink(missing_ok=True)
            raise
        except OSError as error:
            draft.unlink(missing_ok=True)
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise _full(draft, url) from error
            raise
        else:
            return resumed


class _Attempt:
    """The tries of one transfer: what they share is the draft and the deadline."""

    def __init__(self, url: str, draft: Path, patience: Patience, largest: int, advance: Callable[[int], None]) -> None:
        self._url = url
        self._draft = draft
        self._patience = patience
        self._largest = largest
        self._advance = advance
        self._headway = self.size
        self.deadline = time.monotonic() + patience.total_s

    @property
    def size(self) -> int:
        """The bytes that are there."""
        try:
            return self._draft.stat().st_size
        except FileNotFoundError:
            return 0

    def once(self) -> None:
        """Ask for what is missing, once."""
        here = self.size
        request = urllib.request.Request(self._url)  # noqa: S310 - the opener knows https, http and file alone
        # A server that would compress would send other bytes than those that have the sha256.
        request.add_header("Accept-Encoding", "identity")
        if here:
            request.add_header("Range", f"bytes={here}-")
        try:
            with opener().open(request, timeout=self._patience.answer_s) as answer:
                self._take(answer, here)
        except urllib.error.HTTPError as error:
            with error:
                self._refused(error, here)
        except urllib.error.URLError as error:
            raise _not_there(error.reason) from error
        except http.client.HTTPException as error:
            raise _not_there(error) from error
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise _not_there(error) from error

    def _refused(self, error: urllib.error.HTTPError, here: int) -> None:
        if error.code == _RANGE_NOT_SATISFIABLE and here:
            self._draft.unlink()
            self._advance(-here)
            raise NotThere("what was there before the cut is no part of it", transient=True) from error
        transient = error.code in _TRANSIENT_STATUS
        raise NotThere(f"HTTP {error.code} {error.reason}", transient=transient) from error

    def _take(self, answer: http.client.HTTPResponse, here: int) -> None:
        """Write an answer's body behind what is there, or from the beginning where it is the whole."""
        goes_on = answer.status == _PARTIAL_CONTENT and _start_of(answer) == here
        if here and not goes_on:
            self._advance(-here)
        begin = here if goes_on else 0
        length = answer.headers.get("Content-Length") or ""
        expected = begin + int(length) if length.isdecimal() else None
        if expected is not None:
            self._check_size(expected, expected - begin)
        received = begin
        with self._draft.open("ab" if goes_on else "wb") as out:
            while chunk := answer.read(_CHUNK):
                received += len(chunk)
                self._check_size(received, 0)
                out.write(chunk)
                self._advance(len(chunk))
                self._keep_time(received)
        if expected is not None and received < expected:
            raise NotThere(f"cut short: {received} of {expected} bytes arrived", transient=True)

    def _check_size(self, size: int, missing: int) -> None:
        if size > self._largest:
            why = f"it is larger than {self._largest >> 20} MiB"
            raise Refused("this is not the file that it should be", where=self._url, why=why)
        if missing and shutil.disk_usage(self._draft.parent).free < missing:
            raise OSError(errno.ENOSPC, "no space left", str(self._draft))

    def _keep_time(self, received: int) -> None:
        if received >= self._headway + _HEADWAY_BYTES:
            self._headway = received
            self.deadline = time.monotonic() + self._patience.total_s
        elif time.monotonic() > self.deadline:
            raise NotThere("it did not arrive in time")


def opener() -> urllib.request.OpenerDirector:
    """Opens https, http and file, through the proxies of the environment, and nothing else."""
    director = urllib.request.OpenerDirector()
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
        director.add_handler(handler())
    return director


def _start_of(answer: http.client.HTTPResponse) -> int | None:
    """The first byte of a part: ``Content-Range: bytes 100-199/200``."""
    unit, _, rest = (answer.headers.get("Content-Range") or "").partition(" ")
    first = rest.partition("-")[0]
    return int(first) if unit == "bytes" and first.isdecimal() else None


def _not_there(reason: object) -> NotThere:
    """Why a place does not have a file, and whether it may have it a moment later."""
    final = (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError, ssl.SSLCertVerificationError)
    unknown_host = isinstance(reason, socket.gaierror) and reason.errno != socket.EAI_AGAIN
    transient = isinstance(reason, OSError | http.client.HTTPException) and not isinstance(reason, final)
    why = (reason.strerror if isinstance(reason, OSError) else None) or str(reason) or type(reason).__name__
    return NotThere(why, transient=transient and not unknown_host)


def _full(draft: Path, url: str) -> Refused:
    free = shutil.disk_usage(draft.parent).free >> 20
    return Refused(
        "the disk is full",
        where=str(draft.parent),
        why=f"{url} does not fit: {free} MiB are free",
        remedy="Free some space, or set XDG_CACHE_HOME to a folder on a larger disk.",
    )
