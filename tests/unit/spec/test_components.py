"""The sections on Kubernetes' components: what they take, and how they refuse the rest."""

from __future__ import annotations

import pytest

from kprov.errors import SpecError
from kprov.spec.load import loads

BASE = "cluster: lab\nnodes: {m1: {address: 10.0.0.11, roles: [control-plane]}}\n"


def spec(section):
    return loads(BASE + section, "cluster.yaml").spec


def test_numbers_and_truth_become_the_texts_that_a_component_reads():
    args = spec("api_server: {args: {profiling: false, v: 4, max-requests-inflight: '800'}}").api_server.args
    assert args == {"profiling": "false", "v": "4", "max-requests-inflight": "800"}


def test_fields_stay_as_they_are_written():
    given = spec("kubelet: {config: {evictionHard: {memory.available: 5%}, port: 1, a: [true]}}").kubelet.config
    assert given == {"evictionHard": {"memory.available": "5%"}, "port": 1, "a": [True]}


@pytest.mark.parametrize(
    ("section", "wrong", "right"),
    [
        ("api_server: {args: {--v: 4}}", "--v begins with a dash", "Leave the dashes out: v."),
        ("api_server: {args: {v: 1.5}}", "1.5 is a number that YAML may have shortened", 'Put it in quotes: "1.5".'),
        ("scheduler: {args: {Bad_Name: x}}", "Bad_Name is no name of an argument", "without dashes"),
        ("kubernetes: {feature_gates: {nodeSwap: true}}", "nodeSwap is no name of a feature gate", "NodeSwap"),
        ("kubernetes: {feature_gates: {NodeSwap: 'yes'}}", "yes is neither true nor false", "without quotes"),
        ("kubernetes: {image_repository: 'https://r.example/k8s'}", "is no place for images", "registry.example"),
        ("kubernetes: {certificate_days: 0}", "0 is too small", "Write 1 or more."),
        ("kubelet: {max_pods: 9999}", "9999 is too large", "Write 2500 or less."),
        ("kubelet: {swap: on}", "is none of refuse, ignore, limited", "Write"),
        ("kube_proxy: {mode: nftable}", "nftable is none of iptables, ipvs, nftables", "Did you mean nftables?"),
        ("oidc: {issuer_url: 'http://a.example', client_id: k}", "is no URL by https", "https://"),
        ("oidc: {issuer_url: 'https://a.example'}", "is missing", "client_id"),
        (
            "api_server: {volumes: [{name: a, host_path: relative, mount_path: /a}]}",
            "relative is no whole path",
            "Write it from / on",
        ),
    ],
)
def test_what_cannot_be_right_is_refused_at_its_line(section, wrong, right):
    with pytest.raises(SpecError) as told:
        spec(section)
    (problem,) = told.value.problems
    assert problem.line == 3
    assert wrong in problem.wrong
    assert right in problem.right
