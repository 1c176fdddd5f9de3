"""The hands of the source `packages` for add-ons: Go with a part in C, pip, and files that lie in modules."""

from __future__ import annotations

import json
import tarfile
from typing import TYPE_CHECKING

import pytest

from kprov.bundle.packages import gomodules, host, layers, pypi
from kprov.bundle.packages.modulefiles import ModuleFiles
from kprov.bundle.packages.pypi import PythonProgram, build_program_layer, installed
from kprov.bundle.packages.recipes import RECIPES
from kprov.bundle.references import normal
from kprov.errors import CheckFailed
from tests.unit.bundle.test_layers import FakeApt, contents, make_deb
from tests.unit.bundle.test_packages_parts import script

if TYPE_CHECKING:
    from pathlib import Path

PUBLISHED = "https://raw.githubusercontent.com"


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Go that has one module, and notes how it builds; returns the folder of the module."""
    module = tmp_path / "module"
    module.mkdir()
    have = json.dumps({"Dir": str(module)})
    script(
        tmp_path / "bin" / "go",
        f'case "$1 $2" in "env -json") echo "{{}}";; "mod download") echo \'{have}\';; '
        f'build*) echo "$CGO_ENABLED $@" > {tmp_path}/built;; esac',
    )
    monkeypatch.setattr(gomodules, "GO_BIN", tmp_path / "bin")
    monkeypatch.setattr(host, "architecture", lambda: "amd64")
    return module


def environment(folder: Path) -> dict[str, str]:
    return {"PATH": f"{folder}/bin:/usr/bin:/bin", "HOME": str(folder)}


@pytest.mark.parametrize("cgo", [False, True])
def test_a_program_is_static_also_where_a_part_of_it_is_in_c(tmp_path: Path, go: Path, cgo: bool) -> None:
    program = gomodules.GoProgram("flanneld", "example.org/flannel", "v1.0.0", ".", "", "version.Version", cgo=cgo)
    gomodules.GoModules(tmp_path / "work", "amd64", environment(tmp_path), tmp_path / "log").build(program, tmp_path)
    called = (tmp_path / "built").read_text(encoding="utf-8")
    assert called.startswith("1 build" if cgo else "0 build")
    assert ("-extldflags -static" in called) == cgo
    assert "-X version.Version=v1.0.0" in called
    assert program.recipe != gomodules.GoProgram("x", "m", "v1.0.0", ".", "", "version.Version", cgo=not cgo).recipe


def files(tmp_path: Path) -> ModuleFiles:
    return ModuleFiles(tmp_path / "work", environment(tmp_path), tmp_path / "log")


def test_a_published_file_is_taken_out_of_its_module(tmp_path: Path, go: Path) -> None:
    (go / "deploy").mkdir()
    (go / "deploy" / "all.yaml").write_bytes(b"kind: Pod\r\n")
    target = tmp_path / "target"
    place = files(tmp_path).copy(f"{PUBLISHED}/rancher/local-path-provisioner/v0.0.30/deploy/all.yaml", target)
    assert place == "the Go module github.com/rancher/local-path-provisioner@v0.0.30"
    assert target.read_bytes() == b"kind: Pod\r\n"
    assert not (tmp_path / "work").exists()


def test_flannels_manifest_becomes_the_published_one(tmp_path: Path, go: Path) -> None:
    """The proxies saw its tag before it was moved: three lines of the file are older."""
    images = ("rancher/mirrored-flannelcni-flannel-cni-plugin:{}", "quay.io/coreos/flannel:{}")
    text = "".join(f"        image: {image}\n" for image in images)
    (go / "Documentation").mkdir()
    (go / "Documentation" / "kube-flannel.yml").write_text(text.format("v1.2", "v0.15.0"), encoding="utf-8")
    target = tmp_path / "target"
    assert files(tmp_path).copy(f"{PUBLISHED}/flannel-io/flannel/v0.15.1/Documentation/kube-flannel.yml", target)
    assert target.read_text(encoding="utf-8") == text.format("v1.0.0", "v0.15.1")


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/flannel-io/flannel/v0.15.1/Documentation/kube-flannel.yml",
        f"{PUBLISHED}/projectcalico/calico/v3.24.5/manifests/calico.yaml",
        f"{PUBLISHED}/flannel-io/flannel/v0.15.1/Documentation/not-there.yml",
    ],
)
def test_what_no_module_holds_is_not_there(tmp_path: Path, go: Path, url: str) -> None:
    assert files(tmp_path).copy(url, tmp_path / "target") == ""


def test_without_a_module_proxy_a_file_is_not_there(tmp_path: Path, go: Path) -> None:
    script(tmp_path / "bin" / "go", 'case "$1" in env) echo "{}";; *) echo no such host >&2; exit 1;; esac')
    assert files(tmp_path).copy(f"{PUBLISHED}/a/b/v0.1.0/c.yaml", tmp_path / "target") == ""


def pip(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(pypi.sys, "executable", str(script(folder / "python", text)))  # type: ignore[attr-defined]


INSTALL = """
while [ "$1" != --target ]; do shift; done
mkdir -p "$2/kube_web" "$2/bin" "$2/kube_web_view-21.2.0.dist-info" "$2/Jinja2-2.11.3.dist-info"
echo "$@" > "$2/kube_web/arguments"; env > "$2/kube_web/environment"; touch "$2/bin/tool"
"""


def test_a_program_of_pypi_is_a_layer_for_debians_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pip(tmp_path, monkeypatch, INSTALL)
    target = tmp_path / "new"
    target.mkdir()
    base = {"HOME": str(tmp_path), "PIP_INDEX_URL": "https://index.example/simple", "PIP_USER": "1"}
    program = PythonProgram("kube-web-view", "21.2.0", ("markupsafe<2.1",))
    origin = build_program_layer(program, target, base, tmp_path / "log")
    assert origin.source == "pypi:kube-web-view==21.2.0, pypi:jinja2==2.11.3"
    with tarfile.open(target / "kube-web-view.tar") as tar:
        found = {member.name.removeprefix("usr/lib/python3/dist-packages/"): member for member in tar}
        assert set(found) == {"kube_web/arguments", "kube_web/environment"}
        assert {member.mode for member in found.values()} == {0o644}
        arguments, seen = (
            tar.extractfile(found[f"kube_web/{name}"]).read().decode() for name in ("arguments", "environment")
        )  # type: ignore[union-attr]
    assert arguments.endswith("kube-web-view==21.2.0 markupsafe<2.1\n")
    assert "PIP_INDEX_URL=https://index.example/simple\n" in seen
    assert "PIP_USER" not in seen


def test_an_index_that_does_not_have_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pip(tmp_path, monkeypatch, "echo 'ERROR: No matching distribution' >&2; exit 1")
    with pytest.raises(CheckFailed, match="No matching distribution"):
        build_program_layer(PythonProgram("a", "1", ()), tmp_path, {"HOME": str(tmp_path)}, tmp_path / "log")


def test_packages_are_named_as_on_pypi_the_program_first(tmp_path: Path) -> None:
    for name in ("Jinja2-2.11.3", "aiohttp-3.14.5", "kube_web_view-21.2.0"):
        (tmp_path / f"{name}.dist-info").mkdir()
    assert installed(tmp_path, first="kube-web-view") == ("kube-web-view==21.2.0", "aiohttp==3.14.5", "jinja2==2.11.3")


def test_the_layer_of_python_holds_what_programs_need_of_it(tmp_path: Path) -> None:
    library = "usr/lib/x86_64-linux-gnu"
    debs = {
        "python3": {"usr/bin/python3": "->python3.11", "usr/share/doc/python3/copyright": ""},
        "libc6": {
            "lib/x86_64-linux-gnu/libc.so.6": "",
            "usr/lib/python3.11/ssl.py": "",
            f"{library}/libssl.so.3": "",
            f"{library}/gconv/IBM037.so": "",
            "usr/bin/ldd": "",
        },
    }
    apt = FakeApt({name: make_deb(tmp_path, name, files) for name, files in debs.items()})
    origin = layers.build_python_layer(apt, "amd64", tmp_path)  # type: ignore[arg-type]
    assert set(contents(tmp_path / "python.tar")) == {
        "usr/bin/python3",
        "lib/x86_64-linux-gnu/libc.so.6",
        "usr/lib/python3.11/ssl.py",
        f"{library}/libssl.so.3",
    }
    assert origin.source == "debian:python3=1-1"


def test_recipes_name_images_as_containerd_does_and_each_once() -> None:
    references = [recipe.reference for recipe in RECIPES]
    assert [normal(reference) for reference in references] == references
    assert len(set(references)) == len(references)


def test_what_an_image_starts_lies_at_an_absolute_path() -> None:
    assert all(recipe.command[0].startswith("/") for recipe in RECIPES)
