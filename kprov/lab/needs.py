"""What the host must have before a lab can be driven at all: an engine that works, its helpers, and root."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kprov.errors import CheckFailed, InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kprov.lab.engine import Engine, Survey
    from kprov.lab.host import Host

_COMMANDS = {
    "podman": {"podman": "podman", "runc": "runc", "iptables": "iptables", "ip": "iproute2"},
    "docker": {"docker": "docker.io", "ip": "iproute2"},
}
_TO_BUILD = {"mmdebstrap": "mmdebstrap", "apt-get": "apt"}
"""Commands and Debian's packages that bring them."""

_NETAVARK = tuple(
    f"{folder}/podman/netavark" for folder in ("/usr/lib", "/usr/libexec", "/usr/local/lib", "/usr/local/libexec")
)
"""Where podman looks for its helpers (containers.conf(5), helper_binaries_dir)."""


@dataclass(frozen=True, slots=True)
class Objection:
    """One reason why a lab cannot be made here, and what to do about it."""

    why: str
    remedy: str


def refuse(objections: Sequence[Objection], what: str) -> None:
    """Raise one error that holds every objection; do nothing where there is none.

    >>> refuse([], "no lab")
    """
    if objections:
        raise InputError(
            what,
            why="; ".join(objection.why for objection in objections),
            remedy=" ".join(dict.fromkeys(objection.remedy for objection in objections)),
        )


def require(engine: Engine, host: Host, *, building: bool = False) -> None:
    """Refuse where the engine cannot be driven; ``building``: or where no node image can be made.

    Raises:
        InputError: everything that is missing, with the packages that bring it.
    """
    commands = _COMMANDS[engine.name] | (_TO_BUILD if building else {})
    missing = {command: package for command, package in commands.items() if not host.has(command)}
    if engine.name == "podman" and not host.existing(_NETAVARK):
        missing["netavark"] = "netavark"
    found = []
    if missing:
        install = f"Run `apt-get install {' '.join(missing.values())}` as root."
        found.append(Objection(f"missing here: {', '.join(missing)}", install))
    if not host.is_root():
        found.append(Objection("kprov does not run as root, which node containers need", "Run it as root, with sudo."))
    refuse(found, f"{engine.name} cannot make nodes on this host")


def survey(engine: Engine) -> Survey:
    """Everything in the engine.

    Raises:
        InputError: the engine does not work on this host.
    """
    try:
        return engine.survey()
    except CheckFailed as error:
        remedy = f"Mend it until `{engine.name} info` works."
        raise InputError(f"{engine.name} does not work on this host", why=error.why, remedy=remedy) from error
