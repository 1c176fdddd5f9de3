from __future__ import annotations

import base64
import calendar
import json
import re
import stat
import time
from pathlib import Path

import pytest

from kprov.ansible.plugins.modules import kprov_join_material
from tests.unit.ansible.harness import converge

M2 = {"name": "m2", "address": "10.0.0.2", "control_plane": True}
M3 = {"name": "m3", "address": "10.0.0.3", "control_plane": True}
W1 = {"name": "w1", "address": "10.0.0.101", "control_plane": False}
DOCUMENTS = [{"kind": "InitConfiguration", "apiVersion": "v"}, {"kind": "ClusterConfiguration"}]


def member(number, name, address):
    return {"ID": number, "name": name, "peerURLs": [f"https://{address}:2380"]}


def token(name, description):
    data = {"description": base64.b64encode(description.encode()).decode()}
    return {"metadata": {"name": name}, "type": "bootstrap.kubernetes.io/token", "data": data}


class FakeCluster(kprov_join_material.Cluster):
    """A cluster of canned answers; it keeps every command that would change something, with its standard input."""

    def __init__(self, nodes=(), members=(), secrets=(), etcd="RUNNING"):
        self.answers = {
            " /readyz": "ok",
            " get nodes": json.dumps({"items": [{"metadata": {"name": name}} for name in nodes]}),
            " get secrets": json.dumps({"items": list(secrets)}),
            " containers list": "0ld\n1ive\n",
            " tasks list": f"TASK    PID    STATUS\n0ld    11    STOPPED\n1ive    12    {etcd}\napi    13    RUNNING\n",
            " member list": json.dumps({"members": list(members)}),
        }
        self.changes = []
        self.asked = []
        self.uploaded = None

    def run(self, command, data=None):
        line = " ".join(command)
        self.asked.append(line)
        for words, answer in self.answers.items():
            if words in line:
                return answer
        if "--config" in command:
            path = Path(command[command.index("--config") + 1])
            self.uploaded = (path.read_text(), stat.S_IMODE(path.stat().st_mode), path)
        self.changes.append((line, data))
        return ""

    @property
    def commands(self):
        """The last words of every command."""
        return [command.rpartition("admin.conf ")[2].rpartition("server.key ")[2] for command, _ in self.changes]


def test_members_are_recognised_by_name_and_before_they_started_by_address():
    members = [member(255, "m2", "10.0.0.2"), member(16, "", "10.0.0.3"), member(1, "m1", "10.0.0.1")]
    assert kprov_join_material.left_over_members({"members": members}, [M2, M3, W1]) == ["ff", "10"]


def test_a_worker_has_no_member_even_where_a_name_or_an_address_was_reused():
    members = [member(1, "x", W1["address"]), member(2, "w1", "10.0.0.9")]
    assert kprov_join_material.left_over_members({"members": members}, [W1]) == []


def test_a_token_lives_a_quarter_of_an_hour_and_lets_a_node_do_nothing_but_join():
    now = calendar.timegm((2026, 1, 31, 23, 50, 0))
    text, secret = kprov_join_material.token_secret(now)
    data = secret["stringData"]
    assert re.fullmatch(r"[a-z0-9]{6}\.[a-z0-9]{16}", text)
    assert text == f"{data['token-id']}.{data['token-secret']}"
    assert secret["metadata"] == {"name": f"bootstrap-token-{data['token-id']}", "namespace": "kube-system"}
    assert data["expiration"] == "2026-02-01T00:05:00Z"
    assert data["auth-extra-groups"] == "system:bootstrappers:kubeadm:default-node-token"


def test_no_two_tokens_are_the_same():
    assert len({kprov_join_material.token_secret(0)[0] for _ in range(50)}) == 50


def test_a_node_made_anew_is_forgotten_first():
    cluster = FakeCluster(
        nodes=["m1", "m2", "w1"], members=[member(1, "m1", "10.0.0.1"), member(255, "m2", "10.0.0.2")]
    )
    assert kprov_join_material.forget(cluster, [M2, W1]) == ["etcd member ff", "node m2", "node w1"]
    assert cluster.commands == [
        "member remove ff",
        "delete node m2 --wait=true --timeout=60s",
        "delete node w1 --wait=true --timeout=60s",
    ]


