from __future__ import annotations

import fcntl
import hashlib
import itertools
import json
import re
from types import SimpleNamespace

import pytest
from ansible.module_utils import kprov_node, kprov_phases

from kprov.ansible.plugins.modules import kprov_kubeadm
from tests.unit.ansible.harness import converge

ENDPOINT = "api.lab.internal:8443"
MATERIAL = {"token": "abcdef.0123456789abcdef", "certificate_key": "c" * 64, "ca": "Q0E="}
INIT = [{"kind": "InitConfiguration", "nodeRegistration": {"name": "m1"}}, {"kind": "ClusterConfiguration"}]
JOIN_PLANE = [{"kind": "JoinConfiguration", "controlPlane": {"localAPIEndpoint": {"advertiseAddress": "10.0.0.2"}}}]
JOIN_WORKER = [{"kind": "JoinConfiguration", "nodeRegistration": {"name": "w1"}}]

SUCCEED = "touch {root}/kubernetes/kubelet.conf"
FAIL = f"""{SUCCEED}
echo 'error execution phase preflight: [ERROR Swap]: running with swap on'
exit 1"""


class Node:
    """A node's folders in a temporary one, and a kubeadm that keeps what it was given to read."""

    def __init__(self, root, programs):
        self.root, self.programs = root, programs
        (root / "kubernetes").mkdir()
        self.kubeadm(SUCCEED)
        programs.add("crictl")

    def kubeadm(self, body):
        look = f'[ "$1" = reset ] && {{ rm -rf {self.root}/kubernetes/*; exit 0; }}\n'
        keep = (
            f"mkdir -p {self.root}/seen && cp -p {self.root}/run/*.yaml {self.root}/run/*.conf {self.root}/seen 2>&-\n"
        )
        self.programs.add("kubeadm", look + keep + body.format(root=self.root))

    def mark(self, **marker):
        (self.root / "lib").mkdir(exist_ok=True)
        (self.root / "lib/kubeadm.json").write_text(json.dumps({"cluster": "lab", "operation": "init", **marker}))

    @property
    def marker(self):
        path = self.root / "lib/kubeadm.json"
        return json.loads(path.read_text())["state"] if path.exists() else None

    @property
    def commands(self):
        return [call.replace(f"{self.root}/", "") for call in self.programs.calls]

    def seen(self, name):
        return (self.root / "seen" / name).read_text()

    def secrets(self):
        """The files in the tmpfs but for the lock."""
        return [path.name for path in (self.root / "run").iterdir() if path.name != "kubeadm.lock"]

    def run(self, operation, documents, *, check=False, **arguments):
        given = {"operation": operation, "cluster": "lab", "endpoint": ENDPOINT, "documents": documents, **arguments}
        return converge(kprov_kubeadm, check=check, **given)


@pytest.fixture
def node(tmp_path, monkeypatch, programs):
    monkeypatch.setattr(kprov_node, "LOCK_S", 0)
    monkeypatch.setattr(kprov_node, "MARKER", str(tmp_path / "lib/kubeadm.json"))
    monkeypatch.setattr(kprov_node, "RUNTIME", str(tmp_path / "run"))
    monkeypatch.setattr(kprov_node, "LOGS", str(tmp_path / "log"))
    monkeypatch.setattr(kprov_node, "TRACES", (str(tmp_path / "kubernetes/*.conf"),))
    monkeypatch.setattr(kprov_node, "PATH", programs.path)
    monkeypatch.setattr(kprov_kubeadm, "AUTHORITY", str(tmp_path / "ca.crt"))
    return Node(tmp_path, programs)


def test_init_makes_the_node_a_member_once(node):
    answer = node.run("init", INIT)
    assert (answer["changed"], answer["repaired"], node.marker) == (True, False, "member")
    assert not node.run("init", INIT)["changed"]
    assert node.commands == ["kubeadm init --config run/kubeadm.yaml --skip-token-print"]


def test_init_gives_kubeadm_every_document_and_a_token_that_expires_at_once(node):
    node.run("init", INIT)
    first, second = (json.loads(part) for part in node.seen("kubeadm.yaml").split("\n---\n"))
    assert second == INIT[1]
    (token,) = first.pop("bootstrapTokens")
    assert re.fullmatch(r"[a-z0-9]{6}\.[a-z0-9]{16}", token["token"])
    assert token["ttl"] == "1m0s"
    assert first == INIT[0]


