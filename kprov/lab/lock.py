"""One kprov at a time works on a lab. The lock dies with its holder and leaves no file behind."""

from __future__ import annotations

import contextlib
import socket
import time
from typing import TYPE_CHECKING

from kprov.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

_POLL_S = 0.1


@contextlib.contextmanager
def alone(name: str, wait_s: float) -> Iterator[None]:
    """Hold the lock of this name: an abstract Unix socket (unix(7)), which the kernel frees when its holder ends.

    Raises:
        InputError: another process still holds it after ``wait_s`` seconds.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as holder:
        deadline = time.monotonic() + wait_s
        while not _bound(holder, f"\0kprov/lab/{name}"):
            if time.monotonic() > deadline:
                raise InputError(
                    f"another kprov works on the lab {name}",
                    why=f"it did not end within {wait_s:.0f} s",
                    remedy="Let it end, or stop it; then run the command again.",
                )
            time.sleep(_POLL_S)
        yield


def _bound(holder: socket.socket, address: str) -> bool:
    try:
        holder.bind(address)
    except OSError:
        return False
    return True
