"""Membership in etcd, by the gateway that etcd 3.4 and later have for their API: JSON over HTTPS.

A new member begins as a *learner*: it is sent everything and counts for nothing, so that however a join ends, the
others keep their quorum. It is promoted once it has caught up.

Sources: etcd v3.4, Documentation/dev-guide/api_grpc_gateway.md, op-guide/runtime-configuration.md, and the texts of
etcdserver/api/v3rpc/rpctypes/error.go.
"""

from __future__ import annotations

import http.client
import json
import re
import ssl
import time
import urllib.error
import urllib.request

PKI = "/etc/kubernetes/pki"
CERTIFICATE = (PKI + "/etcd/healthcheck-client.crt", PKI + "/etcd/healthcheck-client.key")
AUTHORITY = PKI + "/etcd/ca.crt"
MANIFEST = "/etc/kubernetes/manifests/etcd.yaml"
TIMEOUT_S = 7
PAUSE_S = 0.2


class EtcdError(Exception):
    """etcd said no, or did not answer; the text is its own."""


def peer_url(address):
    """The URL at which a member is known to the others.

    >>> peer_url("10.0.0.11"), peer_url("fd00::11")
    ('https://10.0.0.11:2380', 'https://[fd00::11]:2380')
    """
    return "https://%s:2380" % ("[%s]" % address if ":" in address else address)


def local_url(manifest=MANIFEST):
    """Where this machine's own member answers its clients: by kubeadm, first on the loopback of its address's family.

    >>> local_url("/nonexistent")
    'https://127.0.0.1:2379'
    """
    try:
        with open(manifest, encoding="utf-8") as handle:
            found = re.search(r"--listen-client-urls=([^,\s]+)", handle.read())
    except FileNotFoundError:
        found = None
    return found[1] if found else "https://127.0.0.1:2379"


def mine(members, url):
    """The member with this peer URL, or None.

    >>> mine([{"ID": "7", "peerURLs": ["https://10.0.0.12:2380"]}], "https://10.0.0.12:2380")["ID"]
    '7'
    """
    return next((member for member in members if url in member.get("peerURLs", [])), None)


def initial_cluster(members, name, url):
    """What a new member is told of the others, as kubeadm would write it.

    A member that has never run has no name: this one is told its own, any other goes by its number.

    >>> known = [{"ID": "1", "name": "m1", "peerURLs": ["https://a:2380"]}, {"ID": "2", "peerURLs": ["https://b:2380"]}]
    >>> initial_cluster(known, "m2", "https://b:2380")
    'm1=https://a:2380,m2=https://b:2380'
    """
    known = []
    for member in members:
        who = name if url in member["peerURLs"] else member.get("name") or "%x" % int(member["ID"])
        known.append("%s=%s" % (who, member["peerURLs"][0]))
    return ",".join(known)


def way(member, data):
    """What is to be done for a node to become a member.

    Args:
        member: how etcd knows the node, or None.
        data: whether there are an etcd's data on the node.

    >>> way(None, False), way({"isLearner": True}, False), way({"isLearner": True, "name": "m2"}, True)
    ('announce', 'start', 'start')
    >>> way({"name": "m2"}, True)
    'done'
    >>> way(None, True), way({"name": "m2"}, False)
    ('anew', 'anew')
    """
    if member is None:
        return "anew" if data else "announce"
    if not data:
        return "anew" if member.get("name") or not member.get("isLearner") else "start"
    return "start" if member.get("isLearner") else "done"


class Etcd:
    """The cluster's etcd as its voting members answer for it."""

    def __init__(self, endpoints):
        self._endpoints = list(endpoints)

    def members(self):
        """All members, learners too; a number of 64 bits is a string."""
        return self._ask("list")["members"]

    def announce(self, url):
        """Have a learner with this peer URL."""
        self._ask("add", peerURLs=[url], isLearner=True)

    def promote(self, identity):
        """Have a learner count; etcd refuses while it is behind."""
        self._ask("promote", ID=identity)

    def remove(self, identity):
        """Forget a member."""
        self._ask("remove", ID=identity)

    def _ask(self, verb, **request):
        """The answer of the first member that gives one."""
        direct, said = opener(), "there is no member to ask"
        for endpoint in self._endpoints:
            url = "%s/v3/cluster/member/%s" % (endpoint, verb)
            try:
                with direct.open(url, data=json.dumps(request).encode(), timeout=TIMEOUT_S) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                raise EtcdError(refusal(error.read(), error.code)) from None
            except (OSError, http.client.HTTPException, ValueError) as error:
                said = "%s: %s" % (endpoint, error)
        raise EtcdError(said)


def opener():
    """What speaks to etcd as a client that it trusts, past any proxy."""
    context = ssl.create_default_context(cafile=AUTHORITY)
    context.load_cert_chain(*CERTIFICATE)
    return urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))


def refusal(body, code):
    """etcd's own words in an answer that is no success.

    >>> refusal(b'{"error": "etcdserver: unhealthy cluster", "code": 14}', 503)
    'etcdserver: unhealthy cluster'
    >>> refusal(b"oops", 500)
    'HTTP 500: oops'
    """
    try:
        return json.loads(body)["error"]
    except (ValueError, KeyError, TypeError):
        return "HTTP %d: %s" % (code, body.decode(errors="replace")[:200])


def announced(etcd, url, deadline):
    """Announce a learner when its turn has come; return all members as they are then."""
    said = ""
    while True:
        try:
            members = etcd.members()
            if mine(members, url):
                return members
            etcd.announce(url)
        except EtcdError as error:
            said = str(error)
        if time.monotonic() > deadline:
            raise EtcdError("etcd took no new member: %s" % (said or "no answer"))
        time.sleep(PAUSE_S)
