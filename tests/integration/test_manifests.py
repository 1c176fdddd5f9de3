"""Objects of add-ons on a real API server of Kubernetes 1.20, without nodes: charts by a real Helm, marks on nodes."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import tarfile
import time
from typing import TYPE_CHECKING, Any

import pytest

from kprov.addons.charts import objects_of
from kprov.addons.finish import finished
from kprov.addons.model import Chart
from kprov.addons.networks.route_reflectors import RouteReflectors
from kprov.ansible.plugins.modules import kprov_manifests
from kprov.bundle import charts
from kprov.bundle.ensure import ensure, machine_architecture, sources_for
from kprov.bundle.helm import HelmProgram, HelmSource
from kprov.bundle.model import Wanted
from kprov.bundle.packages.workshop import DebianWorkshop
from kprov.bundle.store import default_store
from kprov.errors import InputError, UnreachableError
from kprov.events import silent
from tests.e2e.shop import pack
from tests.integration.test_bundle_packages import VERSION, missing
from tests.unit.ansible.harness import converge

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from kprov.bundle.helm import Helm

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())

NODES = ("m1", "w1", "w2")
KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters: [{{name: a, cluster: {{server: "https://127.0.0.1:{port}", insecure-skip-tls-verify: true}}}}]
users: [{{name: a, user: {{token: lets-me-in}}}}]
contexts: [{{name: a, context: {{cluster: a, user: a}}}}]
current-context: a
"""
CALICO = [
    {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.lower()}s.crd.projectcalico.org"},
        "spec": {
            "group": "crd.projectcalico.org",
            "scope": "Cluster",
            "names": {"kind": kind, "plural": f"{kind.lower()}s", "singular": kind.lower(), "listKind": f"{kind}List"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
                }
            ],
        },
    }
    for kind in ("BGPPeer", "BGPConfiguration")
]


