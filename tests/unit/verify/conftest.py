from __future__ import annotations

import json
import os
import runpy
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from kprov.verify.promises import Door, Network, Promises, Storage, Workload
from kprov.verify.settings import Settings, Target

if TYPE_CHECKING:
    from collections.abc import Callable

PROMISED = Promises(
    network=Network("calico", "10-calico.conflist", mtu=1450, enforces=True),
    sets=("calico", "metrics-server", "local-path-provisioner", "dashboard"),
    workloads=(
        Workload("calico", "DaemonSet", "kube-system", "calico-node"),
        Workload("metrics-server", "Deployment", "kube-system", "metrics-server"),
        Workload("local-path-provisioner", "Deployment", "local-path-storage", "local-path-provisioner"),
        Workload("dashboard", "Deployment", "kprov-dashboard", "kube-web-view"),
    ),
    storage=(Storage("local-path-provisioner", "local-path", default=True),),
    doors=(Door("kprov-dashboard", "dashboard", "http", open=True, port=31000),),
    metrics=True,
)
FAKE = Path(__file__).parent / "fake_ssh.py"


@pytest.fixture(scope="session")
def pem() -> Callable[[int], str]:
    """A function that makes a certificate which ends in so many days."""

    def make(days: int) -> str:
        key = ed25519.Ed25519PrivateKey.generate()
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kube-apiserver")])
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(now - timedelta(days=400))
            .not_valid_after(now + timedelta(days=days, hours=1))
            .sign(key, None)
        )
        return made.public_bytes(Encoding.PEM).decode()

    return make


@dataclass
class FakeCluster:
    """A cluster behind a stand-in for ssh: break it, then verify ``settings``."""

    settings: Settings
    world: dict
    path: Path

    def save(self) -> None:
        self.path.write_text(json.dumps(self.world))

    @property
    def asked(self) -> list[tuple[str, str]]:
        """What was asked of whom, in the order in which it came."""
        log = Path(f"{self.path}.log")
        return [tuple(line.split()) for line in log.read_text().splitlines()] if log.exists() else []


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pem: Callable[[int], str]) -> FakeCluster:
    """Two control planes and a worker, all well."""
    made = runpy.run_path(str(FAKE))
    planes, workers = ["m1", "m2"], ["w1"]
    cluster = made["world"](planes, workers, f"file /etc/kubernetes/pki/apiserver.crt\n{pem(365)}")
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    ssh = bin_folder / "ssh"
    ssh.write_text(f'#!/bin/sh\nexec {sys.executable} -SE {FAKE} "$@"\n')
    ssh.chmod(0o755)
    config = tmp_path / "config"
    config.touch()
    monkeypatch.setenv("PATH", f"{bin_folder}:{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_WORLD", str(tmp_path / "world.json"))
    settings = Settings(
        cluster="book",
        ssh_config=str(config),
        targets=tuple(
            Target(name, made["address"](cluster, name), name in planes, name in workers, name in planes)
            for name in planes + workers
        ),
        kubernetes="1.20.2",
        endpoint_host="api.book.internal",
        endpoint_port=8443,
        stacked_etcd=True,
        dns_domain="cluster.local",
        promised=PROMISED,
    )
    return FakeCluster(settings, cluster, tmp_path / "world.json")
