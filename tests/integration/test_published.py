"""What the catalog says a minor version publishes is what its sources publish: read anew, from the module proxy."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "published"
DATA = Path(__file__).parents[2] / "kprov" / "release" / "published" / "1.36.json"
VERSION, ETCD = "1.36.4", "3.6.8"


def go(*words: str, timeout_s: float = 300) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=TOOL, capture_output=True, text=True, timeout=timeout_s, check=False)


def test_the_newest_minor_version_publishes_what_its_file_says():
    if not shutil.which("go"):
        pytest.skip("Go is not installed")
    fetched = go("sh", "fetch.sh", VERSION, ETCD)
    if fetched.returncode:
        pytest.skip(f"no module proxy has the sources: {fetched.stderr.strip()[-200:]}")
    cache = go("go", "env", "GOMODCACHE").stdout.strip()
    made = go("go", "run", ".", "-cache", cache, "-version", VERSION, "-etcd", ETCD)
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout) == json.loads(DATA.read_text(encoding="utf-8"))
