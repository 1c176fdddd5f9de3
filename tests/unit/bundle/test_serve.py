"""The server that hands files to nodes, over real sockets on the loopback address."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kprov.bundle.fileserver import serving
from kprov.bundle.serve import Configuration, Served, launch, listen, parse_configuration
from kprov.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTENT = bytes(range(256)) * 4
SECRET = "s3cret"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served")
    (folder / "empty").touch()
    path = folder / "kubelet"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture(scope="module")
def port(file: Path) -> Iterator[int]:
    files = {"bin/kubelet": str(file), "empty": str(file.with_name("empty"))}
    servers = listen(Configuration(("127.0.0.1",), files, os.getpid()), SECRET)
    with serving(servers):
        yield servers[0].port


def ask(port: int, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def test_a_listed_file_is_handed_out(port: int) -> None:
    status, headers, body = ask(port, f"/{SECRET}/bin/kubelet")
    assert (status, headers["Content-Length"], body) == (200, "1024", CONTENT)
    assert ask(port, f"/{SECRET}/empty")[::2] == (200, b"")


@pytest.mark.parametrize(
    ("asked", "part", "content_range"),
    [
        ("bytes=0-9", CONTENT[:10], "bytes 0-9/1024"),
        ("bytes=1000-", CONTENT[1000:], "bytes 1000-1023/1024"),
        ("bytes=-4", CONTENT[-4:], "bytes 1020-1023/1024"),
        ("bytes=1020-9999", CONTENT[1020:], "bytes 1020-1023/1024"),
    ],
)
def test_a_download_is_resumed_where_it_ended(port: int, asked: str, part: bytes, content_range: str) -> None:
    status, headers, body = ask(port, f"/{SECRET}/bin/kubelet", Range=asked)
    assert (status, headers["Content-Range"], body) == (206, content_range, part)


def test_a_range_outside_the_file_is_refused(port: int) -> None:
    status, headers, _ = ask(port, f"/{SECRET}/bin/kubelet", Range="bytes=1024-")
    assert (status, headers["Content-Range"]) == (416, "bytes */1024")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/bin/kubelet",
        "/wrong/bin/kubelet",
        f"/{SECRET}x/bin/kubelet",
        f"/{SECRET}/",
        f"/{SECRET}/kubelet",
        f"/{SECRET}/bin/../../etc/passwd",
        f"/{SECRET}//etc/passwd",
    ],
)
def test_nothing_else_is_handed_out(port: int, path: str) -> None:
    status, headers, body = ask(port, path)
    assert (status, body) == (404, b"")
    assert SECRET not in str(headers)


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE", "OPTIONS"])
def test_only_get_is_answered(port: int, method: str) -> None:
    assert ask(port, f"/{SECRET}/bin/kubelet", method)[0] == 405


def test_a_connection_serves_several_files(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    for _ in range(3):
        connection.request("GET", f"/{SECRET}/bin/kubelet")
        assert connection.getresponse().read() == CONTENT
    connection.close()


@contextmanager
def watched() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def server_of(served: Served) -> int:
    """The process that listens on the port."""
    hex_port = f"{served.port:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    inode = next(row[9] for row in rows if row[1].endswith(f":{hex_port}") and row[3] == "0A")
    for folder in Path("/proc").glob("[0-9]*/fd"):
        try:
            if any(str(link.readlink()) == f"socket:[{inode}]" for link in folder.iterdir()):
                return int(folder.parent.name)
        except OSError:
            continue
    raise AssertionError("nobody listens")


def wait_until_refused(served: Served) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            ask(served.port, "/")
        except OSError:
            return
        time.sleep(0.05)
    raise AssertionError("the server still answers")


def test_the_server_is_a_process_of_its_own_and_ends_with_the_one_it_watches(file: Path) -> None:
    with watched() as process:
        served = launch(Configuration(("127.0.0.1",), {"kubelet": str(file)}, process.pid))
        pid = server_of(served)
        assert ask(served.port, f"/{served.secret}/kubelet")[2] == CONTENT
        assert os.getsid(pid) == pid
        assert served.secret not in Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8")
    wait_until_refused(served)


def test_the_server_keeps_no_file_that_the_caller_had_open(file: Path) -> None:
    reader, writer = os.pipe()
    with watched() as process:
        request = {"addresses": ["127.0.0.1"], "files": {"kubelet": str(file)}, "watch_pid": process.pid}
        command = [sys.executable, "-m", "kprov.bundle.serve"]
        subprocess.run(
            command,
            input=json.dumps(request),
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
            pass_fds=[writer],
        )
        os.close(writer)
        assert os.read(reader, 1) == b""
    os.close(reader)


def test_the_server_ends_after_its_lifetime(file: Path) -> None:
    served = launch(Configuration(("127.0.0.1",), {"kubelet": str(file)}, os.getpid(), max_lifetime_s=0.2))
    wait_until_refused(served)


def test_every_server_has_a_secret_of_its_own(file: Path) -> None:
    with watched() as process:
        configuration = Configuration(("127.0.0.1",), {"kubelet": str(file)}, process.pid)
        secrets = {launch(configuration).secret for _ in range(2)}
    assert len(secrets) == 2
    assert min(map(len, secrets)) >= 32


def test_an_address_of_another_machine_is_refused(file: Path) -> None:
    with pytest.raises(InputError) as caught:
        launch(Configuration(("192.0.2.1",), {"kubelet": str(file)}, os.getpid()))
    assert "192.0.2.1" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "shape"),
        ("[]", "shape"),
        ('{"addresses": ["127.0.0.1"], "files": {}}', "watch_pid"),
        ('{"addresses": ["127.0.0.1"], "files": {}, "watch_pid": 0}', "watch_pid"),
        ('{"addresses": ["127.0.0.1"], "files": {}, "watch_pid": 1, "max_lifetime_s": 1e12}', "max_lifetime_s"),
        ('{"addresses": [], "files": {}, "watch_pid": 1}', "no address"),
        ('{"addresses": ["127.0.0.1"], "files": {"a": "/does/not/exist"}, "watch_pid": 1}', "/does/not/exist"),
    ],
)
def test_a_wrong_configuration_is_one_clear_error(text: str, why: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_configuration(text)
    assert why in caught.value.why


def test_the_program_says_what_is_wrong_on_stderr() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "kprov.bundle.serve"], input=json.dumps({}), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "stdin: cannot use the server's configuration" in done.stderr
