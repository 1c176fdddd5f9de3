"""A prepared node becomes a control plane, with an etcd of canned answers and a kubeadm that is a script."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from ansible.module_utils import kprov_component, kprov_etcd, kprov_node, kprov_phases

from kprov.ansible.plugins.modules import kprov_control_plane
from tests.unit.ansible.harness import converge

M1 = {"ID": "1", "name": "m1", "peerURLs": ["https://10.0.0.11:2380"], "clientURLs": ["https://10.0.0.11:2379"]}
OWN = {"ID": "2", "peerURLs": ["https://10.0.0.12:2380"]}
LEARNER, VOTER = {**OWN, "isLearner": True}, {**OWN, "name": "m2"}
OTHER = {"ID": "3", "peerURLs": ["https://10.0.0.13:2380"], "isLearner": True}
DOCUMENTS = [
    {
        "apiVersion": "kubeadm.k8s.io/v1beta2",
        "kind": "InitConfiguration",
        "nodeRegistration": {"name": "m2"},
        "localAPIEndpoint": {"advertiseAddress": "10.0.0.12"},
    },
    {
        "apiVersion": "kubeadm.k8s.io/v1beta2",
        "kind": "ClusterConfiguration",
        "etcd": {"local": {"extraArgs": {"election-timeout": "5000"}}},
    },
]
# kubeadm init phase etcd local --config FILE ...
KUBEADM = """[ "$3" = etcd ] && cp "$6" ROOT/asked.yaml && touch ROOT/manifests/etcd.yaml
exit 0"""


class Etcd:
    """The cluster's etcd: ``behind`` promotions are refused, ``busy`` announcements too."""

    def __init__(self, members, *, behind=0, busy=0):
        self.known, self.behind, self.busy, self.said = list(members), behind, busy, []

    def members(self):
        return list(self.known)

    def announce(self, url):
        self.said.append("announce")
        self.busy -= 1
        if self.busy >= 0:
            raise kprov_etcd.EtcdError("etcdserver: too many learner members in cluster")
        assert url == "https://10.0.0.12:2380"
        self.known = [*[each for each in self.known if each is not OTHER], LEARNER]

    def promote(self, identity):
        self.said.append("promote")
        assert identity == "2"
        self.behind -= 1
        if self.behind >= 0:
            raise kprov_etcd.EtcdError("etcdserver: can only promote a learner member which is in sync with leader")
        self.known = [M1, VOTER]

    def remove(self, identity):
        self.said.append(f"remove {identity}")
        self.known = [each for each in self.known if each["ID"] != identity]


class Node:
    def __init__(self, root, monkeypatch):
        self.root, self.monkeypatch = root, monkeypatch
        self.etcd = Etcd([M1])

    def mark(self, state):
        (self.root / "kubeadm.json").write_text(json.dumps({"cluster": "lab", "operation": "join", "state": state}))

    @property
    def marker(self):
        return json.loads((self.root / "kubeadm.json").read_text())["state"]

    def data(self, *, manifest=True):
        (self.root / "member").mkdir()
        if manifest:
            (self.root / "manifests/etcd.yaml").touch()

    def run(self, etcd=None, **options):
        self.etcd = etcd or self.etcd
        self.monkeypatch.setattr(kprov_etcd, "Etcd", lambda _endpoints: self.etcd)
        return converge(kprov_control_plane, cluster="lab", documents=DOCUMENTS, etcd=M1["clientURLs"], **options)


@pytest.fixture
def node(tmp_path, monkeypatch, programs):
    for folder in ("manifests", "run"):
        (tmp_path / folder).mkdir()
    (tmp_path / "kubelet.conf").touch()
    programs.add("kubeadm", KUBEADM.replace("ROOT", str(tmp_path)))
    programs.add("systemctl")
    monkeypatch.setattr(kprov_node, "MARKER", str(tmp_path / "kubeadm.json"))
    monkeypatch.setattr(kprov_node, "RUNTIME", str(tmp_path / "run"))
    monkeypatch.setattr(kprov_node, "TRACES", (str(tmp_path / "*.conf"),))
    monkeypatch.setattr(kprov_node, "PATH", programs.path)
    monkeypatch.setattr(kprov_phases, "MANIFESTS", str(tmp_path / "manifests"))
    monkeypatch.setattr(kprov_phases, "ENCRYPTION", str(tmp_path / "encryption.json"))
    monkeypatch.setattr(kprov_component, "PODS", str(tmp_path / "pods"))
    monkeypatch.setattr(kprov_component, "started", lambda _name: 0.0)
    monkeypatch.setattr(kprov_component, "await_component", lambda *_given, **_options: None)
    monkeypatch.setattr(kprov_control_plane, "DATA", str(tmp_path / "member"))
    clock = SimpleNamespace(sleep=lambda _seconds: None, monotonic=kprov_node.time.monotonic)
    for module in (kprov_control_plane, kprov_etcd):
        monkeypatch.setattr(module, "time", clock)
    made = Node(tmp_path, monkeypatch)
    made.mark("prepared")
    return made


