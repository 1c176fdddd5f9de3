"""Runs the build's tools: output to a log file, its last lines in the error, nothing left running."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING

from kprov.errors import CheckFailed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_LAST_LINES = 8
# The kernel ends the command when this process dies without a chance to do so (util-linux, on every Debian).
_TETHER = ("setpriv", "--pdeathsig", "KILL", "--")

# What a build may see of the user's environment: where home and programs are, proxies, and extra certificates.
_KEPT = frozenset(
    ["HOME", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR"]
    + [form for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy") for form in (name, name.upper())]
)


def environment(base: Mapping[str, str], path: Sequence[Path] = (), **more: str) -> dict[str, str]:
    """A build's environment: what may be kept of ``base``, ``path`` in front of the system's, and ``more``.

    >>> environment({"HOME": "/root", "GOFLAGS": "-mod=mod"}, CGO_ENABLED="0")["PATH"]
    '/usr/sbin:/usr/bin:/sbin:/bin'
    >>> sorted(environment({"HOME": "/root", "GOFLAGS": "-mod=mod"}, CGO_ENABLED="0"))
    ['CGO_ENABLED', 'HOME', 'LC_ALL', 'PATH']
    """
    kept = {key: value for key, value in base.items() if key in _KEPT}
    folders = [*map(str, path), "/usr/sbin", "/usr/bin", "/sbin", "/bin"]
    return {**kept, "LC_ALL": "C.UTF-8", "PATH": ":".join(folders), **more}


def run(
    command: Sequence[object],
    *,
    what: str,
    log: Path,
    env: Mapping[str, str],
    cwd: Path | None = None,
    timeout_s: float = 3600,
) -> str:
    """Run a command, each part as its ``str``, and return its stdout; command, stderr and stdout go to the log.

    The command gets a process group of its own, and all of it ends when this call ends.

    Raises:
        CheckFailed: it failed or did not end in time; with its last lines and the path of the log.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file:
        file.write(f"$ {' '.join(map(str, command))}\n".encode())
        file.flush()
        begin = file.tell()
        try:
            process = subprocess.Popen(
                [*_TETHER, *map(str, command)],
                cwd=cwd,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=file,
                start_new_session=True,
            )
        except OSError as error:
            raise CheckFailed(what, where=_TETHER[0], why=error.strerror or str(error)) from error
        try:
            output, _ = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired as error:
            raise CheckFailed(what, where=str(log), why=f"no end after {timeout_s:g} s") from error
        finally:
            _end(process)
        file.write(output)
    if process.returncode:
        raise CheckFailed(what, where=str(log), why=_tail(log, begin), remedy="Read that log.")
    return output.decode(errors="replace")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of the process group after a time-out or an interruption."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def _tail(log: Path, begin: int) -> str:
    """The last lines that were written to the log after ``begin``, as one line."""
    with log.open("rb") as file:
        file.seek(begin)
        lines = [line.strip() for line in file.read().decode(errors="replace").splitlines() if line.strip()]
    return " | ".join(lines[-_LAST_LINES:]) or "it said nothing"
