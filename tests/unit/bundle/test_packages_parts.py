"""The hands of the source `packages`: running tools, asking the host, apt, Go."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kprov.bundle.packages import gomodules, host
from kprov.bundle.packages.apt import PrivateApt, mirrors
from kprov.bundle.packages.kubernetes import Builder, Tree, tagged_folders
from kprov.bundle.packages.process import environment, run
from kprov.errors import CheckFailed, InputError, UnreachableError

ENV = environment(os.environ)


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def gone(pid: int) -> bool:
    """Whether a process ends within a few seconds; one that only waits to be reaped has ended."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            if "State:\tZ" in Path(f"/proc/{pid}/status").read_text(encoding="utf-8"):
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.02)
    return False


def test_a_failed_tool_shows_its_last_lines_and_the_log(tmp_path: Path) -> None:
    tool = script(tmp_path / "tool", "for i in $(seq 20); do echo line $i >&2; done; exit 3")
    log = tmp_path / "logs" / "tool.log"
    with pytest.raises(CheckFailed) as caught:
        run([tool], what="cannot build it", log=log, env=ENV)
    assert (caught.value.what, caught.value.where) == ("cannot build it", str(log))
    assert caught.value.why.endswith("line 19 | line 20")
    assert "line 12" not in caught.value.why
    assert "line 1\n" in log.read_text(encoding="utf-8")


def test_a_tool_that_does_not_end_is_ended_with_its_children(tmp_path: Path) -> None:
    tool = script(tmp_path / "tool", f"sleep 60 & echo $! > {tmp_path}/child; wait")
    with pytest.raises(CheckFailed, match=r"no end after 0.3 s"):
        run([tool], what="cannot build it", log=tmp_path / "log", env=ENV, timeout_s=0.3)
    child = int((tmp_path / "child").read_text(encoding="utf-8"))
    assert gone(child)


