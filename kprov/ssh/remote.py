"""A machine that answers: commands run on it, files read and written, over one connection."""

from __future__ import annotations

import select
import shlex
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import paramiko

from kprov.errors import CheckFailed, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from kprov.ssh.target import Target

_CHUNK = 1 << 15
_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Result:
    """How a command on a machine ended, and what it wrote."""

    code: int
    out: str
    err: str


class Remote(Protocol):
    """A connection to one machine. Its stand-in for tests is ``kprov.ssh.fakes.FakeRemote``."""

    def run(self, command: str, stdin: bytes = b"", timeout_s: float = 60) -> Result:
        """Run a shell command; ``stdin`` is all that it can read. A failing command is an answer, not an error.

        Raises:
            CheckFailed: it did not end in time.
            UnreachableError: the connection broke.
        """

    def read(self, path: str) -> bytes:
        """The content of a file.

        Raises:
            CheckFailed: it cannot be read.
        """

    def write(self, path: str, data: bytes, mode: int) -> None:
        """Write a file, whole or not at all; ``mode`` as in ``0o600``.

        Raises:
            CheckFailed: it cannot be written.
        """

    def close(self) -> None:
        """End the connection."""


class SshRemote(AbstractContextManager["SshRemote"]):
    """A connection by paramiko; ``also`` are the connections that it goes through, closed with it."""

    def __init__(self, target: Target, client: paramiko.SSHClient, also: tuple[paramiko.SSHClient, ...] = ()) -> None:
        self._target = target
        self._client = client
        self._also = also

    def run(self, command: str, stdin: bytes = b"", timeout_s: float = 60) -> Result:
        """Run a shell command; ``stdin`` is all that it can read."""
        code, out, err = self._exchange(command, stdin, timeout_s)
        return Result(code, out.decode(errors="replace"), err.decode(errors="replace"))

    def read(self, path: str) -> bytes:
        """The content of a file."""
        code, out, err = self._exchange(f"cat -- {shlex.quote(path)}", b"", 60)
        if code:
            raise self._failed(f"cannot read {path}", err)
        return out

    def write(self, path: str, data: bytes, mode: int) -> None:
        """Write a file, whole or not at all."""
        new = shlex.quote(f"{path}.kprov-new")
        command = (
            f"umask 077 && {{ cat >{new} && chmod {mode:o} {new} && mv -f {new} {shlex.quote(path)}; }}"
            f" || {{ rm -f {new}; exit 1; }}"
        )
        code, _out, err = self._exchange(command, data, 60)
        if code:
            raise self._failed(f"cannot write {path}", err)

    def close(self) -> None:
        """End the connection."""
        for client in (self._client, *self._also):
            client.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _failed(self, what: str, err: bytes) -> CheckFailed:
        why = err.decode(errors="replace").strip().rpartition("\n")[2]
        return CheckFailed(what, where=self._target.name, why=why, remedy="See whether the disk is full or read-only.")

    def _exchange(self, command: str, stdin: bytes, timeout_s: float) -> tuple[int, bytes, bytes]:
        """Run a command, feeding it and emptying both of its streams as they come."""
        transport = self._client.get_transport()
        if transport is None or not transport.is_active():
            raise self._broken("it is closed")
        try:
            with transport.open_session(timeout=timeout_s) as channel:
                channel.exec_command(command)
                out, err = _pump(channel, stdin, time.monotonic() + timeout_s)
                code = channel.recv_exit_status()
        except TimeoutError as error:
            raise CheckFailed(
                f"a command did not end in {timeout_s:.0f} s",
                where=self._target.name,
                why=command.partition("\n")[0][:80],
                remedy="See whether the machine is overloaded, and run it again.",
            ) from error
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise self._broken(str(error) or type(error).__name__) from error
        if code < 0 and not transport.is_active():
            raise self._broken("it was closed before the command ended")
        return code, out, err

    def _broken(self, why: str) -> UnreachableError:
        remedy = "See whether the machine is still up, and run the command again."
        return UnreachableError("the SSH connection broke", where=self._target.name, why=why, remedy=remedy)


def _pump(channel: paramiko.Channel, stdin: bytes, deadline: float) -> tuple[bytes, bytes]:
    """Move bytes until the command ended and both streams are empty.

    Raises:
        TimeoutError: the deadline, of the monotonic clock, passed.
    """
    out, err = bytearray(), bytearray()
    left = memoryview(stdin)
    fed = False
    while True:
        ended = channel.closed or (channel.exit_status_ready() and channel.eof_received)
        if left and channel.send_ready():
            left = left[_sent(channel, bytes(left[:_CHUNK])) :]
        elif not left and not fed:
            channel.shutdown_write()
            fed = True
        moved = _drain(channel.recv_ready, channel.recv, out) | _drain(
            channel.recv_stderr_ready, channel.recv_stderr, err
        )
        if ended and not moved:
            return bytes(out), bytes(err)
        if time.monotonic() > deadline:
            raise TimeoutError
        if not moved and not (left and channel.send_ready()):
            _wait(channel)


def _sent(channel: paramiko.Channel, chunk: bytes) -> int:
    """Send a chunk; return how much of it is dealt with: all of it, where the command has ended without reading it."""
    try:
        return channel.send(chunk)
    except OSError:
        if channel.closed:
            return len(chunk)
        raise


def _drain(ready: Callable[[], bool], receive: Callable[[int], bytes], into: bytearray) -> bool:
    """Take what is there; return whether there was something."""
    before = len(into)
    while ready():
        into += receive(_CHUNK)
    return len(into) > before


def _wait(channel: paramiko.Channel) -> None:
    if channel.eof_received:  # from then on it is always readable
        time.sleep(_POLL_S)
    else:
        select.select([channel], [], [], _POLL_S)