def phases(programs):
    return [" ".join(call.split()[3:5]) for call in programs.calls if call.startswith("kubeadm")]


def test_etcd_has_the_node_as_a_learner_before_it_counts_and_before_any_api_server(node, programs):
    answer = node.run(Etcd([M1], behind=2))
    assert (answer["changed"], answer["etcd"], node.marker) == (True, "announce", "member")
    assert node.etcd.said == ["announce", "promote", "promote", "promote"]
    assert phases(programs) == ["etcd local", "control-plane all", "upload-config kubeadm"]


def test_the_manifest_of_etcd_is_kubeadms_with_the_arguments_of_its_own_join(node, programs):
    node.run()
    configuration = json.loads((node.root / "asked.yaml").read_text().split("\n---\n")[1])
    assert configuration["etcd"]["local"]["extraArgs"] == {
        "election-timeout": "5000",
        "initial-cluster": "m1=https://10.0.0.11:2380,m2=https://10.0.0.12:2380",
        "initial-cluster-state": "existing",
    }
    assert [path.name for path in (node.root / "run").iterdir()] == ["kubeadm.lock"]


def test_another_learners_turn_is_waited_for(node):
    assert node.run(Etcd([M1, OTHER], busy=3))["changed"]
    assert node.etcd.said == ["announce"] * 4 + ["promote"]


def test_a_turn_that_never_comes_is_told_in_etcds_words(node):
    answer = node.run(Etcd([M1, OTHER], busy=3), timeout_s=-1)
    assert answer["msg"] == "etcd took no new member: etcdserver: too many learner members in cluster"
    assert node.marker == "prepared"


@pytest.mark.parametrize(
    ("known", "data", "said", "way"),
    [
        ([M1, LEARNER], False, ["promote"], "start"),  # cut off before its etcd ran
        ([M1, {**LEARNER, "name": "m2"}], True, ["promote"], "start"),  # cut off before it had caught up
        ([M1, VOTER], True, [], "done"),  # cut off before the API server started
    ],
)
def test_a_join_that_was_cut_off_goes_on(node, known, data, said, way):
    if data:
        node.data()
    answer = node.run(Etcd(known))
    assert (answer["etcd"], node.etcd.said, node.marker) == (way, said, "member")


@pytest.mark.parametrize(("known", "removed"), [([M1], []), ([M1, {**VOTER}], ["remove 2"])])
def test_what_was_removed_by_hand_on_one_side_begins_anew(node, programs, known, removed):
    if not removed:
        node.data()
    answer = node.run(Etcd(known))
    assert (answer["etcd"], node.etcd.said) == ("anew", [*removed, "announce", "promote"])
    assert not (node.root / "member").exists()
    assert programs.calls[0] == "systemctl restart kubelet"


def test_an_etcd_that_ends_again_and_again_is_told_with_its_last_words(node):
    log = node.root / "pods/kube-system_etcd-m2_uid/etcd"
    log.mkdir(parents=True)
    (log / "3.log").write_text("2026-01-01T00:00:00Z stderr F fatal: the disk is full\n")
    assert node.run(Etcd([M1], behind=9))["msg"] == "etcd ends again and again: fatal: the disk is full"


def test_the_lost_answer_to_a_promotion_does_no_harm(node, monkeypatch):
    etcd = Etcd([M1])

    def lost(identity):
        Etcd.promote(etcd, identity)
        raise kprov_etcd.EtcdError("timed out")

    monkeypatch.setattr(etcd, "promote", lost)
    assert node.run(etcd)["changed"]
    assert node.etcd.said == ["announce", "promote"]


@pytest.mark.parametrize("state", ["member", "in-progress"])
def test_no_other_node_is_touched(node, programs, state):
    node.mark(state)
    assert not node.run()["changed"]
    assert (programs.calls, node.marker) == ([], state)


def test_check_mode_runs_nothing(node, programs):
    assert node.run(check=True)["changed"]
    assert (programs.calls, node.marker, node.etcd.said) == ([], "prepared", [])
    node.mark("member")
    assert not node.run(check=True)["changed"]
    node.mark("in-progress")
    assert node.run(check=True)["changed"], "an earlier task will have prepared it"
