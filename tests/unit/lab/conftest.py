from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Network
from typing import TYPE_CHECKING

import pytest

from kprov.lab.fakes import FakeEngine, FakeHost
from kprov.lab.podman import ContainerLab, Patience
from kprov.lab.provider import LabRequest, MachineRequest
from kprov.lab.recipe import Recipe

if TYPE_CHECKING:
    from kprov.events import Event

KEY = "ssh-ed25519 AAAAC3Nz kprov"


def request(
    name: str = "one", subnet: str = "10.97.1.0/24", nodes: int = 3, pods: str = "10.244.0.0/16", home: str = ""
) -> LabRequest:
    net = IPv4Network(subnet)
    return LabRequest(
        name=name,
        subnet=net,
        machines=tuple(MachineRequest(f"m{i}", net[10 + i]) for i in range(1, nodes + 1)),
        public_key=f"{KEY}\n",
        unreachable=(IPv4Network(pods),),
        cpus=2,
        memory_mib=2048,
        home=home,
    )


@dataclass
class Bench:
    """A lab provider on a host that lives in memory, and what it said."""

    engine: FakeEngine
    host: FakeHost
    lab: ContainerLab
    said: list[Event] = field(default_factory=list)

    def up(self, wanted: LabRequest) -> int:
        return self.lab.up(wanted, self.said.append)

    def down(self, name: str, home: str = "") -> int:
        return self.lab.down(name, self.said.append, home)

    @property
    def states(self) -> dict[str, str]:
        return {one.node: one.state for one in self.engine.containers()}


@pytest.fixture
def bench(tmp_path) -> Bench:
    recipe = Recipe()
    engine, host = FakeEngine(images={recipe.tag}), FakeHost()
    return Bench(engine, host, ContainerLab(engine, host, recipe, tmp_path, Patience(boot_s=0, settle_s=0, lock_s=0)))
