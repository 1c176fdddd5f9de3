from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING

import pytest
import yaml

from kprov.errors import InputError
from kprov.inventory.groups import inventory
from kprov.inventory.model import HEADER, Variables
from kprov.inventory.write import write

if TYPE_CHECKING:
    from pathlib import Path

    from kprov.spec.model import ClusterSpec

VALUES = Variables({"pods": "10.244.0.0/16", "empty": []}, {"m1": {"documents": [{"kind": "x"}]}, "w1": {}})


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_everything_lies_where_ansible_looks_and_anybody_may_read_it(spec: ClusterSpec, tmp_path: Path) -> None:
    written = write(tmp_path / "new" / "folder", inventory(spec), VALUES)
    folder = tmp_path / "new" / "folder"
    assert {str(path.relative_to(folder)) for path in written} == {
        "hosts.ini",
        "group_vars/all.yml",
        "host_vars/m1.yml",
    }
    assert {stat.S_IMODE(path.stat().st_mode) for path in written} == {0o644}
    assert yaml.safe_load((folder / "group_vars/all.yml").read_text()) == VALUES.group
    assert yaml.safe_load((folder / "host_vars/m1.yml").read_text()) == VALUES.hosts["m1"]


def test_a_second_time_nothing_is_written(spec: ClusterSpec, tmp_path: Path) -> None:
    write(tmp_path, inventory(spec), VALUES)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert write(tmp_path, inventory(spec), VALUES) == ()
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_only_what_differs_is_written(spec: ClusterSpec, tmp_path: Path) -> None:
    write(tmp_path, inventory(spec), VALUES)
    changed = Variables({**VALUES.group, "pods": "10.32.0.0/16"}, VALUES.hosts)
    assert write(tmp_path, inventory(spec), changed) == (tmp_path / "group_vars/all.yml",)


def test_a_file_edited_by_hand_below_the_mark_is_put_right(spec: ClusterSpec, tmp_path: Path) -> None:
    write(tmp_path, inventory(spec), VALUES)
    hosts = tmp_path / "hosts.ini"
    right = hosts.read_text()
    hosts.write_text(right + "w9 ansible_host=10.0.0.9\n")
    assert write(tmp_path, inventory(spec), VALUES) == (hosts,)
    assert hosts.read_text() == right


def test_variables_of_a_host_that_is_gone_are_removed_but_nobody_elses(spec: ClusterSpec, tmp_path: Path) -> None:
    write(tmp_path, inventory(spec), VALUES)
    theirs = tmp_path / "host_vars" / "bastion.yml"
    theirs.write_text("motd: hello\n")
    gone = tmp_path / "host_vars" / "m1.yml"
    assert write(tmp_path, inventory(spec), Variables(VALUES.group)) == (gone,)
    assert not gone.exists()
    assert theirs.read_text() == "motd: hello\n"


@pytest.mark.parametrize("name", ["hosts.ini", "group_vars/all.yml", "host_vars/m1.yml"])
def test_a_file_that_a_person_wrote_is_never_overwritten(spec: ClusterSpec, tmp_path: Path, name: str) -> None:
    theirs = tmp_path / name
    theirs.parent.mkdir(exist_ok=True)
    theirs.write_text("# by hand\n")
    with pytest.raises(InputError) as caught:
        write(tmp_path, inventory(spec), VALUES)
    assert caught.value.where == str(theirs)
    assert HEADER in caught.value.why
    assert tree(tmp_path) == {name: b"# by hand\n"}


def test_a_file_where_a_folder_belongs_is_told_and_nothing_is_left_behind(spec: ClusterSpec, tmp_path: Path) -> None:
    (tmp_path / "group_vars").write_text("in the way")
    with pytest.raises(InputError) as caught:
        write(tmp_path, inventory(spec), VALUES)
    assert caught.value.where == str(tmp_path / "group_vars")
    assert tree(tmp_path) == {"group_vars": b"in the way"}


def test_formats_stand_beside_each_other(spec: ClusterSpec, tmp_path: Path) -> None:
    write(tmp_path, inventory(spec), VALUES, "ini")
    assert write(tmp_path, inventory(spec), VALUES, "yaml") == (tmp_path / "hosts.yaml",)
    assert write(tmp_path, inventory(spec), VALUES, "json") == (tmp_path / "hosts.json",)
    assert write(tmp_path, inventory(spec), VALUES, "json") == ()
    assert write(tmp_path, inventory(spec), VALUES, "ini") == ()


def test_json_holds_the_variables_itself(spec: ClusterSpec, tmp_path: Path) -> None:
    write(tmp_path, inventory(spec), VALUES, "json")
    document = json.loads((tmp_path / "hosts.json").read_text())
    assert document["all"]["vars"] == VALUES.group
    assert document["_meta"]["hostvars"]["m1"] == {
        "ansible_host": "203.0.113.11",
        "ip": "10.0.0.11",
        "documents": [{"kind": "x"}],
    }
    assert list(tmp_path.iterdir()) == [tmp_path / "hosts.json"]


def test_the_bytes_do_not_depend_on_types_of_sequences(spec: ClusterSpec, tmp_path: Path) -> None:
    write(tmp_path, inventory(spec), Variables({"a": ("x", "y"), "b": ("x", "y")}))
    assert write(tmp_path, inventory(spec), Variables({"a": ["x", "y"], "b": ["x", "y"]})) == ()
    assert "&" not in (tmp_path / "group_vars/all.yml").read_text()
