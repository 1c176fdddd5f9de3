from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kprov.errors import InputError
from kprov.inventory.listing import parse, read

if TYPE_CHECKING:
    from pathlib import Path


def test_a_script_is_refused_and_not_run(tmp_path: Path) -> None:
    script = tmp_path / "inventory"
    trace = tmp_path / "was-run"
    script.write_text(f"#!/bin/sh\ntouch {trace}\necho '{{}}'\n")
    script.chmod(0o755)
    with pytest.raises(InputError, match="is a script") as caught:
        read(script)
    assert str(script) in caught.value.remedy
    assert not trace.exists()


@pytest.mark.parametrize(
    ("name", "what"), [("", "the inventory is a folder"), ("none.ini", "cannot read the inventory")]
)
def test_what_is_no_file_is_refused(tmp_path: Path, name: str, what: str) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path / name)
    assert caught.value.what == what
    assert caught.value.where == str(tmp_path / name)
    assert caught.value.remedy


def test_groups_hold_the_hosts_of_their_children_once_and_in_order(tmp_path: Path) -> None:
    listing = parse(
        tmp_path / "hosts.ini",
        """{"_meta": {"hostvars": {"b": {"note": {"__ansible_unsafe": "a{{b}}"}}}},
            "all": {"children": ["ungrouped", "k8s"]},
            "k8s": {"hosts": ["b"], "children": ["masters", "workers", "calico_rr"]},
            "masters": {"hosts": ["c", "a"]},
            "workers": {"hosts": ["a", "b"]}}""",
    )
    assert listing.groups == {"k8s": ("b", "c", "a"), "masters": ("c", "a"), "workers": ("a", "b")}
    assert listing.variables == {"b": {"note": "a{{b}}"}, "c": {}, "a": {}}


def test_a_host_is_found_in_the_file_by_its_whole_name(tmp_path: Path) -> None:
    file = tmp_path / "hosts.yaml"
    file.write_text('all:\n  hosts:\n    m1.test:\n    m1-a:\n    "m1":\n')
    listing = parse(file, '{"_meta": {"hostvars": {}}}')
    assert (listing.line_of("m1"), listing.line_of("m2")) == (5, 0)