def free_ports(count: int) -> list[int]:
    """Ports of this machine that nobody listens at."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Api:
    """An API server, and the module that applies sets of objects to it."""

    def __init__(self, kubectl: Path, kubeconfig: Path) -> None:
        self.words = [str(kubectl), "--kubeconfig", str(kubeconfig)]
        self.folder = kubeconfig.parent

    def kubectl(self, *words: str, document: object = None) -> Any:
        """What kubectl answers, as data."""
        text = None if document is None else json.dumps(document)
        command = [*self.words, *words, "-o", "json"]
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=True)
        return json.loads(done.stdout)

    def nodes(self) -> dict[str, tuple[str, dict[str, str], dict[str, str]]]:
        """The uid, the labels and the annotations of every node."""
        found = [each["metadata"] for each in self.kubectl("get", "nodes")["items"]]
        return {meta["name"]: (meta["uid"], meta.get("labels", {}), meta.get("annotations", {})) for meta in found}

    def have(self, known: Sequence[str], **sets: Any) -> list[str]:
        """Apply sets, and remove those that are not known; return what became of objects."""
        entries = []
        for name, documents in sets.items():
            path = self.folder / f"{name}.json"
            path.write_text(json.dumps({"kind": "List", "items": list(documents)}))
            entries.append({"name": name, "file": str(path)})
        said = converge(kprov_manifests, sets=entries, known=list(known))
        assert "msg" not in said, said
        return said["objects"]


@pytest.fixture(scope="module")
def store() -> Path:
    found = default_store(os.environ)
    ensure(sources_for(["packages"], {}, os.environ), Wanted(VERSION), found, silent)
    return found


@pytest.fixture(scope="module")
def api(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """etcd and an API server of the bundle's, and three nodes that are nothing but objects."""
    folder, parts, machine = tmp_path_factory.mktemp("api"), store / "parts", machine_architecture()
    with tarfile.open(parts / f"debian-layers-{machine}" / "etcd.tar") as tar:
        (member,) = [each for each in tar.getmembers() if each.name.removeprefix("./") == "usr/bin/etcd"]
        member.name = "etcd"
        tar.extract(member, folder, filter="data")
    (folder / "tokens.csv").write_text('lets-me-in,admin,admin,"system:masters"\n')
    subprocess.run(["openssl", "genrsa", "-out", folder / "sa.key", "2048"], capture_output=True, check=True)
    clients, peers, port = free_ports(3)
    kept, joined = f"http://127.0.0.1:{clients}", f"http://127.0.0.1:{peers}"
    etcd = [folder / "etcd", "--data-dir", folder / "data", "--listen-client-urls", kept]
    etcd += ["--advertise-client-urls", kept, "--listen-peer-urls", joined, "--initial-advertise-peer-urls", joined]
    server = [parts / f"kube-apiserver-{VERSION}-{machine}" / "kube-apiserver", "--etcd-servers", kept]
    server += ["--bind-address", "127.0.0.1", "--secure-port", str(port), "--cert-dir", folder / "certificates"]
    server += ["--token-auth-file", folder / "tokens.csv", "--authorization-mode", "RBAC"]
    server += ["--service-account-issuer", "https://kprov.example", "--service-account-key-file", folder / "sa.key"]
    server += ["--service-account-signing-key-file", folder / "sa.key", "--service-cluster-ip-range", "10.96.0.0/16"]
    (folder / "kubeconfig").write_text(KUBECONFIG.format(port=port))
    made = Api(parts / f"kubectl-{VERSION}-{machine}" / "kubectl", folder / "kubeconfig")
    with (folder / "log").open("wb") as log, pytest.MonkeyPatch.context() as patch:
        patch.setattr(kprov_manifests, "ADMIN", made.words[-1])
        patch.setattr(kprov_manifests, "KUBECTL", made.words)
        commands = [[*etcd, "--initial-cluster", f"default={joined}"], server]
        running = [subprocess.Popen(list(map(str, words)), stdout=log, stderr=log, cwd=folder) for words in commands]
        try:
            wait_for(made, running, folder / "log")
            for name in NODES:
                meta = {"name": name, "labels": {"mine": "yes"}, "annotations": {"mine": "yes"}}
                made.kubectl("create", "-f", "-", document={"apiVersion": "v1", "kind": "Node", "metadata": meta})
            yield made
        finally:
            for each in reversed(running):
                each.kill()
                each.wait()


def wait_for(api: Api, running: Sequence[subprocess.Popen[bytes]], log: Path) -> None:
    """Until the API server has its own namespaces."""
    deadline = time.monotonic() + 240
    while True:
        asked = [*api.words, "get", "namespace", "kube-system", "kube-public"]
        if subprocess.run(asked, capture_output=True, timeout=60, check=False).returncode == 0:
            return
        ended = [each.args for each in running if each.poll() is not None]
        assert not ended, log.read_text(errors="replace")[-3000:]
        assert time.monotonic() < deadline, log.read_text(errors="replace")[-3000:]
        time.sleep(1)


def reflecting(*names: str) -> Any:
    return RouteReflectors(NODES, names).objects({})


def test_reflectors_are_marked_and_lose_their_marks_and_nodes_stay(api: Api) -> None:
    before = api.nodes()
    said = api.have(["rr", "calico"], calico=CALICO, rr=reflecting("w1", "w2"))
    assert {"BGPPeer kprov-route-reflectors created", "Node w1 configured"} <= set(said)
    marked = {name for name, (_, labels, _) in api.nodes().items() if "kprov.io/route-reflector" in labels}
    assert marked == {"w1", "w2"}
    assert api.nodes()["w1"][2]["projectcalico.org/RouteReflectorClusterID"] == "244.0.0.1"
    assert api.have(["rr", "calico"], calico=CALICO, rr=reflecting("w1", "w2")) == []
    assert api.have(["rr", "calico"], calico=CALICO, rr=reflecting("w1")) == ["Node w2 configured"]
    assert "projectcalico.org/RouteReflectorClusterID" not in api.nodes()["w2"][2]
    gone = api.have(["calico"], calico=CALICO)
    assert {"Node w1 released", "BGPConfiguration default deleted"} <= set(gone)
    assert api.nodes() == before
    assert api.kubectl("get", "bgppeers,bgpconfigurations")["items"] == []
    assert api.have(["calico"], calico=CALICO) == []


