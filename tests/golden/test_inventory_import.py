"""Inventories as kubespray users write them, read by the real Ansible: to cluster files, and back again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kprov.errors import InputError
from kprov.inventory.groups import inventory
from kprov.inventory.importer import from_listing
from kprov.inventory.listing import CONFIG, Listing, parse, read
from kprov.spec.load import loads

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = Path(__file__).parent / "inventory" / "import"
SOURCES = sorted(
    path for path in FOLDER.glob("*/*") if path.is_file() and path.name not in {"cluster.yaml", "told.txt"}
)
OLD_NAMES = {"kube-master": "kube_control_plane", "kube-node": "kube_node"}
GROUPS = ("kube_control_plane", "etcd", "kube_node")
RENAMED = {"192.168.50.10": "node-192-168-50-10"}


@pytest.fixture(scope="module")
def listings(ansible_lists: Callable[..., list[str]]) -> dict[Path, Listing]:
    """Every inventory as ``read`` makes it, but Ansible is started once."""
    return dict(zip(SOURCES, map(parse, SOURCES, ansible_lists(SOURCES, ANSIBLE_CONFIG=str(CONFIG))), strict=True))


def test_there_are_inventories_of_all_kinds() -> None:
    assert len(SOURCES) == 10


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.parent.name)
def test_the_cluster_file_and_what_is_told(
    golden: Callable[[str, str], None], listings: dict[Path, Listing], source: Path
) -> None:
    imported = from_listing(listings[source])
    place = source.parent.relative_to(FOLDER.parents[1])
    golden(str(place / "cluster.yaml"), imported.text)
    told = (f"{notice.level}: {notice.text}. {notice.remedy}".rstrip() + "\n" for notice in imported.notices)
    golden(str(place / "told.txt"), "".join(told))


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.parent.name)
def test_it_renders_back_to_the_same_hosts_and_groups(listings: dict[Path, Listing], source: Path) -> None:
    listing = listings[source]
    rendered = inventory(loads(from_listing(listing).text, "cluster.yaml").spec)
    assert {group.name: set(group.hosts) for group in rendered.groups if group.name in GROUPS} == members(listing)
    for host in rendered.hosts:
        [original] = [name for name in listing.variables if RENAMED.get(name, name) == host.name]
        variables = listing.variables[original]
        ssh = variables.get("ansible_host", variables.get("ansible_ssh_host", variables.get("ip", original)))
        assert (host.ansible_host, host.ip) == (ssh, variables.get("ip", ssh))


def members(listing: Listing) -> dict[str, set[str]]:
    """The hosts of kubespray's groups by their name of today."""
    found: dict[str, set[str]] = {name: set() for name in GROUPS}
    for name, hosts in listing.groups.items():
        if OLD_NAMES.get(name, name) in found:
            found[OLD_NAMES.get(name, name)] |= {RENAMED.get(host, host) for host in hosts}
    return found


def test_the_first_control_plane_stays_the_first(listings: dict[Path, Listing]) -> None:
    [source] = [path for path in SOURCES if path.parent.name == "05-nested-children"]
    assert loads(from_listing(listings[source]).text, "x").spec.control_planes == ("a-m1", "a-m2", "b-m1")


def test_what_is_no_inventory_is_refused_in_ansibles_words(tmp_path: Path) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text("all: [\n")
    with pytest.raises(InputError) as caught:
        read(file)
    assert caught.value.where == str(file)
    assert "YAML parsing failed" in caught.value.why


def test_an_encrypted_file_beside_it_is_named_as_the_cause(tmp_path: Path) -> None:
    (tmp_path / "hosts.ini").write_text("[kube_control_plane]\nm1 ansible_host=10.0.0.1\n")
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars" / "all.yml").write_text("$ANSIBLE_VAULT;1.1;AES256\n6162\n")
    with pytest.raises(InputError, match="no vault secrets found"):
        read(tmp_path / "hosts.ini")


def test_ten_are_read_as_one_is(listings: dict[Path, Listing]) -> None:
    [source] = [path for path in SOURCES if path.parent.name == "06-group-vars"]
    assert read(source) == listings[source]


def test_nothing_beside_the_inventory_is_run_or_obeyed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An executable inventory is read as text; neither the user's ansible.cfg nor the current folder has a say."""
    file = tmp_path / "hosts.ini"
    file.write_text("[kube_control_plane]\nm1 ansible_host=10.0.0.1\n")
    file.chmod(0o755)
    here = tmp_path / "here"
    (here / "group_vars").mkdir(parents=True)
    (here / "group_vars" / "all.yml").write_text("ansible_port: 2222\n")
    (here / "ansible.cfg").write_text("[inventory]\nenable_plugins = script\n")
    (here / "ansible.py").write_text("raise SystemExit('run by mistake')\n")
    monkeypatch.chdir(here)
    monkeypatch.setenv("ANSIBLE_CONFIG", str(here / "ansible.cfg"))
    monkeypatch.setenv("ANSIBLE_INVENTORY_ENABLED", "script")
    assert read(file).variables == {"m1": {"ansible_host": "10.0.0.1"}}
