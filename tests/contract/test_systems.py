"""What is installed and configured on each operating system, as far as it can be told without a machine of it.

Debian 12 and 13 are run in the lab (``tests/e2e``); for all others this is what is tested.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
import yaml
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from kprov.ansible.plugins.modules import kprov_node_facts
from kprov.inventory.systems import systems
from kprov.inventory.variables import Deliveries, Machines, variables
from kprov.preflight.facts import Clock
from kprov.preflight.parse import host_facts
from kprov.preflight.questions import COMMANDS, FAMILIES, INSTALLABLE, RUNTIME
from kprov.release import catalog
from kprov.spec.model import ClusterSpec
from kprov.ssh.batch import Answer
from tests.contract.role import ROLES

KNOWN = systems()
OS_RELEASES = {
    "debian-12": 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nID=debian\n',
    "debian-13": 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nVERSION_ID="13"\nID=debian\n',
    "ubuntu-22.04": 'PRETTY_NAME="Ubuntu 22.04.5 LTS"\nVERSION_ID="22.04"\nID=ubuntu\nID_LIKE=debian\n',
    "ubuntu-24.04": 'PRETTY_NAME="Ubuntu 24.04.3 LTS"\nVERSION_ID="24.04"\nID=ubuntu\nID_LIKE=debian\n',
    "rocky-9": 'NAME="Rocky Linux"\nVERSION_ID="9.6"\nID="rocky"\nID_LIKE="rhel centos fedora"\n',
    "almalinux-9": 'NAME="AlmaLinux"\nVERSION_ID="9.6"\nID="almalinux"\nID_LIKE="rhel centos fedora"\n',
    "rhel-9": 'NAME="Red Hat Enterprise Linux"\nVERSION_ID="9.6"\nID="rhel"\nID_LIKE="fedora"\n',
    "opensuse-leap-15": 'NAME="openSUSE Leap"\nVERSION_ID="15.6"\nID="opensuse-leap"\nID_LIKE="suse opensuse"\n',
}
APT = {"conntrack", "curl", "ebtables", "ethtool", "haproxy", "iproute2", "ipset", "iptables", "mount", "socat"}
DNF = {
    *("conntrack-tools", "curl-minimal", "ethtool", "haproxy", "iproute", "ipset", "iptables-nft"),
    *("socat", "util-linux"),
}
ZYPPER = {
    *("conntrack-tools", "curl", "ebtables", "ethtool", "haproxy", "iproute2", "ipset", "iptables"),
    *("socat", "util-linux"),
}
INSTALLED = {"debian": APT, "ubuntu": APT, "rocky": DNF, "almalinux": DNF, "rhel": DNF, "opensuse": ZYPPER}
FAMILY = {"ubuntu": "debian", "rocky": "rhel", "almalinux": "rhel", "opensuse": "suse"}
RUNTIME_ARTIFACTS = [
    {"name": name, "kind": kind, "path": f"a/{name}", "sha256": "0" * 64, "size": 1, "images": []}
    for name, kind in (("containerd", "runtime"), ("runc", "runtime"), ("bridge", "cni-plugin"))
]

every_system = pytest.mark.parametrize("system", OS_RELEASES)
from_bundle = pytest.mark.parametrize("bundled", [True, False], ids=["bundled", "own"])


@cache
def rendered(bundled):
    """The variables of a node as the inventory has them; ``bundled``: with a containerd of the bundle."""
    nodes = {"m1": {"address": "10.0.0.11", "roles": ["control-plane"]}}
    spec = ClusterSpec.model_validate({"cluster": "lab", "kubernetes": {"version": "1.36.4"}, "nodes": nodes})
    artifacts = RUNTIME_ARTIFACTS if bundled else []
    release = catalog.releases()["1.36"]
    values = variables(spec, release, Machines(), Deliveries(artifacts, artifacts), Path("/etc/ssh_config"))
    return {**values.group, **values.hosts["m1"]}


def task(role, file, name):
    """A task of a role by its name."""
    (path,) = [each.path / "tasks" / file for each in ROLES if each.name == role]
    (found,) = [each for each in yaml.safe_load(path.read_text()) if each["name"] == name]
    return found


def packages(role, file, name, values):
    """What a task that installs packages installs with these variables, by Ansible's own templating; empty: skipped."""
    found = task(role, file, name)
    templar = Templar(loader=DataLoader())
    scope = {key: value for key, value in values.items() if not key.startswith("ansible_")}
    own = {key: trust_as_template(value) for key, value in found.get("vars", {}).items()}
    templar.available_variables = scope | own
    conditions = found["when"] if isinstance(found["when"], list) else [found["when"]]
    if not all(templar.template(trust_as_template(f"{{{{ {each} }}}}")) for each in conditions):
        return set()
    return set(templar.template(trust_as_template(found["ansible.builtin.package"]["name"])))


