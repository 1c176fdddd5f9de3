"""Signatures of a bundle's file by ssh-keygen: made, checked, and refused where file, key or signature is another."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from kprov.bundle.sign import check, sign, signature_of
from kprov.errors import CheckFailed, InputError

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")


def key(folder: Path, name: str) -> Path:
    path = folder / name
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ann @ home", "-f", path], check=True)
    return path


def test_a_signature_holds_for_this_file_and_this_key_alone(tmp_path: Path) -> None:
    mine, other = key(tmp_path, "mine"), key(tmp_path, "other")
    path = tmp_path / "lab.kprov"
    path.write_bytes(b"a bundle")
    with pytest.raises(InputError, match="has no signature"):
        check(path, tmp_path / "mine.pub")
    assert sign(path, mine) == signature_of(path)
    check(path, tmp_path / "mine.pub")
    sign(path, mine)  # a second time replaces the first
    with pytest.raises(CheckFailed, match="not that of this key"):
        check(path, other.with_suffix(".pub"))
    team = tmp_path / "team.pub"
    team.write_text(f"# whom we trust\n{(tmp_path / 'other.pub').read_text()}{(tmp_path / 'mine.pub').read_text()}")
    check(path, team)
    path.write_bytes(b"a bundlE")
    with pytest.raises(CheckFailed, match="not that of this key"):
        check(path, tmp_path / "mine.pub")


def test_what_is_no_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "lab.kprov"
    path.write_bytes(b"a bundle")
    with pytest.raises(InputError, match="no such file"):
        sign(path, tmp_path / "nothing")
    (tmp_path / "text").write_text("no key\n")
    with pytest.raises(InputError, match="cannot sign"):
        sign(path, tmp_path / "text")
    signature_of(path).write_text("no signature\n")
    with pytest.raises(InputError, match="no public key of SSH"):
        check(path, tmp_path / "text")
