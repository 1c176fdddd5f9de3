from __future__ import annotations

import stat
from pathlib import Path

from kprov.ansible.plugins.module_utils import kprov_content
from kprov.ansible.plugins.modules import kprov_files
from tests.unit.ansible.harness import converge


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_missing_file_is_written_with_its_folders_and_mode(tmp_path):
    path = tmp_path / "etc/kprov/script"
    answer = converge(kprov_files, files=[{"path": str(path), "content": "a\n", "mode": "0755"}])
    assert answer["changed"]
    assert answer["paths"] == [str(path)]
    assert (path.read_text(), mode(path)) == ("a\n", 0o755)


def test_a_second_run_changes_nothing_and_does_not_touch_the_file(tmp_path):
    files = [{"path": str(tmp_path / "a"), "content": "a\n"}]
    converge(kprov_files, files=files)
    before = (tmp_path / "a").stat()
    answer = converge(kprov_files, files=files)
    assert (answer["changed"], answer["paths"], answer["diff"]) == (False, [], [])
    assert (tmp_path / "a").stat() == before


def test_only_the_files_that_differ_are_written(tmp_path):
    (tmp_path / "a").write_text("a\n")
    files = [{"path": str(tmp_path / name), "content": f"{name}\n"} for name in "ab"]
    assert converge(kprov_files, files=files)["paths"] == [str(tmp_path / "b")]


def test_a_wrong_mode_alone_is_mended(tmp_path):
    path = tmp_path / "key"
    path.write_text("a\n")
    path.chmod(0o644)
    assert converge(kprov_files, files=[{"path": str(path), "content": "a\n", "mode": "0600"}])["changed"]
    assert mode(path) == 0o600


def test_the_new_file_is_never_wider_open_than_the_result(tmp_path, monkeypatch):
    """Between its first byte and its place the content is readable by root alone."""
    seen = []
    monkeypatch.setattr(kprov_content.os, "chmod", lambda path, _mode: seen.append(mode(Path(path))))
    kprov_content.write(str(tmp_path / "secret"), "s", 0o644)
    assert seen == [0o600]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    (tmp_path / "a").write_text("old\n")

    def full(_handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kprov_content.os, "fsync", full)
    answer = converge(kprov_files, files=[{"path": str(tmp_path / "a"), "content": "new\n"}])
    assert answer["failed"]
    assert answer["msg"] == f"cannot write {tmp_path}/a: No space left on device"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_text() == "old\n"


def test_a_block_leaves_the_rest_of_the_file_and_its_mode(tmp_path):
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 localhost\n")
    hosts.chmod(0o664)
    files = [{"path": str(hosts), "block": "nodes", "content": "10.0.0.1 m1\n"}]
    assert converge(kprov_files, files=files)["changed"]
    hosts.write_text(hosts.read_text() + "10.9.9.9 mine\n")
    assert not converge(kprov_files, files=files)["changed"]
    files[0]["content"] = "10.0.0.2 m2\n"
    assert converge(kprov_files, files=files)["changed"]
    assert hosts.read_text() == (
        "127.0.0.1 localhost\n# BEGIN kprov nodes\n10.0.0.2 m2\n# END kprov nodes\n10.9.9.9 mine\n"
    )
    assert mode(hosts) == 0o664


def test_a_block_whose_end_is_lost_takes_nothing_away():
    text = "# BEGIN kprov nodes\n10.0.0.1 m1\n10.9.9.9 mine\n"
    assert kprov_content.with_block(text, "nodes", "x\n").startswith(text)


def test_a_block_makes_the_file_where_there_is_none(tmp_path):
    converge(kprov_files, files=[{"path": str(tmp_path / "hosts"), "block": "nodes", "content": "a"}])
    assert (tmp_path / "hosts").read_text() == "# BEGIN kprov nodes\na\n# END kprov nodes\n"


def test_an_absent_file_is_removed_once(tmp_path):
    (tmp_path / "old").write_text("x\n")
    files = [{"path": str(tmp_path / "old"), "absent": True}]
    assert converge(kprov_files, files=files)["changed"]
    assert not (tmp_path / "old").exists()
    assert not converge(kprov_files, files=files)["changed"]


def test_check_mode_tells_the_difference_and_changes_nothing(tmp_path):
    (tmp_path / "a").write_text("old\n")
    (tmp_path / "gone").write_text("x\n")
    files = [
        {"path": str(tmp_path / "a"), "content": "new\n"},
        {"path": str(tmp_path / "gone"), "absent": True},
        {"path": str(tmp_path / "made/here"), "content": "y\n"},
    ]
    answer = converge(kprov_files, check=True, files=files)
    told = [(diff["before"], diff["after"]) for diff in answer["diff"]]
    assert told == [("old\n", "new\n"), ("x\n", ""), ("", "y\n")]
    assert answer["changed"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "gone"]
    assert (tmp_path / "a").read_text() == "old\n"


def test_a_folder_in_the_way_is_named(tmp_path):
    (tmp_path / "a").mkdir()
    answer = converge(kprov_files, files=[{"path": str(tmp_path / "a"), "content": "x"}])
    assert answer["msg"] == f"cannot write {tmp_path}/a: Is a directory"
