"""The comforts of the shell: commands tried in real shells, files of a home written and taken back."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from kprov.cli import main
from kprov.project import ansible_home
from kprov.shell import commands, install, own_shell, remove, script

if TYPE_CHECKING:
    from pathlib import Path

SHELLS = [
    pytest.param(name, marks=pytest.mark.skipif(shutil.which(name) is None, reason=f"needs {name}"))
    for name in ("bash", "dash", "zsh")
]
ALL = """\
NAMESPACE     NAME          READY   STATUS    RESTARTS   AGE   IP           NODE
default       web-1         1/1     Running   0          3m    10.244.1.5   w1
kube-system   coredns-x     1/1     Running   0          9m    10.244.0.2   m1
kube-system   etcd-m1       1/1     Running   0          9m    10.0.0.11    m1
"""
ONE = "\n".join(line[14:] for line in ALL.splitlines() if "NAMESPACE" in line or "kube-system" in line) + "\n"
KUBECTL = f"""\
#!/bin/sh
case "$*" in
"get pods -o wide -A") printf '%s' '{ALL}' ;;
"get pods -o wide -n kube-system") printf '%s' '{ONE}' ;;
"get pods -o wide -n empty") echo "No resources found in empty namespace." >&2 ;;
"get pods"*) echo "Unable to connect to the server" >&2; exit 1 ;;
"completion zsh") echo "compdef _files kubectl" ;;
"completion bash") echo "__start_kubectl() {{ COMPREPLY=(from-kubectl); }}" ;;
*) for word in "$@"; do printf '<%s>' "$word"; done; echo ;;
esac
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with kubectl on the PATH and the file of kprov's."""
    (tmp_path / "bin").mkdir()
    kubectl = tmp_path / "bin" / "kubectl"
    kubectl.write_text(KUBECTL)
    kubectl.chmod(0o755)
    install(tmp_path, "bash")
    return tmp_path


def ask(home: Path, shell: str, words: str, *options: str) -> subprocess.CompletedProcess[str]:
    """What a shell says that has read the file."""
    text = f'. "$HOME/.config/kprov/shell.sh"\n{words}'
    environment = {"HOME": str(home), "PATH": f"{home}/bin:/usr/bin:/bin", "TERM": "dumb"}
    return subprocess.run(
        [shell, *options, "-c", text], env=environment, capture_output=True, text=True, timeout=20, check=False
    )


def said(home: Path, shell: str, words: str) -> str:
    done = ask(home, shell, words)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("shell", SHELLS)
def test_pods_are_numbered_over_all_namespaces_or_one(shell: str, home: Path) -> None:
    lines = said(home, shell, "kpods").splitlines()
    assert [line[:6] for line in lines] == ["   #  ", "   1  ", "   2  ", "   3  "]
    assert lines[2][6:] == ALL.splitlines()[2]
    assert said(home, shell, "kpods kube-system").splitlines()[1][6:] == ONE.splitlines()[1]


@pytest.mark.parametrize("shell", SHELLS)
def test_numbers_are_those_of_the_list_that_was_shown_last(shell: str, home: Path) -> None:
    both = said(home, shell, "kpods >/dev/null; klogs 1 -f --tail=5; kpods kube-system >/dev/null; klogs 1")
    assert both.splitlines() == ["<logs><-n><default><web-1><-f><--tail=5>", "<logs><-n><kube-system><coredns-x>"]


@pytest.mark.parametrize("shell", SHELLS)
def test_exec_by_number_runs_a_command_with_its_words_whole_or_else_a_shell(shell: str, home: Path) -> None:
    lines = said(home, shell, "kpods >/dev/null; kexec 3 ls '-l' 'a b'; kexec 2 | cut -c -55").splitlines()
    assert lines[0] == "<exec><-i><-n><kube-system><etcd-m1><--><ls><-l><a b>"
    assert lines[1].startswith("<exec><-i><-n><kube-system><coredns-x><--><sh><-c>")


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("number", ["0", "4", "x", "", "1p", "-1"])
def test_a_number_that_is_none_is_told_and_nothing_run(shell: str, number: str, home: Path) -> None:
    done = ask(home, shell, f"kpods >/dev/null; kexec '{number}' rm -r /")
    assert (done.returncode, done.stdout) == (1, "")
    assert "kpods lists them" in done.stderr


@pytest.mark.parametrize("shell", SHELLS)
def test_without_a_list_there_are_no_numbers(shell: str, home: Path) -> None:
    assert ask(home, shell, "klogs 1").returncode == 1
    empty = ask(home, shell, "kpods empty; klogs 1")
    assert (empty.returncode, empty.stdout) == (1, "")
    assert "No resources found" in empty.stderr


@pytest.mark.parametrize("shell", SHELLS)
def test_what_kubectl_cannot_do_is_its_own_words_and_status(shell: str, home: Path) -> None:
    done = ask(home, shell, "kpods nowhere")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Unable to connect" in done.stderr


@pytest.mark.parametrize("shell", SHELLS)
def test_nodes(shell: str, home: Path) -> None:
    assert said(home, shell, "knodes --show-labels") == "<get><nodes><-o><wide><--show-labels>\n"


