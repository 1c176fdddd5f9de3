"""Scripts with many questions, run by a real shell."""

from __future__ import annotations

import subprocess

from kprov.ssh.batch import Answer, answers, as_root, script


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
