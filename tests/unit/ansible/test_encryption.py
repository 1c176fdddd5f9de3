"""The way from one key to another: at every moment each control plane reads what any other writes."""

from __future__ import annotations

import base64
import json
import random

import pytest

from kprov.ansible.plugins.modules import kprov_encryption
from kprov.ansible.plugins.modules.kprov_encryption import IDENTITY, document, entries, plan
from tests.unit.ansible.harness import converge

AESCBC = {"provider": "aescbc", "resources": ["secrets"]}
SECRETBOX = {"provider": "secretbox", "resources": ["secrets", "configmaps"]}
PLUGIN = {"apiVersion": "v2", "name": "vault", "endpoint": "unix:///run/kms/plugin.sock", "timeout": "3s"}
KMS = {"provider": "kms", "resources": ["secrets"], "kms": PLUGIN}
NAMES = ("m1", "m2", "m3")
KEY1 = {"provider": "aescbc", "name": "key1", "secret": "b25l"}
KEY2 = {"provider": "aescbc", "name": "key2", "secret": "dHdv"}


class Planes:
    """Control planes that read files, and an etcd that remembers what wrote each resource's objects."""

    def __init__(self, **files):
        self.files = {name: files.get(name, {}) for name in NAMES}
        self.stored = {}
        self.write()

    def of(self, name, resource):
        return self.files[name].get(resource, [IDENTITY])

    @property
    def resources(self):
        return {"secrets", "configmaps", *self.stored}

    def write(self):
        """Every control plane writes an object of every resource, which all must be able to read, also the old ones."""
        for resource in self.resources:
            kept = self.stored.setdefault(resource, [])
            kept += kprov_encryption.unlike(kept, [self.of(name, resource)[0] for name in NAMES])
        for resource, kept in self.stored.items():
            for name in NAMES:
                assert all(entry in self.of(name, resource) for entry in kept), f"{name} cannot read all {resource}"

    def change(self, wanted, stop=999, **options):
        """Walk the steps; stop after as many changes of one control plane or resource."""
        steps, rewrite = plan(wanted, self.files, **options)
        for step in ("read", "write", "rewrite", "only"):
            work = rewrite if step == "rewrite" else steps.get(step, {})
            for name, text in sorted(work.items()):
                if stop == 0:
                    return
                stop -= 1
                if step == "rewrite":
                    self.stored[name] = [self.of("m1", name)[0]]
                else:
                    self.files[name] = entries(json.loads(text or "{}"))
                self.write()

    def state(self):
        return json.dumps(self.files, sort_keys=True)

    def all_have(self, resource, count=1):
        (entry,) = {json.dumps(self.of(name, resource)) for name in NAMES}
        listed = json.loads(entry)
        assert len(listed) == count
        assert self.stored[resource] == listed[:1]
        return listed[0]


def encrypted(wanted=AESCBC):
    planes = Planes()
    planes.change(wanted)
    return planes


def test_what_was_plain_is_encrypted_and_its_key_is_long_enough():
    planes = encrypted()
    entry = planes.all_have("secrets")
    assert (entry["provider"], entry["name"]) == ("aescbc", "key1")
    assert len(base64.b64decode(entry["secret"])) == 32
    assert planes.all_have("configmaps") == IDENTITY


@pytest.mark.parametrize("wanted", [AESCBC, SECRETBOX, KMS])
def test_what_is_as_it_should_be_is_left_alone(wanted):
    assert plan(wanted, encrypted(wanted).files) == ({}, {})
    assert plan({}, Planes().files) == ({}, {})


def test_a_rotation_ends_with_another_key_alone():
    planes = encrypted()
    before = planes.all_have("secrets")
    planes.change(AESCBC, rotate=True)
    after = planes.all_have("secrets")
    assert (before["name"], after["name"]) == ("key1", "key2")
    assert before["secret"] != after["secret"]


