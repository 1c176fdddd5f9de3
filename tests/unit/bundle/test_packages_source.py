"""The source `packages` from the outside, with a workshop that makes small files instead of programs."""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from kprov.bundle import lockfile
from kprov.bundle.ensure import ensure, sources_for
from kprov.bundle.imports import bring
from kprov.bundle.model import Wanted
from kprov.bundle.packages.source import PackagesSource
from kprov.bundle.store import Origin, sha256_of, verify
from kprov.errors import CheckFailed, InputError, KprovError, UnreachableError
from kprov.events import Event, Notice, Progress, silent
from tests.unit.bundle.archives import layout, write

if TYPE_CHECKING:
    from pathlib import Path

    from kprov.bundle.model import Artifact, Bundle
    from kprov.bundle.packages.gomodules import GoProgram
    from kprov.bundle.packages.pypi import PythonProgram

VERSION = "1.20.2"


@dataclass
class FakeWorkshop:
    """Makes files that hold their own name; ``failing`` names what fails, and how."""

    made: list[str] = field(default_factory=list)
    failing: dict[str, KprovError] = field(default_factory=dict)
    unfit: InputError | None = None

    def architecture(self) -> str:
        return "amd64"

    def check(self) -> None:
        if self.unfit:
            raise self.unfit

    def layers(self, target: Path, log: Path) -> Origin:
        for name in ("network.tar", "etcd.tar", "probe.tar"):
            with tarfile.open(target / name, "w") as tar:
                tar.addfile(tarfile.TarInfo(name))
        return self._make("layers", Origin("3.4.23", "debian:etcd-server=3.4.23, debian:busybox=1.35"))

    def kubernetes(self, program: str, version: str, target: Path, log: Path) -> Origin:
        (target / program).write_bytes(f"{program} {version}".encode())
        return self._make(program, Origin(version, "debian:kubernetes=1.20.5"))

    def pause(self, target: Path, log: Path) -> Origin:
        (target / "pause").write_bytes(b"pause")
        return self._make("pause", Origin("3.2", "debian:kubernetes=1.20.5"))

    def python(self, target: Path, log: Path) -> Origin:
        with tarfile.open(target / "python.tar", "w") as tar:
            tar.addfile(tarfile.TarInfo("usr/bin/python3"))
        return self._make("python", Origin("3.11.2", "debian:python3=3.11.2"))

    def python_program(self, program: PythonProgram, target: Path, log: Path) -> Origin:
        with tarfile.open(target / f"{program.name}.tar", "w") as tar:
            tar.addfile(tarfile.TarInfo(program.name))
        return self._make(program.name, Origin(program.version, f"pypi:{program.name}=={program.version}"))

    def go_program(self, program: GoProgram, target: Path, log: Path) -> Origin:
        (target / program.name).write_bytes(program.name.encode())
        return self._make(program.name, program.origin)

    def compress(self, source: Path, target: Path, log: Path) -> None:
        target.write_bytes(source.read_bytes()[::-1])

    def _make(self, name: str, origin: Origin) -> Origin:
        if name in self.failing:
            raise self.failing[name]
        self.made.append(name)
        return origin


@pytest.fixture
def workshop() -> FakeWorkshop:
    return FakeWorkshop()


def build(workshop: FakeWorkshop, store: Path, version: str = VERSION, images: tuple[str, ...] = ()) -> Bundle:
    return ensure([PackagesSource(lambda _: workshop)], Wanted(version, images), store, silent)


def named(bundle: Bundle, name: str) -> Artifact:
    return next(artifact for artifact in bundle.lock.artifacts if artifact.name == name)


def test_everything_is_built_and_is_what_the_lock_says(workshop: FakeWorkshop, tmp_path: Path) -> None:
    bundle = build(workshop, tmp_path)
    assert bundle.changed
    assert verify(bundle.lock, tmp_path) == ()
    names = {artifact.name: artifact.targets for artifact in bundle.lock.artifacts}
    assert names == {
        "kubeadm": ("control-plane", "worker"),
        "kubelet": ("control-plane", "worker"),
        "kubectl": ("control-plane", "worker", "controller"),
        "crictl": ("control-plane", "worker"),
        "node-images": ("control-plane", "worker"),
        "control-plane-images": ("control-plane",),
    }
    assert bundle.path(named(bundle, "kubelet")).read_bytes() == b"kubelet 1.20.2"
    assert named(bundle, "crictl").source == "go:sigs.k8s.io/cri-tools@v1.30.0"
    written = lockfile.lock_path(tmp_path, "packages", VERSION, "amd64")
    assert lockfile.read(written) == bundle.lock


