"""From the cluster file to what control planes fetch: files gathered, objects made and written, images found."""

from __future__ import annotations

import hashlib
import json
import stat
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import yaml

from kprov.ansible.runner import AnsiblePlaybooks
from kprov.bundle import lockfile
from kprov.bundle.imports import bring
from kprov.bundle.packages.source import PackagesSource
from kprov.errors import InputError, SpecError, UnreachableError
from kprov.events import Event, Notice, silent
from kprov.phases import ensure_bundle
from kprov.phases.addons import recalled, rendered
from kprov.phases.base import Context
from kprov.phases.ensure_bundle import EnsureBundle
from kprov.phases.render_inventory import RenderInventory
from kprov.release.catalog import resolve
from kprov.spec.load import load
from tests.unit.addons.made import TEXTS, addons
from tests.unit.bundle.archives import layout, write
from tests.unit.bundle.test_charts import archive
from tests.unit.bundle.test_packages_source import FakeWorkshop

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from kprov.addons.model import Chart

SPEC = """\
cluster: shop
nodes:
  m1: {address: 10.0.0.11, roles: [control-plane, worker]}
  w1: {address: 10.0.0.21, roles: [worker]}
bundle: {source: packages}
"""
AGENT = b"""\
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: kube-system}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec: {containers: [{name: agent, image: "shop/agent:1"}]}
"""
RULES = b"kind: ConfigMap\napiVersion: v1\nmetadata: {name: rules, namespace: kube-system}\ndata: {a: b}\n"
IMAGE = "docker.io/shop/agent:1"
URL = "https://published.invalid/v1/agent.yaml"


@pytest.fixture(autouse=True)
def workshop(monkeypatch: pytest.MonkeyPatch) -> FakeWorkshop:
    workshop = FakeWorkshop()
    monkeypatch.setattr(ensure_bundle, "sources_for", lambda *_: (PackagesSource(lambda _: workshop),))
    monkeypatch.setattr(ensure_bundle, "elsewhere_for", lambda *_: None)
    return workshop


@pytest.fixture
def events() -> list[Event]:
    return []


def network(content: bytes = AGENT) -> str:
    """A network of the user's own: one file that is published, one that lies beside the cluster file."""
    published = {"url": URL, "sha256": hashlib.sha256(content).hexdigest()}
    section = {"network": {"plugin": "none", "manifests": [published, {"file": "rules.yaml"}]}}
    return str(yaml.safe_dump(section))


def context(folder: Path, events: list[Event], more: str) -> Context:
    """A context with a mirror folder that has what is published."""
    mirror = folder / "mirror" / "published.invalid" / "v1" / "agent.yaml"
    mirror.parent.mkdir(parents=True, exist_ok=True)
    mirror.write_bytes(AGENT)
    (folder / "home").mkdir(exist_ok=True)
    (folder / "home" / "rules.yaml").write_bytes(RULES)
    (folder / "home" / "cluster.yaml").write_text(SPEC + more, encoding="utf-8")
    loaded = load(folder / "home" / "cluster.yaml")
    loaded.paths.artifacts.mkdir(exist_ok=True)
    return Context(
        loaded=loaded,
        release=resolve(loaded.spec, file="cluster.yaml"),
        provider=None,
        playbooks=AnsiblePlaybooks(loaded.paths.inventory, folder / "ansible.log", "linear"),
        store=folder / "store",
        run=folder,
        emit=events.append,
        mirrors={"*": (folder / "mirror").as_uri()},
    )


def gather(given: Context) -> Context:
    return EnsureBundle().run(given).context


def test_what_is_published_is_in_the_lock_for_the_controller_alone(tmp_path: Path, events: list[Event]) -> None:
    done = gather(context(tmp_path, events, network()))
    (addon,) = done.addons
    assert [each["metadata"]["name"] for each in addon.objects] == ["agent", "rules"]  # type: ignore[call-overload, index]
    lock = lockfile.read(done.paths.lock)
    (published,) = [artifact for artifact in lock.artifacts if artifact.kind == "manifest"]
    assert (published.source, published.targets) == (URL, ("controller",))
    assert (tmp_path / "store" / published.path).read_bytes() == AGENT


