from __future__ import annotations

from kprov.release import addons
from tests.unit.release.samples import release


def test_coredns_may_read_slices_where_kubeadm_does_not_allow_it():
    role, binding = addons.manifests(release("1.20.2"))
    assert role["rules"] == [
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]}
    ]
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "coredns", "namespace": "kube-system"}]


def test_later_kubeadms_need_nothing_beside_their_own_objects():
    assert addons.manifests(release("1.36.4")) == ()
