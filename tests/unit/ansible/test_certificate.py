"""Names in an API server's certificate, against those that kubeadm's documents ask for."""

from __future__ import annotations

import subprocess

from ansible.module_utils import kprov_certificate

NAMES = {
    *("kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"),
    *("m1", "fd00::11", "fd00:10:96::1", "fd00::10", "10.0.0.11"),
}


def documents(services):
    init = {"nodeRegistration": {"name": "m1"}, "localAPIEndpoint": {"advertiseAddress": "fd00::11"}}
    cluster = {
        "controlPlaneEndpoint": "[fd00::10]:6443",
        "networking": {"serviceSubnet": services, "dnsDomain": "cluster.local"},
        "apiServer": {"certSANs": ["m1", "fd00::11", "10.0.0.11"]},
    }
    return [{"kind": "InitConfiguration", **init}, {"kind": "ClusterConfiguration", **cluster}]


def test_in_dual_stack_the_address_of_the_api_is_in_the_first_network_of_services():
    assert kprov_certificate.names_wanted(documents("fd00:10:96::/112,10.96.0.0/16")) == NAMES


def test_addresses_of_ipv6_are_read_in_the_form_in_which_they_are_asked_for(tmp_path):
    names = ",".join(f"IP:{each}" if ":" in each or each[0] == "1" else f"DNS:{each}" for each in sorted(NAMES))
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=kube-apiserver", "-days", "1"]
    files = ["-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "crt"), "-addext", f"subjectAltName={names}"]
    subprocess.run([*words, *files], check=True, capture_output=True)
    assert kprov_certificate.names_in(str(tmp_path / "crt")) == NAMES