def test_an_image_that_nobody_has_is_told_with_the_way_out(tmp_path: Path, events: list[Event]) -> None:
    gather(context(tmp_path, events, network()))
    (notice,) = [event for event in events if isinstance(event, Notice)]
    assert notice.text == f"{IMAGE} is left out: no source of the bundle has it"
    assert "kprov bundle import" in notice.remedy


LAB = "lab: {provider: podman, subnet: 10.0.0.0/24}\n"


def test_a_lab_without_a_registry_is_refused_for_an_image_that_nobody_has(tmp_path: Path, events: list[Event]) -> None:
    with pytest.raises(InputError, match="an image is missing") as caught:
        gather(context(tmp_path, events, network() + LAB))
    assert IMAGE in str(caught.value.why)
    assert f"podman save -m -o images.tar {IMAGE}" in caught.value.remedy
    assert "kprov bundle import images.tar" in caught.value.remedy
    bring([write(tmp_path / "agent.tar", layout(IMAGE))], tmp_path / "store", "amd64", silent)
    gather(context(tmp_path, events, network() + LAB))


def test_an_image_saved_from_a_registry_of_ones_own_is_called_by_its_name(tmp_path: Path, events: list[Event]) -> None:
    theirs = "proxy.example/hub/shop/agent:1"
    bring([write(tmp_path / "agent.tar", layout(theirs))], tmp_path / "store", "amd64", silent)
    done = gather(context(tmp_path, events, network() + LAB))
    assert done.addons[0].images == (theirs,)
    assert [event.text for event in events if isinstance(event, Notice)] == [
        f"network runs {theirs}, which you imported, as {IMAGE}."
    ]
    assert recalled(done.loaded, done.release, done.store) == done.addons


def test_what_is_to_be_known_of_an_add_on_is_told(tmp_path: Path, events: list[Event]) -> None:
    gather(context(tmp_path, events, "network: {plugin: bridge}\n"))
    (notice,) = [event for event in events if isinstance(event, Notice)]
    assert (notice.level, "NetworkPolicy" in notice.text) == ("info", True)


def test_an_imported_image_goes_to_every_node(tmp_path: Path, events: list[Event]) -> None:
    bring([write(tmp_path / "agent.tar", layout(IMAGE))], tmp_path / "store", "amd64", silent)
    done = gather(context(tmp_path, events, network()))
    assert not [event for event in events if isinstance(event, Notice)]
    RenderInventory().run(done)
    for node in ("m1", "w1"):
        delivered = yaml.safe_load((done.paths.home / "host_vars" / f"{node}.yml").read_text(encoding="utf-8"))
        (images,) = [each for each in delivered["kubernetes_artifacts"] if IMAGE in each["images"]]
        assert images["kind"] == "images"


@pytest.mark.parametrize(
    ("held", "tag"), [([], "2.8.1"), (["latest"], "latest"), (["2.8.1", "latest"], "2.8.1"), (["1.0"], "2.8.1")]
)
def test_an_image_that_a_person_brought_under_its_makers_name_is_found(held: list[str], tag: str) -> None:
    (weave,) = addons("network: {plugin: weave, version: 2.8.1}").values()
    files = {weave.upstream[0].url: TEXTS["weave"].encode()}
    brought = [f"docker.io/weaveworks/weave-{part}:{each}" for part in ("kube", "npc") for each in held]
    (made,) = rendered([weave], files, brought)
    assert set(made.images) == {f"docker.io/weaveworks/weave-{part}:{tag}" for part in ("kube", "npc")}


