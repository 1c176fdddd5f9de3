"""Have the machines of a lab, and know their host keys from a channel that nobody else can speak on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kprov.inventory.variables import Machines
from kprov.lab.providers import lab_request
from kprov.phases.base import Context, Done
from kprov.phases.machines import key_path
from kprov.ssh import known_hosts
from kprov.ssh.keys import ensure_key, public_line

if TYPE_CHECKING:
    from typing import Final


@dataclass(frozen=True, slots=True)
class EnsureLab:
    """Makes missing machines, starts stopped ones, and pins the host keys of all."""

    name: Final = "lab"
    title: Final = "Boot the machines"

    def should_run(self, context: Context) -> bool:  # noqa: D102 - see Phase
        return context.provider is not None

    def run(self, context: Context) -> Done:  # noqa: D102 - see Phase
        provider = context.provider
        assert provider is not None  # noqa: S101 - should_run
        key = key_path(context.loaded)
        public_key = public_line(key) if context.spec.ssh.key else ensure_key(key)
        request = lab_request(context.spec, public_key)
        changed = provider.up(request, context.emit)
        port = context.spec.ssh.port
        pins = {(str(machine.address), port): machine.host_keys for machine in provider.status(request)}
        known_hosts.replace(context.paths.known_hosts, pins)
        machines = Machines(shared_kernel=provider.facts()["shared_kernel"])
        summary = f"{len(pins)} machines by {provider.name}, {changed} started"
        return Done(replace(context, machines=machines), "done" if changed else "unchanged", summary)
