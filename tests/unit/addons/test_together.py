"""Add-ons that would take objects from each other are refused before anything is applied."""

from __future__ import annotations

import pytest

from kprov.addons.together import check_together
from kprov.errors import InputError
from tests.unit.addons.made import addons, objects

CLASS = "{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: %s, annotations: {%s}}}"
DEFAULT = "storageclass.kubernetes.io/is-default-class: 'true'"


def sets(local_path: str, mine: str) -> dict:
    made = addons(f"addons: {{local-path-provisioner: {local_path}, extra: [{{name: disks, file: d}}]}}")
    return {
        "local-path-provisioner": objects(made["local-path-provisioner"]),
        "disks": made["disks"].objects({"d": mine.encode()}),
    }


def test_a_storage_class_twice() -> None:
    with pytest.raises(InputError) as caught:
        check_together(sets("{default: false}", CLASS % ("local-path", "")))
    assert caught.value.what == "two add-ons have the StorageClass local-path"
    assert caught.value.why == "local-path-provisioner and disks"
    assert caught.value.exit_code == 2


def test_two_default_storage_classes() -> None:
    with pytest.raises(InputError) as caught:
        check_together(sets("{}", CLASS % ("fast", DEFAULT)))
    assert caught.value.what == "two objects are the default StorageClass"
    assert "local-path" in caught.value.why
    assert "{default: false}" in caught.value.remedy


@pytest.mark.parametrize(("local_path", "annotation"), [("{default: false}", DEFAULT), ("{}", "")])
def test_one_default_among_two_classes(local_path, annotation) -> None:
    check_together(sets(local_path, CLASS % ("fast", annotation)))


def test_the_same_name_elsewhere_is_another_object() -> None:
    def one(api: str, space: str) -> dict:
        return {"apiVersion": api, "kind": "Service", "metadata": {"name": "web", "namespace": space}}

    check_together({"a": [one("v1", "a")], "b": [one("v1", "b")], "c": [one("serving.knative.dev/v1", "a")]})
    with pytest.raises(InputError, match="Service a/web"):
        check_together({"a": [one("v1", "a")], "b": [one("v1", "a")]})
