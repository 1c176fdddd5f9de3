from __future__ import annotations

import pytest

from kprov.spec.model import ClusterSpec


@pytest.fixture
def spec() -> ClusterSpec:
    """One control plane that SSH reaches elsewhere, two workers."""
    nodes = {
        "m1": {"address": "10.0.0.11", "ssh_address": "203.0.113.11", "roles": ["control-plane", "etcd"]},
        "w1": {"address": "10.0.0.21", "roles": ["worker"]},
        "w2": {"address": "10.0.0.22", "roles": ["worker"]},
    }
    return ClusterSpec.model_validate({"cluster": "lab", "nodes": nodes})
