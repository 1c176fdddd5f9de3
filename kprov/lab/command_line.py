"""podman and docker, driven by their command line: which arguments make a node, and what their JSON says."""

from __future__ import annotations

import json
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING

from kprov.lab.engine import Container, EngineName, NodeNetwork, NodeRequest, State, Survey
from kprov.lab.process import Completed, Run, must
from kprov.lab.process import run as run_command

if TYPE_CHECKING:
    from collections.abc import Sequence

CLUSTER = "kprov.cluster"
"""Label of everything that a lab makes; its value is the cluster's name."""
_NODE, _ADDRESS, _IMAGE, _UNREACHABLE = "kprov.node", "kprov.address", "kprov.image", "kprov.unreachable"
_HOME = "kprov.home"

_SLOW_S = 600
"""A killed engine leaves half-made things: better wait for one on an overloaded host."""

_NEVER = "0001-01-01T00:00:00Z"
"""How both engines write the start of a container that never started."""
_STOP_SIGNAL = "37"
"""SIGRTMIN+3: systemd halts (systemd(1))."""


class CommandLine:
    """podman or docker, by its command."""

    def __init__(self, name: EngineName, run: Run = run_command) -> None:
        self.name: EngineName = name
        self._run = run
        # crun 1.8 refuses hosts with hybrid cgroups. To docker the runtime is an option of a container.
        self._command = ("podman", "--runtime", "runc") if name == "podman" else ("docker",)

    def image_exists(self, tag: str) -> bool:
        """Whether the image is in the engine's store."""
        return self._run([*self._command, "image", "inspect", tag]).code == 0

    def import_image(self, archive: Path, tag: str) -> None:
        """Take a root file system, as a tar, under this name."""
        self._must("import", str(archive), tag, what="the node image cannot be stored", timeout_s=_SLOW_S)

    def survey(self) -> Survey:
        """Everything at once."""
        inspected = self._inspect("container", self._must("ps", "-aq", what="containers cannot be listed").split())
        return Survey(parse_names(inspected), parse_containers(inspected), self.networks())

    def containers(self, cluster: str = "") -> tuple[Container, ...]:
        """The nodes of this lab, or of all labs."""
        label = f"{CLUSTER}={cluster}" if cluster else CLUSTER
        names = self._must("ps", "-aq", "--filter", f"label={label}", what="containers cannot be listed").split()
        return parse_containers(self._inspect("container", names))

    def networks(self) -> tuple[NodeNetwork, ...]:
        """All networks, whoever made them."""
        names = self._must("network", "ls", "-q", what="networks cannot be listed").split()
        return parse_networks(self._inspect("network", names))

    def create_network(self, network: NodeNetwork) -> None:
        """Make an internal network: its bridge has the first address, and nothing leads out."""
        subnet = network.subnets[0]
        self._must(
            *("network", "create", "--internal", "--subnet", str(subnet), "--gateway", str(subnet[1])),
            *(("--disable-dns",) if self.name == "podman" else ()),
            *("--label", f"{CLUSTER}={network.cluster}"),
            *("--label", f"{_UNREACHABLE}={','.join(map(str, network.unreachable))}"),
            *("--label", f"{_HOME}={network.home}"),
            network.name,
            what=f"the network {network.name} cannot be made",
        )

    def remove_network(self, name: str) -> None:
        """Remove a network that no container uses."""
        self._must("network", "rm", name, what=f"the network {name} cannot be removed")

    def create(self, node: NodeRequest) -> None:
        """Make and start a node."""
        argv = create_argv(self.name, node)
        self._must(*argv, what=f"the node {node.node} cannot be made", timeout_s=_SLOW_S)

    def start(self, container: Container) -> None:
        """Start a stopped node, or let a paused one go on."""
        verb = "unpause" if container.state == "paused" else "start"
        self._must(verb, container.name, what=f"the node {container.node} cannot be started", timeout_s=_SLOW_S)

    def remove(self, names: Sequence[str]) -> None:
        """Kill and remove containers with what they stored."""
        at_once = ("-t", "0") if self.name == "podman" else ()
        self._must("rm", "-f", "-v", *at_once, *names, what="containers cannot be removed", timeout_s=_SLOW_S)

    def execute(self, name: str, argv: Sequence[str], stdin: bytes = b"") -> Completed:
        """Run a command in a running node."""
        return self._run([*self._command, "exec", "-i", name, *argv], stdin=stdin)

    def read(self, container: Container, path: str) -> str:
        """A small file of a running node, read without a process in it: an exec would cost more than all else."""
        try:
            return Path(f"/proc/{container.pid}/root{path}").read_text() if container.pid else ""
        except OSError:
            return ""

    def _inspect(self, kind: str, names: Sequence[str]) -> str:
        """What the engine knows of them. One that goes away meanwhile is left out, though the command then fails."""
        return self._run([*self._command, kind, "inspect", *names]).out.strip() or "[]" if names else "[]"

    def _must(self, *arguments: str, what: str, timeout_s: float = 120) -> str:
        return must(self._run, [*self._command, *arguments], what=what, timeout_s=timeout_s)


