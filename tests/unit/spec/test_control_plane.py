"""The sections on the control plane, and what is wrong in them."""

from __future__ import annotations

import pytest

from kprov.spec.dump import dump
from kprov.spec.load import loads

NODES = """\
cluster: lab
nodes:
  m1: {address: 10.0.0.11, roles: [control-plane]}
"""
KMS = "kms: {name: vault, endpoint: 'unix:///run/kms/plugin.sock'}"


def spec(rest: str):
    return loads(NODES + rest, "cluster.yaml").spec


def test_absent_sections_ask_for_nothing() -> None:
    found = spec("")
    assert (found.encryption, found.audit, found.pod_security) == (None, None, None)


@pytest.mark.parametrize(
    "rest",
    [
        "encryption: {provider: aescbc}",
        "encryption: {provider: aesgcm, key_file: secrets/key, resources: [secrets, configmaps, crontabs.example.com]}",
        f"encryption: {{provider: kms, {KMS}}}",
        "audit: {}",
        "audit: {policy: policies/audit.yaml, max_age_days: 1}",
        "pod_security: {enforce: restricted, exempt_namespaces: [kube-system, metallb-system]}",
    ],
)
def test_sections_that_are_right_are_written_out_as_they_are_read(rest) -> None:
    whole = spec(rest)
    assert loads(dump(whole), "again.yaml").spec == whole


def test_a_section_of_defaults_alone_knows_its_line() -> None:
    assert loads(f"{NODES}audit: {{}}\n", "c/cluster.yaml").origins["audit"] == "cluster.yaml:4"


@pytest.mark.parametrize(
    ("rest", "key", "wrong", "right"),
    [
        ("encryption: {provider: aes}", "encryption.provider", "aes is none of aescbc", "aesgcm"),
        ("encryption: {resources: [secrets]}", "encryption.provider", "is missing", "What encrypts"),
        ("encryption: {provider: kms}", "encryption.provider", "kms needs to know its plugin", "Add kms:"),
        (f"encryption: {{provider: aescbc, {KMS}}}", "encryption.kms", "encryption.provider is aescbc", "Remove it"),
        (f"encryption: {{provider: kms, {KMS}, key_file: a}}", "encryption.key_file", "has the keys", "Remove it."),
        ("encryption: {provider: aescbc, resources: []}", "encryption.resources", "is empty", "Write resources"),
        ("encryption: {provider: aescbc, resources: [secrets, secrets]}", "encryption.resources", "twice", "once"),
        ("encryption: {provider: aescbc, resources: ['*.*']}", "encryption.resources[0]", "is no kind", "plural"),
        (
            "encryption: {provider: kms, kms: {name: a, endpoint: 'unix:///a'}}",
            "encryption.kms.endpoint",
            "no Unix",
            "folder",
        ),
        ("audit: {max_age_days: 0}", "audit.max_age_days", "0 is too small", "1"),
        ("audit: {policy: 5}", "audit.policy", "is a number, not text", '"5"'),
        ("pod_security: {enforce: strict}", "pod_security.enforce", "strict is none of", "restricted"),
        (
            "pod_security: {exempt_namespaces: [Kube]}",
            "pod_security.exempt_namespaces[0]",
            "Kube is no namespace",
            "lower",
        ),
    ],
)
def test_values_that_are_wrong_are_told_with_line_and_remedy(only, rest, key, wrong, right) -> None:
    problem = only(f"{NODES}{rest}\n")
    assert (problem.line, problem.key) == (4, key)
    assert wrong in problem.wrong
    assert right in problem.right
