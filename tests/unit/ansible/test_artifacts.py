from __future__ import annotations

import hashlib
import os
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from kprov.ansible.plugins.module_utils import kprov_checksums
from kprov.ansible.plugins.modules import kprov_artifacts
from tests.unit.ansible.harness import converge

KUBELET = b"#!/bin/sh\necho kubelet\n" * 1000
IMAGES = b"an archive of images"


class Server(ThreadingHTTPServer):
    """A bundle server on the loopback address; it notes what was asked for and cuts the first ``cut`` transfers."""

    def __init__(self, files):
        self.files, self.asked, self.cut = files, [], 0
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/secret/"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        name = self.path.removeprefix("/secret/")
        wanted = self.headers.get("Range")
        self.server.asked.append((name, wanted) if wanted else name)
        content = self.server.files.get(name)
        if content is None:
            self.send_error(404)
            return
        content = content[int(wanted[6:-1]) :] if wanted else content
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if self.server.cut > 0 else content)
        self.server.cut -= 1

    def log_message(self, *_arguments):
        pass


@pytest.fixture
def server():
    server = Server({"a/kubelet": KUBELET, "b/images.tar": IMAGES, "manifests/calico.json": OBJECTS})
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def node(tmp_path, monkeypatch, programs):
    """A node whose containerd knows the images listed in a file, and imports one more with every archive."""
    (tmp_path / "present").touch()
    keep = f'cp "$5" {tmp_path}/imported; echo a:1 >>{tmp_path}/present'
    programs.add("ctr", f'case "$4" in list) cat {tmp_path}/present;; import) {keep};; esac')
    monkeypatch.setattr(kprov_artifacts, "STATE", str(tmp_path / "state"))
    monkeypatch.setattr(kprov_artifacts, "CHECKSUMS", str(tmp_path / "checksums.json"))
    monkeypatch.setattr(kprov_artifacts, "PAUSES_S", (0, 0))
    return tmp_path


def artifact(name, kind, content, path, images=()):
    sha256 = hashlib.sha256(content).hexdigest()
    return {"name": name, "kind": kind, "path": path, "sha256": sha256, "size": len(content), "images": list(images)}


BINARY = artifact("kubelet", "binary", KUBELET, "a/kubelet")
OBJECTS = b'{"kind": "List", "items": []}'
MANIFEST = artifact("calico", "manifest", OBJECTS, "manifests/calico.json")
ARCHIVE = artifact("node-images", "images", IMAGES, "b/images.tar", ["a:1"])


def fetch(server, node, *artifacts, check=False):
    return converge(
        kprov_artifacts,
        check=check,
        url=server.url,
        artifacts=list(artifacts),
        bin_dir=str(node / "local/bin"),
        cni_dir=str(node / "cni"),
        manifest_dir=str(node / "addons"),
    )


def leftovers(node):
    return [path.name for path in node.rglob(".kprov.*")]


def test_binaries_are_installed_and_images_imported(server, node):
    answer = fetch(server, node, BINARY, ARCHIVE)
    assert answer["fetched"] == ["kubelet", "node-images"]
    kubelet = node / "local/bin/kubelet"
    assert kubelet.read_bytes() == KUBELET
    assert kubelet.stat().st_mode & 0o777 == 0o755
    assert (node / "imported").read_bytes() == IMAGES
    assert leftovers(node) == []


def test_a_second_run_asks_for_nothing(server, node):
    fetch(server, node, BINARY, ARCHIVE)
    server.asked.clear()
    assert not fetch(server, node, BINARY, ARCHIVE)["changed"]
    assert server.asked == []


def test_what_stayed_the_very_same_is_not_read_again(server, node, monkeypatch):
    fetch(server, node, BINARY)
    monkeypatch.setattr(kprov_checksums, "digest", lambda path: pytest.fail(f"{path} was read"))
    assert not fetch(server, node, BINARY)["changed"]


