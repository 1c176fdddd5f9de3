"""``kprov release``: what is known of versions."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from kprov.cli.options import Settings
from kprov.cli.release import release
from kprov.errors import InputError


def run(*words):
    done = CliRunner().invoke(release, words, obj=Settings(), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_the_list_begins_with_the_newest_version():
    found = json.loads(run("list", "-o", "json"))
    assert [each["minor"] for each in found] == ["1.36", "1.35", "1.34", "1.33", "1.20"]
    assert found[3]["newest"] == "1.33.8"  # 1.33.13 has no sha256
    assert "1.33.8" in run("list")


@pytest.mark.parametrize("wanted", ["1.36", "1.36.4", "newest"])
def test_a_version_is_shown_by_any_of_its_names(wanted):
    found = json.loads(run("show", wanted, "-o", "json", "--arch", "arm64"))
    assert found["version"] == "1.36.4"
    assert "registry.k8s.io/pause:3.10.2" in found["images"]
    assert {file["name"] for file in found["files"]} >= {"kubeadm", "containerd"}
    assert all("arm64" in file["url"] and len(file["sha256"]) == 64 for file in found["files"])


def test_a_file_without_a_sha256_is_said_to_be_without():
    assert "no sha256 is known" in run("show", "1.33.13")


def test_a_version_of_packages_has_no_files_to_download():
    assert json.loads(run("show", "1.20", "-o", "json"))["files"] == []


@pytest.mark.parametrize("wanted", ["1.99", "1.36.99", "x"])
def test_an_unknown_version_is_refused_with_the_known_ones(wanted):
    with pytest.raises(InputError) as told:
        run("show", wanted)
    assert "1.36.4" in told.value.remedy
