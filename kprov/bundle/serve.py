"""Hands files of the bundle to nodes: ``python -m kprov.bundle.serve``, plain HTTP on the lab's own network.

The configuration comes as JSON on stdin, never in argv::

    {"addresses": ["10.0.0.1"], "files": {"kubelet": "/store/kubelet"}, "watch_pid": 4711, "max_lifetime_s": 3600}

``files`` maps the path on the server to a file here; nothing else is served. One JSON line answers on stdout,
``{"port": 40001, "secret": "..."}``; the files are then at ``http://ADDRESS:PORT/SECRET/NAME``. By then the server is a
process of its own without the caller's open files, and it ends by itself: when the process ``watch_pid`` is gone, or
after ``max_lifetime_s`` seconds. The secret is made here and is logged nowhere, nor is anything else.
"""

from __future__ import annotations

import itertools
import json
import os
import secrets
import select
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kprov.bundle.fileserver import FileServer, serving
from kprov.errors import InputError, KprovError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_LIFETIME_S = 6 * 3600.0
_LONGEST_LIFETIME_S = 7 * 86400.0


@dataclass(frozen=True, slots=True)
class Configuration:
    """What to serve and for how long. All addresses get the same port."""

    addresses: tuple[str, ...]
    files: Mapping[str, str]
    watch_pid: int
    max_lifetime_s: float = _LIFETIME_S


@dataclass(frozen=True, slots=True)
class Served:
    """A running server: its port, and the secret first part of every path."""

    port: int
    secret: str


def parse_configuration(text: str) -> Configuration:
    """Read the configuration from JSON.

    Raises:
        InputError: it is no JSON object of the shape above, or a file in it does not exist.
    """
    try:
        data = json.loads(text)
        files = {str(name).strip("/"): os.fspath(path) for name, path in data["files"].items()}
        configuration = Configuration(
            addresses=tuple(map(str, data["addresses"])),
            files=files,
            watch_pid=int(data["watch_pid"]),
            max_lifetime_s=float(data.get("max_lifetime_s", _LIFETIME_S)),
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise _refused(f"it has the wrong shape: {error!r}") from error
    if not configuration.addresses:
        raise _refused("it names no address")
    if configuration.watch_pid <= 0 or not 0 < configuration.max_lifetime_s <= _LONGEST_LIFETIME_S:
        raise _refused("watch_pid is no process, or max_lifetime_s is not within a week")
    missing = [path for path in configuration.files.values() if not Path(path).is_file()]
    if missing:
        raise _refused(f"no such file: {', '.join(missing)}")
    return configuration


def listen(configuration: Configuration, secret: str) -> tuple[FileServer, ...]:
    """One listening server for each address, all on the port that the first one got.

    Raises:
        InputError: an address is not this machine's.
    """
    servers: list[FileServer] = []
    for address in configuration.addresses:
        port = servers[0].port if servers else 0
        try:
            servers.append(FileServer(address, port, secret, configuration.files))
        except OSError as error:
            for server in servers:
                server.server_close()
            raise InputError(
                "cannot serve the bundle",
                where=address,
                why=error.strerror or str(error),
                remedy="Give an address that this machine has.",
            ) from error
    return tuple(servers)


def wait_for_end(pid: int, seconds: float) -> None:
    """Return when the process is gone, or after this time."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        poll.poll(seconds * 1000)
    finally:
        os.close(handle)


def launch(configuration: Configuration) -> Served:
    """Start a server as a process of its own, which ends as its configuration says.

    Raises:
        InputError: an address is not this machine's, or a file does not exist.
    """
    request = {
        "addresses": configuration.addresses,
        "files": dict(configuration.files),
        "watch_pid": configuration.watch_pid,
        "max_lifetime_s": configuration.max_lifetime_s,
    }
    started = subprocess.run(
        [sys.executable, "-m", "kprov.bundle.serve"],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    if started.returncode:
        raise InputError(
            "the bundle's server did not start",
            why=started.stderr.strip(),
            remedy="Give an address of this machine, and files that exist.",
        )
    answer = json.loads(started.stdout)
    return Served(answer["port"], answer["secret"])


def main() -> int:
    """Read the configuration, listen, answer with port and secret, and go on as a process of its own."""
    try:
        configuration = parse_configuration(sys.stdin.read())
        secret = secrets.token_urlsafe(32)
        servers = listen(configuration, secret)
    except KprovError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    if os.fork():
        sys.stdout.write(json.dumps({"port": servers[0].port, "secret": secret}) + "\n")
        return 0
    _detach(keep=[server.fileno() for server in servers])
    with serving(servers):
        wait_for_end(configuration.watch_pid, configuration.max_lifetime_s)
    return 0


def _detach(keep: Sequence[int]) -> None:
    """Leave the caller's session, folder and open files; only the listening sockets are kept."""
    os.setsid()
    os.chdir("/")
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    null = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(null, standard)
    kept = [2, *sorted(keep), os.sysconf("SC_OPEN_MAX")]
    for below, above in itertools.pairwise(kept):
        os.closerange(below + 1, above)


def _refused(why: str) -> InputError:
    return InputError("cannot use the server's configuration", where="stdin", why=why, remedy="See docs/bundle.md.")


if __name__ == "__main__":
    sys.exit(main())
