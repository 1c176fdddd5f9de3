"""What a cluster file promises."""

from __future__ import annotations

from pathlib import Path

from kprov.spec.model import ClusterSpec
from kprov.verify.questions import node_questions
from kprov.verify.settings import from_json, settings_for, to_json

SPEC = ClusterSpec.model_validate(
    {
        "cluster": "book",
        "kubernetes": {"version": "1.36.4"},
        "nodes": {
            "m1": {"address": "10.0.0.11", "roles": ["control-plane", "etcd"]},
            "e1": {"address": "10.0.0.21", "roles": ["etcd"]},
            "w1": {"address": "10.0.0.31", "roles": ["worker"]},
        },
        "etcd": {"topology": "external"},
        "addons": {"local-path-provisioner": {}, "metallb": {"addresses": ["10.0.0.200-10.0.0.210"]}},
    }
)
OBJECTS = [
    {"kind": "StorageClass", "metadata": {"name": "local-path"}},
    {"kind": "Deployment", "metadata": {"name": "provisioner", "namespace": "storage"}, "spec": {}},
]


def test_settings_reach_the_test_process_unchanged() -> None:
    made = {"local-path-provisioner": OBJECTS}
    settings = settings_for(SPEC, Path("artifacts/ssh/config"), made, without_dns="no images", shared_kernel=True)
    assert settings.promised.storage
    assert settings.promised.workloads
    assert settings.promised.pools == ("10.0.0.200-10.0.0.210",)
    assert from_json(to_json(settings)) == settings
    assert Path(settings.ssh_config).is_absolute()
    assert (settings.endpoint_host, settings.endpoint_port) == ("api.book.internal", 8443)


def test_a_machine_is_asked_what_its_roles_make_of_it() -> None:
    settings = settings_for(SPEC, Path("config"), {})
    asked = {target.name: set(node_questions(target, settings)) for target in settings.targets}
    assert [target.name for target in settings.nodes] == ["m1", "w1"]
    assert {"kubelet", "endpoint", "api.livez"} <= asked["m1"]
    assert not {name for name in asked["w1"] if name.startswith(("api.", "etcd."))}
    assert asked["e1"] == {"etcd.health", "etcd.members", "etcd.status"}, "etcd alone makes no node of Kubernetes"


def test_no_question_reads_a_private_key_out() -> None:
    settings = settings_for(SPEC, Path("config"), {})
    commands = [command for target in settings.targets for command in node_questions(target, settings).values()]
    assert not [command for command in commands if "cat " in command and ".key" in command]
    assert "client-key-data" not in "".join(commands)
