"""Have the machines of a lab, and know their host keys from a channel that nobody else can speak on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kprov.lab.providers import lab_request
from kprov.phases.base import Context, Done
from kprov.phases.machines import public_key
from kprov.report.words import count
from kprov.ssh import known_hosts

if TYPE_CHECKING:
    from typing import Final

    from kprov.lab.provider import Provider
    from kprov.spec.load import Loaded


@dataclass(frozen=True, slots=True)
class EnsureLab:
    """Makes missing machines, starts stopped ones, and pins the host keys of all."""

    name: Final = "lab"
    title: Final = "Boot the machines"

    def foresee(self, loaded: Loaded, provider: Provider | None) -> None:  # noqa: D102 - see Foresees
        if provider is not None:
            provider.check(lab_request(loaded.spec, "", loaded.paths.file))

    def should_run(self, context: Context) -> bool:  # noqa: D102 - see Phase
        return context.provider is not None

    def run(self, context: Context) -> Done:  # noqa: D102 - see Phase
        provider = context.provider
        assert provider is not None  # noqa: S101 - should_run
        request = lab_request(context.spec, public_key(context.loaded), context.paths.file)
        changed = provider.up(request, context.emit)
        port = context.spec.ssh.port
        pins = {(str(machine.address), port): machine.host_keys for machine in provider.status(request)}
        known_hosts.replace(context.paths.known_hosts, pins)
        summary = f"{count(len(pins), 'machine')} by {provider.name}, {changed} started"
        return Done(context, "done" if changed else "unchanged", summary)
