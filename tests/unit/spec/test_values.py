"""Values that are wrong by themselves: what is said, and what is said to be right."""

from __future__ import annotations

import random

import pytest

from kprov.errors import Problem, SpecError
from kprov.spec.load import loads


@pytest.mark.parametrize(
    ("section", "key", "wrong", "right"),
    [
        ("kubernetes: {version: 1.36}", "kubernetes.version", "1.36 is not a whole version", "three parts, in quotes"),
        ("kubernetes: {version: 1.30}", "kubernetes.version", "1.30 is not a whole version", "three parts, in quotes"),
        ("kubernetes: {version: 1}", "kubernetes.version", "1 is not a whole version", "three parts, in quotes"),
        ("kubernetes: {version: v1.36.4}", "kubernetes.version", "v1.36.4 begins with a v", '"1.36.4"'),
        ("kubernetes: {version: v1.36}", "kubernetes.version", "v1.36 is not a whole version", "Drop the v"),
        ("kubernetes: {version: latest}", "kubernetes.version", "latest is no version", "three numbers"),
        ("kubernetes: {version: 1.36.4-rc.1}", "kubernetes.version", "1.36.4-rc.1 is no version", "three numbers"),
        ("kubernetes: {version: yes}", "kubernetes.version", "yes is no version", "three numbers"),
        ("kubernetes: {version: [1]}", "kubernetes.version", "a list is no version", "three numbers"),
        ("kubernetes: 1.36.4", "kubernetes", "1.36.4 stands where keys with values belong", "below it: version"),
        ("ssh: {port: '22'}", "ssh.port", '"22" is text, not a number', "without quotes: 22"),
        ("ssh: {port: yes}", "ssh.port", "yes is no whole number", "Port of sshd"),
        ("ssh: {port: 22.5}", "ssh.port", "22.5 is no whole number", "Port of sshd"),
        ("ssh: {port: 0x16}", "ssh.port", "0x16 is no whole number", "Port of sshd"),
        ("ssh: {port: 0}", "ssh.port", "0 is too small", "1 or more"),
        ("ssh: {port: 70000}", "ssh.port", "70000 is too large", "65535 or less"),
        ("ssh: {user: -oProxyCommand=x}", "ssh.user", "-oProxyCommand=x is no login name", "the name alone"),
        ("ssh: {user: true}", "ssh.user", "YAML reads true as true, not as text", 'quotes: "true"'),
        ("ssh: {user: 1000}", "ssh.user", "1000 is a number, not text", 'quotes: "1000"'),
        ("ssh: {bastion: user@host:port}", "ssh.bastion", "user@host:port is no jump host", "user@host:port"),
        ("ssh: {bastion: '-x'}", "ssh.bastion", "-x is no jump host", "user@host"),
        ("ssh: {key: ''}", "ssh.key", "is empty", "Private key"),
        ("ssh: [root]", "ssh", "a list stands where keys with values belong", "user, port, key, bastion"),
        ("network: {plugin: calicoo}", "network.plugin", "calicoo is none of bridge, calico", "Did you mean calico?"),
        ("network: {plugin: Calico}", "network.plugin", "Calico is none of bridge, calico", "Did you mean calico?"),
        ("network: {plugin: kindnet}", "network.plugin", "kindnet is none of", "Write bridge, calico, cilium"),
        ("network: {pods: 10.244.0.0}", "network.pods", "10.244.0.0 has no prefix length", "10.244.0.0/16"),
        ("network: {pods: 10.244.1.0/16}", "network.pods", "is an address inside of 10.244.0.0/16", "10.244.0.0/16"),
        ("network: {pods: fd00::/129}", "network.pods", "fd00::/129 is no IPv6 network", "length: fd00:10:244::/56"),
        ("network: {pods: 10.244.0.0/33}", "network.pods", "10.244.0.0/33 is no IPv4 network", "10.244.0.0/16"),
        ("network: {pods: 5}", "network.pods", "5 is no network", "10.244.0.0/16 or fd00:10:244::/56"),
        ("network: {node_prefix: 30}", "network.node_prefix", "30 is too large", "28 or less"),
        ("network: {dns_domain: Cluster_Local}", "network.dns_domain", "is no DNS domain", "cluster.local"),
        ("bundle: {source: upstreem}", "bundle.source", "upstreem is none of", "Did you mean upstream?"),
        ("bundle: {source: []}", "bundle.source", "is empty", "tried in order"),
        ("bundle: {source: [packages, packages]}", "bundle.source", "a list names a source twice", "once"),
        ("etcd: {topology: stackd}", "etcd.topology", "stackd is none of stacked, external", "Did you mean stacked?"),
        ("runtime: {name: docker}", "runtime.name", "docker is not containerd", "Write containerd."),
        ("lab: {provider: podmann}", "lab.provider", "podmann is none of", "Did you mean podman?"),
        ("lab: {subnet: 10.98.0.0/24}", "lab.provider", "is missing", "What makes the machines"),
        ("lab: {provider: podman, memory_mib: 100}", "lab.memory_mib", "100 is too small", "512 or more"),
        ("lab: podman", "lab", "podman stands where keys with values belong", "provider, subnet, system, cpus"),
        ("endpoint: {mode: vip, address: a b}", "endpoint.address", "a b is neither a host name", "alone"),
    ],
)
def test_a_wrong_value_is_told_in_plain_words(only, base, section, key, wrong, right) -> None:
    problem = only(f"{base}{section}\n")
    assert (problem.line, problem.key) == (5, key)
    assert wrong in problem.wrong
    assert right in problem.right