def test_images_have_the_names_that_kubeadm_asks_for(workshop: FakeWorkshop, tmp_path: Path) -> None:
    bundle = build(workshop, tmp_path)
    assert named(bundle, "node-images").images == (
        "k8s.gcr.io/pause:3.2",
        "k8s.gcr.io/kube-proxy:v1.20.2",
        "kprov.local/probe:1",
        "k8s.gcr.io/coredns:1.7.0",
    )
    assert named(bundle, "control-plane-images").images == (
        "k8s.gcr.io/kube-apiserver:v1.20.2",
        "k8s.gcr.io/kube-controller-manager:v1.20.2",
        "k8s.gcr.io/kube-scheduler:v1.20.2",
        "k8s.gcr.io/etcd:3.4.13-0",
    )


def test_a_second_time_nothing_is_built(workshop: FakeWorkshop, tmp_path: Path) -> None:
    first = build(workshop, tmp_path)
    workshop.made.clear()
    second = build(workshop, tmp_path)
    assert (workshop.made, second.changed, second.lock) == ([], False, first.lock)


def test_a_cached_bundle_needs_no_tools(workshop: FakeWorkshop, tmp_path: Path) -> None:
    build(workshop, tmp_path)
    workshop.unfit = InputError("tools are missing")
    assert not build(workshop, tmp_path).changed


def test_an_unfit_machine_is_refused_before_anything_is_built(workshop: FakeWorkshop, tmp_path: Path) -> None:
    workshop.unfit = InputError("tools are missing")
    with pytest.raises(InputError, match="tools are missing"):
        build(workshop, tmp_path)
    assert workshop.made == []


@pytest.mark.parametrize("stopped", [KeyboardInterrupt(), CheckFailed("cannot build kube-proxy")])
def test_an_interrupted_build_resumes(workshop: FakeWorkshop, tmp_path: Path, stopped: KprovError) -> None:
    workshop.failing["kube-proxy"] = stopped
    with pytest.raises(type(stopped)):
        build(workshop, tmp_path)
    assert not lockfile.locks(tmp_path)
    workshop.failing.clear()
    workshop.made.clear()
    build(workshop, tmp_path)
    assert workshop.made == ["kube-proxy", "pause", "coredns", "crictl"]


def test_a_corrupted_program_is_rebuilt_and_nothing_else(workshop: FakeWorkshop, tmp_path: Path) -> None:
    bundle = build(workshop, tmp_path)
    workshop.made.clear()
    bundle.path(named(bundle, "kubelet")).write_bytes(b"xubelet 1.20.2")
    again = build(workshop, tmp_path)
    assert (workshop.made, again.changed, again.lock) == (["kubelet"], True, bundle.lock)
    assert verify(again.lock, tmp_path) == ()


def test_a_corrupted_archive_is_assembled_again(workshop: FakeWorkshop, tmp_path: Path) -> None:
    bundle = build(workshop, tmp_path)
    archive = bundle.path(named(bundle, "node-images"))
    archive.write_bytes(archive.read_bytes()[:-512])
    workshop.made.clear()
    build(workshop, tmp_path)
    assert workshop.made == []
    assert sha256_of(archive) == named(bundle, "node-images").sha256


def test_without_a_module_proxy_the_lock_says_what_is_left_out(workshop: FakeWorkshop, tmp_path: Path) -> None:
    unreachable = UnreachableError("no Go module proxy is reached", why="no such host")
    workshop.failing = {"coredns": unreachable, "crictl": unreachable}
    bundle = build(workshop, tmp_path)
    assert [left.name for left in bundle.lock.left_out] == ["coredns", "crictl"]
    assert bundle.lock.left_out[0].why == "no Go module proxy is reached: no such host"
    assert "no DNS" in bundle.lock.left_out[0].consequence
    assert "crictl" not in {artifact.name for artifact in bundle.lock.artifacts}
    assert not any("coredns" in image for image in named(bundle, "node-images").images)


def test_what_was_left_out_is_added_once_it_can_be_had(workshop: FakeWorkshop, tmp_path: Path) -> None:
    workshop.failing = {"coredns": UnreachableError("no Go module proxy is reached")}
    assert build(workshop, tmp_path).lock.left_out != ()
    assert not build(workshop, tmp_path).changed
    workshop.failing.clear()
    workshop.made.clear()
    bundle = build(workshop, tmp_path)
    assert workshop.made == ["coredns"]
    assert bundle.lock.left_out == ()
    assert "k8s.gcr.io/coredns:1.7.0" in named(bundle, "node-images").images


