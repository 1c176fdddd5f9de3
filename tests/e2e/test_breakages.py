"""A cluster that is broken in one place: exactly the checks that should fail do, and say where."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from tests.e2e.breakages import ALL, PKI, Breakage
from tests.e2e.made import Cluster, podman

if TYPE_CHECKING:
    from collections.abc import Iterator

LAYOUT = """\
  m[1:3]: {address: "{net}.[11:13]", roles: [control-plane, etcd]}
  w1: {address: "{net}.101", roles: [worker], labels: {disk: ssd}}
"""
NETWORK = "plugin: bridge, pods: 10.106.128.0/20, services: 10.106.144.0/20"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three control planes and a worker; every test leaves it as it was."""
    folder = tmp_path_factory.mktemp("breakages")
    made = Cluster.of(folder, "e2e-breakages", 1, LAYOUT, network=NETWORK, second=106)
    made.kprov("lab", "down")
    try:
        made.kprov("up", "--skip", "verify")
        yield made
    finally:
        made.kprov("lab", "down")


@pytest.fixture(scope="module")
def words(cluster: Cluster) -> dict[str, str]:
    """What stands in commands for what differs from lab to lab."""
    pods = cluster.kubectl("get", "pods", "-n", "kube-system", "-l", "k8s-app=kube-dns")["items"]
    serving = {pod["spec"]["nodeName"] for pod in pods}
    quiet = next(name for name in ("w1", "m3", "m2", "m1") if name not in serving)
    route = cluster.kubectl("get", "node", "w1")["spec"]["podCIDR"]
    return {"net": cluster.subnet.rpartition(".")[0], "pods": route, "quiet": quiet}


def holds(cluster: Cluster, node: str, condition: str) -> bool:
    argv = ["ssh", "-F", str(cluster.folder / "artifacts/ssh/config"), node, condition]
    return subprocess.run(argv, capture_output=True, timeout=120, check=False).returncode == 0


def wait(cluster: Cluster, node: str, condition: str, seconds: int = 240) -> None:
    """Wait until a command on a node ends well."""
    deadline = time.monotonic() + seconds
    while not holds(cluster, node, condition):
        assert time.monotonic() < deadline, f"not in {seconds} s on {node}: {condition}"
        time.sleep(1)


def certificate(cluster: Cluster, node: str, name: str, *, ended: bool = False, without: str = "") -> str:
    """A certificate of a node, made anew by the cluster's own CA: over since a week, or not for an address."""
    ca = "front-proxy-ca" if name.startswith("front-proxy") else "ca"
    key = load_pem_private_key(cluster.on(node, f"cat {PKI}/{ca}.key").encode(), None)
    now, old = datetime.now(UTC), x509.load_pem_x509_certificate(cluster.on(node, f"cat {PKI}/{name}.crt").encode())
    builder = (
        x509.CertificateBuilder()
        .subject_name(old.subject)
        .issuer_name(old.issuer)
        .public_key(old.public_key())  # type: ignore[arg-type] # kubeadm's are of RSA
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(now - timedelta(days=7) if ended else now + timedelta(days=300))
    )
    for extension in old.extensions:
        value = extension.value
        if isinstance(value, x509.SubjectAlternativeName) and without:
            value = x509.SubjectAlternativeName([each for each in value if str(each.value) != without])
        builder = builder.add_extension(value, extension.critical)
    return builder.sign(key, SHA256()).public_bytes(Encoding.PEM).decode()  # type: ignore[arg-type]


def commands(cluster: Cluster, breakage: Breakage, words: dict[str, str]) -> tuple[str, str]:
    """What breaks and what heals; certificates are made here."""
    if breakage.name == "a certificate ended":
        file, made = "front-proxy-client", certificate(cluster, "m2", "front-proxy-client", ended=True)
    elif breakage.name == "a certificate for another name":
        file, made = "apiserver", certificate(cluster, "m2", "apiserver", without=f"{words['net']}.12")
    else:
        return breakage.do.format(**words), breakage.undo.format(**words)
    path = f"{PKI}/{file}.crt"
    return f"cp {path} /root/moved && cat >{path} <<'END'\n{made}END\n", f"mv /root/moved {path}"


