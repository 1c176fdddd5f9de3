"""The last resort: what looks like a secret never gets through, what only resembles one does."""

import base64
import json

import pytest

from kprov.report.redact import redact

PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA7\nq2w3e4r5\n-----END RSA PRIVATE KEY-----"
OPENSSH = PEM.replace("RSA", "OPENSSH")
HEX = "0f" * 32
SECRETS = {
    "bootstrap token": ("kubeadm join --token abcdef.0123456789abcdef", "0123456789abcdef"),
    "token at the end of a sentence": ("token is abcdef.0123456789abcdef, use it", "0123456789abcdef"),
    "certificate key": (f"--certificate-key {HEX}", HEX),
    "PEM": (f"wrote {PEM} to disk", "MIIEowIBAAKCAQEA7"),
    "PEM cut off": (PEM[:60], "MIIEowIBAAKCAQEA7"),
    "PEM in JSON": (json.dumps({"key": OPENSSH}), "MIIEowIBAAKCAQEA7"),
    "client-key-data": ("client-key-data: c2VjcmV0IGtleQ==", "c2VjcmV0IGtleQ"),
    "PEM in base64": (base64.b64encode(PEM.encode()).decode(), base64.b64encode(PEM.encode()).decode()[-40:]),
    "service account token": ("Bearer eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrOHMifQ.c2lnbmF0dXJl", "c2lnbmF0dXJl"),
}


@pytest.mark.parametrize("name", SECRETS)
def test_secrets_are_blotted_out(name: str) -> None:
    text, secret = SECRETS[name]
    assert secret in text
    assert secret not in redact(text)
    assert "[redacted]" in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        f"kubelet differs: expected sha256:{HEX}",
        "https://api.lab.internal:8443 is reached through 127.0.0.1",
        "k8s.gcr.io/kube-apiserver:v1.20.2 and coredns:1.7.0",
        "net.bridge.bridge-nf-call-iptables is 0",
    ],
)
def test_what_a_reader_needs_stays(text: str) -> None:
    assert redact(text) == text
