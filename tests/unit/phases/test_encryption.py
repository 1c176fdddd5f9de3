"""What is told of encryption on a living cluster, and when a change of keys is refused before it begins."""

from __future__ import annotations

import json

import pytest

from kprov.errors import InputError
from kprov.phases import encryption
from kprov.phases import encryption_probe as probe
from kprov.phases.encryption import Encrypted, flaws
from kprov.spec.load import load

TEXT = """\
cluster: lab
nodes:
  m[1:3]: {address: "10.0.0.[11:13]", roles: [control-plane]}
"""
SECTION = "encryption: {provider: aescbc}\n"
GOOD = Encrypted("aescbc key2", 1, loaded=True, stored={"aescbc key2": 7})


@pytest.fixture
def loaded(tmp_path):
    def make(section=SECTION, inventory=True):
        (tmp_path / "cluster.yaml").write_text(TEXT + section)
        if inventory:
            (tmp_path / "hosts.ini").touch()
        return load(tmp_path / "cluster.yaml")

    return make


def seen(**others):
    return {name: {"secrets": others.get(name, GOOD)} for name in ("m1", "m2", "m3")}


def test_what_is_as_the_cluster_file_says_is_not_spoken_of(loaded):
    assert list(flaws(loaded().spec, seen())) == []


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (
            Encrypted("aescbc key1", 1, True, {}),
            "are not written by all control planes alike: aescbc key1, aescbc key2.",
        ),
        (Encrypted("aescbc key2", 2, True, {}), "m2: secrets are read with 2 keys: a change of keys is under way."),
        (Encrypted("aescbc key2", 1, False, {}), "m2: the API server was not started with the keys that it has now."),
        (Encrypted("plain", 0, True, {}), "m2: secrets are written by plain, the cluster file says aescbc."),
        (Encrypted("aescbc key2", 1, True, {"plain": 3}), "m2: secrets in etcd are stored by plain, not aescbc key2."),
    ],
)
def test_what_is_otherwise_is_told_with_its_control_plane(loaded, other, said):
    assert any(said in flaw for flaw in flaws(loaded().spec, seen(m2=other)))


def test_a_change_of_keys_needs_keys_and_a_cluster(loaded):
    with pytest.raises(InputError, match="no inventory"):
        encryption.refuse_unencrypted(loaded(inventory=False))
    with pytest.raises(InputError, match="no section encryption"):
        encryption.refuse_unencrypted(loaded(section=""))


def test_the_probe_answers_without_any_key(tmp_path, monkeypatch, capsys):
    keys = {"keys": [{"name": "key1", "secret": "c2VjcmV0"}, {"name": "key2", "secret": "b3RoZXI="}]}
    group = {"resources": ["secrets"], "providers": [{"secretbox": keys}, {"identity": {}}]}
    (tmp_path / "file").write_text(json.dumps({"resources": [group]}))
    (tmp_path / "pod").write_text("- --encryption-provider-config=x")
    monkeypatch.setattr(probe, "ENCRYPTION", str(tmp_path / "file"))
    monkeypatch.setattr(probe, "MANIFEST", str(tmp_path / "pod"))
    monkeypatch.setattr(probe, "stored", lambda folder: {"plain": len(folder)})
    probe.main(["secrets=/registry/secrets/", "configmaps=/a"])
    text = capsys.readouterr().out
    assert json.loads(text) == {
        "secrets": {"writes": "secretbox key1", "keys": 2, "loaded": False, "stored": {"plain": 18}},
        "configmaps": {"writes": "plain", "keys": 0, "loaded": False, "stored": {"plain": 2}},
    }
    assert not any(key["secret"] in text for key in keys["keys"])


def test_a_plugin_and_what_it_stored_have_the_same_name():
    plugin = {"kms": {"apiVersion": "v2", "name": "vault", "endpoint": "unix:///a/b"}}
    assert probe.providers({"resources": [{"resources": ["secrets"], "providers": [plugin]}]}) == {
        "secrets": ["kms vault"]
    }
    assert probe.mark(b"k8s:enc:kms:v2:vault:\0") == "kms vault"
