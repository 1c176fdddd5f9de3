"""The certificate that an API server shows: whether it has the names that are asked for, and another where not."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import ssl
import time

from ansible.module_utils import kprov_phases
from ansible.module_utils.kprov_component import read
from ansible.module_utils.kprov_node import NodeError

PKI = "/etc/kubernetes/pki"
RELOAD_S = 120
"""An API server looks at its certificate once a minute (dynamic certificates, Kubernetes 1.20)."""


def names_wanted(documents):
    """Names and addresses that kubeadm puts into an API server's certificate (cmd/kubeadm/app/util/pkiutil, 1.20)."""
    init = next(each for each in documents if each["kind"] == "InitConfiguration")
    cluster = next(each for each in documents if each["kind"] == "ClusterConfiguration")
    service = "kubernetes.default.svc"
    network = ipaddress.ip_network(cluster["networking"]["serviceSubnet"].partition(",")[0])
    names = {"kubernetes", "kubernetes.default", service, "%s.%s" % (service, cluster["networking"]["dnsDomain"])}
    names |= {init["nodeRegistration"]["name"], init["localAPIEndpoint"]["advertiseAddress"], str(network[1])}
    return names | {cluster["controlPlaneEndpoint"].rpartition(":")[0].strip("[]"), *cluster["apiServer"]["certSANs"]}


def names_in(certificate):
    """Names and addresses in a certificate on disk."""
    decoded = ssl._ssl._test_decode_cert(certificate)
    found = ((kind, value.strip()) for kind, value in decoded.get("subjectAltName", ()))
    # OpenSSL writes every group of an IPv6 address out.
    return {str(ipaddress.ip_address(value)) if kind == "IP Address" else value for kind, value in found}


def stale(documents):
    """Whether the names in the API server's certificate differ, and there is a key to sign another with."""
    certificate = PKI + "/apiserver.crt"
    if not (os.path.exists(certificate) and os.path.exists(PKI + "/ca.key")):
        return False
    return names_in(certificate) != names_wanted(documents)


def renew(documents):
    """Have kubeadm make the API server's certificate anew; the old one comes back where it cannot."""
    pair = [PKI + "/apiserver.crt", PKI + "/apiserver.key"]
    for path in pair:
        os.rename(path, path + ".old")
    try:
        kprov_phases.phase(documents, "certs", "apiserver")
    except NodeError:
        for path in pair:
            os.rename(path + ".old", path)
        raise
    for path in pair:
        os.unlink(path + ".old")


def await_shown():
    """Wait until the API server shows the certificate that lies on disk."""
    own, deadline = read(PKI + "/apiserver.crt").strip(), time.monotonic() + RELOAD_S
    while True:
        with contextlib.suppress(OSError):
            if ssl.get_server_certificate(("127.0.0.1", 6443)).strip() == own:
                return
        if time.monotonic() > deadline:
            raise NodeError("the API server still shows its old certificate after %d s" % RELOAD_S)
        time.sleep(1)