@pytest.mark.parametrize(
    ("entry", "key", "wrong", "right"),
    [
        ("{roles: [worker]}", "address", "is missing", "Write address. Address on which"),
        ("{address: 10.0.0.9}", "roles", "is missing", "control-plane, etcd, worker"),
        ("{address: , roles: [worker]}", "address", "nothing is no address", "10.0.0.11"),
        ("{address: 10.0.0.256, roles: [worker]}", "address", "10.0.0.256 is no IPv4 address", "0 to 255"),
        ("{address: 10.0.0, roles: [worker]}", "address", "10.0.0 is no IPv4 address", "0 to 255"),
        ("{address: 10, roles: [worker]}", "address", "10 is no address", "10.0.0.11 or fd00::11"),
        ("{address: [10.0.0.9], roles: [worker]}", "address", "a list is no address", "10.0.0.11 or fd00::11"),
        ("{address: 10.0.0.9/24, roles: [worker]}", "address", "10.0.0.9/24 has a prefix length", "10.0.0.9."),
        ("{address: 10.0.0.09, roles: [worker]}", "address", "has a number with a leading zero", "Leave the zeros out"),
        ("{address: 'fd00::1', roles: [worker]}", "address", "fd00::1 of w9 is IPv6", "IPv4 address"),
        ("{address: w9.example, roles: [worker]}", "address", "w9.example is a name", "ssh_address"),
        ("{address: 127.0.0.1, roles: [worker]}", "address", "127.0.0.1 is no address by which", "node's own"),
        ("{address: 0.0.0.0, roles: [worker]}", "address", "0.0.0.0 is no address by which", "node's own"),
        ("{address: 224.0.0.1, roles: [worker]}", "address", "224.0.0.1 is no address by which", "node's own"),
        ("{address: 10.0.0.9, roles: worker}", "roles", "worker stands where a list belongs", "[worker]"),
        ("{address: 10.0.0.9, roles: []}", "roles", "is empty", "control-plane, etcd, worker"),
        ("{address: 10.0.0.9, roles: {worker: 1}}", "roles", "a mapping stands where a list belongs", "control-plane"),
        ("{address: 10.0.0.9, roles: [master]}", "roles[0]", "master is none of", "Did you mean control-plane?"),
        ("{address: 10.0.0.9, roles: [control_plane]}", "roles[0]", "is none of", "Did you mean control-plane?"),
        ("{address: 10.0.0.9, roles: [worker, worker]}", "roles", "a list names a role twice", "once"),
        ("{address: 10.0.0.9, roles: [worker], adress: 1}", "adress", "is no key that kprov knows", "mean address?"),
        ("{address: 10.0.0.9, roles: [worker], ssh_address: 'a;b'}", "ssh_address", "a;b is neither", "alone"),
        ("{address: 10.0.0.9, roles: [worker], labels: {gpu: yes}}", "labels.gpu", "YAML reads yes as true", '"yes"'),
        ("{address: 10.0.0.9, roles: [worker], labels: {n: 1}}", "labels.n", "1 is a number, not text", '"1"'),
        ("{address: 10.0.0.9, roles: [worker], labels: {a b: x}}", "labels.a b", "a b is no key of", "letters, digits"),
        ("{address: 10.0.0.9, roles: [worker], labels: {a: -x}}", "labels.a", "-x is no value of", "letters, digits"),
        ("{address: 10.0.0.9, roles: [worker], labels: [a]}", "labels", "a list stands where keys", "{name: value}"),
        ("{address: 10.0.0.9, roles: [worker], taints: {key: a}}", "taints", "a mapping stands where a list", "Taints"),
        ("{address: 10.0.0.9, roles: [worker], taints: [{key: a}]}", "taints[0].effect", "is missing", "taint does"),
        (
            "{address: 10.0.0.9, roles: [worker], taints: [{key: a, effect: noschedule}]}",
            "taints[0].effect",
            "noschedule is none of",
            "Did you mean NoSchedule?",
        ),
    ],
)
def test_a_wrong_node_is_told_in_plain_words(only, base, entry, key, wrong, right) -> None:
    problem = only(f"{base}  w9: {entry}\n")
    assert (problem.line, problem.key) == (5, f"nodes.w9.{key}")
    assert wrong in problem.wrong
    assert right in problem.right