def heal(cluster: Cluster, breakage: Breakage, node: str, command: str, words: dict[str, str]) -> None:
    if not command:
        container = podman(
            "ps", "-q", "--filter", f"label=kprov.cluster={cluster.name}", "--filter", f"name={node}"
        ).strip()
        podman("exec", container, "iptables", "-D", "INPUT", "-p", "tcp", "--dport", "22", "-j", "DROP")
    else:
        cluster.on(node, command)
    wait(cluster, node, breakage.undone.format(**words))
    admin = "kubectl --kubeconfig /etc/kubernetes/admin.conf"
    wait(cluster, "m1", f"{admin} wait nodes --all --for condition=Ready --timeout 30s")


def shut_out(cluster: Cluster, node: str, command: str, address: str) -> None:
    """Run what shuts us out, and wait until it has."""
    cluster.on(node, f"(sleep 1; {command}) >/dev/null 2>&1 &")
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection((address, 22), timeout=2).close()
        except OSError:
            return
        assert time.monotonic() < deadline, f"{address} still lets us in"
        time.sleep(0.5)


def test_a_healthy_cluster_passes_with_a_workload_too(cluster: Cluster) -> None:
    said = json.loads(cluster.kprov("verify", "--workload", "-q", "-o", "json"))
    assert said["totals"]["failed"] == said["totals"]["error"] == 0
    tried = {check["name"]: check["outcome"] for check in said["checks"] if check["suite"] == "workload"}
    assert sorted(tried.values()) == [*["passed"] * 5, "skipped"], "no StorageClass, so no StatefulSet"
    assert {node["name"]: node["ready"] for node in said["nodes"]} == dict.fromkeys(("m1", "m2", "m3", "w1"), True)
    assert {each["host"] for each in said["certificates"]} == {"m1", "m2", "m3", "w1"}
    assert all(
        check["evidence"] for check in said["checks"] if check["outcome"] == "passed" and "kubelet" in check["name"]
    )


@pytest.mark.parametrize("breakage", ALL, ids=str)
def test_exactly_what_should_fail_does(cluster: Cluster, words: dict[str, str], breakage: Breakage) -> None:
    node = breakage.node.format(**words)
    do, undo = commands(cluster, breakage, words)
    try:
        if undo:
            cluster.on(node, do)
            wait(cluster, node, breakage.done.format(**words))
        else:
            shut_out(cluster, node, do, f"{words['net']}.101")
        said = cluster.kprov("verify", "-q", "-o", "json", code=breakage.code)
    finally:
        heal(cluster, breakage, node, undo, words)
    bad = [check for check in json.loads(said)["checks"] if check["outcome"] in ("failed", "error")]
    told = "; ".join(f"{check['host']}: {check['name']}: {check['message']}" for check in bad)
    wanted = {(suite, name, host.format(**words)) for suite, name, host in breakage.fails}
    assert {(check["suite"], check["name"], check["host"]) for check in bad} == wanted, told
    assert breakage.says.format(**words) in told


def test_watching_ends_when_all_is_well_again_and_nothing_is_left(cluster: Cluster) -> None:
    cluster.on("w1", "systemctl stop kubelet")
    process = cluster.start("verify", "--watch", "--deadline", "8m")
    try:
        assert process.stdout is not None
        heard = ""
        while "note: after" not in heard:
            line = process.stdout.readline()
            assert line, heard
            heard += line
        assert "w1: kubelet runs and starts at boot" in heard
    finally:
        cluster.on("w1", "systemctl start kubelet")
    heard += process.communicate(timeout=600)[0]
    assert process.returncode == 0, heard
    deadline = time.monotonic() + 120
    while holds(cluster, "m1", "kubectl --kubeconfig /etc/kubernetes/admin.conf get namespaces | grep -q kprov-verify"):
        assert time.monotonic() < deadline, "a namespace of a verification is left"
        time.sleep(2)


def test_watching_fails_when_the_deadline_passes(cluster: Cluster) -> None:
    cluster.on("m1", "kubectl --kubeconfig /etc/kubernetes/admin.conf cordon w1")
    try:
        said = cluster.kprov("verify", "--nodes", "w1", "--watch", "--deadline", "45s", code=1)
    finally:
        cluster.on("m1", "kubectl --kubeconfig /etc/kubernetes/admin.conf uncordon w1")
    assert "w1 is cordoned" in said