def test_a_binary_with_the_old_size_and_time_is_replaced(server, node):
    fetch(server, node, BINARY)
    kubelet = node / "local/bin/kubelet"
    before = kubelet.stat()
    kubelet.write_bytes(KUBELET.replace(b"e", b"a"))
    os.utime(kubelet, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert fetch(server, node, BINARY)["fetched"] == ["kubelet"]
    assert kubelet.read_bytes() == KUBELET


@pytest.mark.parametrize("rest", ["", "[", "{}"])
def test_checksums_that_are_lost_are_made_anew(server, node, rest):
    fetch(server, node, BINARY)
    (node / "checksums.json").write_text(rest)
    assert not fetch(server, node, BINARY)["changed"]
    assert BINARY["sha256"] in (node / "checksums.json").read_text()


def test_a_changed_binary_is_replaced(server, node):
    fetch(server, node, BINARY)
    (node / "local/bin/kubelet").write_bytes(b"another")
    assert fetch(server, node, BINARY)["fetched"] == ["kubelet"]
    assert (node / "local/bin/kubelet").read_bytes() == KUBELET


def test_a_binary_that_cannot_be_run_is_mended(server, node):
    fetch(server, node, BINARY)
    (node / "local/bin/kubelet").chmod(0o644)
    assert fetch(server, node, BINARY)["changed"]
    assert (node / "local/bin/kubelet").stat().st_mode & 0o111


def test_images_that_were_removed_from_the_node_are_imported_again(server, node):
    fetch(server, node, ARCHIVE)
    (node / "present").write_text("")
    assert fetch(server, node, ARCHIVE)["fetched"] == ["node-images"]


def test_another_archive_with_the_same_images_is_imported(server, node):
    fetch(server, node, ARCHIVE)
    server.files["b/images.tar"] = b"rebuilt"
    assert fetch(server, node, artifact("node-images", "images", b"rebuilt", "b/images.tar", ["a:1"]))["changed"]
    assert (node / "imported").read_bytes() == b"rebuilt"


def test_a_wrong_checksum_installs_nothing(server, node):
    server.files["a/kubelet"] = KUBELET.replace(b"kubelet", b"trojans")
    answer = fetch(server, node, BINARY)
    assert answer["msg"] == "kubelet arrived with another sha256 than the lock's"
    assert not (node / "local/bin/kubelet").exists()
    assert leftovers(node) == []


def test_a_cut_transfer_is_gone_on_with(server, node):
    server.cut = 2
    assert fetch(server, node, BINARY)["changed"]
    assert (node / "local/bin/kubelet").read_bytes() == KUBELET
    half, quarter = len(KUBELET) // 2, len(KUBELET) // 4
    assert server.asked == ["a/kubelet", ("a/kubelet", f"bytes={half}-"), ("a/kubelet", f"bytes={half + quarter}-")]
    assert leftovers(node) == []


def test_a_transfer_that_is_cut_again_and_again_is_told_and_gone_on_with_by_the_next_run(server, node):
    server.cut = 3
    arrived = len(KUBELET) - len(KUBELET) // 8
    answer = fetch(server, node, BINARY)
    told = f"cut short: {arrived} of {len(KUBELET)} bytes arrived"
    assert answer["msg"] == f"cannot fetch kubelet from the controller: {told}"
    assert not (node / "local/bin/kubelet").exists()
    server.asked.clear()
    assert fetch(server, node, BINARY)["fetched"] == ["kubelet"]
    assert server.asked == [("a/kubelet", f"bytes={arrived}-")]


@pytest.mark.parametrize("left", [b"of another file", b"x" * len(KUBELET)])
def test_what_another_run_left_and_is_of_no_use_is_fetched_anew(server, node, left):
    (node / "local/bin").mkdir(parents=True)
    (node / f"local/bin/.kprov.kubelet.{BINARY['sha256']}").write_bytes(left)
    assert fetch(server, node, BINARY)["fetched"] == ["kubelet"]
    assert (node / "local/bin/kubelet").read_bytes() == KUBELET


def test_the_runtime_is_installed_without_a_containerd_and_touches_nothing_else(server, node, programs):
    programs.add("ctr", "exit 1")
    fetched = [
        artifact("containerd", "runtime", KUBELET, "a/kubelet"),
        artifact("x", "cni-plugin", IMAGES, "b/images.tar"),
    ]
    (node / "addons").mkdir()
    (node / "addons/calico.json").write_text("{}")
    assert fetch(server, node, *fetched)["fetched"] == ["containerd", "x"]
    assert (node / "local/bin/containerd").stat().st_mode & 0o111
    assert (node / "cni/x").read_bytes() == IMAGES
    assert (node / "addons/calico.json").exists()
    assert not fetch(server, node, *fetched)["changed"]


def test_a_file_that_the_server_has_not_is_told(server, node):
    answer = fetch(server, node, {**BINARY, "path": "a/nothing"})
    assert answer["msg"] == "cannot fetch kubelet from the controller: Not Found"
    assert leftovers(node) == []


def test_a_server_that_is_gone_is_told(node, server):
    server.shutdown()
    server.server_close()
    assert (
        fetch(server, node, BINARY)["msg"] == "cannot fetch kubelet from the controller: [Errno 111] Connection refused"
    )


def test_a_full_disk_is_told_before_anything_is_fetched(server, node, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: SimpleNamespace(free=3 << 20))
    answer = fetch(server, node, {**BINARY, "size": 400 << 20})
    assert answer["msg"] == f"{node}/local/bin is full: kubelet needs 400 MiB, 3 MiB are free"
    assert server.asked == []


def test_what_an_interrupted_run_left_is_swept_away(server, node):
    for folder in ("local/bin", "state"):
        (node / folder).mkdir(parents=True)
        (node / folder / ".kprov.half").write_text("half a file")
    (node / "local/bin/mine").write_text("x")
    fetch(server, node)
    assert leftovers(node) == []
    assert (node / "local/bin/mine").exists()


def test_an_import_that_fails_is_told_and_tried_again(server, node, programs):
    programs.add("ctr", '[ "$4" = import ] && { echo "ctr: unrecognized image format" >&2; exit 1; }\nexit 0')
    answer = fetch(server, node, ARCHIVE)
    assert answer["msg"] == "containerd did not import node-images: ctr: unrecognized image format"
    assert list((node / "state").iterdir()) == []


def test_a_containerd_that_is_down_is_told(server, node, programs):
    programs.add("ctr", "echo 'ctr: failed to dial' >&2; exit 1")
    assert fetch(server, node, ARCHIVE)["msg"] == "containerd does not answer: ctr: failed to dial"


def test_the_nodes_proxy_is_not_asked(server, node, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert fetch(server, node, BINARY)["changed"]


def test_check_mode_names_what_is_missing_and_fetches_nothing(server, node):
    assert fetch(server, node, BINARY, ARCHIVE, check=True)["fetched"] == ["kubelet", "node-images"]
    assert server.asked == []
    assert not (node / "local").exists()


def test_the_secret_of_the_address_is_never_shown(server, node):
    answer = fetch(server, node, {**BINARY, "path": "a/nothing"})
    assert server.url not in str(answer)


def test_the_objects_of_an_add_on_are_put_in_their_place_once(server, node):
    assert fetch(server, node, MANIFEST)["fetched"] == ["calico"]
    placed = node / "addons/calico.json"
    assert placed.read_bytes() == OBJECTS
    assert placed.stat().st_mode & 0o777 == 0o600
    server.asked.clear()
    assert not fetch(server, node, MANIFEST)["changed"]
    assert server.asked == []
    placed.write_bytes(b"{}")
    assert fetch(server, node, MANIFEST)["changed"]
    assert placed.read_bytes() == OBJECTS
    assert leftovers(node) == []


def test_the_objects_of_an_add_on_that_is_gone_are_removed_and_nothing_else(server, node):
    fetch(server, node, MANIFEST)
    (node / "addons/weave.json").write_text("{}")
    (node / "addons/notes.txt").write_text("mine")
    assert fetch(server, node, MANIFEST, check=True)["removed"] == ["weave.json"]
    assert (node / "addons/weave.json").exists()
    answer = fetch(server, node, MANIFEST)
    assert (answer["changed"], answer["removed"]) == (True, ["weave.json"])
    assert sorted(path.name for path in (node / "addons").iterdir()) == ["calico.json", "notes.txt"]


def test_a_node_without_add_ons_gets_no_folder_for_them(server, node):
    fetch(server, node, BINARY)
    assert not (node / "addons").exists()


def test_objects_with_another_checksum_are_not_put_anywhere(server, node):
    server.files["manifests/calico.json"] = OBJECTS.replace(b"List", b"Lost")
    assert fetch(server, node, MANIFEST)["msg"] == "calico arrived with another sha256 than the lock's"
    assert list((node / "addons").iterdir()) == []
