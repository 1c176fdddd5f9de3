"""What is said to etcd's gateway, and what is made of its answers, by a real HTTP server."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from ansible.module_utils import kprov_etcd


class Gateway(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, json.loads(body)))
        code, answer = self.server.answer
        self.send_response(code)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_arguments):
        pass


@pytest.fixture
def gateway(monkeypatch):
    """A gateway without TLS and client certificates, which clusters have."""
    request = kprov_etcd.urllib.request
    monkeypatch.setattr(kprov_etcd, "opener", lambda: request.build_opener(request.ProxyHandler({})))
    server = HTTPServer(("127.0.0.1", 0), Gateway)
    server.asked, server.answer = [], (200, {"members": [{"ID": "7"}]})
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    server.etcd = kprov_etcd.Etcd(["http://127.0.0.1:9", f"http://127.0.0.1:{server.server_port}"])
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_members_come_from_the_first_that_answers(gateway):
    assert gateway.etcd.members() == [{"ID": "7"}]


def test_membership_changes_in_the_words_of_the_gateway(gateway):
    gateway.etcd.announce("https://10.0.0.12:2380")
    gateway.etcd.promote("7")
    gateway.etcd.remove("7")
    assert gateway.asked == [
        ("/v3/cluster/member/add", {"peerURLs": ["https://10.0.0.12:2380"], "isLearner": True}),
        ("/v3/cluster/member/promote", {"ID": "7"}),
        ("/v3/cluster/member/remove", {"ID": "7"}),
    ]


def test_a_refusal_is_told_in_etcds_words(gateway):
    gateway.answer = (503, {"error": "etcdserver: unhealthy cluster", "code": 14})
    with pytest.raises(kprov_etcd.EtcdError, match=r"^etcdserver: unhealthy cluster$"):
        gateway.etcd.promote("7")