def test_two_versions_stand_side_by_side(workshop: FakeWorkshop, tmp_path: Path) -> None:
    first = build(workshop, tmp_path)
    workshop.made.clear()
    second = build(workshop, tmp_path, "1.20.3")
    assert set(workshop.made) == {artifact for artifact in workshop.made if artifact.startswith("kube")}
    assert named(second, "control-plane-images").images[0] == "k8s.gcr.io/kube-apiserver:v1.20.3"
    assert verify(first.lock, tmp_path) == verify(second.lock, tmp_path) == ()
    assert len(lockfile.locks(tmp_path)) == 2


def test_progress_counts_every_step(workshop: FakeWorkshop, tmp_path: Path) -> None:
    events: list[Event] = []
    ensure([PackagesSource(lambda _: workshop)], Wanted(VERSION), tmp_path, events.append)
    steps = [event for event in events if isinstance(event, Progress)]
    assert [step.done for step in steps] == list(range(13))
    assert {step.total for step in steps} == {13}
    assert (steps[2].phase, steps[2].text) == ("bundle", "building kubelet")


@pytest.mark.parametrize("version", ["1.36.4", "1.2.0", "1.200.1"])
def test_another_minor_version_is_refused(workshop: FakeWorkshop, tmp_path: Path, version: str) -> None:
    with pytest.raises(InputError) as caught:
        build(workshop, tmp_path / "store", version)
    assert version in caught.value.what
    assert caught.value.remedy
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("name", ["directory"])
def test_a_source_of_a_later_version_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError) as caught:
        ensure(sources_for([name], {}, {}), Wanted(VERSION), tmp_path / "store", silent)
    assert name in caught.value.what
    assert "packages" in caught.value.remedy


def test_sources_are_tried_in_order(workshop: FakeWorkshop, tmp_path: Path) -> None:
    events: list[Event] = []
    sources = [*sources_for(["directory"], {}, {}), PackagesSource(lambda _: workshop)]
    assert ensure(sources, Wanted(VERSION), tmp_path, events.append).lock.source == "packages"
    notice = next(event for event in events if isinstance(event, Notice))
    assert "upstream" in notice.text


def test_a_failed_build_is_not_hidden_by_the_next_source(workshop: FakeWorkshop, tmp_path: Path) -> None:
    workshop.failing["kubelet"] = CheckFailed("cannot build kubelet")
    with pytest.raises(CheckFailed, match="cannot build kubelet"):
        ensure(
            [PackagesSource(lambda _: workshop), *sources_for(["directory"], {}, {})], Wanted(VERSION), tmp_path, silent
        )


FLANNEL = "quay.io/coreos/flannel:v0.15.1"
FLANNEL_CNI = "docker.io/rancher/mirrored-flannelcni-flannel-cni-plugin:v1.0.0"
WEB_VIEW = "kprov.local/kube-web-view:21.2.0"
CALICO = "docker.io/calico/node:v3.24.5"


def layer_names(archive: Path, reference: str) -> list[str]:
    """The files in an image's layers; the fake workshop compresses a layer by turning it round."""
    with tarfile.open(archive) as tar:

        def blob(digest: str) -> bytes:
            return tar.extractfile(f"blobs/{digest.replace(':', '/')}").read()  # type: ignore[union-attr]

        index = json.load(tar.extractfile("index.json"))  # type: ignore[arg-type]
        entries = {entry["annotations"]["io.containerd.image.name"]: entry for entry in index["manifests"]}
        layers = json.loads(blob(entries[reference]["digest"]))["layers"]
        unpacked = [io.BytesIO(blob(layer["digest"])[::-1]) for layer in layers]
        return [name for each in unpacked for name in tarfile.open(fileobj=each).getnames()]


def test_nothing_is_made_for_add_ons_that_nobody_asked_for(workshop: FakeWorkshop, tmp_path: Path) -> None:
    assert not [artifact for artifact in build(workshop, tmp_path).lock.artifacts if artifact.name.startswith("addon-")]
    assert not {"flanneld", "metrics-server", "python"} & set(workshop.made)


