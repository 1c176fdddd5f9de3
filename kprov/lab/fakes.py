"""Stand-ins for tests: an engine and a host that live in memory and keep the promises of the real ones."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from kprov.errors import CheckFailed
from kprov.lab.engine import Container, EngineName, NodeNetwork, NodeRequest, State, Survey
from kprov.lab.process import Completed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from ipaddress import IPv4Address, IPv4Network

    from kprov.lab.host import Taken


@dataclass
class FakeEngine:
    """Containers and networks by name. ``breaks`` names nodes whose container is made but does not start."""

    name: EngineName = "podman"
    images: set[str] = field(default_factory=set)
    made: dict[str, Container] = field(default_factory=dict)
    nets: dict[str, NodeNetwork] = field(default_factory=dict)
    foreign: set[str] = field(default_factory=set)
    admitted: dict[str, list[str]] = field(default_factory=dict)
    breaks: set[str] = field(default_factory=set)
    trouble: str = ""

    def image_exists(self, tag: str) -> bool:
        """Whether it was imported."""
        return tag in self.images

    def import_image(self, archive: Path, tag: str) -> None:
        """Take the image; the archive must be there."""
        archive.stat()
        self.images.add(tag)

    def survey(self) -> Survey:
        """Everything at once, where the test lets the engine work."""
        if self.trouble:
            raise CheckFailed("containers cannot be listed", why=self.trouble)
        return Survey(frozenset(self.made) | self.foreign, self.containers(), self.networks())

    def containers(self, cluster: str = "") -> tuple[Container, ...]:
        """The nodes of this lab, or of all labs."""
        return tuple(one for _, one in sorted(self.made.items()) if cluster in ("", one.cluster))

    def networks(self) -> tuple[NodeNetwork, ...]:
        """All networks."""
        return tuple(self.nets.values())

    def create_network(self, network: NodeNetwork) -> None:
        """Make a network with a bridge of its own."""
        self.nets[network.name] = replace(network, interface=f"br{len(self.nets)}")

    def remove_network(self, name: str) -> None:
        """Remove a network; not one that a container uses."""
        if any(one.cluster == self.nets[name].cluster for one in self.made.values()):
            raise CheckFailed(f"the network {name} cannot be removed", why="it is being used")
        del self.nets[name]

    def create(self, node: NodeRequest) -> None:
        """Make a node in a network that exists."""
        if node.network not in self.nets or node.image not in self.images or node.name in self.made:
            raise CheckFailed(f"the node {node.node} cannot be made", why="no network, no image, or the name is taken")
        state: State = "unborn" if node.node in self.breaks else "running"
        self.made[node.name] = Container(node.name, node.cluster, node.node, node.address, node.image, state)
        if node.node in self.breaks:
            raise CheckFailed(f"the node {node.node} cannot be made", why="it does not start")

    def start(self, container: Container) -> None:
        """Start a node."""
        self.made[container.name] = replace(container, state="running")

    def remove(self, names: Sequence[str]) -> None:
        """Remove nodes; what is gone already is no error."""
        for name in names:
            self.made.pop(name, None)
            self.admitted.pop(name, None)

    def execute(self, name: str, argv: Sequence[str], stdin: bytes = b"") -> Completed:  # noqa: ARG002
        """Take a key: all that a lab asks of a node."""
        if self.made[name].state != "running":
            return Completed(255, "", "container state improper")
        self.admitted.setdefault(name, []).append(stdin.decode().strip())
        return Completed(0, "", "")

    def read(self, container: Container, path: str) -> str:
        """The host key, or the keys that were taken."""
        if path.endswith(".pub"):
            return f"ssh-ed25519 KEY-OF-{container.name} {container.name}\n"
        return "".join(f"{key}\n" for key in self.admitted.get(container.name, ()))


@dataclass
class FakeHost:
    """A host with everything that a lab needs."""

    root: bool = True
    missing: set[str] = field(default_factory=set)
    networks: tuple[Taken, ...] = ()
    routes: set[IPv4Network] = field(default_factory=set)
    parameters: dict[str, int] = field(
        default_factory=lambda: {"fs.inotify.max_user_instances": 128, "kernel.panic": 0}
    )
    fixed: set[str] = field(default_factory=set)
    noted: dict[str, int] = field(default_factory=dict)
    silent: set[IPv4Address] = field(default_factory=set)

    def is_root(self) -> bool:
        """What the test says."""
        return self.root

    def has(self, command: str) -> bool:
        """Everything but what the test takes away."""
        return command not in self.missing

    def ulimits(self) -> tuple[str, ...]:
        """Those of a small host."""
        return ("nofile=1024:1024",)

    def existing(self, paths: Sequence[str]) -> tuple[str, ...]:
        """Every path."""
        return tuple(paths)

    def taken(self) -> tuple[Taken, ...]:
        """What the test says."""
        return self.networks

    def unreachable(self) -> frozenset[IPv4Network]:
        """What was refused."""
        return frozenset(self.routes)

    def refuse(self, network: IPv4Network) -> None:
        """Note a route."""
        self.routes.add(network)

    def unrefuse(self, network: IPv4Network) -> None:
        """Drop a route, which must be there."""
        self.routes.remove(network)

    def remove_bridge(self, interface: str) -> None:
        """There is none left behind."""

    def parameter(self, name: str) -> int | None:
        """The parameter, where the host has it."""
        return self.parameters.get(name)

    def can_set(self, name: str) -> bool:
        """All but what the test fixes."""
        return name not in self.fixed

    def set_parameter(self, name: str, value: int) -> None:
        """Change a parameter."""
        self.parameters[name] = value

    def remember(self, names: Sequence[str]) -> None:
        """Note values once."""
        self.noted = {name: self.parameters[name] for name in names if name in self.parameters} | self.noted

    def recall(self) -> dict[str, int]:
        """What was noted."""
        return dict(self.noted)

    def forget(self) -> None:
        """Note nothing any longer."""
        self.noted.clear()

    def ssh_answers(self, address: IPv4Address, timeout_s: float) -> bool:  # noqa: ARG002
        """Every machine but those that the test silences."""
        return address not in self.silent


@dataclass
class FakeVagrant:
    """Machines by Vagrant's names. ``refuses`` is what it says of the next commands instead of obeying."""

    known_hosts: Path
    machines: dict[str, str] = field(default_factory=dict)
    kept: dict[str, set[str]] = field(default_factory=dict)
    said: list[tuple[str, ...]] = field(default_factory=list)
    environments: list[dict[str, str]] = field(default_factory=list)
    refuses: list[str] = field(default_factory=list)

    def __call__(
        self,
        words: Sequence[str],
        *,
        environment: Mapping[str, str],
        heard: Callable[[str], None],
        timeout_s: float,  # noqa: ARG002 - as the real one
    ) -> Completed:
        """Obey, as far as a lab asks."""
        verb, *rest = [word for word in words if not word.startswith("--")]
        self.said.append((verb, *rest))
        self.environments.append(dict(environment))
        if verb != "status" and self.refuses:
            return Completed(1, f"1,,error-exit,Error,{self.refuses.pop(0)}\n", "")
        lines = self._obey(verb, rest, Path(environment["KPROV_CLUSTER"]))
        for name in {*self.machines, *rest}:
            note = Path(environment["VAGRANT_DOTFILE_PATH"]) / "machines" / name / "fake" / "id"
            note.parent.mkdir(parents=True, exist_ok=True)
            note.touch() if name in self.machines else note.unlink(missing_ok=True)
        for line in lines:
            heard(line)
        return Completed(0, "".join(f"{line}\n" for line in lines), "")

    def _obey(self, verb: str, rest: Sequence[str], home: Path) -> list[str]:
        places = {one["id"]: one["place"] for one in json.loads((home / "vagrant.json").read_text())["machines"]}
        match verb:
            case "status":
                return [f"1,{name},state,{self.machines.get(name, 'not_created')}" for name in places]
            case "up":
                self.machines |= dict.fromkeys(rest, "running")
                self._pin({places[name]: "ssh-ed25519 AAAA" for name in rest})
            case "halt":
                self.machines |= dict.fromkeys(rest, "shutoff")
            case "destroy":
                self.machines = {name: state for name, state in self.machines.items() if name not in rest}
                self.kept = {name: labels for name, labels in self.kept.items() if name not in rest}
            case "snapshot" if rest[0] == "save":
                self.kept.setdefault(rest[1], set()).add(rest[2])
            case "snapshot" if rest[0] == "list":
                return [f"1,{name},ui,output,{label}" for name in rest[1:] for label in self.kept.get(name, ())]
        return [f"1,{name},action,{verb},end" for name in rest]

    def _pin(self, keys: Mapping[str, str]) -> None:
        self.known_hosts.parent.mkdir(parents=True, exist_ok=True)
        present = self.known_hosts.read_text() if self.known_hosts.exists() else ""
        self.known_hosts.write_text(present + "".join(f"{place} {key}\n" for place, key in keys.items()))