def on_a_bare(system, *, bundled, there=()):
    """What both roles install on a machine of this system on which only these commands are."""
    values = rendered(bundled)
    looked_for = [*values["node_commands"], *values["node_sought"]]
    facts = {
        "missing": [name for name in looked_for if name not in there],
        "family": kprov_node_facts.family(OS_RELEASES[system]),
    }
    scope = {**values, "node_facts": facts}
    return (
        packages("node", "main.yml", "Install what is missing", scope),
        packages("container_runtime", "binaries.yml", "Install containerd where it is missing", scope),
    )


def test_every_family_has_a_package_for_every_command():
    for command, names in KNOWN.commands.items():
        assert set(names) == set(KNOWN.families), command
        assert all(name and name == name.strip() for name in names.values()), command
    assert set(KNOWN.families) == {"debian", "rhel", "suse"}
    assert set(KNOWN.runtime_packages) <= set(KNOWN.families)
    assert set(KNOWN.runtime_commands).isdisjoint(KNOWN.commands)


def test_roles_and_preflight_have_no_other_list():
    assert {name: dict(names) for name, names in KNOWN.commands.items()} == rendered(bundled=False)["node_commands"]
    assert set(INSTALLABLE) == set(KNOWN.commands) <= set(COMMANDS)
    assert (KNOWN.families, KNOWN.runtime_commands) == (FAMILIES, RUNTIME)
    assert not [role.name for role in ROLES if "debian" in str(role.defaults)]


@every_system
def test_the_module_and_preflight_agree_on_the_family(system):
    words = system.partition("-")[0]
    seen = host_facts("m1", {"os": Answer(OS_RELEASES[system], 0)}, Clock(0.0, 0.0))
    assert kprov_node_facts.family(OS_RELEASES[system]) == FAMILY.get(words, words) == seen.os_family


@every_system
def test_what_a_bare_machine_gets_beside_the_bundle(system):
    commands, runtime = on_a_bare(system, bundled=True)
    assert commands == INSTALLED[system.partition("-")[0]]
    assert runtime == set(), "the bundle has a containerd, so none is installed beside it"


@pytest.mark.parametrize("system", [name for name in OS_RELEASES if name.startswith(("rocky", "alma", "rhel"))])
def test_where_a_system_has_no_containerd_none_is_made_up(system):
    with pytest.raises(AnsibleError, match="rhel"):
        on_a_bare(system, bundled=False)


@pytest.mark.parametrize("system", [name for name in OS_RELEASES if name.startswith(("debian", "ubuntu"))])
def test_debian_and_ubuntu_bring_a_containerd_of_their_own(system):
    assert on_a_bare(system, bundled=False)[1] == {"containerd", "runc", "containernetworking-plugins"}


@every_system
@from_bundle
def test_nothing_is_installed_where_everything_is_there(system, bundled):
    assert on_a_bare(system, bundled=bundled, there=(*INSTALLABLE, *RUNTIME)) == (set(), set())


@from_bundle
def test_what_containerd_is_told_fits_whose_it_is(bundled):
    values = rendered(bundled)
    assert values["container_runtime_config_version"] == (3 if bundled else 2)
    assert len(values["container_runtime_artifacts"]) == (3 if bundled else 0)
    assert values["container_runtime_cni_bin_dir"] == "/opt/cni/bin"
