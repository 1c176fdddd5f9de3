"""See that every machine lets us in and is the one that it was, and write how to reach them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kprov.events import Progress
from kprov.phases.base import Context, Done
from kprov.phases.machines import key_path, log_in, public_key, targets
from kprov.report.words import count
from kprov.ssh import config
from kprov.ssh.fan_out import fan_out
from kprov.ssh.files import write_private
from kprov.ssh.target import bastion

if TYPE_CHECKING:
    from typing import Final

    from kprov.lab.provider import Provider
    from kprov.spec.load import Loaded

_ANSWER_S = 15.0


@dataclass(frozen=True, slots=True)
class EstablishTrust:
    """Writes the OpenSSH configuration and logs in everywhere once; keys and pins are made by `trust` and `lab`."""

    name: Final = "trust"
    title: Final = "Reach every machine"

    def foresee(self, loaded: Loaded, provider: Provider | None) -> None:  # noqa: ARG002, D102 - see Foresees
        if loaded.spec.ssh.key:
            public_key(loaded)

    def should_run(self, context: Context) -> bool:  # noqa: D102 - see Phase
        return bool(context.spec.nodes)

    def run(self, context: Context) -> Done:  # noqa: D102 - see Phase
        loaded = context.loaded
        public_key(loaded)
        written = write_ssh_config(loaded)

        def knock(name: str) -> None:
            with log_in(loaded, name) as remote:
                remote.run("true", timeout_s=_ANSWER_S)
            context.emit(Progress("trust", "lets us in", host=name))

        names = tuple(loaded.spec.nodes)
        fan_out({name: name for name in names}, knock)
        return Done(context, "done" if written else "unchanged", f"{count(len(names), 'machine')} let us in")


def ssh_config(loaded: Loaded) -> str:
    """The OpenSSH configuration with every node."""
    ssh = loaded.spec.ssh
    return config.render(
        targets(loaded),
        identity=key_path(loaded),
        known_hosts=loaded.paths.known_hosts,
        control=config.control_folder(),
        bastion=bastion(ssh.bastion, ssh.user) if ssh.bastion else None,
    )


def write_ssh_config(loaded: Loaded) -> bool:
    """Write ``artifacts/ssh/config`` if it differs; return whether it did."""
    text, path = ssh_config(loaded), loaded.paths.ssh_config
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(path, text.encode())
    return True