def test_k_is_kubectl_and_both_complete_in_bash(home: Path) -> None:
    words = 'alias k; complete -p kubectl k; __kprov_complete; echo "$?"; complete -p kubectl k'
    lines = ask(home, "bash", words, "--norc", "-i").stdout.splitlines()
    assert lines == [
        "alias k='kubectl'",
        "complete -F __kprov_complete kubectl",
        "complete -F __kprov_complete k",
        "124",
        "complete -o default -F __start_kubectl kubectl",
        "complete -o default -F __start_kubectl k",
    ]


@pytest.mark.skipif(shutil.which("zsh") is None, reason="needs zsh")
def test_kubectl_completes_in_zsh(home: Path) -> None:
    done = ask(home, "zsh", 'alias k; echo "$_comps[kubectl]"', "-f", "-i")
    assert done.stdout.splitlines() == ["k=kubectl", "_files"]


def test_without_kubectl_a_tab_completes_nothing_and_asks_no_more(home: Path) -> None:
    (home / "bin" / "kubectl").write_text("#!/bin/sh\nexit 127\n")
    done = ask(home, "bash", '__kprov_complete; echo "$?"; complete -p k', "--norc", "-i")
    assert done.stdout == "1\n"
    assert "k: no completion specification" in done.stderr


def test_another_kubeconfig_is_not_overridden(home: Path) -> None:
    (home / ".kube").mkdir()
    (home / ".kube" / "config").touch()
    assert said(home, "bash", 'echo "${KUBECONFIG:-none}"') == "none\n"


def test_every_command_is_listed_and_every_listed_command_is_there(home: Path) -> None:
    listed = {usage.split()[0] for usage, _ in commands()}
    defined = said(home, "bash", "compgen -A function | grep '^k' || true").split()
    assert listed == {*defined, "k"}


def test_control_planes_are_given_the_same_file() -> None:
    task = (ansible_home() / "roles" / "shell" / "tasks" / "main.yml").read_text()
    (file,) = (ansible_home() / "roles" / "shell" / "files").iterdir()
    assert f"'{file.name}'" in task
    assert file.read_text() == script()


def read_by(home: Path, name: str) -> str:
    return (home / name).read_text()


@pytest.mark.parametrize(("shell", "name"), [("bash", ".bashrc"), ("zsh", ".zshrc")])
@pytest.mark.parametrize("before", ["", "alias ll='ls -l'\n", "# no end of line"])
def test_one_line_reads_the_file_and_twice_changes_nothing(shell: str, name: str, before: str, tmp_path: Path) -> None:
    if before:
        (tmp_path / name).write_text(before)
    first = install(tmp_path, shell)  # type: ignore[arg-type]
    assert first == (tmp_path / ".config/kprov/shell.sh", tmp_path / name)
    text = read_by(tmp_path, name)
    assert text.startswith(before)
    assert text.removeprefix(before).strip().count("\n") == 0
    assert install(tmp_path, shell) == ()  # type: ignore[arg-type]
    assert read_by(tmp_path, name) == text


@pytest.mark.parametrize("before", [None, "alias ll='ls -l'\nexport EDITOR=vi\n"])
def test_everything_is_taken_back(before: str | None, tmp_path: Path) -> None:
    for name in (".bashrc", ".zshrc"):
        if before is not None:
            (tmp_path / name).write_text(before)
    install(tmp_path, "bash")
    install(tmp_path, "zsh")
    assert remove(tmp_path)
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == ({".bashrc", ".zshrc"} if before else set())
    if before:
        assert read_by(tmp_path, ".bashrc") == read_by(tmp_path, ".zshrc") == before
    assert remove(tmp_path) == ()


def test_a_link_and_the_mode_of_what_the_shell_reads_stay(tmp_path: Path) -> None:
    (tmp_path / "dotfiles").write_text("alias a=b\n")
    (tmp_path / "dotfiles").chmod(0o600)
    (tmp_path / ".bashrc").symlink_to("dotfiles")
    install(tmp_path, "bash")
    assert (tmp_path / ".bashrc").is_symlink()
    assert (tmp_path / "dotfiles").stat().st_mode & 0o777 == 0o600
    assert "kprov" in read_by(tmp_path, "dotfiles")


def test_a_new_bash_of_the_user_has_it(home: Path) -> None:
    environment = {**os.environ, "HOME": str(home), "PATH": f"{home}/bin:/usr/bin:/bin"}
    words = ["bash", "-i", "-c", "knodes"]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=20, check=False)
    assert done.stdout == "<get><nodes><-o><wide>\n"


def test_the_command_says_what_it_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SHELL", "/bin/bash")
    assert main.run(["shell-setup", "--show"]) == 0
    assert list(tmp_path.iterdir()) == []
    assert "klogs NUMBER" in capfd.readouterr().out
    assert main.run(["shell-setup"]) == 0
    assert f"{tmp_path}/.bashrc: written" in capfd.readouterr().out
    assert main.run(["shell-setup"]) == 0
    assert capfd.readouterr().out == "nothing to change\n"
    assert main.run(["shell-setup", "--remove"]) == 0
    assert "shell.sh: removed" in capfd.readouterr().out


def test_a_shell_that_is_not_known(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("SHELL", "/usr/bin/fish")
    assert main.run(["shell-setup"]) == 2
    assert "--shell bash or zsh" in capfd.readouterr().err
    assert own_shell({"SHELL": "/usr/bin/zsh"}) == "zsh"
