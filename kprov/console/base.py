"""What both displays share: a lock, a clock, and that none of their troubles ever stops a run."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

    from kprov.events import Event


class Sink:
    """A display that any thread may call; used as a context manager, so that the terminal is left in order."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = Lock()
        self._broken = False

    def __call__(self, event: Event, /) -> None:
        """Show the event."""
        self._guarded(lambda: self._take(event))

    def __enter__(self) -> Self:
        self._guarded(self._open)
        return self

    def __exit__(self, *_: object) -> None:
        self._broken = False  # whatever happened, try to leave the terminal in order
        self._guarded(self._close)

    def _guarded(self, act: Callable[[], None]) -> None:
        """Act under the lock; what cannot be shown (a closed pipe, a terminal that went away) ends the showing."""
        with self._lock:
            if self._broken:
                return
            try:
                act()
            except Exception:  # a display must not decide the fate of a run
                self._broken = True

    def _take(self, event: Event) -> None:
        """Show the event; called under the lock."""

    def _open(self) -> None:
        """Begin; called under the lock."""

    def _close(self) -> None:
        """End, also in the middle of a phase; called under the lock."""