def test_a_joining_control_plane_gets_the_certificate_key_and_finds_the_cluster(node):
    assert node.run("join", JOIN_PLANE, material=MATERIAL)["changed"]
    document = json.loads(node.seen("kubeadm.yaml"))
    assert document["controlPlane"] == {**JOIN_PLANE[0]["controlPlane"], "certificateKey": MATERIAL["certificate_key"]}
    found = json.loads(node.seen("discovery.conf"))
    assert found["clusters"][0]["cluster"]["server"] == f"https://{ENDPOINT}"
    assert found["users"][0]["user"]["token"] == MATERIAL["token"]


def test_a_joining_worker_never_sees_the_certificate_key(node):
    node.run("join", JOIN_WORKER, material=MATERIAL)
    assert MATERIAL["certificate_key"] not in node.seen("kubeadm.yaml") + node.seen("discovery.conf")


@pytest.mark.parametrize("outcome", [SUCCEED, FAIL])
def test_secrets_are_readable_by_root_alone_and_gone_afterwards(node, outcome):
    node.kubeadm(outcome)
    answer = node.run("join", JOIN_PLANE, material=MATERIAL)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (node.root / "seen").iterdir()}
    assert modes == {"kubeadm.yaml": 0o600, "discovery.conf": 0o600}
    assert node.secrets() == []
    log = node.root / "log/kubeadm-join.log"
    assert log.stat().st_mode & 0o777 == 0o600
    for told in (log.read_text(), str(answer), *node.commands):
        assert not any(secret in told for secret in MATERIAL.values())


def test_secrets_are_gone_when_kubeadm_cannot_be_run_at_all(node, monkeypatch):
    def missing(*_arguments, **_options):
        raise FileNotFoundError("kubeadm")

    monkeypatch.setattr(kprov_node.subprocess, "run", missing)
    with pytest.raises(FileNotFoundError):
        kprov_kubeadm_main(node)
    assert node.secrets() == []


def kprov_kubeadm_main(node):
    params = {
        "cluster": "lab",
        "operation": "join",
        "endpoint": ENDPOINT,
        "documents": JOIN_PLANE,
        "material": MATERIAL,
    }
    for folder in ("run", "log"):
        (node.root / folder).mkdir()
    kprov_kubeadm.become_member(params, str(node.root / "log/kubeadm-join.log"))


def test_a_failure_says_what_kubeadm_said_and_where_the_rest_is(node):
    node.kubeadm(FAIL)
    answer = node.run("init", INIT)
    assert answer["msg"] == "kubeadm init: error execution phase preflight: [ERROR Swap]: running with swap on"
    assert answer["log"] == str(node.root / "log/kubeadm-init.log")
    assert "[ERROR Swap]" in (node.root / "log/kubeadm-init.log").read_text()


def test_a_failed_run_is_undone_and_done_again(node):
    node.kubeadm(FAIL)
    node.run("init", INIT)
    assert node.marker == "in-progress"
    node.kubeadm(SUCCEED)
    answer = node.run("init", INIT)
    assert (answer["changed"], answer["repaired"], node.marker) == (True, True, "member")
    assert [command.split()[1] for command in node.commands] == ["init", "reset", "init"]


LOSE_THE_API = """{succeed}
[ $(ls {root}/tries | wc -l) -lt {times} ] && touch {root}/tries/$$ && \\
  echo 'error execution phase kubelet-start: error patching node "w1" through apiserver: unexpected EOF' && exit 1
exit 0"""


@pytest.mark.parametrize(("times", "member"), [(1, True), (2, True), (3, False)])
def test_an_api_that_does_not_answer_for_a_moment_is_asked_again(node, times, member):
    (node.root / "tries").mkdir()
    node.kubeadm(LOSE_THE_API.replace("{succeed}", SUCCEED).replace("{times}", str(times)))
    answer = node.run("join", JOIN_WORKER, material=MATERIAL)
    assert (node.marker == "member", answer.get("repaired", False)) == (member, member)
    verbs = [command.split()[1] for command in node.commands]
    assert verbs == ["join", "reset"] * (times if member else 2) + ["join"]
    assert member or "unexpected EOF" in answer["msg"]
    assert node.secrets() == []


def test_etcd_of_1_20_asks_for_no_disk_that_a_young_kubelet_does_not_know(node):
    keep = f"{SUCCEED}\ncp {{root}}/run/patches/etcd.json {{root}}/patch"
    node.kubeadm(keep)
    old = [{**INIT[0], "apiVersion": "kubeadm.k8s.io/v1beta2"}, INIT[1]]
    assert node.run("init", old)["changed"]
    (container,) = json.loads((node.root / "patch").read_text())["spec"]["containers"]
    assert container == {"name": "etcd", "resources": {"requests": {"ephemeral-storage": None}}}
    assert node.commands[-1].endswith(" --experimental-patches=run/patches")
    assert node.secrets() == []


