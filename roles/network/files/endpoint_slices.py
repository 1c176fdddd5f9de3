#!/usr/bin/python3
"""Serve the EndpointSlices of Kubernetes 1.20 as discovery.k8s.io/v1, which came with 1.21, to whoever only reads them.

Calico from 3.23 on waits for them and is never ready without. This answers the API server of its own machine, which
leads requests for that version here (an APIService): only the front proxy's certificate is let in, everything is asked
of the same API server in the older version and in the name of who asked, and only fields that were renamed differ:
``topology`` of an endpoint is ``nodeName``, ``zone`` and ``deprecatedTopology`` in v1.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PKI = "/etc/kubernetes/pki"
FRONT_PROXY = "front-proxy-client"
OLD, NEW = "discovery.k8s.io/v1beta1", "discovery.k8s.io/v1"
RESOURCES = {
    "kind": "APIResourceList",
    "apiVersion": "v1",
    "groupVersion": NEW,
    "resources": [
        {
            "name": "endpointslices",
            "singularName": "",
            "namespaced": True,
            "kind": "EndpointSlice",
            "verbs": ["get", "list", "watch"],
        }
    ],
}
HOSTNAME, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"


def as_v1(document):
    """What the older version says, in the newer one; what is no slice is left as it is.

    >>> old = {"apiVersion": OLD, "kind": "EndpointSlice", "endpoints": [{"topology": {HOSTNAME: "w1", "rack": "7"}}]}
    >>> as_v1(old)["endpoints"]
    [{'deprecatedTopology': {'rack': '7'}, 'nodeName': 'w1'}]
    >>> as_v1({"type": "ADDED", "object": old})["object"]["apiVersion"]
    'discovery.k8s.io/v1'
    """
    if "object" in document and "type" in document:
        return {**document, "object": as_v1(document["object"])}
    if document.get("apiVersion", OLD) != OLD:
        return document
    new = {**document, "apiVersion": NEW}
    if "items" in document:
        new["items"] = [as_v1({"apiVersion": OLD, "kind": "EndpointSlice", **each}) for each in document["items"] or []]
    elif "endpoints" in document:
        new["endpoints"] = [endpoint_as_v1(each) for each in document["endpoints"] or []]
    return new


def endpoint_as_v1(endpoint):
    """One endpoint of a slice."""
    new = {key: value for key, value in endpoint.items() if key != "topology"}
    topology = dict(endpoint.get("topology") or {})
    node, zone = topology.pop(HOSTNAME, ""), topology.pop(ZONE, "")
    if topology:
        new["deprecatedTopology"] = topology
    if node:
        new.setdefault("nodeName", node)
    if zone:
        new["zone"] = zone
    return new


def identity(headers):
    """Who asked, as the API server told it, for asking it in that name.

    >>> from email.message import Message
    >>> asked = Message()
    >>> for line in (("X-Remote-User", "ann"), ("X-Remote-Group", "dev"), ("X-Remote-Group", "ops")):
    ...     asked[line[0]] = line[1]
    >>> identity(asked)
    [('Impersonate-User', 'ann'), ('Impersonate-Group', 'dev'), ('Impersonate-Group', 'ops')]
    """
    user, groups = headers.get("X-Remote-User", ""), headers.get_all("X-Remote-Group") or []
    return [("Impersonate-User", user), *(("Impersonate-Group", group) for group in groups)] if user else []


def ask(path, who):
    """The answer of this machine's API server."""
    context = ssl.create_default_context(cafile=PKI + "/ca.crt")
    context.load_cert_chain(PKI + "/apiserver-kubelet-client.crt", PKI + "/apiserver-kubelet-client.key")
    connection = http.client.HTTPConnection("127.0.0.1", 6443)
    plain = socket.create_connection(("127.0.0.1", 6443), timeout=10)
    connection.sock = context.wrap_socket(plain, server_hostname="kubernetes")
    connection.sock.settimeout(None)  # a watch may say nothing for minutes
    connection.putrequest("GET", path)
    for name, value in (("Accept", "application/json"), *who):
        connection.putheader(name, value)
    connection.endheaders()
    return connection.getresponse()


class Handler(BaseHTTPRequestHandler):
    """One request of the API server."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        """Answer it."""
        path, query, words = self.path.partition("?")
        if path.rstrip("/") == "/apis/" + NEW:
            self.answer(200, json.dumps(RESOURCES).encode())
        elif path.startswith("/apis/" + NEW + "/") and (who := identity(self.headers)):
            self.lead("/apis/" + OLD + path[len("/apis/" + NEW) :] + query + words, who)
        else:
            self.answer(404, b"{}")

    def lead(self, path, who):
        """Answer with what the older version has: at once, or for a watch line by line."""
        try:
            found = ask(path, who)
        except (OSError, http.client.HTTPException) as error:
            self.answer(503, str(error).encode())
            return
        with found:
            if found.status != 200:
                self.answer(found.status, found.read())
            elif "chunked" in found.headers.get("Transfer-Encoding", "") and "watch=" in path:
                self.stream(found)
            else:
                self.answer(200, json.dumps(as_v1(json.loads(found.read()))).encode())

    def stream(self, found):
        """Pass events on as they come."""
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for line in found:
            event = json.dumps(as_v1(json.loads(line))).encode() + b"\n"
            self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
        self.wfile.write(b"0\r\n\r\n")

    def answer(self, status, body):
        """Answer with one document."""
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        """Say nothing: the API server's audit log has it all."""


class Server(ThreadingHTTPServer):
    """Takes connections of the front proxy alone; certificates are read anew for each, as they may be renewed."""

    daemon_threads = True

    def finish_request(self, request, client_address):
        """Agree on TLS in the connection's own thread, then answer."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=PKI + "/front-proxy-ca.crt")
        context.load_cert_chain(PKI + "/apiserver.crt", PKI + "/apiserver.key")
        context.verify_mode = ssl.CERT_REQUIRED
        request.settimeout(10)
        with context.wrap_socket(request, server_side=True) as secure:
            names = [value for part in secure.getpeercert()["subject"] for key, value in part if key == "commonName"]
            if names == [FRONT_PROXY]:
                secure.settimeout(None)
                self.RequestHandlerClass(secure, client_address, self)

    def handle_error(self, request, client_address):  # noqa: ARG002 - the way of socketserver
        """Say in one line what went wrong; who hangs up is nobody's concern."""
        error = sys.exc_info()[1]
        if not isinstance(error, ConnectionError):
            sys.stderr.write(f"{client_address[0]}: {error}\n")


if __name__ == "__main__":
    Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
