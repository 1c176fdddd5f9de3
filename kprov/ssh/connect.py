"""Getting to a machine: dialling, checking its host key against the pinned ones, logging in."""

from __future__ import annotations

import logging
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

import paramiko
from paramiko.ssh_exception import NoValidConnectionsError

from kprov.errors import UnreachableError
from kprov.ssh import known_hosts
from kprov.ssh.errors import HostKeyUnknown, LoginRefused
from kprov.ssh.remote import SshRemote

if TYPE_CHECKING:
    from pathlib import Path

    from kprov.ssh.target import Target

TIMEOUT_S = 10.0

# paramiko tells its troubles by logging too, on stderr where nobody listens; here they are exceptions only.
logging.getLogger("paramiko").addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True)
class Way:
    """How machines are reached: the pinned host keys, and the jump host with the key that it takes."""

    known_hosts: Path
    bastion: Target | None = None
    bastion_key: paramiko.PKey | None = None
    timeout_s: float = TIMEOUT_S


def connect(target: Target, way: Way, *, key: paramiko.PKey | None = None, password: str | None = None) -> SshRemote:
    """Log in to a machine that shows a pinned host key, by key or by password.

    Raises:
        HostKeyUnknown: no key is pinned for it.
        HostKeyChanged: it shows another key; nothing was sent to it.
        LoginRefused: it takes neither the key nor the password.
        UnreachableError: it does not answer, or it is no SSH server.
    """
    if way.bastion is None:
        return SshRemote(target, _client(target, way, None, key, password))
    jump = _client(way.bastion, way, None, way.bastion_key, None)
    try:
        return SshRemote(target, _client(target, way, _through(jump, target, way), key, password), (jump,))
    except BaseException:
        jump.close()
        raise


def host_key(target: Target, way: Way) -> str:
    """The host key that a machine shows, before anything is sent to it: ``ssh-ed25519 AAAA…``.

    Raises:
        UnreachableError: it does not answer, or it is no SSH server.
    """
    if way.bastion is None:
        return _shown(target, _dial(target, way), way)
    jump = _client(way.bastion, way, None, way.bastion_key, None)
    try:
        return _shown(target, _through(jump, target, way), way)
    finally:
        jump.close()


def _shown(target: Target, dialled: socket.socket | paramiko.Channel, way: Way) -> str:
    transport = None
    try:
        transport = paramiko.Transport(dialled)
        transport.start_client(timeout=way.timeout_s)
        key = transport.get_remote_server_key()
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise _unreachable(target, error) from error
    finally:
        dialled.close() if transport is None else transport.close()
    return f"{key.get_name()} {key.get_base64()}"


def _client(
    target: Target,
    way: Way,
    through: paramiko.Channel | None,
    key: paramiko.PKey | None,
    password: str | None,
) -> paramiko.SSHClient:
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(_Refuse())
    for line in known_hosts.read(way.known_hosts).get(target.place, ()):
        kind, _, body = line.partition(" ")
        entry = paramiko.hostkeys.HostKeyEntry.from_line(f"x {kind} {body}")
        if entry is not None and entry.key is not None:
            client.get_host_keys().add(known_hosts.host(target.place), kind, entry.key)
    try:
        client.connect(
            target.address,
            port=target.port,
            username=target.user,
            password=password,
            pkey=key,
            timeout=way.timeout_s,
            banner_timeout=way.timeout_s,
            auth_timeout=way.timeout_s,
            allow_agent=False,
            look_for_keys=False,
            sock=through,
        )
    except _Unknown as error:
        client.close()
        raise HostKeyUnknown(
            "the host key is not known yet",
            where=target.name,
            why=f"it shows {known_hosts.fingerprint(str(error))}",
            remedy="Compare it with the machine's own and pin it: `kprov trust`.",
        ) from error
    except paramiko.BadHostKeyException as error:
        client.close()
        old, new = (f"{one.get_name()} {one.get_base64()}" for one in (error.expected_key, error.key))
        raise known_hosts.contradiction(way.known_hosts, {target.place: ((old,), (new,))}) from error
    except paramiko.AuthenticationException as error:
        client.close()
        raise _refused(target, password is not None, error) from error
    except (paramiko.SSHException, EOFError, OSError) as error:
        client.close()
        raise _unreachable(target, error) from error
    return client


def _dial(target: Target, way: Way) -> socket.socket:
    try:
        return socket.create_connection((target.address, target.port), timeout=way.timeout_s)
    except OSError as error:
        raise _unreachable(target, error) from error


def _through(jump: paramiko.SSHClient, target: Target, way: Way) -> paramiko.Channel:
    transport = jump.get_transport()
    if transport is None:
        raise _unreachable(target, EOFError("the jump host closed the connection"))
    try:
        return transport.open_channel("direct-tcpip", target.place, ("", 0), timeout=way.timeout_s)
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise _unreachable(target, error) from error


class _Unknown(Exception):
    """Carries the key of a machine for which none is pinned through paramiko, which passes it on unchanged."""


class _Refuse(paramiko.MissingHostKeyPolicy):
    """Refuses a machine for which no key is pinned."""

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:  # noqa: ARG002
        raise _Unknown(f"{key.get_name()} {key.get_base64()}")


def _refused(target: Target, by_password: bool, error: paramiko.AuthenticationException) -> LoginRefused:
    allowed = getattr(error, "allowed_types", None)
    why = f"the server takes {', '.join(allowed)}" if allowed else ""
    if by_password:
        remedy = f"Check the password of {target.user}, and whether its sshd allows logins by password."
        return LoginRefused(f"the password of {target.user} is refused", where=target.name, why=why, remedy=remedy)
    remedy = "Bring the key there with `kprov trust`, or name the right user and key under `ssh` in the cluster file."
    return LoginRefused(f"the key is refused for {target.user}", where=target.name, why=why, remedy=remedy)


def _unreachable(target: Target, error: Exception) -> UnreachableError:
    """What went wrong, in words that tell one cause from another."""
    if isinstance(error, NoValidConnectionsError):
        error = next(iter(error.errors.values()))
    match error:
        case socket.gaierror():
            why, remedy = "its name does not resolve", "Write its address, or mend the name."
        case ConnectionRefusedError():
            why, remedy = "the connection is refused", "Start sshd there, or write the right port as ssh.port."
        case TimeoutError():
            why, remedy = "no answer in time", "See whether the machine is up, and whether a firewall is in the way."
        case OSError(strerror=str(text)) if text:
            why, remedy = text.lower(), "See whether the machine is up, and whether a route leads to it."
        case _:
            why, remedy = str(error) or "the connection was closed", "See whether an SSH server listens there."
    where = target.name if target.name == target.address else f"{target.name} ({target.address})"
    return UnreachableError(f"no SSH on port {target.port}", where=where, why=why, remedy=remedy)