@pytest.mark.parametrize("seed", range(40))
def test_a_change_may_be_cut_off_anywhere_and_even_turn_elsewhere(seed):
    """Nothing is ever unreadable, and the last wish that is not cut off is what becomes of it."""
    chance = random.Random(seed)
    planes = Planes()
    for _ in range(6):
        wanted = chance.choice([AESCBC, SECRETBOX, KMS, {}])
        planes.change(wanted, stop=chance.randrange(14), rotate=bool(wanted) and chance.random() < 0.5)
    planes.change(wanted)
    for resource in planes.resources:
        entry = planes.all_have(resource)
        assert entry["provider"] == (wanted["provider"] if resource in wanted.get("resources", ()) else "identity")
    assert plan(wanted, planes.files) == ({}, {})


@pytest.mark.parametrize("stop", range(10))
def test_a_rotation_that_was_cut_off_is_ended_and_not_begun_again(stop):
    planes = encrypted()
    planes.change(AESCBC, stop=stop, rotate=True)
    planes.change(AESCBC, rotate=True)
    assert planes.all_have("secrets")["name"] == "key2"


def test_to_decrypt_plain_is_written_before_the_key_goes():
    planes = encrypted()
    steps, rewrite = plan({}, planes.files)
    assert rewrite == {"secrets": ""}
    names = [
        [each["provider"] for each in entries(json.loads(steps[step]["m1"]))["secrets"]]
        for step in steps
        if step != "only"
    ]
    assert names == [["aescbc", "identity"], ["identity", "aescbc"]]
    assert steps["only"]["m1"] == ""


def test_the_users_own_key_is_taken_and_another_one_replaces_it():
    planes = Planes()
    planes.change(AESCBC, key="b25l")
    assert planes.all_have("secrets") == KEY1
    assert plan(AESCBC, planes.files, key="b25l") == ({}, {})
    planes.change(AESCBC, key="dHdv")
    assert planes.all_have("secrets") == KEY2


def test_a_plugin_stays_the_only_provider_and_everything_is_written_anew():
    planes = encrypted(KMS)
    steps, rewrite = plan(KMS, planes.files, rotate=True)
    assert rewrite == {"secrets": "k8s:enc:kms:v2:vault:"}
    assert {text for step in steps.values() for text in step.values()} == {steps["only"]["m1"]}
    (group,) = json.loads(steps["only"]["m1"])["resources"]
    assert group == {"resources": ["secrets"], "providers": [{"kms": PLUGIN}]}


def test_a_document_tells_what_it_was_made_of():
    listed = {"secrets": [KEY2, KEY1, IDENTITY, {"provider": "kms", **PLUGIN}], "configmaps": [IDENTITY]}
    assert entries(document(listed)) == listed


# The module, with a fake kubectl and a fake etcd.


def planned(wanted, planes, **options):
    return converge(kprov_encryption, state="planned", wanted=wanted, planes=planes, founder="m1", **options)


def plane(*listed, member=True):
    return {"member": member, "resources": {"secrets": list(listed)} if listed else {}}


def test_a_cluster_that_is_not_founded_yet_begins_with_its_key():
    answer = planned(AESCBC, {"m1": plane(member=False), "m2": plane(member=False)})
    assert list(answer["steps"]["only"]) == ["m1"]
    assert answer["steps"]["read"] == answer["steps"]["write"] == answer["rewrite"] == {}


def test_a_control_plane_that_is_about_to_join_is_no_part_of_a_change():
    answer = planned(AESCBC, {"m1": plane(KEY1), "m2": plane(KEY2, member=False)})
    assert not any(answer["steps"].values())


@pytest.mark.parametrize(
    ("wanted", "planes", "key", "why"),
    [
        ({}, {"m1": plane()}, "", "nothing is encrypted"),
        (AESCBC, {"m1": plane(KEY1), "m2": plane(member=False)}, "", "m2: no control plane of the cluster yet"),
        (AESCBC, {"m1": plane(KEY1)}, "b25l", "is in use already"),
    ],
)
def test_a_rotation_that_cannot_be_is_refused(wanted, planes, key, why):
    answer = planned(wanted, planes, key=key, rotate=True)
    assert why in answer["refused"]
    assert not any(answer["steps"].values())


