"""What an API server is given to read and told to do, by the release: looked at once against the references."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from kprov.ansible.plugins.modules import kprov_encryption
from kprov.release import control_plane, kubeadm
from tests.unit.release.samples import cluster, release

if TYPE_CHECKING:
    from collections.abc import Callable

SECTIONS: dict[str, dict[str, Any]] = {
    "1.20.2": {
        "encryption": {"provider": "aescbc", "resources": ["secrets", "configmaps"]},
        "audit": {"policy": "writes"},
    },
    "1.36.4": {
        "encryption": {"provider": "kms", "kms": {"name": "vault", "endpoint": "unix:///run/kms/plugin.sock"}},
        "audit": {"policy": "metadata", "max_age_days": 7, "max_backups": 3, "max_size_mib": 50},
        "pod_security": {"enforce": "baseline", "exempt_namespaces": ["kube-system", "storage"]},
    },
}


@pytest.mark.parametrize("version", SECTIONS)
def test_the_api_server_is_told_this(golden: Callable[[str, str], None], version: str) -> None:
    spec = cluster(version, **SECTIONS[version])
    told = kubeadm.cluster_configuration(spec, release(version))["apiServer"]
    files = {file.path: yaml.safe_load(file.content) for file in control_plane.settings(spec).files}
    golden(f"control-plane/{version}.txt", yaml.safe_dump({"apiServer": told, **files}, sort_keys=False))


@pytest.mark.parametrize("version", SECTIONS)
def test_objects_are_encrypted_by_this(golden: Callable[[str, str], None], version: str) -> None:
    """Keys come from the user here: those that kprov makes are never the same."""
    wanted = control_plane.encryption(cluster(version, **SECTIONS[version]))
    planes = {"m1": {}} if wanted["provider"] == "kms" else {"m1": {"secrets": [OLD]}}
    steps, _ = kprov_encryption.plan(wanted, planes, key="bmV3")
    golden(
        f"control-plane/encryption-{version}.txt", "".join(f"# {name}\n{text['m1']}" for name, text in steps.items())
    )


OLD = {"provider": "aescbc", "name": "key1", "secret": "b2xk"}
