from __future__ import annotations

import json
import os
import runpy
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from kprov.ssh.batch import Answer
from kprov.verify import asking, machine, plugin, run, services
from kprov.verify import cluster as cluster_room
from kprov.verify.promises import Door, Network, Promises, Storage, Workload
from kprov.verify.settings import Settings, Target

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kprov.events import Emit

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
NAMES = ("api.book.internal", "kubernetes.default.svc.cluster.local", "10.0.0.11", "10.0.0.12")
QUICK = ("--capture=no", "-p", "no:unraisableexception", "-p", "no:threadexception")
FAKE = Path(__file__).parent / "fake_ssh.py"
MADE = runpy.run_path(str(FAKE))


@pytest.fixture(scope="session")
def pem() -> Callable[..., str]:
    """A function that makes a certificate which ends in so many days, for these names and addresses."""

    def make(days: int, *names: str) -> str:
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
            .add_extension(x509.SubjectAlternativeName(list(map(_alternative, names))), critical=False)
            .sign(key, None)
        )
        return made.public_bytes(Encoding.PEM).decode()

    return make


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


@dataclass
class FakeCluster:
    """A cluster behind a stand-in for ssh: break it, then verify ``settings``."""

    settings: Settings
    world: dict
    path: Path
    heard: list[tuple[str, str]] = field(default_factory=list)

    def save(self) -> None:
        self.path.write_text(json.dumps(self.world))

    @property
    def asked(self) -> list[tuple[str, str]]:
        """What was asked of whom, in the order in which it came."""
        log = Path(f"{self.path}.log")
        return [tuple(line.split()) for line in log.read_text().splitlines()] if log.exists() else self.heard


@pytest.fixture
def fake(separate: FakeCluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeCluster:
    """Two control planes and a worker, all well; no process is started to ask them."""

    class Machine(machine.Machine):
        def ask(self, questions: Mapping[str, str]) -> dict[str, Answer]:
            separate.heard.extend((self.name, question) for question in questions)
            if self.name in separate.world["silent"]:
                raise machine.SilentMachineError(separate.world["silent"][self.name])
            return {
                question: Answer(*MADE["answer"](separate.world, self.name, question, command))
                for question, command in questions.items()
            }

    def here(settings: Path, emit: Emit, within_s: float | None = None) -> run.Heard:
        lines = tmp_path / "lines"
        monkeypatch.setenv(plugin.SETTINGS, str(settings))
        monkeypatch.setenv(plugin.EVENTS, str(os.open(lines, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)))
        monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        suites = [str(run.SUITES / f"test_{name}.py") for name in run._ORDER]
        assert pytest.main([*map(str, run._ARGUMENTS), *QUICK, *suites]) in run._FINISHED
        return run.read(lines.read_text().splitlines(), emit)

    monkeypatch.setattr(cluster_room, "Machine", Machine)
    monkeypatch.setattr(cluster_room, "POLL_S", 0.01)
    monkeypatch.setattr(asking, "POLL_S", 0.01)
    monkeypatch.setattr(services, "_TRIES_S", 0.05)
    monkeypatch.setattr(run, "_run_suites", here)
    return separate


@pytest.fixture
def separate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pem: Callable[..., str]) -> FakeCluster:
    """The same cluster as seen by the real processes: pytest in one of its own, and a program in place of ssh."""
    made = MADE
    planes, workers = ["m1", "m2"], ["w1"]
    cluster = made["world"](planes, workers, f"file /etc/kubernetes/pki/apiserver.crt\n{pem(365, *NAMES)}")
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
            Target(
                name,
                made["address"](cluster, name),
                name in planes,
                name in workers,
                name in planes,
                {"node-role.kubernetes.io/control-plane": ""} if name in planes else {"disk": "ssd"},
                (f"{made['TAINT']}:NoSchedule",) if name in planes else (),
            )
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
