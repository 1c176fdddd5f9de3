"""Static pods on a node whose kubeadm is a script and whose kubelet starts, at once, whatever manifest it finds."""

from __future__ import annotations

import json

import pytest
from ansible.module_utils import kprov_certificate, kprov_node, kprov_phases

from kprov.ansible.plugins.modules import kprov_static_pods as pods
from tests.unit.ansible.harness import converge

API = "kubeadm.k8s.io/v1beta2"
SANS = ["api.lab.internal", "m1"]
ENCRYPTS = {"encryption-provider-config": "/etc/kubernetes/kprov/api-server/encryption.json"}


def documents(arguments=None, sans=SANS, api=API):
    server = {"certSANs": list(sans), "extraArgs": arguments or {}}
    return [
        {
            "apiVersion": api,
            "kind": "InitConfiguration",
            "nodeRegistration": {"name": "m1"},
            "localAPIEndpoint": {"advertiseAddress": "10.0.0.11"},
        },
        {
            "apiVersion": api,
            "kind": "ClusterConfiguration",
            "controlPlaneEndpoint": "api.lab.internal:8443",
            "networking": {"serviceSubnet": "10.96.0.0/16", "dnsDomain": "cluster.local"},
            "apiServer": server,
        },
    ]


NAMES = {
    *("kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"),
    *("m1", "10.0.0.11", "10.96.0.1", "api.lab.internal"),
}


KUBEADM = """
if [ "$3" = certs ]; then
  for name in crt key; do echo renewed >ROOT/pki/apiserver.$name; done
  exit 0
fi
cp ROOT/would/*.yaml "$OVERLAY"/
for patch in ROOT/run/*/patches/kube-apiserver.json; do
  [ -e "$patch" ] && hash=$(grep -o '[0-9a-f]\\{64\\}' "$patch")
done
[ -n "$hash" ] && echo "    --encryption-provider-config= $hash" >>"$OVERLAY"/kube-apiserver.yaml
exit 0
"""
KUBECTL = """
case "$*" in
  *annotate*) echo "$*" | sed "s/.*=//" >ROOT/noted ;;
  *) cat ROOT/noted 2>/dev/null ;;
esac
exit 0
"""


class Node:
    """A node's folders; ``would`` are the manifests that kubeadm would write, ``broken`` what does not come up."""

    def __init__(self, root, programs):
        self.root, self.programs = root, programs
        self.broken, self.restarts, self.old = "", [], set()
        self.names = set(NAMES)
        for folder in ("manifests", "would", "pki", "lib", "run"):
            (root / folder).mkdir()
        self.mark()
        for name in pods.HEALTH:
            self.write(name, f"pod {name}\n  annotations:\n    a: b\nas made\n")
            (root / "would" / f"{name}.yaml").write_text(self.text(name))
        for name in ("apiserver.crt", "apiserver.key", "ca.key"):
            (root / "pki" / name).write_text("first\n")
        programs.add("kubeadm", KUBEADM.replace("ROOT", str(root)))
        # unshare --mount sh -c SCRIPT sh OVERLAY MANIFESTS kubeadm ...
        programs.add("unshare", 'export OVERLAY="$6"; shift 7; exec "$@"')
        programs.add("kubectl", KUBECTL.replace("ROOT", str(root)))

    def mark(self, **marker):
        (self.root / "lib/kubeadm.json").write_text(json.dumps({"cluster": "lab", "state": "member", **marker}))

    def text(self, name):
        return (self.root / "manifests" / f"{name}.yaml").read_text()

    def write(self, name, text):
        (self.root / "manifests" / f"{name}.yaml").write_text(text)

    def would(self, name, text):
        (self.root / "would" / f"{name}.yaml").write_text(text)

    @property
    def encryption(self):
        path = self.root / "api-server/encryption.json"
        return path.read_text() if path.exists() else None

    def awaited(self, name, _since, _timeout_s, _steady=1):
        self.restarts.append(name)
        bad = (self.encryption or "") + self.text(name)
        if self.broken and self.broken in bad:
            raise kprov_node.NodeError(f"{name} ends again and again: Error: no such file")

    def run(self, *, check=False, given=None, **options):
        self.restarts.clear()
        return converge(pods, check=check, cluster="lab", documents=given or documents(), **options)


