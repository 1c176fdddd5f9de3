"""What both displays share: a lock, a clock that ticks, and that none of their troubles ever stops a run."""

from __future__ import annotations

from threading import Event as Flag
from threading import Lock, Thread
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

    from kprov.events import Event


class Sink:
    """A display that any thread may call; used as a context manager, so that the terminal is left in order.

    Whatever is written is written under one lock: by an event, by the ticking clock (every ``tick_s`` seconds between
    ``__enter__`` and ``__exit__``), or by the end.
    """

    def __init__(self, clock: Callable[[], float], tick_s: float) -> None:
        self._clock = clock
        self._tick_s = tick_s
        self._lock = Lock()
        self._broken = False
        self._over = Flag()
        self._ticker = Thread(target=self._tick_on, name="kprov-console", daemon=True)

    def __call__(self, event: Event, /) -> None:
        """Show the event."""
        self._guarded(lambda: self._take(event))

    def tick(self) -> None:
        """Show what the clock alone changes."""
        self._guarded(self._tick)

    def __enter__(self) -> Self:
        self._guarded(self._open)
        self._ticker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._broken = False  # whatever happened, try to leave the terminal in order
        self._guarded(self._close)
        self._broken = True

    def _tick_on(self) -> None:
        while not self._over.wait(self._tick_s):
            self.tick()

    def _guarded(self, act: Callable[[], None]) -> None:
        """Act under the lock; what cannot be shown (a closed pipe, a terminal that went away) ends the showing."""
        with self._lock:
            if self._broken:
                return
            try:
                act()
            except Exception:  # a display must not decide the fate of a run
                self._broken = True

    def _open(self) -> None:
        """Begin."""

    def _take(self, event: Event) -> None:
        """Show the event."""

    def _tick(self) -> None:
        """Show what is due by the clock alone."""

    def _close(self) -> None:
        """End, also in the middle of a phase."""
