"""etcd on machines of its own: what its members are configured with, and how API servers reach them.

Sources: etcd's configuration file as its server reads it (server/embed/config.go of 3.4, 3.5 and 3.6), whose keys are
the names of its flags; the kubeadm configuration reference for ``etcd.external``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kprov.spec.addresses import host_port

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kprov.release.kubeadm import Document
    from kprov.spec.model import ClusterSpec

CLIENT_PORT: Final = 2379
PEER_PORT: Final = 2380
TIMERS: Final[Mapping[str, str]] = {"heartbeat-interval": "250", "election-timeout": "5000"}
"""In milliseconds; etcd's own are 100 and 1000 (etcd v3.4, docs/tuning.md). A second member counts from the moment that
it is announced, some seconds before it runs; a leader that gives up in that time cuts off every client of the API."""
CLIENT_FILES: Final[Mapping[str, str]] = {
    "caFile": "/etc/kubernetes/pki/etcd/ca.crt",
    "certFile": "/etc/kubernetes/pki/apiserver-etcd-client.crt",
    "keyFile": "/etc/kubernetes/pki/apiserver-etcd-client.key",
}
"""Where control planes have what API servers show to etcd: kubeadm's own names for a stacked one."""
FOLDER: Final = "/etc/etcd/pki"
DATA: Final = "/var/lib/etcd"
DECIDED: Final = frozenset(
    {
        "name",
        "data-dir",
        "initial-cluster",
        "initial-cluster-state",
        "initial-cluster-token",
        "discovery",
        "config-file",
    }
    | {"listen-peer-urls", "listen-client-urls", "initial-advertise-peer-urls", "advertise-client-urls"}
    | {"cert-file", "key-file", "trusted-ca-file", "client-cert-auth", "peer-cert-file", "peer-key-file"}
    | {"peer-trusted-ca-file", "peer-client-cert-auth"}
)
"""Arguments that say who a member is and how it is reached: kprov's and kubeadm's affair."""


def endpoints(spec: ClusterSpec) -> Sequence[str]:
    """Where clients reach the members."""
    return tuple(_url(spec, name, CLIENT_PORT) for name in spec.etcd_members)


def _url(spec: ClusterSpec, name: str, port: int) -> str:
    return f"https://{host_port(spec.nodes[name].address, port)}"


def member_configuration(spec: ClusterSpec, name: str) -> Document:
    """The configuration file of one member; every member has the same list of all.

    >>> from kprov.spec.model import ClusterSpec
    >>> nodes = {"m1": {"address": "10.0.0.11", "roles": ["control-plane"]}}
    >>> nodes["e1"] = {"address": "10.0.0.21", "roles": ["etcd"]}
    >>> given = {"cluster": "lab", "nodes": nodes, "etcd": {"topology": "external"}}
    >>> member_configuration(ClusterSpec.model_validate(given), "e1")["initial-cluster"]
    'e1=https://10.0.0.21:2380'
    """
    peers = {member: _url(spec, member, PEER_PORT) for member in spec.etcd_members}
    trust = {"trusted-ca-file": f"{FOLDER}/ca.crt", "client-cert-auth": True}
    return {
        "name": name,
        "data-dir": DATA,
        "listen-peer-urls": peers[name],
        "listen-client-urls": f"{_url(spec, name, CLIENT_PORT)},https://127.0.0.1:{CLIENT_PORT}",
        "initial-advertise-peer-urls": peers[name],
        "advertise-client-urls": _url(spec, name, CLIENT_PORT),
        "initial-cluster": ",".join(f"{member}={url}" for member, url in peers.items()),
        "initial-cluster-token": spec.cluster,
        "initial-cluster-state": "new",
        "client-transport-security": {
            "cert-file": f"{FOLDER}/server.crt",
            "key-file": f"{FOLDER}/server.key",
            **trust,
        },
        "peer-transport-security": {"cert-file": f"{FOLDER}/peer.crt", "key-file": f"{FOLDER}/peer.key", **trust},
        **{name: _typed(value) for name, value in sorted({**TIMERS, **spec.etcd.args}.items())},
    }


def _typed(value: str) -> object:
    """A value as the configuration file has it, where numbers and truth stand without quotes.

    >>> _typed("250"), _typed("true"), _typed("1h")
    (250, True, '1h')
    """
    if value in {"true", "false"}:
        return value == "true"
    return int(value) if value.isdecimal() else value