@pytest.fixture
def node(tmp_path, monkeypatch, programs):
    made = Node(tmp_path, programs)
    for module, name, path in (
        (kprov_phases, "MANIFESTS", "manifests"),
        (kprov_phases, "ENCRYPTION", "api-server/encryption.json"),
        (kprov_node, "RUNTIME", "run"),
        (kprov_node, "MARKER", "lib/kubeadm.json"),
        (kprov_certificate, "PKI", "pki"),
        (pods, "SETTLED", "lib/static-pods"),
    ):
        monkeypatch.setattr(module, name, str(tmp_path / path))
    monkeypatch.setattr(kprov_node, "TRACES", (str(tmp_path / "manifests/*.yaml"),))
    monkeypatch.setattr(kprov_node, "PATH", programs.path)
    monkeypatch.setattr(pods, "KUBECTL", ["kubectl"])
    monkeypatch.setattr(pods, "await_component", made.awaited)
    monkeypatch.setattr(kprov_certificate, "names_in", lambda _path: made.names)
    monkeypatch.setattr(kprov_certificate, "await_shown", lambda: None)
    return made


def test_what_is_as_kubeadm_would_write_it_stays_and_is_not_even_compared_again(node):
    assert not node.run()["changed"]
    assert node.restarts == list(pods.HEALTH)
    calls = len(node.programs.calls)
    assert not node.run()["changed"]
    assert (len(node.programs.calls), node.restarts) == (calls, [])


def test_only_what_differs_is_replaced(node):
    node.would("kube-scheduler", "other\n")
    answer = node.run()
    assert answer["components"] == ["kube-scheduler"]
    assert (node.text("kube-scheduler"), "as made" in node.text("etcd")) == ("other\n", True)


def test_what_someone_changed_by_hand_is_noticed(node):
    node.run()
    node.write("kube-apiserver", "by hand\n")
    assert node.run()["components"] == ["kube-apiserver"]
    assert "as made" in node.text("kube-apiserver")


def test_a_manifest_that_does_not_come_up_is_put_back_and_what_follows_is_not_touched(node):
    node.would("kube-apiserver", "new and broken\n")
    node.would("kube-scheduler", "new\n")
    node.broken = "broken"
    answer = node.run()
    assert answer["msg"] == "kube-apiserver ends again and again: Error: no such file"
    assert "as made" in node.text("kube-apiserver")
    assert "as made" in node.text("kube-scheduler")
    node.broken = ""
    assert node.run()["components"] == ["kube-apiserver", "kube-scheduler"]


def test_an_interrupted_run_still_waits_for_what_it_wrote(node):
    node.run()
    node.would("etcd", "new\n")
    node.write("etcd", "new\n")
    assert not node.run()["changed"]
    assert "etcd" in node.restarts


def test_etcd_keeps_what_its_birth_says(node):
    node.write("etcd", "- --data\n- --initial-cluster=m2=u,m1=u\n- --initial-cluster-state=existing\n- --name\n")
    node.would("etcd", "- --data\n- --initial-cluster=m1=u\n- --name\n")
    assert not node.run()["changed"]


def test_other_names_make_another_certificate(node):
    answer = node.run(given=documents(sans=[*SANS, "api.example"]))
    assert answer["components"] == ["certificate"]
    assert (node.root / "pki/apiserver.crt").read_text() == "renewed\n"
    assert not list((node.root / "pki").glob("*.old"))


def test_a_cluster_whose_authority_is_elsewhere_keeps_its_certificate(node):
    (node.root / "pki/ca.key").unlink()
    assert not node.run(given=documents(sans=[*SANS, "api.example"]))["changed"]


def test_check_mode_tells_and_touches_nothing(node):
    node.would("kube-apiserver", "new\n")
    answer = node.run(check=True, given=documents(sans=["api.example"]))
    assert answer["components"] == ["certificate", "kube-apiserver"]
    assert ("as made" in node.text("kube-apiserver"), node.restarts) == (True, [])
    assert (node.root / "pki/apiserver.crt").read_text() == "first\n"


def test_a_node_that_is_no_member_is_left_alone_but_for_its_keys(node):
    node.mark(state="in-progress")
    node.would("kube-apiserver", "new\n")
    assert not node.run()["changed"]
    assert node.run(given=documents(ENCRYPTS), encryption="keys")["changed"]
    assert (node.encryption, node.restarts) == ("keys", [])
    assert not node.run(given=documents(ENCRYPTS), encryption="keys")["changed"]


