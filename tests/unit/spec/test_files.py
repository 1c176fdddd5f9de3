from __future__ import annotations

import os
from pathlib import Path

import pytest

from kprov.errors import InputError, SpecError
from kprov.spec.files import MAX_BYTES, read_text, save
from kprov.spec.load import load


def refused(path: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        load(path)
    assert caught.value.exit_code == 2
    return caught.value


def test_a_missing_file_says_how_to_get_one(tmp_path) -> None:
    error = refused(tmp_path / "cluster.yaml")
    assert error.what == "there is no cluster file"
    assert error.where == str(tmp_path / "cluster.yaml")
    assert "kprov init" in error.remedy


def test_a_folder_is_refused_and_the_file_in_it_named(tmp_path, base) -> None:
    assert refused(tmp_path).what == "the cluster file is a folder"
    (tmp_path / "cluster.yaml").write_text(base)
    assert f"-f {tmp_path}/cluster.yaml" in refused(tmp_path).remedy


def test_an_unreadable_file_says_why() -> None:
    # Readable by nobody at this offset, not even by root.
    error = refused(Path("/proc/self/mem"))
    assert error.what == "cannot read the cluster file"
    assert error.why == "Input/output error"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_says_why(tmp_path, base) -> None:
    path = tmp_path / "cluster.yaml"
    path.write_text(base)
    path.chmod(0)
    assert refused(path).why == "Permission denied"


def test_a_pipe_is_refused_instead_of_waited_for(tmp_path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert refused(tmp_path / "pipe").what == "the cluster file is no regular file"


def test_a_path_that_cannot_be_one(tmp_path) -> None:
    assert refused(Path("a\0b")).what == "this cannot be a path"
    assert refused(tmp_path / ("x" * 300)).why == "File name too long"


def test_a_huge_file_is_refused(tmp_path) -> None:
    path = tmp_path / "cluster.yaml"
    path.write_bytes(b"#" * (MAX_BYTES + 1))
    assert refused(path).what == "the cluster file has more than 1 MiB"


@pytest.mark.parametrize(
    ("content", "line", "wrong"),
    [
        (b"cluster: lab\nname: caf\xe9\n", 2, "is not UTF-8 text: there is the byte 0xe9"),
        (b"\xff\xfec\x00l\x00", 1, "is not UTF-8 text: there is the byte 0xff"),
        (b"\x7fELF\x02\x01\x01\x00", 1, "there is a control character (0x7f): this is no text file"),
        (b"cluster: lab\nx: \x00\n", 2, "there is a control character (0x00): this is no text file"),
        (b"", 0, "the file is empty"),
        (b"  \n# only a comment\n", 0, "the file is empty"),
        (b"---\n...\n", 1, "the file is one single value, not keys with values"),
    ],
)
def test_what_is_no_text_or_empty_is_told(tmp_path, content, line, wrong) -> None:
    path = tmp_path / "cluster.yaml"
    path.write_bytes(content)
    error = refused(path)
    assert isinstance(error, SpecError)
    assert [(problem.line, problem.wrong) for problem in error.problems] == [(line, wrong)]


def test_a_byte_order_mark_and_windows_line_ends_are_taken(tmp_path, base) -> None:
    path = tmp_path / "cluster.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + base.replace("\n", "\r\n").encode())
    loaded = load(path)
    assert loaded.spec.cluster == "lab"
    assert loaded.origins["nodes.w1.address"] == "cluster.yaml:4"


def test_paths_are_absolute_and_beside_the_file(tmp_path, base, monkeypatch) -> None:
    (tmp_path / "cluster.yaml").write_text(base)
    monkeypatch.chdir(tmp_path)
    assert load(Path("cluster.yaml")).paths.inventory == tmp_path / "hosts.ini"


def test_saving_makes_folders_and_refuses_to_overwrite(tmp_path) -> None:
    path = tmp_path / "new" / "cluster.yaml"
    save(path, "one\n")
    with pytest.raises(InputError, match="there is a file already") as caught:
        save(path, "two\n")
    assert "--force" in caught.value.remedy
    assert read_text(path) == "one\n"
    save(path, "two\n", force=True)
    assert read_text(path) == "two\n"
    assert [entry.name for entry in path.parent.iterdir()] == ["cluster.yaml"]


def test_a_dangling_link_is_not_overwritten(tmp_path) -> None:
    (tmp_path / "cluster.yaml").symlink_to(tmp_path / "nowhere")
    with pytest.raises(InputError, match="there is a file already"):
        save(tmp_path / "cluster.yaml", "text")


def test_saving_where_nothing_can_be_written_says_why(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write the cluster file") as caught:
        save(tmp_path / "file" / "cluster.yaml", "text")
    assert caught.value.exit_code == 2
    with pytest.raises(InputError, match="this is a folder"):
        save(tmp_path, "text", force=True)