def test_a_second_run_finds_everything_done(tmp_path: Path, events: list[Event]) -> None:
    given = context(tmp_path, events, network())
    assert [phase.run(gather(given)).outcome for phase in (EnsureBundle(), RenderInventory())] == ["unchanged", "done"]
    assert [phase.run(gather(given)).outcome for phase in (EnsureBundle(), RenderInventory())] == ["unchanged"] * 2


def test_control_planes_fetch_the_objects_and_workers_do_not(tmp_path: Path, events: list[Event]) -> None:
    done = gather(context(tmp_path, events, network()))
    RenderInventory().run(done)
    folder = done.paths.manifests
    (name,) = [path.stem for path in folder.glob("*.json")]
    assert {path.name for path in folder.iterdir()} == {f"{name}.json", f"{name}.yaml"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    data = (folder / f"{name}.json").read_bytes()
    assert [each["kind"] for each in json.loads(data)["items"]] == ["DaemonSet", "ConfigMap"]
    assert len(list(yaml.safe_load_all((folder / f"{name}.yaml").read_text(encoding="utf-8")))) == 2

    def manifests(node: str) -> list[dict[str, object]]:
        values = yaml.safe_load((done.paths.home / "host_vars" / f"{node}.yml").read_text(encoding="utf-8"))
        return [each for each in values["kubernetes_artifacts"] if each["kind"] == "manifest"]

    assert manifests("w1") == []
    (delivered,) = manifests("m1")
    assert (delivered["name"], delivered["sha256"], delivered["size"]) == (
        name,
        hashlib.sha256(data).hexdigest(),
        len(data),
    )
    group = yaml.safe_load((done.paths.home / "group_vars" / "all.yml").read_text(encoding="utf-8"))
    assert group["bundle_files"][delivered["path"]] == str(folder / f"{name}.json")
    assert not [path for path in group["bundle_files"] if path.startswith("files/")]


def test_only_files_whose_bytes_differ_are_written_and_those_of_gone_add_ons_removed(
    tmp_path: Path, events: list[Event]
) -> None:
    done = gather(context(tmp_path, events, network()))
    RenderInventory().run(done)
    before = {path: path.stat().st_ino for path in done.paths.manifests.iterdir()}
    RenderInventory().run(done)
    assert {path: path.stat().st_ino for path in done.paths.manifests.iterdir()} == before
    done = gather(context(tmp_path, events, "network: {plugin: bridge}\n"))
    RenderInventory().run(done)
    assert list(done.paths.manifests.iterdir()) == []


def test_a_published_file_that_nobody_has_ends_the_run_at_once(
    tmp_path: Path, events: list[Event], workshop: FakeWorkshop
) -> None:
    given = replace(context(tmp_path, events, network()), mirrors={})
    with pytest.raises(UnreachableError) as caught:
        gather(given)
    assert caught.value.exit_code == 3
    assert caught.value.where == URL
    assert "--mirror" in caught.value.remedy
    assert workshop.made == []
    assert not given.paths.lock.exists()


def test_another_file_than_the_one_named_ends_the_run(tmp_path: Path, events: list[Event]) -> None:
    given = context(tmp_path, events, network(b"another"))
    with pytest.raises(InputError, match="wanted was") as caught:
        gather(given)
    assert caught.value.where == f"{given.paths.file}:7: network.manifests"
    assert not given.paths.lock.exists()


class FakeHelm:
    """Prints one ConfigMap, and a hook for the end, with the values that it was given."""

    def __init__(self, path: Path) -> None:
        assert path.is_file()

    def template(self, chart: Chart, archive: Path, values: Sequence[Path], home: Path) -> bytes:
        given = json.loads(values[-1].read_text(encoding="utf-8"))
        config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": chart.release}, "data": given}
        hook = {**config, "metadata": {"name": "last", "annotations": {"helm.sh/hook": "post-delete"}}}
        return yaml.safe_dump_all([config, hook]).encode()


EXTRA = "network: {plugin: none}\naddons:\n  extra:\n    - {name: shop, chart: {file: shop.tgz, values: {a: b}}}\n"


@pytest.fixture
def helm(monkeypatch: pytest.MonkeyPatch, workshop: FakeWorkshop) -> None:
    monkeypatch.setattr(ensure_bundle, "HelmProgram", FakeHelm)
    monkeypatch.setattr(ensure_bundle, "DebianWorkshop", lambda *_: workshop)
    monkeypatch.setattr(ensure_bundle, "machine_architecture", lambda: "amd64")


@pytest.mark.usefixtures("helm")
def test_a_chart_of_the_users_own_becomes_objects_and_helm_a_part_of_the_bundle(
    tmp_path: Path, events: list[Event]
) -> None:
    given = context(tmp_path, events, EXTRA)
    (given.paths.home / "shop.tgz").write_bytes(archive("shop/Chart.yaml"))
    done = gather(given)
    space, config = done.addons[-1].objects
    assert (space["kind"], config["data"]) == ("Namespace", {"a": "b"})
    (tool,) = [each for each in lockfile.read(done.paths.lock).artifacts if each.name == "helm"]
    assert (tool.kind, tool.targets) == ("binary", ("controller",))
    told = [event.text for event in events if isinstance(event, Notice)]
    assert [text for text in told if "ConfigMap last (post-delete)" in text]
    assert recalled(done.loaded, done.release, done.store) == done.addons
    (given.paths.home / "shop.tgz").write_bytes(archive("shop/Chart.yaml", "shop/values.yaml"))
    assert recalled(done.loaded, done.release, done.store) == ()


@pytest.mark.usefixtures("helm")
def test_without_charts_there_is_no_helm(tmp_path: Path, events: list[Event], workshop: FakeWorkshop) -> None:
    gather(context(tmp_path, events, network()))
    assert "helm" not in workshop.made


def test_a_later_run_from_another_phase_has_the_same_add_ons(tmp_path: Path, events: list[Event]) -> None:
    done = gather(context(tmp_path, events, network()))
    assert recalled(done.loaded, done.release, done.store) == done.addons


def test_without_the_bundles_files_no_inventory_is_rendered(tmp_path: Path, events: list[Event]) -> None:
    done = gather(context(tmp_path, events, network()))
    (stored,) = (done.store / "files").iterdir()
    stored.unlink()
    without = replace(done, addons=recalled(done.loaded, done.release, done.store))
    with pytest.raises(InputError) as caught:
        RenderInventory().run(without)
    assert "kprov bundle build" in caught.value.remedy
    assert not done.paths.inventory.exists()


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("network: {plugin: none, manifests: [{file: nowhere.yaml}]}\n", "cannot read a file"),
        ("network: {plugin: weave, password_file: nowhere}\n", "cannot read a file"),
        ("network: {plugin: weave, password_file: empty}\n", "must hold a secret is empty"),
        ("network: {plugin: flannel, version: 0.28.9}\n", "0.28.9"),
        ("addons: {extra: [{name: shop, chart: {file: empty}}]}\n", "is no chart"),
        ("addons: {extra: [{name: shop, chart: {file: shop.tgz, values_file: rules.yml}}]}\n", "are no mapping"),
    ],
)
def test_what_cannot_work_is_refused_before_the_run_begins(
    tmp_path: Path, events: list[Event], more: str, told: str
) -> None:
    given = context(tmp_path, events, "")
    (given.paths.home / "empty").write_text("\n", encoding="utf-8")
    (given.paths.home / "rules.yml").write_text("- a\n", encoding="utf-8")
    (given.paths.home / "shop.tgz").write_bytes(archive("shop/Chart.yaml"))
    given.paths.file.write_text(SPEC + more, encoding="utf-8")
    with pytest.raises(InputError, match=told) as caught:
        EnsureBundle().foresee(load(given.paths.file), None)
    places = ("nowhere.yaml", "nowhere", "empty", "rules.yml", f"{given.paths.file}:6: addons.extra[0].chart")
    assert isinstance(caught.value, SpecError) or caught.value.where in places
