"""Bad input, as a user gives it to ``kprov up``: refused with what, where and the cure, before anything is made."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from kprov.cli import main
from kprov.lab import providers
from kprov.lab.engine import NodeNetwork
from kprov.lab.fakes import FakeEngine, FakeHost
from kprov.lab.host import Taken
from kprov.ssh.keys import ensure_key
from tests.unit.bundle.test_charts import archive as chart

Refused = Callable[..., str]

FILE = """\
cluster: bad
nodes:
  m[1:3]: {address: "10.99.9.[11:13]", roles: [control-plane, etcd]}
  w1: {address: 10.99.9.101, roles: [worker]}
lab: {provider: podman, subnet: 10.99.9.0/24}
network: {plugin: bridge, pods: 10.99.128.0/20, services: 10.99.144.0/20}
bundle: {source: packages}
"""


def changed(old: str, new: str) -> str:
    assert old in FILE
    return FILE.replace(old, new)


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Refused:
    """Runs a command that must be refused, in a folder that it must leave as it is; returns what it said."""
    here, cache = tmp_path / "here", tmp_path / "cache"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    for name in ("NO_COLOR", "KPROV_FILE", "SSH_AUTH_SOCK"):
        monkeypatch.delenv(name, raising=False)

    def refuse(text: str | bytes | None, *words: str) -> str:
        if text is not None:
            Path("cluster.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
        before = sorted(here.rglob("*"))
        code = main.run(words or ["up"])
        out, err = capfd.readouterr()
        assert code == 2, err
        assert out == ""
        assert err.startswith("error: "), "the refusal is the first thing that is said"
        assert "\n  do:" in err
        assert "Traceback" not in err
        assert sorted(here.rglob("*")) == before, "something was made"
        assert not cache.exists(), "the bundle was begun"
        return err

    return refuse


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> FakeHost:
    """The host that labs are made on, in memory: everything that a lab needs is there."""
    fake, engine = FakeHost(), FakeEngine()
    engine.nets["podman"] = NodeNetwork("podman", "", (IPv4Network("10.88.0.0/16"),), "podman0", ())
    monkeypatch.setattr(providers, "LinuxHost", lambda: fake)
    monkeypatch.setattr(providers, "CommandLine", lambda _name: engine)
    monkeypatch.setattr(providers.shutil, "which", lambda name: f"/usr/bin/{name}")
    return fake


SPECS = {
    "an unknown key": (f"{FILE}adons: {{}}\n", "cluster.yaml:8  adons", "is no key that kprov knows"),
    "a misspelt key": (changed("cluster:", "clustr:"), "cluster.yaml:1  clustr", "Did you mean cluster?"),
    "a wrong type": (changed("[worker]", "{a: b}"), "cluster.yaml:4  nodes.w1.roles", "a mapping stands where a list"),
    "a bad address": (changed("10.99.9.101", "10.99.9.300"), "nodes.w1.address", "10.99.9.300 is no IPv4 address"),
    "an address twice": (changed("10.99.9.101", "10.99.9.11"), "cluster.yaml:4", "the address of w1 and of m1, see"),
    "a name twice": (changed("  w1:", "  m2:"), "cluster.yaml:4", "the name m2 is made twice, first by m[1:3], see"),
    "ranges that differ": (changed("[11:13]", "[11:14]"), "cluster.yaml:3", "3 names from m[1:3], but 4 addresses"),
    "a range backwards": (changed("m[1:3]", "m[3:1]"), "cluster.yaml:3", "m[3:1]"),
    "pods over services": (changed("10.99.144.0/20", "10.99.128.0/24"), "network.services", "overlaps network.pods"),
    "nodes among pods": (changed("10.99.128.0/20", "10.99.0.0/16"), "cluster.yaml:6  network.pods", "10.99.9.11"),
    "two etcd members": (changed("[1:3]", "[1:2]").replace("[11:13]", "[11:12]"), "2 etcd members", "1 or 3"),
    "no control plane": (changed("[control-plane, etcd]", "[worker]"), "no node has the role control-plane", "Give"),
    "no nodes": ("cluster: bad\nnodes: {}\n", "cluster.yaml:2  nodes", "right:"),
    "a version without rules": (f"{FILE}kubernetes: {{version: 1.19.3}}\n", "kubernetes.version", "1.19.3"),
    "no version at all": (f"{FILE}kubernetes: {{version: new}}\n", "cluster.yaml:8  kubernetes.version", "new"),
    "an unknown source": (changed("packages", "internet"), "bundle.source", "none of upstream, packages, directory"),
    "a source that cannot serve it": (changed("packages", "upstream"), "does not come from upstream", "packages"),
    "a plugin for newer": (
        changed("bridge", "cilium"),
        "cluster.yaml:6  network.plugin",
        "no cilium serves Kubernetes",
    ),
    "no plugin of any kind": (changed("bridge", "bride"), "cluster.yaml:6  network.plugin", "bride"),
    "a pool elsewhere": (
        f"{FILE}addons: {{metallb: {{addresses: [10.98.0.0/28]}}}}\n",
        "cluster.yaml:8  addons.metallb.addresses[0]",
        "is not within the nodes' network 10.99.9.0/24",
    ),
    "values that are none": (
        f"{FILE}addons:\n  extra:\n    - {{name: shop, chart: {{file: shop.tgz, values: [a]}}}}\n",
        "cluster.yaml:10  addons.extra[0].chart.values",
        "a list stands where keys with values belong",
    ),
    "a chart without sha256": (
        f"{FILE}addons:\n  extra:\n    - {{name: shop, chart: {{url: 'https://shop.example/s.tgz'}}}}\n",
        "cluster.yaml:10  addons.extra[0].chart",
        "has no sha256",
    ),
    "a reflector of nothing": (
        changed("[worker]", "[worker, route-reflector]"),
        "cluster.yaml:4  nodes.w1.roles",
        "network.plugin bridge has none",
    ),
    "a user that containers lack": (f"{FILE}ssh: {{user: joe}}\n", "cluster.yaml:8  ssh.user", "it is root"),
    "no YAML": ("cluster: [bad\nnodes: }\n", "cluster.yaml:2", "no YAML"),
    "a tab": (changed("  w1", "\tw1"), "cluster.yaml:4", "tab"),
    "no text": (b"\x7fELF\x02\x01\x01\x00", "cluster.yaml:1", "no text file"),
    "not UTF-8": (FILE.replace("bad", "b\xe4d").encode("latin-1"), "cluster.yaml:1", "0xe4"),
    "an empty file": ("", "the file is empty", "kprov init"),
    "comments only": ("# later\n", "the file is empty", "kprov init"),
    "a single word": ("hello\n", "cluster.yaml:1", "one single value"),
    "a list": ("- m1\n", "cluster.yaml:1", "the file is a list"),
}


@pytest.mark.parametrize("what", SPECS)
def test_a_cluster_file_that_cannot_be_used(what: str, refused: Refused) -> None:
    text, *told = SPECS[what]
    said = refused(text)
    assert [part for part in told if part not in said] == []


OPEN = changed("lab: {provider: podman, subnet: 10.99.9.0/24}\n", "").replace("bridge", "cilium") + (
    "addons: {dashboard: {kind: headlamp, access: lab-open}}\n"
)


def test_a_dashboard_that_lets_everybody_in_is_for_labs_unless_it_must_be(refused: Refused) -> None:
    said = refused(OPEN)
    assert "lab-open lets everybody who reaches a node" in said
    assert "--yes-really" in said
    told = refused(OPEN, "up", "--yes-really")
    assert "no cilium serves Kubernetes" in told
    assert "lab-open" not in told


CHART = f"{FILE}addons:\n  extra:\n    - {{name: shop, chart: {{file: shop.tgz, values_file: shop.yaml}}}}\n"


@pytest.mark.parametrize(
    ("archive", "values", "told"),
    [
        (b"no chart", b"a: 1\n", "shop.tgz is no chart"),
        (b"", b"a: 1\n", "shop.tgz is no chart"),
        (chart("shop/Chart.yaml"), b"- a\n", "the values of a chart are no mapping"),
        (chart("shop/Chart.yaml"), b"a: [\n", "cannot read the values of a chart"),
        (None, b"a: 1\n", "cannot read a file that the cluster file names"),
    ],
    ids=["other bytes", "nothing", "a list", "no YAML", "not there"],
)
def test_a_chart_or_values_that_cannot_be_used(
    archive: bytes | None, values: bytes, told: str, refused: Refused, host: FakeHost
) -> None:
    if archive is not None:
        Path("shop.tgz").write_bytes(archive)
    Path("shop.yaml").write_bytes(values)
    assert told in refused(CHART)


def test_every_problem_of_a_file_is_told_at_once(refused: Refused) -> None:
    said = refused(changed("10.99.9.101", "10.99.9.300").replace("bridge", "bride") + "adons: {}\n")
    assert said.startswith("error: 3 problems in cluster.yaml")


def test_no_cluster_file(refused: Refused) -> None:
    assert "kprov init" in refused(None)
    assert "nowhere.yaml" in refused(None, "up", "-f", "nowhere.yaml")


def test_a_folder_instead_of_a_file(refused: Refused) -> None:
    assert "is a folder" in refused(None, "up", "-f", ".")


def test_a_file_that_may_not_be_read(refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Path.open

    def deny(path: Path, *arguments: str) -> object:
        if path.name == "secret.yaml":
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *arguments)

    monkeypatch.setattr(Path, "open", deny)
    said = refused(None, "up", "-f", "secret.yaml")
    assert "cannot read the cluster file" in said
    assert "Permission denied" in said


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("up", "--from", "nonsense"), "Name one of: bundle, lab, trust"),
        (("up", "--until", "nonsense"), "Name one of: bundle, lab, trust"),
        (("up", "--from", "verify", "--until", "lab"), "no phase is left to run"),
        (("up", "--strategy", "fast"), "See 'kprov up --help'"),
        (("up", "--mirror", "ftp://mirror.example"), "neither a URL (https, http, file) nor a folder"),
        (("up", "surplus"), "See 'kprov up --help'"),
        (("upp",), "See 'kprov --help'"),
    ],
)
def test_words_that_the_command_does_not_know(words: tuple[str, ...], told: str, refused: Refused) -> None:
    assert told in refused(FILE, *words)


def with_key(name: str) -> str:
    return f"{FILE}ssh: {{key: {name}}}\n"


def test_a_key_that_is_not_there(refused: Refused, host: FakeHost) -> None:
    assert "there is no such SSH key\n  where: " in refused(with_key("nowhere"))


@pytest.mark.parametrize("content", [b"", b"hello\n", b"\x00\xff" * 40, b"-----BEGIN OPENSSH PRIVATE KEY-----\nx\n"])
def test_a_key_that_is_no_key(content: bytes, refused: Refused, host: FakeHost) -> None:
    Path("id").write_bytes(content)
    assert "no SSH private key" in refused(with_key("id"))


def test_the_public_half_of_a_key(refused: Refused, host: FakeHost) -> None:
    ensure_key(Path("id").absolute())
    assert "not its .pub" in refused(with_key("id.pub"))


def test_a_key_with_a_passphrase_that_no_agent_knows(refused: Refused, host: FakeHost) -> None:
    generate = ["ssh-keygen", "-q", "-t", "ed25519", "-a", "1", "-N", "passphrase", "-f", "id"]
    subprocess.run(generate, check=True)
    assert "ssh-add" in refused(with_key("id"))


def test_a_host_without_podman(refused: Refused, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    said = refused(FILE)
    assert "missing here: podman" in said
    assert "apt-get install podman" in said


def test_a_user_who_is_not_root(refused: Refused, host: FakeHost) -> None:
    host.root = False
    said = refused(FILE)
    assert "kprov does not run as root" in said
    assert "sudo" in said


def test_root_is_told_by_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert not providers.LinuxHost().is_root()


def test_a_subnet_that_the_host_uses(refused: Refused, host: FakeHost) -> None:
    host.networks = (Taken(IPv4Network("10.99.0.0/16"), "a route through tun0", "tun0"),)
    said = refused(FILE)
    assert "10.99.9.0/24, is in use on this host: 10.99.0.0/16 by a route through tun0" in said
    assert "the lab's subnet" in said


def test_lab_up_is_as_careful(refused: Refused, host: FakeHost) -> None:
    host.root = False
    assert "kprov does not run as root" in refused(FILE, "lab", "up")


@pytest.mark.parametrize("words", [("lab", "up"), ("lab", "down"), ("lab", "status")])
def test_a_cluster_without_a_lab(words: tuple[str, ...], refused: Refused) -> None:
    assert "this cluster has no lab" in refused(changed("lab: {provider: podman, subnet: 10.99.9.0/24}\n", ""), *words)


def test_the_program_itself_ends_with_the_same_code_and_words(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("kprov")
    done = subprocess.run([program, "up"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: there is no cluster file")
    assert list(tmp_path.iterdir()) == []