@pytest.fixture(scope="module")
def helm(store: Path) -> HelmProgram:
    """Helm as the bundle builds it; minutes on a fresh machine."""
    source = HelmSource(["packages"], store, {}, lambda opened: DebianWorkshop(opened, dict(os.environ)), str)
    try:
        return HelmProgram(store / source.have(silent).path)
    except UnreachableError as error:
        pytest.skip(f"needs a Go module proxy: {error}")


def shop(folder: Path, tool: Helm, values: dict[str, Any], *, restless: bool = False) -> Any:
    """The objects that the chart makes of these values."""
    pack(folder / "shop.tgz", restless=restless)
    chart = Chart("shop.tgz", "shop", "shop", VERSION, values, where="cluster.yaml:9: addons.extra[0].chart")
    files = {"shop.tgz": (folder / "shop.tgz").read_bytes()}
    text = charts.render([chart], files, folder / "store", lambda: tool, "3", silent)[chart.rendered]
    return finished(objects_of(text, chart, "shop"), "shop", own=True)


def test_a_chart_is_applied_changed_and_removed_and_nothing_else(api: Api, helm: HelmProgram, tmp_path: Path) -> None:
    api.have(["calico"], calico=CALICO)
    first = shop(tmp_path, helm, {"greeting": "hello"})

    def have(values: dict[str, Any]) -> list[str]:
        return api.have(["calico", "shop"], calico=CALICO, shop=shop(tmp_path, helm, values))

    said = have({"greeting": "hello"})
    (job,) = [each["metadata"]["name"] for each in first if each["kind"] == "Job"]
    assert said == [
        "Namespace shop created",
        "ConfigMap shop/shop-page created",
        "Deployment shop/shop created",
        f"Job shop/{job} created",
    ]
    assert have({"greeting": "hello"}) == []
    changed = have({"greeting": "bye", "replicas": 2})
    assert changed == ["ConfigMap shop/shop-page configured", "Deployment shop/shop configured"]
    assert api.kubectl("get", "deployment", "-n", "shop", "shop")["spec"]["replicas"] == 2
    others = {each["metadata"]["name"] for each in api.kubectl("get", "namespaces")["items"]} - {"shop"}
    assert set(api.have(["calico"], calico=CALICO)) == {each.replace("created", "deleted") for each in said}
    left = api.kubectl("get", "configmaps,deployments,jobs", "--all-namespaces")["items"]
    assert not [each for each in left if "shop" in each["metadata"]["name"]]
    # Nothing ends namespaces here, where no controller runs.
    spaces = {each["metadata"]["name"]: each["status"]["phase"] for each in api.kubectl("get", "namespaces")["items"]}
    assert spaces.pop("shop", "Terminating") == "Terminating"
    assert spaces == dict.fromkeys(others, "Active")


def test_helm_refuses_and_kprov_does_by_the_place_in_the_cluster_file(helm: HelmProgram, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="makes something else each time") as told:
        shop(tmp_path, helm, {}, restless=True)
    assert told.value.where == "cluster.yaml:9: addons.extra[0].chart"
    assert told.value.why.endswith("the first in shop/templates/all.yaml")
    with pytest.raises(InputError, match="helm cannot render the chart") as told:
        shop(tmp_path, helm, {"greeting": ["a list"]})
    assert "shop/templates/all.yaml" in told.value.why
    assert str(tmp_path) not in told.value.why