def create_argv(engine: EngineName, node: NodeRequest) -> tuple[str, ...]:
    """The arguments that make a node which boots systemd.

    podman's ``--systemd=always`` would bind the host's whole systemd hierarchy into every node on hosts with hybrid
    cgroups, where the kubelets of all nodes then delete each other's pods. ``/var`` is a volume because containerd's
    overlay must not lie on overlay. Without ``--no-hosts`` ``/etc/hosts`` is a mount that nobody can replace.
    """
    labels = {CLUSTER: node.cluster, _NODE: node.node, _ADDRESS: str(node.address), _IMAGE: node.image}
    return (
        *(
            "run",
            "-d",
            "--name",
            node.name,
            "--hostname",
            node.node,
            "--network",
            node.network,
            "--ip",
            str(node.address),
        ),
        *(f"--label={key}={value}" for key, value in labels.items()),
        *("--privileged", "--cgroupns=private", "--pids-limit=-1", "--stop-signal", _STOP_SIGNAL),
        *(("--systemd=false", "--no-hosts", "--dns=none") if engine == "podman" else ("--runtime=runc",)),
        *("-e", f"container={engine}", "--tmpfs", "/tmp", "--tmpfs", "/run", "--tmpfs", "/run/lock", "-v", "/var"),  # noqa: S108
        *(f"--device={device}" for device in node.devices),
        *(f"--volume={folder}:{folder}:ro" for folder in node.read_only),
        *(f"--ulimit={ulimit}" for ulimit in node.ulimits),
        *(node.image, "/sbin/init"),
    )


def parse_names(inspected: str) -> frozenset[str]:
    """The names of all containers out of the JSON of ``container inspect``.

    >>> parse_names('[{"Name": "/x"}]')
    frozenset({'x'})
    """
    return frozenset(one["Name"].lstrip("/") for one in json.loads(inspected))


def parse_containers(inspected: str) -> tuple[Container, ...]:
    """The nodes out of the JSON of ``container inspect``, sorted by name; both engines write it alike."""
    found = []
    for one in json.loads(inspected):
        labels = one["Config"]["Labels"] or {}
        if _NODE not in labels:
            continue
        found.append(
            Container(
                name=one["Name"].lstrip("/"),
                cluster=labels[CLUSTER],
                node=labels[_NODE],
                address=IPv4Address(labels[_ADDRESS]),
                image=labels[_IMAGE],
                state=_state(one["State"]["Status"], one["State"]["StartedAt"]),
                pid=one["State"].get("Pid", 0),
            )
        )
    return tuple(sorted(found, key=lambda container: container.name))


def _state(status: str, started_at: str) -> State:
    """The state, out of the many words of the engines.

    >>> _state("created", "0001-01-01T00:00:00Z"), _state("exited", "2026-01-02T03:04:05Z")
    ('unborn', 'stopped')
    """
    match status:
        case "running" | "paused":
            return status
        case _:
            return "unborn" if started_at == _NEVER else "stopped"


def parse_networks(inspected: str) -> tuple[NodeNetwork, ...]:
    """The networks out of the JSON of ``network inspect``: podman writes its keys in lower case, docker in upper case.

    >>> parse_networks('[{"name": "n", "network_interface": "br1", "subnets": [{"subnet": "10.9.0.0/24"}]}]')[0].subnets
    (IPv4Network('10.9.0.0/24'),)
    """
    found = []
    for one in json.loads(inspected):
        labels = one.get("labels") or one.get("Labels") or {}
        subnets = [entry["subnet"] for entry in one.get("subnets") or ()]
        subnets += [entry["Subnet"] for entry in (one.get("IPAM") or {}).get("Config") or ()]
        found.append(
            NodeNetwork(
                name=one.get("name") or one.get("Name"),
                cluster=labels.get(CLUSTER, ""),
                subnets=tuple(IPv4Network(subnet) for subnet in subnets if ":" not in subnet),
                interface=one.get("network_interface") or f"br-{one.get('Id', '')[:12]}",
                unreachable=tuple(IPv4Network(net) for net in labels.get(_UNREACHABLE, "").split(",") if net),
                home=labels.get(_HOME, ""),
            )
        )
    return tuple(found)
