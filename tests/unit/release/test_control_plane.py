"""What API servers are told: arguments, volumes and files belong together, and every file is where it is said to be."""

from __future__ import annotations

import pytest
import yaml

from kprov.errors import SpecError
from kprov.release import catalog, control_plane, kubeadm
from tests.unit.release.samples import cluster, release

WHOLE = {"encryption": {"provider": "secretbox"}, "audit": {"policy": "writes"}}
KMS = {"name": "vault", "endpoint": "unix:///run/kms/plugin.sock", "api_version": "v1"}


def told(version="1.36.4", **sections):
    return control_plane.settings(cluster(version, **sections))


def test_without_these_sections_nothing_is_said():
    assert told() == control_plane.Settings({})
    assert "extraArgs" not in kubeadm.cluster_configuration(cluster(), release())["apiServer"]


def test_every_path_of_an_argument_is_in_a_volume_and_in_a_file_where_kprov_writes_it():
    settings = told(**WHOLE, pod_security={})
    mounted = tuple(f"{volume['mountPath']}/" for volume in settings.volumes)
    paths = {value for value in settings.args.values() if value.startswith("/")}
    assert paths
    assert all(path.startswith(mounted) for path in paths)
    assert paths == {file.path for file in settings.files} | {control_plane.ENCRYPTION, control_plane.AUDIT_LOG}


def test_another_content_is_another_argument():
    """An API server of 1.20 reads its files once; and one that runs must not find another content behind its name."""
    one, other = told(audit={"policy": "writes"}), told(audit={"policy": "metadata"})
    assert one.args["audit-policy-file"] != other.args["audit-policy-file"]
    own = control_plane.settings(cluster(audit={"policy": "mine.yaml"}), control_plane.OwnFiles({"kind": "Policy"}))
    assert yaml.safe_load(own.files[0].content) == {"kind": "Policy"}


def test_only_what_must_be_written_can_be():
    settings = told(**WHOLE, pod_security={})
    assert {volume["name"] for volume in settings.volumes if not volume["readOnly"]} == {"kprov-audit"}


def test_the_socket_of_a_plugin_is_reached_through_its_folder():
    settings = told("1.20.2", encryption={"provider": "kms", "kms": KMS})
    assert [volume["hostPath"] for volume in settings.volumes if volume["name"] == "kprov-kms"] == ["/run/kms"]


@pytest.mark.parametrize(("version", "form"), [("1.20.2", dict), ("1.36.4", list)])
def test_arguments_have_the_form_of_the_release(version, form):
    document = kubeadm.cluster_configuration(cluster(version, **WHOLE), release(version))
    arguments = document["apiServer"]["extraArgs"]
    assert isinstance(arguments, form)
    given = arguments if form is dict else {each["name"]: each["value"] for each in arguments}
    assert given["audit-log-maxage"] == "30"
    assert given["encryption-provider-config"] == control_plane.ENCRYPTION


def test_what_the_inventory_says_of_encryption_holds_no_key():
    assert control_plane.encryption(cluster(encryption={"provider": "aesgcm", "key_file": "key"})) == {
        "provider": "aesgcm",
        "resources": ["secrets"],
    }


@pytest.mark.parametrize(("api", "fields"), [("v1", set()), ("v2", {"apiVersion"})])
def test_a_plugin_of_the_first_version_is_named_by_no_field(api, fields):
    wanted = {"provider": "kms", "kms": {**KMS, "api_version": api, "timeout_s": 5}}
    plugin = control_plane.encryption(cluster(encryption=wanted))["kms"]
    assert set(plugin) == {"name", "endpoint", "timeout"} | fields
    assert plugin["timeout"] == "5s"


def test_no_secret_gets_into_the_audit_log():
    """Content is written down at level Request and above only, after the rule on what is confidential."""
    for level in ("metadata", "writes"):
        rules = control_plane.audit_policy(level)["rules"]
        contents = [number for number, rule in enumerate(rules) if rule["level"].startswith("Request")]
        kept = [number for number, rule in enumerate(rules) if "secrets" in str(rule.get("resources"))]
        assert not contents or min(kept) < min(contents)


@pytest.mark.parametrize(
    ("version", "sections", "key"),
    [
        ("1.20.2", {"pod_security": {}}, "pod_security"),
        (
            "1.20.2",
            {"encryption": {"provider": "kms", "kms": {**KMS, "api_version": "v2"}}},
            "encryption.kms.api_version",
        ),
        ("1.36.4", {"encryption": {"provider": "kms", "kms": KMS}}, "encryption.kms.api_version"),
    ],
)
def test_what_a_release_does_not_have_is_refused_at_its_line(version, sections, key):
    with pytest.raises(SpecError) as refused:
        catalog.resolve(
            cluster(version, bundle={"source": ["packages", "upstream"]}, **sections),
            file="c.yaml",
            line_of={key: 7}.get,
        )
    (problem,) = refused.value.problems
    assert (problem.key, problem.line) == (key, 7)
    assert version in problem.wrong


def test_pod_security_speaks_the_version_of_its_days():
    spec = cluster(pod_security={"enforce": "restricted"})
    old, new = (control_plane.admission_configuration(spec.pod_security, version) for version in ("1.24.0", "1.36.4"))
    inner = [document["plugins"][0]["configuration"] for document in (old, new)]
    assert [each["apiVersion"].rpartition("/")[2] for each in inner] == ["v1beta1", "v1"]
    assert inner[1]["defaults"]["enforce"] == "restricted"
