"""One machine over SSH: run a command, and nothing is sent to a machine whose host key is not the pinned one."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import paramiko

from kprov.errors import InputError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kprov.ssh.target import Target

_CONNECT_S = 10.0


@dataclass(frozen=True, slots=True)
class Result:
    """How a command ended."""

    code: int
    out: bytes
    err: bytes


class Remote(Protocol):
    """A machine that answers."""

    def run(self, command: str, *, stdin: bytes = b"", timeout_s: float) -> Result:
        """Run a command in the login shell of the user.

        Raises:
            UnreachableError: the connection broke, or the command did not end in time.
        """


class ParamikoRemote:
    """A machine through paramiko."""

    def __init__(self, client: paramiko.SSHClient, name: str) -> None:
        self._client = client
        self._name = name

    def run(self, command: str, *, stdin: bytes = b"", timeout_s: float) -> Result:
        """See ``Remote.run``."""
        try:
            given, out, err = self._client.exec_command(command, timeout=timeout_s)
            given.write(stdin)
            given.channel.shutdown_write()
            said, complained = out.read(), err.read()
            return Result(out.channel.recv_exit_status(), said, complained)
        except TimeoutError as error:
            raise UnreachableError("a command did not end in time", where=self._name, why=f"{timeout_s:g} s") from error
        except (paramiko.SSHException, OSError) as error:
            raise UnreachableError("the connection broke", where=self._name, why=str(error)) from error


@contextmanager
def connect(target: Target, *, password: str | None = None) -> Iterator[Remote]:
    """Log in by the target's key, or by a password where one is given.

    Raises:
        UnreachableError: no answer, another host key than the pinned one, or the login is refused.
        InputError: the private key cannot be used.
    """
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    if target.known_hosts.exists():
        client.load_host_keys(str(target.known_hosts))
    jump = None
    try:
        if target.bastion:
            jump = paramiko.ProxyCommand(_jump(target))
        client.connect(
            target.address,
            port=target.port,
            username=target.user,
            password=password,
            key_filename=None if password is not None else str(target.key),
            sock=jump,
            timeout=_CONNECT_S,
            banner_timeout=_CONNECT_S,
            auth_timeout=_CONNECT_S,
            allow_agent=False,
            look_for_keys=False,
        )
        yield ParamikoRemote(client, target.name)
    except (paramiko.SSHException, OSError) as error:
        raise explained(error, target) from error
    finally:
        client.close()


def _jump(target: Target) -> str:
    """The command that reaches a machine through its bastion."""
    host, _, port = target.bastion.rpartition(":") if ":" in target.bastion else (target.bastion, "", "22")
    return f"ssh -o BatchMode=yes -p {port} -W {target.address}:{target.port} {host}"


def explained(error: Exception, target: Target) -> UnreachableError | InputError:
    """What paramiko or the network reported, in words that say what to do."""
    where = f"{target.name} ({target.user}@{target.address}:{target.port})"
    match error:
        case paramiko.BadHostKeyException():
            return UnreachableError(
                "the host key is not the pinned one; nothing was sent",
                where=where,
                why=f"pinned {error.expected_key.fingerprint}, shown {error.key.fingerprint}",
                remedy="If the machine was made anew, run 'kprov trust' again; if not, find out who answers there.",
            )
        case paramiko.PasswordRequiredException():
            return InputError(
                "the SSH key asks for a passphrase", where=str(target.key), remedy="Name a key without one as ssh.key."
            )
        case paramiko.AuthenticationException():
            return UnreachableError(
                "the login is refused",
                where=where,
                why="neither this key nor this password is accepted there",
                remedy="Run 'kprov trust' with the right password, or set ssh.user and ssh.key in the cluster file.",
            )
        case paramiko.SSHException() if "not found in known_hosts" in str(error):
            return UnreachableError(
                "no host key is pinned; nothing was sent",
                where=where,
                why=str(target.known_hosts),
                remedy="Run 'kprov trust': it shows the key and pins it.",
            )
        case TimeoutError() | socket.timeout():
            why = f"no answer within {_CONNECT_S:g} s"
        case OSError():
            why = error.strerror or str(error)
        case _:
            why = str(error)
    return UnreachableError(
        "the machine cannot be reached",
        where=where,
        why=why,
        remedy="See that it runs, that its address in the cluster file is right, and that sshd answers there.",
    )