@pytest.mark.parametrize(
    ("key", "right"),
    [
        ("nodess", "Did you mean nodes?"),
        ("kubernets", "Did you mean kubernetes?"),
        ("Network", "Did you mean network?"),
        ("plugin", "It belongs in network.plugin."),
        ("version", "It belongs in kubernetes.version or network.version."),
        (
            "packages",
            (
                "Known here: cluster, kubernetes, nodes, ssh, endpoint, network, etcd, runtime, encryption, audit, "
                "pod_security, oidc, api_server, controller_manager, scheduler, kubelet, kube_proxy, addons, bundle, "
                "lab."
            ),
        ),
    ],
)
def test_an_unknown_key_gets_a_suggestion(only, base, key, right) -> None:
    problem = only(f"{base}{key}: 1\n")
    assert (problem.line, problem.key, problem.wrong) == (5, key, "is no key that kprov knows")
    assert problem.right == right


def test_a_misspelt_required_key_is_one_problem(only, base) -> None:
    assert only(base.replace("cluster: lab", "clutser: lab")).right == "Did you mean cluster?"
    assert only(base.replace("w1: {address", "w1: {adress")).right == "Did you mean address?"


@pytest.mark.parametrize("name", ["Lab", "lab_1", "-lab", "lab.example", "x" * 31, "''", "a b"])
def test_a_bad_name_of_a_cluster(only, base, name) -> None:
    problem = only(base.replace("cluster: lab", f"cluster: {name}"))
    assert (problem.line, problem.key) == (1, "cluster")


@pytest.mark.parametrize("nodes", ["", "{}", "[]", "5", "m1"])
def test_no_nodes(only, nodes) -> None:
    problem = only(f"cluster: lab\nnodes: {nodes}\n")
    assert (problem.line, problem.key) == (2, "nodes")


def test_required_keys_that_are_missing(problems) -> None:
    assert [problem.key for problem in problems("ssh: {port: 22}\n")] == ["cluster", "nodes"]


