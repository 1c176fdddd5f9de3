"""``kprov dashboard`` with a kubectl that is a small script: real processes, pipes and signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from kprov.cli import main

Run = Callable[..., tuple[str, str]]

FILE = """\
cluster: shop
nodes: {m1: {address: 10.0.0.11, roles: [control-plane]}, w1: {address: 10.0.0.21, roles: [worker]}}
lab: {provider: podman}
addons:
"""
TOKEN = "eyJhbGciOi.eyJpc3MiOi.c2lnbmF0dXJl"
KUBECTL = """\
#!/bin/sh
# Answers like kubectl for a cluster with headlamp; notes how it was called.
echo "$*" >>"$0.calls"
case "$*" in
*" get "*) cat "$0.get" ;;
*" create --raw="*)
    cat >>"$0.stdin"
    echo '{"status": {"token": "TOKEN", "expirationTimestamp": "2026-11-21T13:00:00Z"}}' ;;
*" port-forward "*)
    [ ! -e "$0.broken" ] || { echo "error: unable to forward port" >&2; exit 1; }
    echo $$ >"$0.pid"
    echo "Forwarding from 127.0.0.1:41234 -> 4466"
    [ ! -e "$0.short" ] || { echo "E1121 lost connection to pod" >&2; exit 1; }
    exec sleep 60 ;;
esac
"""


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cluster file's folder with a kubeconfig and a kubectl, as a run leaves them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KPROV_FILE", raising=False)
    Path("cluster.yaml").write_text(f"{FILE}  dashboard: {{kind: headlamp}}\n")
    program = tmp_path / "artifacts" / "kubectl"
    program.parent.mkdir()
    program.write_text(KUBECTL.replace("TOKEN", TOKEN))
    program.chmod(0o755)
    config = {
        "clusters": [{"name": "shop", "cluster": {"server": "https://10.0.0.11:6443"}}],
        "contexts": [{"name": "shop", "context": {"cluster": "shop"}}],
        "current-context": "shop",
    }
    (tmp_path / "artifacts" / "kubeconfig").write_text(yaml.safe_dump(config))
    installed(program, "ClusterIP")
    return program


def installed(program: Path, service: str) -> None:
    spec = {"type": service, "ports": [{"name": "http", "port": 80}]}
    items = [
        {"kind": "Service", "spec": spec, "status": {}},
        {"kind": "Deployment", "spec": {}, "status": {"readyReplicas": 1}},
    ]
    Path(f"{program}.get").write_text(json.dumps({"items": items}))


def calls(program: Path) -> str:
    return Path(f"{program}.calls").read_text()


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    def command(*words: str, code: int = 0) -> tuple[str, str]:
        assert main.run(["dashboard", *words]) == code
        return capfd.readouterr()

    return command


def test_print_gives_two_lines_and_ends(kubectl: Path, run: Run) -> None:
    out, err = run("--print")
    url = "https://10.0.0.11:6443/api/v1/namespaces/kprov-dashboard/services/http:dashboard:http/proxy/"
    assert (out, err) == (f"{url}\n{TOKEN}\n", "")
    assert "port-forward" not in calls(kubectl)
    assert "/serviceaccounts/viewer/token" in calls(kubectl)


def test_no_secret_is_in_arguments_or_files(kubectl: Path, run: Run, tmp_path: Path) -> None:
    run("--print", "--admin")
    assert TOKEN not in calls(kubectl)
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and path != kubectl]
    assert not [path for path in kept if TOKEN in path.read_text()]
    assert not (tmp_path / "artifacts" / "runs").exists()


def test_an_admins_token_comes_with_a_warning(kubectl: Path, run: Run) -> None:
    out, err = run("--print", "--admin")
    assert TOKEN in out
    assert err.startswith("warning: until 2026-11-21T13:00:00Z whoever has this token may change and delete everything")
    assert "/serviceaccounts/admin/token" in calls(kubectl)


def test_an_open_dashboard_is_at_every_node_and_asks_for_nothing(kubectl: Path, run: Run) -> None:
    Path("cluster.yaml").write_text(f"{FILE}  dashboard: {{kind: headlamp, access: lab-open}}\n")
    installed(kubectl, "NodePort")
    assert run() == ("http://10.0.0.11:31000\nhttp://10.0.0.21:31000\n", "")
    assert "token" not in calls(kubectl)


def test_the_way_is_open_until_control_c_and_kubectl_goes_with_it(kubectl: Path) -> None:
    program = [Path(sys.executable).with_name("kprov"), "dashboard"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = "".join(process.stdout.readline() for _ in range(4))
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert "http://127.0.0.1:41234/" in said
    assert TOKEN in said
    assert (process.returncode, err) == (0, "closed\n")
    with pytest.raises(ProcessLookupError):
        os.kill(int(Path(f"{kubectl}.pid").read_text()), 0)


def test_a_way_that_is_cut_is_told(kubectl: Path, run: Run) -> None:
    Path(f"{kubectl}.short").touch()
    out, err = run(code=3)
    assert "http://127.0.0.1:41234/" in out
    assert "lost connection to pod" in err


def test_a_way_that_cannot_be_opened_is_told(kubectl: Path, run: Run) -> None:
    Path(f"{kubectl}.broken").touch()
    assert "unable to forward port" in run(code=1)[1]


@pytest.mark.parametrize(
    ("gone", "told"),
    [("kubeconfig", "there is no kubeconfig of this cluster"), ("kubectl", "there is no kubectl")],
)
def test_what_is_missing_here_is_named_with_the_cure(
    gone: str, told: str, kubectl: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", os.path.dirname(sys.executable))  # noqa: PTH120
    (kubectl.parent / gone).unlink()
    err = run(code=2)[1]
    assert told in err
    assert "kprov up" in err


def test_a_cluster_file_without_a_dashboard(kubectl: Path, run: Run) -> None:
    Path("cluster.yaml").write_text(FILE)
    assert "the cluster file asks for no dashboard" in run(code=2)[1]