def test_the_images_of_an_add_on_share_an_archive_of_their_own(workshop: FakeWorkshop, tmp_path: Path) -> None:
    bundle = build(workshop, tmp_path, images=(FLANNEL, FLANNEL_CNI))
    archive = named(bundle, "addon-flannel")
    assert set(archive.images) == {FLANNEL, FLANNEL_CNI}
    assert (archive.version, archive.targets) == ("0.15.1", ("control-plane", "worker"))
    assert layer_names(bundle.path(archive), FLANNEL) == ["network.tar", "probe.tar", "opt/bin/flanneld"]
    assert layer_names(bundle.path(archive), FLANNEL_CNI) == ["probe.tar", "flannel"]
    assert "go:github.com/flannel-io/flannel@v0.15.1" in archive.source
    assert verify(bundle.lock, tmp_path) == ()


def test_an_add_on_changes_nothing_that_is_there(workshop: FakeWorkshop, tmp_path: Path) -> None:
    before = build(workshop, tmp_path).lock
    workshop.made.clear()
    after = build(workshop, tmp_path, images=(FLANNEL, FLANNEL_CNI, WEB_VIEW))
    assert workshop.made == ["flanneld", "flannel", "python", "kube-web-view"]
    assert after.lock.artifacts[: len(before.artifacts)] == before.artifacts
    workshop.made.clear()
    assert build(workshop, tmp_path).lock == before
    assert (workshop.made, build(workshop, tmp_path).changed) == ([], False)


def test_a_program_in_python_lies_on_debians_python(workshop: FakeWorkshop, tmp_path: Path) -> None:
    bundle = build(workshop, tmp_path, images=(WEB_VIEW,))
    archive = named(bundle, "addon-kube-web-view")
    assert layer_names(bundle.path(archive), WEB_VIEW) == ["usr/bin/python3", "kube-web-view"]
    assert archive.source == "debian:python3=3.11.2, pypi:kube-web-view==21.2.0"


def test_an_image_that_nothing_makes_is_left_out_with_the_way_out(workshop: FakeWorkshop, tmp_path: Path) -> None:
    (left,) = build(workshop, tmp_path, images=(CALICO, "kprov.local/probe:1")).lock.left_out
    assert (left.name, left.why) == (CALICO, "no source of the bundle has it")
    assert "kprov bundle import" in left.consequence


def test_an_image_whose_program_cannot_be_had_is_left_out_alone(workshop: FakeWorkshop, tmp_path: Path) -> None:
    workshop.failing = {"flannel": UnreachableError("no Go module proxy gives it", why="403 Forbidden")}
    bundle = build(workshop, tmp_path, images=(FLANNEL, FLANNEL_CNI))
    assert named(bundle, "addon-flannel").images == (FLANNEL,)
    (left,) = bundle.lock.left_out
    assert (left.name, left.why) == (FLANNEL_CNI, "no Go module proxy gives it: 403 Forbidden")
    assert "kprov bundle import" in left.consequence
    workshop.failing.clear()
    assert build(workshop, tmp_path, images=(FLANNEL, FLANNEL_CNI)).lock.left_out == ()


def test_an_add_on_of_which_nothing_can_be_had_has_no_archive(workshop: FakeWorkshop, tmp_path: Path) -> None:
    workshop.failing = {"python": CheckFailed("Debian's packages do not hold what an image needs")}
    bundle = build(workshop, tmp_path, images=(WEB_VIEW,))
    assert [left.name for left in bundle.lock.left_out] == [WEB_VIEW]
    assert not [artifact for artifact in bundle.lock.artifacts if artifact.name.startswith("addon-")]


def test_progress_counts_the_steps_of_add_ons_too(workshop: FakeWorkshop, tmp_path: Path) -> None:
    events: list[Event] = []
    wanted = Wanted(VERSION, (FLANNEL, FLANNEL_CNI, WEB_VIEW))
    ensure([PackagesSource(lambda _: workshop)], wanted, tmp_path, events.append)
    steps = [event for event in events if isinstance(event, Progress)]
    assert [step.done for step in steps] == list(range(19))
    assert {step.total for step in steps} == {19}


def test_an_imported_image_comes_from_its_archive(workshop: FakeWorkshop, tmp_path: Path) -> None:
    archive = write(tmp_path / "calico.tar", layout(CALICO, FLANNEL))
    bring([archive], tmp_path / "store", "amd64", silent)
    bundle = build(workshop, tmp_path / "store", images=(CALICO, FLANNEL, FLANNEL_CNI))
    (imported,) = [artifact for artifact in bundle.lock.artifacts if artifact.source == "import:calico.tar"]
    assert imported.images == (CALICO, FLANNEL)
    assert bundle.path(imported).read_bytes() == archive.read_bytes()
    assert named(bundle, "addon-flannel").images == (FLANNEL_CNI,)
    assert bundle.lock.left_out == ()
    assert verify(bundle.lock, bundle.store) == ()