def test_keys_are_private_and_start_the_api_server_alone(node):
    answer = node.run(given=documents(ENCRYPTS), encryption="keys")
    assert (answer["changed"], node.restarts) == (True, ["kube-apiserver"])
    assert pods.digest("keys") in node.text("kube-apiserver")
    path = node.root / "api-server/encryption.json"
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert "keys" not in json.dumps(answer["components"])
    assert not node.run(given=documents(ENCRYPTS), encryption="keys")["changed"]


def test_a_manifest_that_knows_of_keys_changes_in_nothing_else(node):
    """While keys go away, the configuration has no encryption any more and the API server still needs it."""
    node.run(given=documents(ENCRYPTS), encryption="keys")
    before = node.text("kube-apiserver")
    node.would("kube-apiserver", "without\n")
    node.run(encryption="identity first")
    after = node.text("kube-apiserver")
    assert pods.ARGUMENT in after
    assert after == pods.annotated(before, pods.digest("identity first"))


def test_keys_with_which_it_does_not_come_up_are_put_back(node):
    node.run(given=documents(ENCRYPTS), encryption="keys")
    before = node.text("kube-apiserver")
    node.broken = "bad"
    assert "ends again and again" in node.run(given=documents(ENCRYPTS), encryption="bad keys")["msg"]
    assert (node.encryption, node.text("kube-apiserver")) == ("keys", before)


def test_files_that_no_api_server_reads_any_more_are_removed(node):
    node.run(given=documents(ENCRYPTS), encryption="keys")
    (node.root / "api-server/audit-policy-0.yaml").write_text("old")
    node.run()
    assert node.encryption is None
    assert list((node.root / "api-server").iterdir()) == []


def test_another_version_is_no_mere_change(node):
    node.write("kube-apiserver", "    image: k8s.gcr.io/kube-apiserver:v1.20.2\n")
    given = documents()
    given[1]["kubernetesVersion"] = "v1.20.3"
    assert "runs v1.20.2 and the configuration says v1.20.3" in node.run(given=given)["msg"]
    assert node.programs.calls == []


def test_a_look_tells_without_starting_anything(node):
    assert not node.run(look=True)["settled"], "nobody has seen yet whether they are as asked for"
    node.run()
    calls = len(node.programs.calls)
    assert node.run(look=True)["settled"]
    assert not node.run(look=True, given=documents(sans=["other"]))["settled"]
    node.write("kube-apiserver", "touched by hand\n")
    assert not node.run(look=True)["settled"]
    node.mark(state="in-progress")
    assert node.run(look=True)["settled"], "what is no member yet has nothing to be renewed"
    assert len(node.programs.calls) == calls


def test_the_configuration_is_stored_once(node):
    assert node.run(upload=True)["components"] == ["configuration"]
    assert not node.run(upload=True)["changed"]
    assert node.run(upload=True, given=documents(sans=["other"]), check=True)["changed"]
    uploads = [call for call in node.programs.calls if "upload-config" in call]
    assert len(uploads) == 1


@pytest.mark.parametrize(("api", "flag"), [(API, "--experimental-patches="), ("kubeadm.k8s.io/v1beta4", "--patches=")])
def test_patches_are_named_as_the_release_has_them(node, api, flag):
    given = documents(ENCRYPTS, api=api)
    node.run(given=given, encryption="keys")
    assert all(flag in call for call in node.programs.calls if call.startswith("kubeadm init phase control-plane"))


def test_nothing_secret_or_temporary_is_left(node):
    node.run(given=documents(ENCRYPTS), encryption="keys")
    assert [path.name for path in (node.root / "run").iterdir()] == ["kubeadm.lock"]
    assert not any("keys" in call for call in node.programs.calls)


def test_in_check_mode_the_founder_stores_the_configuration_that_it_will_have(node):
    node.mark(state="in-progress")
    assert not node.run(upload=True)["changed"]
    assert node.run(upload=True, check=True)["components"] == ["configuration"]
    assert node.programs.calls == []


def test_in_check_mode_keys_that_come_before_have_made_the_api_server_anew(node):
    node.would("kube-apiserver", "new\n")
    node.would("kube-scheduler", "new\n")
    answer = node.run(check=True, given=documents(ENCRYPTS))
    assert answer["components"] == ["kube-scheduler"]
