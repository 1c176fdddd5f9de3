"""Three control planes that encrypt what they store: read out of etcd itself, with other keys, while a client reads."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from tests.e2e.made import Cluster

if TYPE_CHECKING:
    from collections.abc import Iterator

NODES = '  m[1:3]: {address: "{net}.[11:13]", roles: [control-plane, etcd, worker]}\n'
PLANES = ("m1", "m2", "m3")
NETWORK = "plugin: bridge, pods: 10.99.160.0/20, services: 10.99.176.0/20"
VALUE = "bXktdmFsdWU="
KUBECTL = "/usr/local/bin/kubectl --kubeconfig /etc/kubernetes/admin.conf --request-timeout=10s"
READ = f"{KUBECTL} get secret proof -o 'jsonpath={{.data.word}}{{\"\\n\"}}'"
ETCD = (
    "/usr/local/bin/kubectl --kubeconfig /etc/kubernetes/admin.conf -n kube-system exec etcd-m1 -- etcdctl"
    " --endpoints=https://127.0.0.1:2379 --cacert=/etc/kubernetes/pki/etcd/ca.crt"
    " --cert=/etc/kubernetes/pki/etcd/server.crt --key=/etc/kubernetes/pki/etcd/server.key"
)
FILE = "/etc/kubernetes/kprov/api-server/encryption.json"


def with_sections(cluster: Cluster, *sections: str) -> None:
    """Have these sections on the control plane in the cluster file, and no others."""
    path = cluster.folder / "cluster.yaml"
    kept = [line for line in path.read_text().splitlines() if not line.startswith(("encryption:", "audit:"))]
    path.write_text("\n".join([*kept, *sections]) + "\n")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster.of(tmp_path_factory.mktemp("e2e"), "e2e-enc", 7, NODES, network=NETWORK)
    with_sections(made, "encryption: {provider: aescbc}", "audit: {policy: writes}")
    made.kprov("lab", "down")
    try:
        made.kprov("up", "--skip", "verify")
        made.on("m1", f"{KUBECTL} create secret generic proof --from-literal=word=my-value")
        yield made
    finally:
        made.kprov("lab", "down")


def in_etcd(cluster: Cluster) -> str:
    """How the secret of the test begins in etcd."""
    raw = cluster.on(
        "m1", f"{ETCD} get /registry/secrets/default/proof --print-value-only | head -c 60 | tr -cd '\\n -~'"
    )
    return raw if not raw.startswith("k8s:enc:") else ":".join(raw.split(":")[:5])


def keys(cluster: Cluster) -> set[str]:
    """The keys of all control planes, which must be readable by root alone."""
    found = set()
    for name in PLANES:
        mode, text = cluster.on(name, f"stat -c %a {FILE}; cat {FILE}").split("\n", 1)
        assert mode == "600"
        found |= set(re.findall(r'"secret": "([^"]+)"', text))
    return found


def told(cluster: Cluster) -> str:
    """Everything that kprov has written on this machine."""
    return "".join(path.read_text(errors="replace") for path in cluster.folder.rglob("*") if path.is_file())


def test_a_secret_is_encrypted_in_etcd_and_the_key_is_on_control_planes_alone(cluster: Cluster) -> None:
    assert in_etcd(cluster) == "k8s:enc:aescbc:v1:key1"
    (key,) = keys(cluster)
    assert key not in told(cluster)
    status = json.loads(cluster.kprov("encryption", "status", "-o", "json"))
    assert status["ok"]
    for name in PLANES:
        assert set(status["control_planes"][name]["secrets"]["stored"]) == {"aescbc key1"}


def test_what_clients_write_is_in_the_audit_log(cluster: Cluster) -> None:
    logs = "".join(cluster.on(name, "cat /var/log/kubernetes/audit/audit.log") for name in PLANES)
    entries = [json.loads(line) for line in logs.splitlines()]
    made = [each for each in entries if each["verb"] == "create" and each["objectRef"].get("name") == "proof"]
    assert {each["level"] for each in made} == {"Metadata"}
    assert VALUE not in logs


def test_a_second_up_changes_nothing(cluster: Cluster) -> None:
    cluster.kprov("up", "--skip", "verify")
    assert {host: statuses.count("changed") for host, statuses in cluster.tasks().items()} == dict.fromkeys(PLANES, 0)


def test_a_client_keeps_reading_while_the_key_is_changed(cluster: Cluster) -> None:
    log = "/root/reads"
    script = f"while [ -e {log} ]; do {READ} 2>&1 | head -c 200 >>{log}; sleep 0.3; done"
    cluster.on("m1", f"touch {log}; cat >/root/reader <<'E'\n{script}\nE\nnohup sh /root/reader >/dev/null 2>&1 &")
    try:
        cluster.kprov("encryption", "rotate")
    finally:
        reads = cluster.on("m1", f"cat {log}; rm {log}").splitlines()
    assert in_etcd(cluster) == "k8s:enc:aescbc:v1:key2"
    assert len(keys(cluster)) == 1
    good = reads.count(VALUE)
    bad = sorted({line for line in reads if line != VALUE})
    assert good > 50
    assert not [line for line in bad if re.search("transform|decrypt|prefix|Internal", line)]
    assert good / len(reads) > 0.9, bad
