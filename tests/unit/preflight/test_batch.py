"""Scripts with many questions, run by a real shell."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from kprov.ssh.batch import Answer, answers, as_root, script

if TYPE_CHECKING:
    from pathlib import Path


def ask(commands: dict[str, str]) -> dict[str, Answer]:
    text = as_root(script(commands))
    return answers(subprocess.run(["sh", "-c", text], capture_output=True, text=True, check=False).stdout)


def test_each_question_gets_its_own_output_and_status() -> None:
    found = ask(
        {
            "plain": "echo one; echo two",
            "no-newline": "printf x",
            "silent": "true",
            "fails": "echo why >&2; false",
            "missing": "surely-no-such-command",
            "quotes": """printf '%s' "it's \\"quoted\\"" """,
            "stdin": "cat",
        }
    )
    assert found["plain"] == Answer("one\ntwo", 0)
    assert found["no-newline"] == Answer("x", 0)
    assert found["silent"] == Answer("", 0)
    assert found["fails"] == Answer("why", 1)
    assert found["missing"].rc == 127
    assert found["quotes"].text == 'it\'s "quoted"'
    assert found["stdin"] == Answer("", 0), "a command must not wait for the script's own input"


def test_a_script_that_is_cut_short_keeps_the_answers_it_gave() -> None:
    found = ask({"first": "echo 1", "last": "echo 2; exit 3", "never": "echo 3"})
    assert found == {"first": Answer("1", 0)}


def as_user(tmp_path: Path, *, sudo: str) -> dict[str, Answer]:
    """Run a batch as a plain user whose sudo is this script."""
    for name, text in {"id": "echo 1000", "sudo": sudo}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "WHO": "user"}
    text = as_root(script({"who": "echo $WHO", "quotes": """printf '%s' "it's" """}))
    return answers(
        subprocess.run(["sh", "-c", text], capture_output=True, text=True, check=False, env=environment).stdout
    )


def test_a_plain_user_asks_through_sudo_where_it_needs_no_password(tmp_path: Path) -> None:
    found = as_user(tmp_path, sudo='[ "$1" = -n ] && shift; WHO=root exec "$@"')
    assert found == {"who": Answer("root", 0), "quotes": Answer("it's", 0)}


def test_a_plain_user_without_sudo_still_gets_what_he_may_see(tmp_path: Path) -> None:
    found = as_user(tmp_path, sudo="echo 'sudo: a password is required' >&2; exit 1")
    assert found == {"who": Answer("user", 0), "quotes": Answer("it's", 0)}
