"""A machine over SSH: what goes wrong with it, and what its process is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kprov.verify.machine import Machine, SilentMachineError

if TYPE_CHECKING:
    from pathlib import Path

SSH = """#!/bin/sh
printf '@@said\\n%s\\n\\n@@=0\\n' "$COLOR, $PYTEST_CURRENT_TEST"
"""


def machine(folder: Path, script: str, **environment: str) -> Machine:
    ssh = folder / "ssh"
    ssh.write_text(script)
    ssh.chmod(0o755)
    return Machine("m1", str(folder / "config"), {"PATH": f"{folder}:/usr/bin:/bin", **environment})


def test_ssh_is_given_its_own_copy_of_the_environment(tmp_path: Path) -> None:
    found = machine(tmp_path, SSH, COLOR="red").ask({"said": "env"})
    assert found["said"].text == "red, ", "and nothing of what changes while tests run"


def test_a_machine_that_is_silent_is_told_in_the_words_of_ssh(tmp_path: Path) -> None:
    with pytest.raises(SilentMachineError, match=r"^ssh: no route to m1$"):
        machine(tmp_path, "#!/bin/sh\necho 'Warning: x' >&2; echo 'ssh: no route to m1' >&2; exit 255\n").ask(
            {"a": "id"}
        )