def test_without_crictl_its_checks_are_left_out_and_containers_are_removed_by_ctr(node, programs):
    (programs.folder / "crictl").unlink()
    listing = '*"tasks list"*) echo etcd-1;; *"containers list"*) echo etcd-1; echo old-2;;'
    programs.add("ctr", f'case "$*" in {listing} esac')
    node.kubeadm(FAIL)
    node.run("init", INIT)
    node.kubeadm(SUCCEED)
    node.run("init", INIT)
    assert all("--skip-phases=preflight" in command for command in node.commands if command.startswith("kubeadm init"))
    removed = [command.partition("k8s.io ")[2] for command in node.commands if " remove " in command]
    assert removed == ["tasks remove --force etcd-1", "containers remove etcd-1", "containers remove old-2"]


def test_a_control_plane_waits_until_the_one_before_it_is_steadily_ready(node, monkeypatch):
    answers = iter([False, True, False, True, True, True])
    asked = []
    monkeypatch.setattr(kprov_node, "ready", lambda endpoint: asked.append(endpoint) or next(answers))
    monkeypatch.setattr(kprov_kubeadm.time, "sleep", lambda _s: None)
    assert node.run("join", JOIN_PLANE, material=MATERIAL, after="10.0.0.2")["changed"]
    assert asked == ["10.0.0.2:6443"] * 6


def test_a_turn_that_never_comes_is_told(node, monkeypatch):
    monkeypatch.setattr(kprov_node, "ready", lambda _endpoint: False)
    monkeypatch.setattr(kprov_kubeadm, "TURN_S", -1)
    answer = node.run("join", JOIN_PLANE, material=MATERIAL, after="10.0.0.2")
    assert answer["failed"]
    assert "10.0.0.2" in answer["msg"]
    assert node.commands == []


def test_a_run_that_was_interrupted_before_it_did_anything_needs_no_reset(node):
    node.mark(state="in-progress")
    assert not node.run("init", INIT)["repaired"]
    assert [command.split()[1] for command in node.commands] == ["init"]


def test_a_reset_by_hand_lets_the_node_join_again(node):
    node.mark(state="member")
    assert node.run("join", JOIN_WORKER, material=MATERIAL)["changed"]


@pytest.mark.parametrize(
    "marker", [None, {"cluster": "other", "state": "member"}, {"cluster": "other", "state": "in-progress"}]
)
def test_another_cluster_is_never_touched(node, marker):
    if marker:
        node.mark(**marker)
    (node.root / "kubernetes/admin.conf").write_text("theirs")
    answer = node.run("init", INIT)
    assert "the node carries another cluster" in answer["msg"]
    assert node.commands == []
    assert (node.root / "kubernetes/admin.conf").read_text() == "theirs"


def interrupted_join(node, programs, monkeypatch):
    programs.add("systemctl")
    node.mark(operation="join", state="in-progress")
    (node.root / "kubernetes/kubelet.conf").touch()
    (node.root / "etcd.yaml").touch()
    monkeypatch.setattr(kprov_kubeadm, "ETCD", str(node.root / "etcd.yaml"))


def test_an_interrupted_join_lets_its_etcd_run_before_it_leaves(node, programs, monkeypatch):
    interrupted_join(node, programs, monkeypatch)
    answers = iter([False, True])
    monkeypatch.setattr(kprov_node, "ready", lambda _endpoint: next(answers))
    monkeypatch.setattr(kprov_kubeadm, "time", SimpleNamespace(sleep=lambda _seconds: None, monotonic=lambda: 0))
    assert node.run("join", JOIN_PLANE, material=MATERIAL)["repaired"]
    assert [" ".join(command.split()[:2]) for command in node.commands] == [
        "systemctl start",
        "kubeadm reset",
        "kubeadm join",
    ]


def test_an_interrupted_join_is_not_undone_while_the_others_are_down(node, programs, monkeypatch):
    interrupted_join(node, programs, monkeypatch)
    clock = itertools.count(0, 40)
    monkeypatch.setattr(kprov_node, "ready", lambda _endpoint: False)
    monkeypatch.setattr(
        kprov_kubeadm, "time", SimpleNamespace(sleep=lambda _seconds: None, monotonic=lambda: next(clock))
    )
    answer = node.run("join", JOIN_PLANE, material=MATERIAL)
    assert "start the other control planes first" in answer["msg"]
    assert not any("reset" in command for command in node.commands)