def test_nodes_that_are_not_about_to_join_are_never_removed():
    cluster = FakeCluster(nodes=["m1", "m2", "w1"], members=[member(1, "m1", "10.0.0.1")])
    assert kprov_join_material.forget(cluster, [M3]) == []
    assert cluster.changes == []


def test_etcd_is_asked_in_its_running_container():
    cluster = FakeCluster()
    kprov_join_material.forget(cluster, [M2])
    assert " 1ive etcdctl " in next(line for line in cluster.asked if "member list" in line)


def test_a_node_whose_join_is_gone_on_with_is_not_forgotten():
    cluster = FakeCluster(nodes=["m2"], members=[member(255, "", "10.0.0.2")])
    assert kprov_join_material.forget(cluster, [{**M2, "prepared": True}]) == []
    assert cluster.changes == []


def test_joining_control_planes_ask_the_members_of_etcd_that_count():
    members = [{**member(1, "m1", "10.0.0.1"), "clientURLs": ["https://10.0.0.1:2379"]}]
    members.append({**member(2, "m2", "10.0.0.2"), "clientURLs": ["https://10.0.0.2:2379"], "isLearner": True})
    assert kprov_join_material.voters(FakeCluster(members=members)) == ["https://10.0.0.1:2379"]


def test_without_a_running_etcd_nothing_is_removed():
    cluster = FakeCluster(nodes=["m2"], etcd="STOPPED")
    with pytest.raises(kprov_join_material.ClusterError, match="etcd does not run on this control plane"):
        kprov_join_material.forget(cluster, [M2])
    assert cluster.changes == []


def test_a_worker_joins_without_a_word_to_etcd():
    cluster = FakeCluster(nodes=["w1"], etcd="STOPPED")
    assert kprov_join_material.forget(cluster, [W1]) == ["node w1"]


THEIRS = token("bootstrap-token-theirs", "the default bootstrap token")
OURS = [
    token("bootstrap-token-join", "kprov: join"),
    token("bootstrap-token-init", "kprov: init"),
    token("bootstrap-token-certs", "Proxy for managing TTL for the kubeadm-certs secret"),
    {"metadata": {"name": "kubeadm-certs"}, "type": "Opaque"},
]
OTHERS = [THEIRS, {"metadata": {"name": "registry"}, "type": "Opaque"}, {**token("bare", ""), "data": None}]


def test_tokens_and_certificates_of_ours_are_taken_back_and_no_others():
    cluster = FakeCluster(secrets=[*OURS, *OTHERS])
    names = [secret["metadata"]["name"] for secret in OURS]
    assert kprov_join_material.revoke(cluster, check=False) == names
    assert cluster.commands == [f"-n kube-system delete secret --ignore-not-found {' '.join(names)}"]


def test_where_nothing_is_left_nothing_is_deleted():
    cluster = FakeCluster(secrets=OTHERS)
    assert kprov_join_material.revoke(cluster, check=False) == []
    assert cluster.changes == []


def test_in_check_mode_what_would_be_taken_back_is_told():
    cluster = FakeCluster(secrets=OURS)
    assert len(kprov_join_material.revoke(cluster, check=True)) == 4
    assert cluster.changes == []


@pytest.fixture
def control_plane(tmp_path, monkeypatch):
    """A control plane's files, and what its cluster answers."""
    (tmp_path / "admin.conf").touch()
    (tmp_path / "ca.crt").write_bytes(b"CA")
    paths = {"ADMIN": "admin.conf", "CA": "ca.crt", "RUNTIME": "run", "MATERIAL": "run/join.json"}
    for name, path in paths.items():
        monkeypatch.setattr(kprov_join_material, name, str(tmp_path / path))
    cluster = FakeCluster()
    monkeypatch.setattr(kprov_join_material, "Cluster", lambda _module: cluster)
    return cluster


def prepare(*joiners):
    """What the joining nodes are handed, and what preparing it said."""
    said = converge(kprov_join_material, joiners=list(joiners), documents=DOCUMENTS)
    return converge(kprov_join_material, state="read")["material"], said


