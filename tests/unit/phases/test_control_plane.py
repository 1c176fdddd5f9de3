"""The user's own audit policy and key are checked before anything is touched."""

from __future__ import annotations

import base64

import pytest

from kprov.errors import SpecError
from kprov.phases.control_plane import audit_policy, key_file
from kprov.phases.supported import refuse_unsupported
from kprov.spec.load import load

TEXT = """\
cluster: lab
nodes:
  m1: {address: 10.0.0.11, roles: [control-plane]}
network: {plugin: bridge}
bundle: {source: packages}
"""
POLICY = "{apiVersion: audit.k8s.io/v1, kind: Policy, rules: [{level: Metadata}]}"


@pytest.fixture
def loaded(tmp_path):
    def make(section, **files):
        (tmp_path / "cluster.yaml").write_text(TEXT + section + "\n")
        for name, content in files.items():
            (tmp_path / name).write_bytes(content)
        return load(tmp_path / "cluster.yaml")

    return make


def key(length):
    return base64.b64encode(bytes(range(length))) + b"\n"


@pytest.mark.parametrize(("provider", "length"), [("aescbc", 32), ("secretbox", 32), ("aesgcm", 16), ("aesgcm", 24)])
def test_a_key_of_the_right_length_is_found(loaded, tmp_path, provider, length):
    made = loaded(f"encryption: {{provider: {provider}, key_file: own}}", own=key(length))
    assert key_file(made) == str(tmp_path / "own")


@pytest.mark.parametrize(
    ("provider", "content", "wrong"),
    [
        ("aescbc", key(16), "the key in own has 16 bytes, aescbc needs 32"),
        ("secretbox", key(24), "the key in own has 24 bytes, secretbox needs 32"),
        ("aesgcm", key(31), "the key in own has 31 bytes, aesgcm needs 16 or 24 or 32"),
        ("aescbc", b"not base64!", "own holds no base64"),
        ("aescbc", b"", "the key in own has 0 bytes, aescbc needs 32"),
    ],
)
def test_any_other_key_is_refused_with_its_line_and_without_showing_it(loaded, provider, content, wrong):
    with pytest.raises(SpecError) as refused:
        refuse_unsupported(loaded(f"encryption: {{provider: {provider}, key_file: own}}", own=content))
    (problem,) = refused.value.problems
    assert (problem.line, problem.key, problem.wrong) == (6, "encryption.key_file", wrong)
    assert not content.strip() or content.strip().decode() not in str(problem)


def test_a_key_that_is_not_there_is_told_with_the_way_to_make_one(loaded):
    with pytest.raises(SpecError) as refused:
        key_file(loaded("encryption: {provider: aescbc, key_file: none}"))
    assert refused.value.problems[0].right == "Make one: head -c 32 /dev/urandom | base64 >none"


def test_a_policy_of_the_users_own_is_read(loaded):
    assert audit_policy(loaded("audit: {policy: own}", own=POLICY.encode()))["rules"] == [{"level": "Metadata"}]
    assert audit_policy(loaded("audit: {policy: writes}")) is None


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        ("kind: Policy", "own is no Policy of audit.k8s.io/v1"),
        ("{", "own is no YAML"),
        ("{apiVersion: audit.k8s.io/v1, kind: Policy}", "own has no rules"),
        (POLICY.replace("Metadata", "All"), "rule 1 of own has no level that API servers know"),
    ],
)
def test_what_is_no_policy_is_refused_with_its_line(loaded, content, wrong):
    with pytest.raises(SpecError) as refused:
        refuse_unsupported(loaded("audit: {policy: own}", own=content.encode()))
    (problem,) = refused.value.problems
    assert (problem.line, problem.key) == (6, "audit.policy")
    assert problem.wrong.startswith(wrong)