def test_a_private_key_in_the_file_is_refused_and_not_repeated(only, base) -> None:
    text = "ssh:\n  key: |\n    -----BEGIN OPENSSH PRIVATE KEY-----\n    c2VjcmV0\n"
    problem = only(base + text)
    assert problem.key == "ssh.key"
    assert "c2VjcmV0" not in str(problem) + problem.right


def test_a_long_value_is_cut_in_the_message(only, base) -> None:
    assert len(only(f"{base}ssh: {{user: '{'x y' * 500}'}}\n").wrong) < 100


def test_a_mistake_in_a_range_is_told_once_for_all_its_nodes(only, base) -> None:
    problem = only(base.replace("roles: [control-plane, etcd]", "roles: [control-plane, etcd], labels: {a: 1}"))
    assert problem.key == "nodes.m[1:3].labels.a"
    problem = only(base + '  w[10:12]: {address: "10.98.0.[255:257]", roles: [worker]}\n')
    assert problem.wrong == "10.98.0.256 is no IPv4 address (and 1 more like it)"


def test_every_problem_is_told_at_once_in_the_order_of_lines(problems) -> None:
    text = """\
cluster: Lab
kubernetes: {version: 1.36}
colour: red
nodes:
  m[1:2]: {address: "10.0.0.[11:12]", roles: [control-plane]}
  m2: {address: 10.0.0.13, roles: [worker]}
  w[1:3]: {address: "10.0.0.[21:22]", roles: [worker]}
  w5: {address: 10.0.0.300, roles: [worker]}
  w6: {address: 10.0.0.11, roles: [worker]}
  w7: {address: 10.244.0.7, roles: [worker]}
network:
  pods: 10.244.0.0/16
  services: 10.244.8.0/22
ssh: {port: '22'}
"""
    found = [(problem.line, problem.key) for problem in problems(text)]
    assert found == [
        (1, "cluster"),
        (2, "kubernetes.version"),
        (3, "colour"),
        (4, "nodes"),
        (6, "nodes.m2"),
        (7, "nodes.w[1:3].address"),
        (8, "nodes.w5.address"),
        (9, "nodes.w6.address"),
        (12, "network.pods"),
        (13, "network.services"),
        (14, "ssh.port"),
    ]


def test_nothing_is_concluded_from_a_faulty_value(only, base) -> None:
    """Without its role, m1 would leave two control planes, and two etcd members."""
    text = base.replace("[1:3]", "[1:2]").replace("[11:13]", "[11:12]")
    problem = only(text + "  m3: {address: 10.98.0.13, roles: [contrl-plane, etcd]}\n")
    assert problem.right == "Did you mean control-plane?"
    assert only(text + "etcd: {toplogy: external}\n").right == "Did you mean topology?"


def problems_if_any(text: str) -> tuple[Problem, ...]:
    try:
        loads(text, "cluster.yaml")
    except SpecError as error:
        return error.problems
    return ()


@pytest.mark.parametrize("seed", range(80))
def test_a_damaged_file_is_loaded_or_refused_but_never_a_bug(seed, base) -> None:
    text = base + (
        "ssh: {user: root, port: 22, key: ~/.ssh/id, bastion: a@b:22}\nendpoint: {mode: vip, address: 10.98.0.5}\n"
        "network: {plugin: bridge, pods: 10.244.0.0/16, node_prefix: 24}\nbundle: {source: [packages]}\n"
        "lab: {provider: vagrant, subnet: 10.98.0.0/24, cpus: 2}\n"
    )
    chance = random.Random(seed)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(text))
        cut = at + chance.choice([0, 0, 1, 1, 8])
        piece = chance.choice(
            ["", "", *"[]{}:,&*!|>'\"%@`#-?\n\t 019.az", "\x00", "é", "<<: ", "[1:3]", "null", "\n  "]
        )
        text = text[:at] + piece + text[cut:]
    assert all(problem.wrong and problem.right.endswith((".", "?")) for problem in problems_if_any(text))