def test_a_joining_worker_gets_a_token_and_no_certificates(control_plane):
    material, _ = prepare(W1)
    assert (material["certificate_key"], material["ca"]) == ("", base64.b64encode(b"CA").decode())
    ((command, data),) = control_plane.changes
    assert command.endswith("create -f -")
    assert json.loads(data)["stringData"]["token-secret"] == material["token"].split(".")[1]


def test_a_joining_control_plane_gets_certificates_under_a_fresh_key(control_plane):
    keys = {prepare(M2)[0]["certificate_key"] for _ in "ab"}
    text, mode, path = control_plane.uploaded
    assert len(keys) == 2
    assert json.loads(text.split("\n---\n")[0])["certificateKey"] in keys
    assert json.loads(text.split("\n---\n")[1]) == DOCUMENTS[1]
    assert mode == 0o600
    assert not path.exists()


def test_nothing_is_done_before_the_api_answers_again(control_plane, monkeypatch):
    refused = [kprov_join_material.ClusterError("connection refused")] * 2
    answered = control_plane.run

    def run(command, data=None):
        if refused:
            assert "/readyz" in command
            raise refused.pop()
        return answered(command, data)

    monkeypatch.setattr(control_plane, "run", run)
    monkeypatch.setattr(kprov_join_material.time, "sleep", lambda _s: None)
    prepare(M2)
    assert control_plane.changes


def test_an_api_that_stays_away_is_an_error(monkeypatch):
    def refuse(_command, data=None):
        raise kprov_join_material.ClusterError("refused")

    cluster = FakeCluster()
    monkeypatch.setattr(cluster, "run", refuse)
    with pytest.raises(kprov_join_material.ClusterError, match="did not answer within 0 s: refused"):
        kprov_join_material.wait_for_api(cluster, limit_s=0)


