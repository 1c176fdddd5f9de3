"""What a control plane of Kubernetes 1.20 serves as discovery.k8s.io/v1."""

from __future__ import annotations

import doctest
import importlib.util
import json
import threading
from http.client import HTTPConnection
from types import SimpleNamespace

import pytest

from kprov.project import ansible_home

SPEC = importlib.util.spec_from_file_location(
    "endpoint_slices", ansible_home() / "roles/network/files/endpoint_slices.py"
)
SLICES = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(SLICES)

OLD = {
    "metadata": {"name": "dns-1"},
    "addressType": "IPv4",
    "endpoints": [
        {
            "addresses": ["10.0.0.1"],
            "conditions": {"ready": True},
            "topology": {"kubernetes.io/hostname": "w1", "topology.kubernetes.io/zone": "a", "rack": "7"},
        },
        {"addresses": ["10.0.0.2"], "nodeName": "w2", "topology": {"kubernetes.io/hostname": "w2"}},
        {"addresses": ["10.0.0.3"]},
    ],
    "ports": [{"name": "dns", "port": 53}],
}
NEW = [
    {
        "addresses": ["10.0.0.1"],
        "conditions": {"ready": True},
        "deprecatedTopology": {"rack": "7"},
        "nodeName": "w1",
        "zone": "a",
    },
    {"addresses": ["10.0.0.2"], "nodeName": "w2"},
    {"addresses": ["10.0.0.3"]},
]
LISTED = {"kind": "EndpointSliceList", "apiVersion": SLICES.OLD, "metadata": {"resourceVersion": "7"}, "items": [OLD]}
EVENT = {"type": "ADDED", "object": {"kind": "EndpointSlice", "apiVersion": SLICES.OLD, **OLD}}
GONE = {"type": "ERROR", "object": {"kind": "Status", "apiVersion": "v1", "code": 410}}


class Found:
    """An answer of the API server."""

    def __init__(self, status, body, *, streamed=False):
        self.status = status
        self.headers = {"Transfer-Encoding": "chunked"} if streamed else {}
        self._body = body

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def __iter__(self):
        return iter(self._body.splitlines(keepends=True))

    def read(self):
        return self._body


@pytest.fixture
def served(monkeypatch):
    """Ask the server, which asks an API server that answers what it is given; TLS is the integration tests' matter."""
    api = SimpleNamespace(found=Found(200, json.dumps(LISTED).encode()), asked=[])
    monkeypatch.setattr(SLICES, "ask", lambda path, who: api.asked.append((path, who)) or api.found)
    monkeypatch.setattr(SLICES.Server, "finish_request", SLICES.ThreadingHTTPServer.finish_request)
    server = SLICES.Server(("127.0.0.1", 0), SLICES.Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()

    def get(path, **headers):
        connection = HTTPConnection(*server.server_address)
        connection.request("GET", path, headers={"X-Remote-User": "felix", **headers})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, body

    api.get = get
    yield api
    server.shutdown()
    server.server_close()


def test_renamed_fields_are_renamed_and_nothing_else_is_touched():
    made = SLICES.as_v1(LISTED)
    assert (made["apiVersion"], made["metadata"]) == ("discovery.k8s.io/v1", {"resourceVersion": "7"})
    assert made["items"][0] == {**OLD, "endpoints": NEW, "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice"}
    assert SLICES.as_v1(GONE) == GONE


def test_a_list_is_asked_for_in_the_older_version_in_the_name_of_who_asks(served):
    status, body = served.get("/apis/discovery.k8s.io/v1/endpointslices?limit=5")
    assert (status, json.loads(body)) == (200, SLICES.as_v1(LISTED))
    assert served.asked == [
        ("/apis/discovery.k8s.io/v1beta1/endpointslices?limit=5", [("Impersonate-User", "felix")]),
    ]


def test_a_watch_passes_events_on(served):
    served.found = Found(200, b"".join(json.dumps(each).encode() + b"\n" for each in (EVENT, GONE)), streamed=True)
    status, body = served.get("/apis/discovery.k8s.io/v1/endpointslices?watch=true")
    assert status == 200
    assert [json.loads(line) for line in body.splitlines()] == [SLICES.as_v1(EVENT), GONE]


def test_a_refusal_is_passed_on_as_it_is(served):
    served.found = Found(403, b'{"kind": "Status"}')
    assert served.get("/apis/discovery.k8s.io/v1/endpointslices") == (403, b'{"kind": "Status"}')


def test_nothing_else_is_served_and_nothing_to_nobody(served):
    assert served.get("/apis/discovery.k8s.io/v1")[1] == json.dumps(SLICES.RESOURCES).encode()
    assert served.get("/api/v1/secrets")[0] == 404
    assert served.get("/apis/discovery.k8s.io/v1/endpointslices", **{"X-Remote-User": ""})[0] == 404
    assert served.asked == []


def test_its_own_examples_hold():
    assert doctest.testmod(SLICES).failed == 0