def test_a_tool_ends_with_a_kprov_that_is_killed(tmp_path: Path) -> None:
    tool = script(tmp_path / "tool", f"echo $$ > {tmp_path}/pid; exec sleep 60")
    code = (
        "import os, pathlib, sys; from kprov.bundle.packages.process import environment, run; "
        "run([sys.argv[1]], what='x', log=pathlib.Path(sys.argv[2]), env=environment(os.environ))"
    )
    kprov = subprocess.Popen([sys.executable, "-c", code, str(tool), str(tmp_path / "log")])
    deadline = time.monotonic() + 10
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text(encoding="utf-8"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    kprov.kill()
    kprov.wait()
    assert gone(int((tmp_path / "pid").read_text(encoding="utf-8")))


def test_a_missing_tool_is_a_failed_step(tmp_path: Path) -> None:
    with pytest.raises(CheckFailed, match="none: No such file"):
        run([tmp_path / "none"], what="cannot build it", log=tmp_path / "log", env=ENV)


def test_builds_see_proxies_but_not_the_users_go_settings() -> None:
    seen = environment({"https_proxy": "http://p:1", "GOFLAGS": "-mod=mod", "TOKEN": "x", "PATH": "/evil"}, GOENV="off")
    assert seen["https_proxy"] == "http://p:1"
    assert seen["GOENV"] == "off"
    assert not {"GOFLAGS", "TOKEN"} & set(seen)
    assert "/evil" not in seen["PATH"]


def test_another_system_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        host.check_system({"ID": "ubuntu", "VERSION_ID": "24.04", "PRETTY_NAME": "Ubuntu 24.04"})
    assert "Ubuntu 24.04" in caught.value.why


def test_missing_tools_are_named_at_once_with_their_packages(tmp_path: Path) -> None:
    present = script(tmp_path / "here", "")
    tools = [host.Tool(str(present), "a"), host.Tool("no-such-tool", "b"), host.Tool("/no/such/file", "c")]
    with pytest.raises(InputError) as caught:
        host.check_tools(tools)
    assert caught.value.why == "no-such-tool, /no/such/file"
    assert caught.value.remedy == "Run: apt-get install -y b c"


def test_only_mirrors_of_debian_12_are_taken() -> None:
    found = mirrors(
        "http://a.example/debian/ bookworm main Packages Debian\n"
        "http://a.example/debian/ bookworm main Translations Debian\n"
        "http://a.example/debian/ bookworm contrib Packages Debian\n"
        "http://a.example/debian/ trixie main Packages Debian\n"
        "http://b.example/security/ bookworm-security main Packages $(ORIGIN)\n"
        "http://c.example/tool/ bookworm main Packages Tool Makers\n"
    )
    assert [(mirror.uri, mirror.suite) for mirror in found] == [
        ("http://a.example/debian/", "bookworm"),
        ("http://b.example/security/", "bookworm-security"),
    ]


def fake_apt(folder: Path, monkeypatch: pytest.MonkeyPatch, targets: str, update: str = "exit 0") -> PrivateApt:
    """A PrivateApt whose apt-get is a script; what it was called with and configured by lands in ``calls``."""
    script(folder / "bin" / "apt-config", "echo 'Acquire::http::Proxy \"http://p:1\";'; echo 'APT::Hook \"rm\";'")
    script(
        folder / "bin" / "apt-get",
        f'echo "$@" >> {folder}/calls; case "$*" in indextargets*) echo "{targets}";; *update*) {update};; '
        f'*simulate*) echo "Inst etcd-client (3.4.23-4 Debian:12/stable [amd64])";; esac',
    )
    monkeypatch.setattr("kprov.bundle.packages.apt.environment", lambda base: environment(base, [folder / "bin"]))
    return PrivateApt(folder / "apt", os.environ, folder / "log")


def test_apt_works_in_folders_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    apt = fake_apt(tmp_path, monkeypatch, "http://a.example/debian/ bookworm main Packages Debian")
    apt.update()
    apt.update()
    debs = apt.closure(["etcd-client"])
    apt.download(debs)
    assert debs[0].path == tmp_path / "apt" / "archives" / "etcd-client_3.4.23-4_amd64.deb"
    calls = (tmp_path / "calls").read_text(encoding="utf-8")
    assert calls.count("update") == 1
    assert "download etcd-client=3.4.23-4" in calls
    configuration = (tmp_path / "apt" / "apt.conf").read_text(encoding="utf-8")
    assert 'Acquire::http::Proxy "http://p:1";' in configuration
    assert "Hook" not in configuration
    assert f'Dir::State::lists "{tmp_path}/apt/lists";' in configuration
    sources = (tmp_path / "apt" / "sources.list").read_text(encoding="utf-8")
    assert sources == ("deb http://a.example/debian/ bookworm main\ndeb-src http://a.example/debian/ bookworm main\n")


def test_a_host_without_a_debian_mirror_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    apt = fake_apt(tmp_path, monkeypatch, "http://a.example/x/ bookworm main Packages Other")
    with pytest.raises(InputError, match="no mirror of Debian 12"):
        apt.update()


def test_a_mirror_that_does_not_answer_is_unreachable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    apt = fake_apt(
        tmp_path,
        monkeypatch,
        "http://a.example/debian/ bookworm main Packages Debian",
        "echo E: Could not resolve >&2; exit 100",
    )
    with pytest.raises(UnreachableError, match="Could not resolve"):
        apt.update()


def test_the_host_s_own_go_settings_decide_how_modules_are_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bin_folder = tmp_path / "bin"
    script(
        bin_folder / "go",
        f'case "$1" in env) echo \'{{"GOPROXY": "http://p.example"}}\';; *) env > {tmp_path}/seen;; esac',
    )
    monkeypatch.setattr(gomodules, "GO_BIN", bin_folder)
    base = {"PATH": str(bin_folder) + ":/usr/bin:/bin", "HOME": str(tmp_path)}
    gomodules.GoModules(tmp_path / "work", "amd64", base, tmp_path / "log").probe(gomodules.COREDNS)
    seen = (tmp_path / "seen").read_text(encoding="utf-8")
    assert "GOPROXY=http://p.example\n" in seen
    assert f"GOMODCACHE={tmp_path}/work/modules\n" in seen


def test_no_module_proxy_is_unreachable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(tmp_path / "bin" / "go", 'case "$1" in env) echo "{}";; *) echo no such host >&2; exit 1;; esac')
    monkeypatch.setattr(gomodules, "GO_BIN", tmp_path / "bin")
    base = {"PATH": f"{tmp_path}/bin:/usr/bin:/bin", "HOME": str(tmp_path)}
    with pytest.raises(UnreachableError) as caught:
        gomodules.GoModules(tmp_path / "work", "amd64", base, tmp_path / "log").probe(gomodules.COREDNS)
    assert caught.value.why == "no such host"


def test_a_program_is_stamped_with_the_version_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(tmp_path / "bin" / "go", f'echo "$@" > {tmp_path}/called')
    monkeypatch.setattr("kprov.bundle.packages.kubernetes.GO_BIN", tmp_path / "bin")
    tree = Tree(tmp_path, "1.20.5+really1.20.2-1", "1.20.2", "f" * 40, "2021-01-13T13:20:00Z")
    tree.folder.mkdir(parents=True)
    builder = Builder(tmp_path, {"HOME": str(tmp_path)})
    origin = builder.build("kubelet", "1.20.3", tree, tmp_path, tmp_path / "log")
    called = (tmp_path / "called").read_text(encoding="utf-8")
    assert "component-base/version.gitVersion=v1.20.3" in called
    assert called.endswith("k8s.io/kubernetes/cmd/kubelet\n")
    assert origin.source == "debian:kubernetes=1.20.5+really1.20.2-1 (1.20.2 stamped 1.20.3)"
    assert tree.origin("1.20.2").source == "debian:kubernetes=1.20.5+really1.20.2-1"


def test_openapi_is_asked_for_in_the_same_folders_as_upstream(tmp_path: Path) -> None:
    tag = "// +k8s:openapi-gen=true\n"
    for path, text in {
        "pkg/apis/a/doc.go": tag,
        "pkg/apis/b/doc.go": "package b\n",
        "pkg/apis/c/README.md": tag,
        "cmd/d/types.go": tag,
        "staging/src/k8s.io/api/e/doc.go": tag,
        "staging/src/k8s.io/sample-apiserver/f/doc.go": tag,
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    vendor = tmp_path / "vendor" / "k8s.io"
    vendor.mkdir(parents=True)
    for name in ("api", "sample-apiserver"):
        (vendor / name).symlink_to(f"../../staging/src/k8s.io/{name}")
    assert tagged_folders(tmp_path) == ("cmd/d", "pkg/apis/a", "vendor/k8s.io/api/e")