def test_the_material_waits_in_a_file_for_root_alone(control_plane, tmp_path):
    prepare(M2)
    assert stat.S_IMODE((tmp_path / "run/join.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "run").stat().st_mode) == 0o700


def test_no_secret_is_an_argument_or_in_the_answer_that_may_be_logged(control_plane):
    material, said = prepare(M2, W1)
    for told in (*control_plane.asked, str(said)):
        assert not any(material[name] in told for name in ("token", "certificate_key", "ca") if material[name])
        assert material["token"].split(".")[1] not in told


def test_the_key_is_gone_from_the_disk_when_the_upload_fails(control_plane, tmp_path, monkeypatch):
    def refuse(command, data=None):
        raise kprov_join_material.ClusterError("kubeadm init phase upload-certs: refused")

    monkeypatch.setattr(control_plane, "run", refuse)
    (tmp_path / "run").mkdir()
    with pytest.raises(kprov_join_material.ClusterError):
        kprov_join_material.upload_certificates(control_plane, DOCUMENTS)
    assert list((tmp_path / "run").iterdir()) == []


def test_a_failure_is_told_in_clear_words(control_plane):
    control_plane.answers[" tasks list"] = ""
    _, said = prepare(M2)
    assert said["msg"] == "etcd does not run on this control plane"


def test_where_nobody_joins_no_token_is_made(control_plane):
    material, said = prepare()
    assert (said["changed"], material, control_plane.changes) == (False, {}, [])


def test_check_mode_makes_no_token(control_plane):
    assert not converge(kprov_join_material, check=True, joiners=[W1])["changed"]
    assert control_plane.changes == []


def test_in_check_mode_what_an_earlier_life_left_is_told_and_stays(control_plane):
    control_plane.answers[" get nodes"] = json.dumps({"items": [{"metadata": {"name": "w1"}}]})
    assert converge(kprov_join_material, check=True, joiners=[W1])["removed"] == ["node w1"]
    assert control_plane.changes == []


def test_in_check_mode_what_would_be_made_would_be_taken_back(control_plane):
    assert converge(kprov_join_material, check=True, state="absent", joiners=[W1])["changed"]
    assert not converge(kprov_join_material, check=True, state="absent")["changed"]
    assert control_plane.changes == []


def test_what_was_handed_over_is_taken_back(control_plane, tmp_path):
    prepare(W1)
    control_plane.answers[" get secrets"] = json.dumps({"items": [*OURS, *OTHERS]})
    answer = converge(kprov_join_material, state="absent")
    assert answer["changed"]
    assert answer["removed"] == [secret["metadata"]["name"] for secret in OURS]
    assert list((tmp_path / "run").iterdir()) == []
    assert converge(kprov_join_material, state="read")["material"] == {}


def test_taking_back_on_a_node_without_a_cluster_does_nothing(control_plane, tmp_path):
    (tmp_path / "admin.conf").unlink()
    assert not converge(kprov_join_material, state="absent")["changed"]


def test_a_cluster_that_does_not_answer_is_told(monkeypatch, tmp_path, programs):
    (tmp_path / "admin.conf").touch()
    monkeypatch.setattr(kprov_join_material, "ADMIN", str(tmp_path / "admin.conf"))
    refused = "The connection to the server api.lab.internal:8443 was refused"

    def run(_cluster, command, data=None):
        raise kprov_join_material.ClusterError(f"{command[0]}: {refused}")

    monkeypatch.setattr(kprov_join_material.Cluster, "run", run)
    assert converge(kprov_join_material, state="absent")["msg"] == f"kubectl: {refused}"


def test_a_failed_command_is_told_by_its_first_words_and_the_end_of_its_error():
    class Module:
        def run_command(self, _command, data=None):
            return 1, "", "x" * 1000 + "the end\n"

    cluster = kprov_join_material.Cluster(Module())
    with pytest.raises(kprov_join_material.ClusterError) as told:
        cluster.kubectl("create", "-f", "-", data="a secret")
    assert str(told.value).startswith("kubectl --kubeconfig /etc/kubernetes/admin.conf create: ")
    assert str(told.value).endswith("the end")
    assert len(str(told.value)) < 500
    assert "a secret" not in str(told.value)


def test_expiry_is_written_in_the_format_of_the_api():
    _, secret = kprov_join_material.token_secret(time.time())
    expires = time.strptime(secret["stringData"]["expiration"], "%Y-%m-%dT%H:%M:%SZ")
    assert 800 < calendar.timegm(expires) - time.time() <= 900


class FakeModule:
    """Answers ``run_command`` from a list and keeps the commands."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.commands = []

    def run_command(self, command, data=None):
        self.commands.append((command, data))
        return self.answers.pop(0)


@pytest.fixture
def no_pause(monkeypatch):
    monkeypatch.setattr(kprov_join_material, "PAUSE_S", 0)


@pytest.mark.parametrize(
    "words",
    ["Unable to connect to the server: unexpected EOF", "etcdserver: request timed out", "connection refused"],
)
def test_an_api_that_is_away_for_a_moment_is_asked_again(no_pause, words):
    module = FakeModule((1, "", words), (0, "done", ""))
    assert kprov_join_material.Cluster(module).kubectl("delete", "node", "m2") == "done"
    assert len(module.commands) == 2


def test_a_refusal_is_not_asked_again(no_pause):
    module = FakeModule((1, "", "Error from server (Forbidden)"))
    with pytest.raises(kprov_join_material.ClusterError, match="Forbidden"):
        kprov_join_material.Cluster(module).kubectl("get", "nodes")


def test_patience_ends(monkeypatch):
    monkeypatch.setattr(kprov_join_material, "PATIENCE_S", 0)
    with pytest.raises(kprov_join_material.ClusterError, match="EOF"):
        kprov_join_material.Cluster(FakeModule((1, "", "unexpected EOF"))).kubectl("get", "nodes")


def test_a_token_whose_first_creation_got_no_answer_is_there(no_pause):
    module = FakeModule((1, "", "unexpected EOF"), (1, "", 'Error from server (AlreadyExists): "bootstrap-token-x"'))
    kprov_join_material.Cluster(module).create({"kind": "Secret"})
    assert all(data == '{"kind": "Secret"}' for _, data in module.commands)


def test_a_control_plane_that_joins_is_given_the_keys_that_the_others_have(control_plane, tmp_path, monkeypatch):
    (tmp_path / "encryption.json").write_text("the keys")
    monkeypatch.setattr(kprov_join_material, "ENCRYPTION", str(tmp_path / "encryption.json"))
    assert prepare(M2, W1)[0]["encryption"] == "the keys"
    assert "encryption" not in prepare(W1)[0]
