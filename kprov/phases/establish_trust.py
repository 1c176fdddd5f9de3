"""See that every machine lets us in and is the one that it was, and write how to reach them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kprov.events import Progress
from kprov.phases.base import Context, Done
from kprov.phases.machines import targets
from kprov.ssh.fan_out import fan_out
from kprov.ssh.keys import ensure_key, public_line
from kprov.ssh.remote import connect
from kprov.ssh.target import control_path, openssh_config

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Final

    from kprov.ssh.target import Target

_ANSWER_S = 15.0


@dataclass(frozen=True, slots=True)
class EstablishTrust:
    """Writes the OpenSSH configuration and logs in everywhere once; keys and pins are made by `trust` and `lab`."""

    name: Final = "trust"
    title: Final = "Reach every machine"

    def should_run(self, context: Context) -> bool:  # noqa: D102 - see Phase
        return bool(context.spec.nodes)

    def run(self, context: Context) -> Done:  # noqa: D102 - see Phase
        machines = targets(context.loaded)
        public_line(machines[0].key) if context.spec.ssh.key else ensure_key(machines[0].key)
        written = write_config(context.paths.ssh_config, openssh_config(machines, control_path()))

        def knock(target: Target) -> None:
            with connect(target) as remote:
                remote.run("true", timeout_s=_ANSWER_S)
            context.emit(Progress(self.name, "lets us in", host=target.name))

        fan_out({target.name: target for target in machines}, knock)
        return Done(context, "done" if written else "unchanged", f"{len(machines)} machines let us in")


def write_config(path: Path, text: str) -> bool:
    """Write the configuration if it differs; return whether it did."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".new")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        out.write(text)
    temporary.replace(path)
    return True
