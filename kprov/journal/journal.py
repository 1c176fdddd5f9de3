"""The run's diary: every event as one JSON line, written at once, so that even a killed run can be told afterwards."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING, Self

from kprov.events import as_dict
from kprov.report.redact import redact

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kprov.events import Event


class Journal:
    """A sink that appends each event to ``path`` (mode 0600) with its time; any thread may call it.

    A journal that cannot be written (disk full) does not stop the run that it tells of: it stops itself, and ``lost``
    holds the reason.

    Raises:
        OSError: the file cannot be made.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.path = path
        self.lost: OSError | None = None
        self._clock = clock
        self._begun = clock()
        self._lock = Lock()
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._closed = False

    def __call__(self, event: Event, /) -> None:
        """Write the event."""
        with self._lock:
            if self._closed or self.lost:
                return
            stamp = {"time": datetime.now(UTC).isoformat(), "offset_s": round(self._clock() - self._begun, 3)}
            line = json.dumps(stamp | _clean(as_dict(event)), ensure_ascii=False)
            try:
                _write_all(self._file, f"{line}\n".encode())
            except OSError as error:
                self.lost = error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            if not self._closed:
                os.close(self._file)
                self._closed = True


def _write_all(descriptor: int, data: bytes) -> None:
    """Write without a buffer between this process and the kernel, so that SIGKILL loses nothing."""
    while data:
        data = data[os.write(descriptor, data) :]


def _clean(data: dict[str, object]) -> dict[str, object]:
    """The event's data with what looks like a secret blotted out; events are flat: text, numbers, tuples of text."""

    def clean(value: object) -> object:
        if isinstance(value, str):
            return redact(value)
        return [clean(item) for item in value] if isinstance(value, (list, tuple)) else value

    return {key: clean(value) for key, value in data.items()}