@pytest.fixture
def etcd(tmp_path, monkeypatch, programs):
    """An etcd whose objects are files: ``write`` makes them, kubectl replace marks them as encrypted."""
    folder = tmp_path / "etcd"
    folder.mkdir()
    dump = (
        "import base64,json,pathlib,sys\n"
        "b=lambda x: base64.b64encode(x).decode()\n"
        f"print(json.dumps({{'kvs': [{{'key': b(p.name.encode()), 'value': b(p.read_bytes())}} for p in"
        f" sorted(pathlib.Path('{folder}').iterdir())]}}))"
    )
    listing = f'*"tasks exec"*) exec python3 -c "{dump}";; *"tasks list"*) echo e1 1 RUNNING;; *) echo e1;;'
    programs.add("ctr", f'case "$*" in {listing} esac')
    replace = f'for file in {folder}/*; do printf "k8s:enc:aescbc:v1:key2:xyz" >$file; done'
    programs.add("kubectl", f'case "$*" in *replace*) cat >/dev/null; {replace};; *) echo \'{{"items": [1]}}\';; esac')
    monkeypatch.setattr(kprov_encryption, "KUBECTL", ["kubectl"])
    monkeypatch.setattr(kprov_encryption, "CTR", [str(programs.folder / "ctr")])
    return folder


def rewritten(programs, *, check=False, **options):
    given = {"rewrite": {"secrets": "k8s:enc:aescbc:v1:key2:"}, **options}
    answer = converge(kprov_encryption, check=check, state="rewritten", **given)
    return answer, [call for call in programs.calls if "replace" in call]


def test_objects_are_written_anew_until_etcd_has_them_so(etcd, programs, monkeypatch):
    (etcd / "a").write_bytes(b"k8s\0plain")
    (etcd / "b").write_bytes(b"k8s:enc:aescbc:v1:key1:old")
    answer, calls = rewritten(programs)
    assert (answer["changed"], answer["written"], len(calls)) == (True, 2, 1)
    answer, calls = rewritten(programs)
    assert (answer["changed"], len(calls)) == (False, 1)


def test_check_mode_counts_and_writes_nothing(etcd, programs):
    (etcd / "a").write_bytes(b"k8s\0plain")
    answer, calls = rewritten(programs, check=True)
    assert (answer["written"], calls) == (1, [])


def test_an_object_that_stays_as_it_was_stops_the_change(etcd, programs):
    (etcd / "a").write_bytes(b"k8s\0plain")
    programs.add("kubectl", """case "$*" in *replace*) cat >/dev/null;; *) echo '{"items": [1]}';; esac""")
    answer, _ = rewritten(programs)
    assert "1 of secrets are still not stored as k8s:enc:aescbc:v1:key2:, a among them" in answer["msg"]


def test_an_object_that_someone_else_wrote_meanwhile_is_no_failure(etcd, programs):
    (etcd / "a").write_bytes(b"k8s\0plain")
    said = (
        'Error from server (Conflict): error when replacing "STDIN": the object has been modified; please apply again'
    )
    body = f"cat >/dev/null; printf k8s:enc:aescbc:v1:key2: >{etcd}/a; echo '{said}' >&2; exit 1"
    programs.add("kubectl", f'case "$*" in *replace*) {body};; *) echo \'{{"items": [1]}}\';; esac')
    assert rewritten(programs)[0]["written"] == 1


def test_what_the_api_server_was_not_told_of_does_not_count(tmp_path, monkeypatch):
    for name, text in {
        "MARKER": json.dumps({"cluster": "lab", "state": "member"}),
        "API_SERVER": "- kube-apiserver",
        "ENCRYPTION": json.dumps(document({"secrets": [KEY1]})),
    }.items():
        (tmp_path / name).write_text(text)
        monkeypatch.setattr(kprov_encryption, name, str(tmp_path / name))
    answer = converge(kprov_encryption, state="read", cluster="lab")
    assert (answer["member"], answer["resources"]) == (True, {})
    (tmp_path / "API_SERVER").write_text("- --encryption-provider-config=/etc/file")
    assert converge(kprov_encryption, state="read", cluster="lab")["resources"] == {"secrets": [KEY1]}
