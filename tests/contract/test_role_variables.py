"""What the inventory renders is what the roles ask for: no unknown variable, no value that a role would refuse."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from kprov.inventory.variables import Deliveries, Machines, variables
from kprov.release import catalog
from kprov.spec.model import ClusterSpec
from tests.contract.role import ROLES

ENDPOINTS = {
    "node-local": {"mode": "node-local"},
    "vip": {"mode": "vip", "address": "192.168.1.10"},
    "external": {"mode": "external", "address": "api.example.org", "port": 443},
    "single": {"mode": "single"},
}
LAB = {
    "cluster": "lab",
    "kubernetes": {"version": "1.20.2"},
    "nodes": {
        **{f"m{n}": {"address": f"10.0.0.1{n}", "roles": ["control-plane", "etcd"]} for n in (1, 2, 3)},
        "w1": {"address": "10.0.0.101", "roles": ["worker"], "labels": {"disk": "ssd"}},
    },
    "network": {"plugin": "bridge"},
    "bundle": {"source": "packages"},
    "lab": {"provider": "podman"},
}
BOOK = {
    "cluster": "book",
    "kubernetes": {"version": "1.36.4"},
    "nodes": {
        **{f"m{n}-k8s": {"address": f"192.168.1.{n}", "roles": ["control-plane", "etcd"]} for n in (11, 12, 13)},
        **{f"w{n}-k8s": {"address": f"192.168.1.{n}", "roles": ["worker"]} for n in range(101, 107)},
    },
    "ssh": {"user": "vagrant", "bastion": "jump@192.168.1.2"},
    "network": {"plugin": "calico"},
}
ARTIFACT = {"kind": "binary", "path": "a/kubelet", "sha256": "0" * 64, "size": 1, "images": []}


@cache
def rendered(name, mode):
    base = {"lab": LAB, "book": BOOK}[name]
    spec = ClusterSpec.model_validate({**base, "endpoint": ENDPOINTS[mode]})
    release = catalog.releases()[catalog.minor_of(spec.kubernetes.version)]
    planes = [{**ARTIFACT, "name": "kubelet"}, {**ARTIFACT, "name": "images", "kind": "images", "images": ["a:1"]}]
    deliveries = Deliveries(planes, planes[:1], {"a/kubelet": "/srv/kubelet"})
    return variables(spec, release, Machines(shared_kernel=spec.lab is not None), deliveries, Path("/etc/ssh_config"))


@pytest.mark.parametrize("mode", ENDPOINTS)
@pytest.mark.parametrize("base", ["lab", "book"])
def test_every_rendered_variable_belongs_to_a_role_or_is_ansibles_own(base, mode):
    declared = {name for role in ROLES for name in role.options}
    values = rendered(base, mode)
    names = {name for scope in (values.group, *values.hosts.values()) for name in scope}
    assert {name for name in names if name not in declared and not name.startswith("ansible_")} == set()


@pytest.mark.parametrize("mode", ENDPOINTS)
@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_a_role_takes_every_value_that_is_rendered(role, mode):
    values = rendered("lab", mode)
    for host in ("m1", "w1"):
        scope = {**values.group, **values.hosts[host]}
        for entry in role.entry_points.values():
            options = {name: option for name, option in entry["options"].items() if name in scope}
            given = {name: scope[name] for name in options}
            assert ArgumentSpecValidator(options).validate(given).error_messages == []
