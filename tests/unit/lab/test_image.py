"""Building the node image, with a mmdebstrap of the test's own."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import get_args

import pytest

from kprov.errors import CheckFailed, InputError
from kprov.events import silent
from kprov.lab import image
from kprov.lab.fakes import FakeEngine
from kprov.lab.process import Completed
from kprov.lab.process import run as run_command
from kprov.lab.recipe import RELEASES, Recipe, overlay
from kprov.spec.lab import ContainerSystem

TARGETS = "Debian|http://mirror.example/debian/|bookworm|main\nDebian|http://mirror.example/debian/|bookworm|contrib\n"


def apt(argv, *, stdin=b"", timeout_s=0.0) -> Completed:
    """This host's apt, as the test needs it; anything else is real."""
    if argv[0] == "apt-get":
        return Completed(0, TARGETS, "")
    if argv[0] == "apt-config":
        return Completed(0, "Acquire \nAcquire::http::Proxy http://me:secret@proxy.example:3128\n", "")
    return run_command(argv, stdin=stdin)


@pytest.fixture
def mmdebstrap(tmp_path, monkeypatch):
    """Puts a shell script in the place of mmdebstrap; ``$tar`` is what it has to make."""

    def put(body: str) -> None:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        program = folder / "mmdebstrap"
        program.write_text(
            f'#!/bin/sh\nfor tar; do case $tar in */node.tar) break;; esac; done\necho "$@" >"$0.argv"\n{body}\n'
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    return put


def test_the_image_is_built_once(mmdebstrap, tmp_path):
    mmdebstrap("echo 'I: downloading packages with apt...' >&2; echo root >$tar")
    store, said = FakeEngine(), []
    assert image.ensure(Recipe(), store, tmp_path / "cache", said.append, apt)
    assert store.images == {Recipe().tag}
    assert [event.text for event in said] == ["node image: downloading packages", "node image: storing it"]
    mmdebstrap("exit 1")
    assert not image.ensure(Recipe(), store, tmp_path / "cache", said.append, apt)
    assert list((tmp_path / "cache").iterdir()) == []


def test_the_host_s_mirrors_and_proxies_are_used_and_no_password_shows(mmdebstrap, tmp_path):
    mmdebstrap('echo root >$tar; for a; do case $a in --aptopt=*) cat "${a#--aptopt=}" >"$0.conf";; esac; done')
    image.ensure(Recipe(), FakeEngine(), tmp_path / "cache", silent, apt)
    argv = (tmp_path / "bin" / "mmdebstrap.argv").read_text()
    assert argv.count("deb http://mirror.example/debian/ bookworm main") == 1
    assert "secret" not in argv
    assert (tmp_path / "bin" / "mmdebstrap.conf").read_text() == (
        'Acquire::http::Proxy "http://me:secret@proxy.example:3128";\n'
    )


def test_a_failed_build_says_why_and_keeps_nothing(mmdebstrap, tmp_path):
    mmdebstrap("echo half >$tar; echo 'E: Unable to locate package socat' >&2; exit 25")
    store = FakeEngine()
    with pytest.raises(CheckFailed, match="cannot be built") as caught:
        image.ensure(Recipe(), store, tmp_path / "cache", silent, apt)
    assert caught.value.why == "E: Unable to locate package socat"
    assert store.images == set()
    assert list((tmp_path / "cache").iterdir()) == []


def test_what_a_killed_build_left_is_swept_away(mmdebstrap, tmp_path):
    left = tmp_path / "cache" / "build" / "mmdebstrap.XyZ" / "usr"
    left.mkdir(parents=True)
    mmdebstrap("echo root >$tar")
    assert image.ensure(Recipe(), FakeEngine(), tmp_path / "cache", silent, apt)
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_mmdebstrap_that_outlives_its_kprov_is_waited_for(mmdebstrap, tmp_path):
    """The lock passes to mmdebstrap: sweeping its folder while it works would break both builds."""
    ended = tmp_path / "ended"
    mmdebstrap(f"echo begun >&2; sleep 1; touch {ended}; echo root >$tar")
    script = (
        "from pathlib import Path; from kprov.lab import image; from kprov.lab.fakes import FakeEngine;"
        "from kprov.lab.process import Completed; from kprov.lab.recipe import Recipe;"
        f"image.ensure(Recipe(), FakeEngine(), Path({str(tmp_path / 'cache')!r}), print,"
        " lambda argv, **_: Completed(0, 'Debian|http://m.example/|bookworm|main', ''))"
    )
    (tmp_path / "cache").mkdir()
    killed = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.DEVNULL)
    argv = tmp_path / "bin" / "mmdebstrap.argv"
    while not argv.exists():
        assert killed.poll() is None
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    mmdebstrap("echo root >$tar")
    assert image.ensure(Recipe(), FakeEngine(), tmp_path / "cache", silent, apt)
    assert ended.exists(), "the second build began before the first one's mmdebstrap had ended"


def test_apt_without_package_lists_is_told(tmp_path):
    def empty(argv, *, stdin=b"", timeout_s=0.0) -> Completed:
        return Completed(0, "", "")

    with pytest.raises(InputError) as caught:
        image.ensure(Recipe(), FakeEngine(), tmp_path / "cache", silent, empty)
    assert "apt-get update" in caught.value.remedy


def test_any_change_of_the_recipe_makes_another_image():
    recipe = Recipe()
    other = Recipe(files=recipe.files | {"etc/hosts": "127.0.0.1 localhost\n"})
    assert len({recipe.tag, other.tag, Recipe(release="trixie").tag, Recipe(packages=("systemd",)).tag}) == 4


def test_every_system_of_containers_has_a_release_and_no_other():
    assert set(RELEASES) == set(get_args(ContainerSystem))
    with pytest.raises(InputError, match="no node image of rocky-9"):
        Recipe().of("rocky-9")


def test_the_overlay_masks_units_and_brings_programs():
    with tarfile.open(fileobj=io.BytesIO(overlay(Recipe()))) as tar:
        members = {member.name: member for member in tar}
    assert members["etc/systemd/system/systemd-binfmt.service"].linkname == "/dev/null"
    assert members["usr/local/lib/kprov/host-key"].mode == 0o755
    assert not any("ssh_host" in Path(name).name for name in members), "a host key would be the same on every node"
