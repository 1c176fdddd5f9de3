"""The playbooks can be read by Ansible, serve both styles of group names, and ask few tasks of a node."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml

from kprov.inventory.groups import LEGACY
from tests.contract.role import ROOT

PLAYBOOKS = sorted((ROOT / "playbooks").glob("*.yml"))
HOSTS = """\
[etcd]
m1
[kube_control_plane]
m1
m2
[kube_node]
w1
[k8s_cluster:children]
kube_control_plane
kube_node
"""


@pytest.fixture(scope="module")
def listing(tmp_path_factory):
    """What Ansible says when it reads all playbooks; a listing is a syntax check that also shows what was read."""
    home = tmp_path_factory.mktemp("ansible")
    inventory = home / "hosts.ini"
    inventory.write_text(HOSTS)
    program = Path(sys.executable).parent / "ansible-playbook"
    command = [program, "-i", inventory, "--list-hosts", "--list-tasks", *PLAYBOOKS]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    environment = {**kept, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_HOME": str(home), "LC_ALL": "C.UTF-8"}
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60)


def tasks_per_host(plays):
    """How many tasks every host meets, the check of a role's arguments among them."""
    counts = Counter()
    for play in re.split(r"^  play #\d+ .*$", plays, flags=re.MULTILINE)[1:]:
        hosts, _, tasks = play.partition("    tasks:\n")
        for host in re.findall(r"^      (\S+)$", hosts, flags=re.MULTILINE):
            counts[host] += len(re.findall(r"^      \S.*TAGS: \[", tasks, flags=re.MULTILINE))
    return counts


def test_ansible_reads_every_playbook(listing):
    assert listing.returncode == 0, listing.stderr
    assert "WARNING" not in listing.stderr
    read = re.findall(r"^playbook: (\S+)$", listing.stdout, flags=re.MULTILINE)
    assert sorted(read) == [str(path) for path in PLAYBOOKS]


def test_a_node_meets_few_tasks(listing):
    parts = dict(re.findall(r"(?ms)^playbook: \S+/(\w+)\.yml$(.*?)(?=^playbook: |\Z)", listing.stdout))
    counts = tasks_per_host(parts["up"])
    assert set(counts) == {"localhost", "m1", "m2", "w1"}
    assert 0 < counts["w1"] <= 60
    assert counts["w1"] < counts["m1"] <= 90


@pytest.mark.parametrize("path", PLAYBOOKS, ids=lambda path: path.stem)
def test_a_playbook_serves_current_and_older_group_names(path):
    for play in yaml.safe_load(path.read_text(encoding="utf-8")):
        named = set(play.get("hosts", "localhost").split(":"))
        assert {group for group in named if group in LEGACY and LEGACY[group] not in named} == set()
        made = {"kprov_founder", "kprov_seed", "kprov_joining", "kprov_joining_planes", "kprov_unsettled"}
        assert named & {"localhost", "etcd", "kprov_changing_keys", *made, *LEGACY}