def test_a_kubeadm_that_hangs_is_stopped_and_told(node, monkeypatch):
    monkeypatch.setattr(kprov_node, "DEADLINE_S", 0.05)
    node.kubeadm("exec sleep 30")
    assert node.run("init", INIT)["msg"] == "kubeadm init: error: kubeadm did not end within 0 s"


def test_two_runs_on_one_node_never_overlap(node):
    """An earlier run goes on when its connection was cut; the next one waits for it."""
    (node.root / "run").mkdir()
    with (node.root / "run/kubeadm.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        assert "another kubeadm has been running" in node.run("init", INIT)["msg"]
    assert node.commands == []
    assert node.run("init", INIT)["changed"]


def test_check_mode_runs_nothing(node):
    assert node.run("init", INIT, check=True)["changed"]
    node.mark(state="member")
    (node.root / "kubernetes/kubelet.conf").touch()
    assert not node.run("init", INIT, check=True)["changed"]
    assert node.commands == []
    assert not (node.root / "run").exists()


KEYED = {**MATERIAL, "encryption": '{"secret": "a2V5"}'}


@pytest.fixture
def keys(node, monkeypatch):
    """Where the keys of an API server are, on this node."""
    path = node.root / "api-server/encryption.json"
    monkeypatch.setattr(kprov_phases, "ENCRYPTION", str(path))
    return path


def test_a_joining_control_plane_has_the_keys_before_its_api_server_starts(node, keys):
    node.kubeadm(f"{SUCCEED}\ncp {keys} {{root}}/run/patches/kube-apiserver.json {{root}}/seen/")
    assert node.run("join", JOIN_PLANE, material=KEYED)["changed"]
    assert node.seen("encryption.json") == KEYED["encryption"]
    assert keys.stat().st_mode & 0o777 == 0o600
    patch = json.loads(node.seen("kube-apiserver.json"))
    loaded = hashlib.sha256(KEYED["encryption"].encode()).hexdigest()
    assert patch == {"metadata": {"annotations": {"kprov.io/encryption": loaded}}}
    assert node.commands[-1].endswith(" --patches=run/patches")
    assert "a2V5" not in (node.root / "log/kubeadm-join.log").read_text()


def test_keys_of_an_earlier_life_are_not_kept(node, keys):
    keys.parent.mkdir()
    keys.write_text("old")
    node.run("join", JOIN_PLANE, material=MATERIAL)
    assert not keys.exists()


def test_a_worker_is_told_nothing_of_keys(node, keys):
    node.run("join", JOIN_WORKER, material=MATERIAL)
    assert not keys.parent.exists()
    assert "patches" not in node.commands[-1]


PREPARE = {"material": {**MATERIAL, "ca": "Q0E="}, "learner": True}
LEFT_OUT = "control-plane-prepare/control-plane,check-etcd,control-plane-join/etcd"
PLANE = [{**JOIN_PLANE[0], "apiVersion": "kubeadm.k8s.io/v1beta2"}]


@pytest.mark.parametrize(
    ("documents", "left_out"),
    [
        (PLANE, f"{LEFT_OUT},control-plane-join/update-status"),
        (JOIN_PLANE, LEFT_OUT),
    ],
)
def test_a_control_plane_is_prepared_without_anything_of_etcd(node, documents, left_out):
    assert node.run("join", documents, **PREPARE)["changed"]
    assert node.marker == "prepared"
    assert f" --skip-phases={left_out}" in node.commands[-1]


def test_a_worker_joins_whole_however_control_planes_do(node):
    node.run("join", JOIN_WORKER, **PREPARE)
    assert (node.marker, "skip" in node.commands[-1]) == ("member", False)


@pytest.mark.parametrize(("authority", "again"), [("CA", False), ("the one before", True), (None, True)])
def test_a_prepared_node_is_kept_for_the_cluster_that_it_was_prepared_for(node, authority, again):
    node.mark(operation="join", state="prepared")
    (node.root / "kubernetes/kubelet.conf").touch()
    if authority:
        (node.root / "ca.crt").write_text(authority)
    answer = node.run("join", PLANE, **PREPARE)
    assert (answer["changed"], answer["repaired"], node.marker) == (again, again, "prepared")
    assert [command.split()[1] for command in node.commands] == ["reset", "join"] * again


def test_a_control_plane_that_is_only_prepared_waits_for_no_turn(node, monkeypatch):
    monkeypatch.setattr(kprov_kubeadm, "TURN_S", -1)
    assert node.run("join", PLANE, after="10.0.0.2", **PREPARE)["changed"]
