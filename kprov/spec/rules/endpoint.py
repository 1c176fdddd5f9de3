"""Rules on the endpoint of the API servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kprov.spec.addresses import as_address, family
from kprov.spec.flaw import ANY, Flaw, Loc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kprov.spec.model import ClusterSpec

_ADDRESSES: Loc = ("nodes", ANY, "address")
_MODE: Loc = ("endpoint", "mode")

# Ports that Kubernetes takes on a node (Ports and Protocols), and those of kubelet and kube-proxy on 127.0.0.1.
_TAKEN_PORTS = frozenset({2379, 2380, 2381, 6443, 10248, 10249, 10250, 10256, 10257, 10259})
_API_PORT = 6443


def endpoint_address(spec: ClusterSpec) -> Iterator[Flaw]:
    """An address where the mode cannot find one itself, none where it does."""
    mode, given = spec.endpoint.mode, spec.endpoint.address
    at: Loc = ("endpoint", "address")
    if mode in {"vip", "external"} and not given:
        what = "a free address of the nodes' network" if mode == "vip" else "the load balancer's name or address"
        yield Flaw(at, f"is missing: endpoint.mode {mode} needs it", f"Give {what}.", None, (_MODE,))
    if mode in {"node-local", "single"} and given:
        where = "on every node itself" if mode == "node-local" else "at the first control plane's address"
        wrong = f"{given} is not used: with endpoint.mode {mode} the endpoint is {where}"
        yield Flaw(at, wrong, "Remove it, or set endpoint.mode to vip or external.", None, (_MODE,))
    if mode == "vip" and given:
        yield from _virtual(spec, given)


def _virtual(spec: ClusterSpec, given: str) -> Iterator[Flaw]:
    at: Loc = ("endpoint", "address")
    virtual = as_address(given)
    primary = spec.network.families[0]
    if virtual is None or family(virtual) != primary:
        wrong = f"{given} is no {primary} address, and endpoint.mode is vip"
        yield Flaw(at, wrong, f"Give an {primary} address.", None, (_MODE, ("network", "pods")))
    for name, node in spec.nodes.items():
        if virtual in node.addresses:
            see: Loc = ("nodes", name, "address")
            yield Flaw(
                at, f"{given} is the address of {name}", "Give an address that no machine has.", see, (see, _MODE)
            )
    if virtual and spec.lab_subnet and virtual not in spec.lab_subnet:
        wrong = f"{given} is outside of the lab's subnet {spec.lab_subnet}"
        right = "Give a free address in the subnet."
        yield Flaw(at, wrong, right, None, (_MODE, ("lab",), _ADDRESSES))


def endpoint_port(spec: ClusterSpec) -> Iterator[Flaw]:
    """Node-local, a port that nothing else takes; single, the API server's own."""
    mode, port = spec.endpoint.mode, spec.endpoint_port
    at: Loc = ("endpoint", "port")
    if mode == "node-local" and port in _TAKEN_PORTS | {spec.ssh.port}:
        owner = "the API server" if port == _API_PORT else "sshd" if port == spec.ssh.port else "Kubernetes"
        wrong = f"{port} is taken on every control plane by {owner} itself"
        yield Flaw(at, wrong, "Leave it out: node-local has 8443.", None, (_MODE, ("ssh", "port")))
    if mode == "single" and port != _API_PORT:
        wrong = f"{port} is not the API server's port, and endpoint.mode is single"
        yield Flaw(at, wrong, f"Leave it out: it is {_API_PORT}.", None, (_MODE,))
