"""Files that others publish, by URL and sha256: fetched once, through mirrors where there are some, then kept."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, Protocol

from kprov.bundle.mirrors import VARIABLE, places
from kprov.bundle.model import Artifact
from kprov.bundle.store import Store, sha256_of
from kprov.bundle.transfer import NotThere, Patience, Refused, bring
from kprov.errors import UnreachableError
from kprov.events import Notice, Progress

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from kprov.addons.model import Upstream
    from kprov.events import Emit

__all__ = ["Elsewhere", "Patience", "artifacts", "fetch", "path_of"]

# Charts and binaries of releases have up to 120 MiB; this bounds what a wrong server can fill the disk with.
_LARGEST_BYTES: Final = 1 << 30
_PARALLEL: Final = 6
_SHOWN_EVERY_S: Final = 0.5
_REMEDY = (
    "Name a mirror that has it, or a folder laid out by host and path: --mirror URL, the environment variable "
    f"{VARIABLE}, or bundle.mirrors in the cluster file."
)


class Elsewhere(Protocol):
    """Somewhere else where a published file may lie, asked when its URL and mirrors do not have it."""

    def copy(self, url: str, target: Path) -> str:
        """Write the file to ``target`` and return the name of the place; return an empty text where it has none."""


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

    Files that are missing are fetched at the same time. What a cut transfer brought is kept below ``work/partial`` and
    gone on with by the next run.

    Raises:
        UnreachableError: a file is nowhere, and what to do.
        Refused: a file differs from its sha256 and is not kept, or the disk is full.
    """
    if not upstreams:
        return {}
    with Store.opened(store, emit) as opened:
        missing = [each for each in _each_once(upstreams) if not opened.holds(path_of(each), each.sha256)]
        if missing:
            _Fetcher(opened, mirrors, emit, elsewhere, patience or Patience()).fetch(missing)
    return {upstream.url: store / path_of(upstream) for upstream in upstreams}


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
    """Fetches into one open store, several files at a time."""

    def __init__(
        self, store: Store, mirrors: Mapping[str, str], emit: Emit, elsewhere: Elsewhere | None, patience: Patience
    ) -> None:
        self._store = store
        self._mirrors = mirrors
        self._emit = emit
        self._elsewhere = elsewhere
        self._patience = patience
        self._partial = store.work / "partial"
        self._given_up = threading.Event()
        self._lock = threading.Lock()
        self._one_elsewhere = threading.Lock()
        self._received = 0
        self._shown = 0.0

    def fetch(self, missing: Sequence[Upstream]) -> None:
        """Fetch files; the first failure ends the others, and what they have brought is kept for the next run."""
        self._partial.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(max_workers=_PARALLEL) as pool:
            futures = [pool.submit(self._have, upstream) for upstream in missing]
            try:
                for done, (upstream, future) in enumerate(zip(missing, futures, strict=True)):
                    label = f"fetching {upstream.name} {upstream.version}".rstrip()
                    self._emit(Progress("bundle", label, done=done, total=len(missing)))
                    self._store.adopt(future.result(), path_of(upstream), upstream.sha256)
            except BaseException:
                self._given_up.set()
                pool.shutdown(cancel_futures=True)
                raise

    def _have(self, upstream: Upstream) -> Path:
        """A draft that is the very file."""
        draft = self._partial / upstream.sha256
        if draft.is_file() and sha256_of(draft) == upstream.sha256:
            return draft  # another file failed when this one had just arrived
        failures = []
        for place in places(upstream.url, self._mirrors):
            try:
                self._bring(place, upstream, draft)
            except NotThere as reason:
                failures.append(str(reason) if place == upstream.url else f"{place}: {reason}")
                continue
            return draft
        if place := self._copied(upstream, draft):
            text = f"{upstream.url} was not reached: the same file was taken from {place}"
            self._say(Notice("info", text))
            return draft
        raise UnreachableError(
            f"cannot fetch {upstream.name} {upstream.version}".rstrip(),
            where=upstream.url,
            why="; ".join(failures),
            remedy=_REMEDY,
        )

    def _bring(self, place: str, upstream: Upstream, draft: Path) -> None:
        """Bring the file from one place; one that was pieced together and is wrong is fetched once more, whole.

        Raises:
            NotThere: the place does not have it.
            Refused: it has another file; nothing of it is kept.
        """
        while True:
            resumed = bring(place, draft, self._patience, _LARGEST_BYTES, self._advance)
            found = sha256_of(draft)
            if found == upstream.sha256:
                return
            draft.unlink()
            if not resumed:
                raise Refused(
                    f"{upstream.name} {upstream.version}".rstrip() + " is not the file that it should be",
                    where=upstream.where or place,
                    why=f"the sha256 of {place} is {found}, wanted was {upstream.sha256}",
                    remedy=f"Find out who changed {upstream.url}; nothing of it was kept.",
                )

    def _copied(self, upstream: Upstream, draft: Path) -> str:
        """The other place that had the very file; empty where there is none."""
        if self._elsewhere is None or self._given_up.is_set():
            return ""
        with self._one_elsewhere:
            place = self._elsewhere.copy(upstream.url, draft)
        return place if place and sha256_of(draft) == upstream.sha256 else ""

    def _advance(self, received: int) -> None:
        """Count what arrived, show it now and then, and stop where another file has failed."""
        if self._given_up.is_set():
            raise NotThere("given up")
        with self._lock:
            self._received += received
            now = time.monotonic()
            if now < self._shown + _SHOWN_EVERY_S:
                return
            self._shown = now
            self._emit(Progress("bundle", f"fetching: {self._received >> 20} MiB arrived"))

    def _say(self, notice: Notice) -> None:
        with self._lock:
            self._emit(notice)


def _each_once(upstreams: Sequence[Upstream]) -> tuple[Upstream, ...]:
    """Files that are the same, by their sha256, once."""
    return tuple({upstream.sha256: upstream for upstream in upstreams}.values())
