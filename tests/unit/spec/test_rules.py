"""What is wrong between values that are each valid alone."""

from __future__ import annotations

import pytest

from kprov.spec.load import loads


def node(name: str, address: str, *roles: str) -> str:
    return f"  {name}: {{address: {address}, roles: [{', '.join(roles)}]}}\n"


def cluster(*nodes: str, rest: str = "") -> str:
    return f"cluster: lab\nnodes:\n{''.join(nodes)}{rest}"


M1, M2, M3 = (node(f"m{n}", f"10.0.0.1{n}", "control-plane") for n in (1, 2, 3))
W1 = node("w1", "10.0.0.21", "worker")


def accepted(text: str) -> bool:
    return bool(loads(text, "cluster.yaml").spec.nodes)


@pytest.mark.parametrize(
    ("name", "wrong", "right"),
    [
        ("M9", "M9 is no host name", ": m9."),
        ("w_9", "w_9 is no host name", ": w-9."),
        ("-w9", "-w9 is no host name", ": w9."),
        ("w9-", "w9- is no host name", ": w9."),
        ("w..9", "w..9 is no host name", "Use lower-case letters"),
        ("'w 9'", "w 9 is no host name", ": w-9."),
        ("''", "the empty name is no host name", "Use lower-case letters"),
        ("x" * 64, "has 64 characters", "63"),
        ("10.0.0.9", "10.0.0.9 is an address where a name belongs", "m1"),
        ("localhost", "has a meaning of its own in Ansible", "localhost1"),
        ("all", "has a meaning of its own in Ansible", "all1"),
        ("etcd", "has a meaning of its own in Ansible", "etcd1"),
    ],
)
def test_names_that_no_machine_can_have(only, name, wrong, right) -> None:
    problem = only(cluster(M1, node(name, "10.0.0.99", "worker")))
    assert (problem.line, problem.key) == (4, f"nodes.{name.strip(chr(39))}")
    assert wrong in problem.wrong
    assert right in problem.right


@pytest.mark.parametrize("name", ["w9", "9", "w9.rack.example", "x" * 63])
def test_names_that_machines_have(name) -> None:
    assert accepted(cluster(M1, node(name, "10.0.0.99", "worker")))


def test_an_address_given_twice_names_both_lines(only) -> None:
    problem = only(cluster(M1, node("w9", "10.0.0.11", "worker")))
    assert (problem.line, problem.key) == (4, "nodes.w9.address")
    assert problem.wrong == "10.0.0.11 is the address of w9 and of m1, see line 3"


def test_an_address_for_ssh_given_twice(only) -> None:
    text = cluster(*(line.replace("roles", "ssh_address: gate, roles") for line in (M1, W1)))
    assert only(text).wrong == "gate is the ssh_address of w1 and of m1, see line 3"


def test_overlapping_networks_are_named_with_both_lines(only) -> None:
    rest = "network:\n  pods: 10.244.0.0/16\n  services: 10.244.0.0/20\n"
    problem = only(cluster(M1, rest=rest))
    assert (problem.line, problem.key) == (6, "network.services")
    assert problem.wrong == "10.244.0.0/20 overlaps network.pods, 10.244.0.0/16, see line 5"


def test_a_default_network_overlaps_too(only) -> None:
    assert only(cluster(M1, rest="network: {pods: 10.96.0.0/12}\n")).wrong.startswith("10.96.0.0/16 overlaps")


@pytest.mark.parametrize(("key", "address"), [("network.pods", "10.244.3.3"), ("network.services", "10.96.9.9")])
def test_a_node_inside_of_a_network_of_the_cluster(only, key, address) -> None:
    problem = only(cluster(M1, node("w9", address, "worker")))
    assert problem.key == key
    assert problem.wrong.endswith(f"holds {address}, the address of w9, see line 4")


def test_an_endpoint_inside_of_a_network_of_the_cluster(only) -> None:
    text = cluster(M1, rest="endpoint: {mode: external, address: 10.96.0.10}\n")
    assert only(text).wrong == "10.96.0.0/16 holds 10.96.0.10, the endpoint, see line 4"
    assert accepted(text.replace("10.96.0.10", "api.example.com"))


def test_a_lab_overlaps_a_network_of_the_cluster(problems) -> None:
    rest = "lab: {provider: podman, subnet: 10.0.0.0/24}\nnetwork: {services: 10.0.0.0/20}\n"
    found = problems(cluster(M1, rest=rest))
    assert [problem.key for problem in found] == ["lab.subnet", "network.services"]


@pytest.mark.parametrize(
    ("address", "wrong"),
    [
        ("10.0.1.5", "10.0.1.5 of w9 is outside of the lab's subnet 10.0.0.0/24"),
        ("10.0.0.0", "10.0.0.0 of w9 is, in the lab's subnet 10.0.0.0/24, the network itself"),
        ("10.0.0.1", "10.0.0.1 of w9 is, in the lab's subnet 10.0.0.0/24, its gateway, this host"),
        ("10.0.0.255", "10.0.0.255 of w9 is, in the lab's subnet 10.0.0.0/24, its broadcast address"),
    ],
)
def test_addresses_that_a_lab_cannot_give(only, address, wrong) -> None:
    rest = "lab: {provider: podman, subnet: 10.0.0.0/24}\n"
    problem = only(cluster(M1, node("w9", address, "worker"), rest=rest))
    assert (problem.line, problem.key, problem.wrong) == (4, "nodes.w9.address", wrong)


def test_without_subnet_the_lab_is_the_24_of_the_first_node(only) -> None:
    problem = only(cluster(M1, node("w9", "10.0.1.5", "worker"), rest="lab: {provider: podman}\n"))
    assert problem.wrong.endswith("the lab's subnet 10.0.0.0/24, the /24 of the first node")
    spec = loads(cluster(M1, W1, rest="lab: {provider: podman}\n"), "cluster.yaml").spec
    assert str(spec.lab_subnet) == "10.0.0.0/24"
    assert loads(cluster(M1), "cluster.yaml").spec.lab_subnet is None


def test_a_lab_without_room(only) -> None:
    assert "no room" in only(cluster(M1, rest="lab: {provider: podman, subnet: 10.0.0.8/30}\n")).wrong


@pytest.mark.parametrize(("ssh", "key"), [("user: me", "ssh.user"), ("port: 2222", "ssh.port")])
def test_containers_are_reached_as_root_on_the_usual_port(only, ssh, key) -> None:
    rest = f"lab: {{provider: podman}}\nssh: {{{ssh}}}\n"
    assert only(cluster(M1, rest=rest)).key == key
    assert accepted(cluster(M1, rest=rest.replace("podman", "vagrant")))


@pytest.mark.parametrize(
    ("lab", "key"),
    [
        ("{provider: podman, vagrant: {}}", "lab.vagrant"),
        ("{provider: vagrant, vagrant: {box_url: 'http://x/y.box'}}", "lab.vagrant.box_url"),
        ("{provider: vagrant, vagrant: {box: a/b, libvirt: {initrd: /boot/i}}}", "lab.vagrant.libvirt.initrd"),
        ("{provider: vagrant, vagrant: {libvirt: {management: 10.0.0.0/16}}}", "lab.vagrant.libvirt.management"),
    ],
)
def test_what_only_virtual_machines_have(only, lab, key) -> None:
    assert only(cluster(M1, W1, rest=f"lab: {lab}\n")).key == key


def test_one_machine_of_its_own_needs_vagrant(only) -> None:
    own = M1.replace("}", ", machine: {cpus: 4, disks_gib: [20]}}")
    assert only(cluster(own, W1)).key == "nodes.m1.machine"
    spec = accepted(cluster(own, W1, rest="lab: {provider: vagrant}\n"))
    assert spec


def test_a_container_has_a_system_of_its_own_but_no_hardware(only) -> None:
    rest = "lab: {provider: podman}\n"
    own = W1.replace("}", ", machine: {system: debian-13}}")
    assert accepted(cluster(M1, own, rest=rest))
    assert only(cluster(M1, own)).key == "nodes.w1.machine", "a machine that exists has its system already"
    hardware = own.replace("debian-13", "debian-13, cpus: 4")
    assert only(cluster(M1, hardware, rest=rest)).key == "nodes.w1.machine"


def test_there_are_node_images_of_debian_alone(only) -> None:
    own = W1.replace("}", ", machine: {system: rocky-9}}")
    problem = only(cluster(M1, own, rest="lab: {provider: podman}\n"))
    assert (problem.key, "debian-12 or debian-13" in problem.right) == ("nodes.w1.machine.system", True)
    assert only(cluster(M1, W1, rest="lab: {provider: docker, system: ubuntu-24.04}\n")).key == "lab.system"
    assert accepted(cluster(M1, own, rest="lab: {provider: vagrant, system: ubuntu-24.04}\n"))


def test_no_control_plane(only) -> None:
    problem = only(cluster(W1))
    assert (problem.line, problem.key, problem.wrong) == (2, "nodes", "no node has the role control-plane")


def test_two_etcd_members_are_refused_with_the_reason(only) -> None:
    problem = only(cluster(M1, M2, W1))
    assert (problem.line, problem.key) == (2, "nodes")
    assert problem.wrong.startswith("2 etcd members agree by a majority of 2: they survive the loss of none")
    assert problem.right == "Use an odd number: 1 or 3."


def test_four_etcd_members_are_refused(only) -> None:
    m4 = node("m4", "10.0.0.14", "control-plane")
    assert "survive the loss of 1, no more than 3 would" in only(cluster(M1, M2, M3, m4)).wrong


@pytest.mark.parametrize("nodes", [(M1,), (M1, M2, M3), (M1, W1)])
def test_odd_numbers_of_control_planes(nodes) -> None:
    assert accepted(cluster(*nodes))


def test_stacked_etcd_on_a_node_that_is_no_control_plane(only) -> None:
    problem = only(cluster(M1, node("w9", "10.0.0.99", "worker", "etcd")))
    assert problem.key == "nodes.w9.roles"
    assert problem.wrong == "w9 has the role etcd but is no control plane, and etcd.topology is stacked"


def test_stacked_etcd_on_some_control_planes_only(only) -> None:
    problem = only(cluster(M1.replace("]", ", etcd]"), M2.replace("]", ", etcd]"), M3))
    assert problem.key == "nodes.m3.roles"
    assert problem.wrong == "m3 lacks the role etcd that other control planes have, and etcd.topology is stacked"


EXTERNAL = "etcd: {topology: external}\n"
E1, E2, E3 = (node(f"e{n}", f"10.0.0.3{n}", "etcd") for n in (1, 2, 3))


def test_external_etcd_has_members_of_its_own_in_odd_number(only) -> None:
    spec = loads(cluster(M1, M2, E1, E2, E3, rest=EXTERNAL), "cluster.yaml").spec
    assert spec.etcd_members == ("e1", "e2", "e3")
    assert "the nodes with the role etcd" in only(cluster(M1, E1, E2, rest=EXTERNAL)).wrong
    assert "there is none" in only(cluster(M1, rest=EXTERNAL)).wrong


def test_external_etcd_on_a_node_with_other_roles(only) -> None:
    problem = only(cluster(M1, node("e1", "10.0.0.31", "etcd", "control-plane", "worker"), rest=EXTERNAL))
    assert problem.key == "nodes.e1.roles"
    assert "also control-plane and worker" in problem.wrong


@pytest.mark.parametrize(
    ("network", "key", "wrong"),
    [
        ("pods: 10.244.0.0/24", "network.node_prefix", "no smaller than the whole"),
        ("pods: 10.244.0.0/25, node_prefix: 24", "network.node_prefix", "no smaller than the whole"),
        ("pods: 11.0.0.0/8, node_prefix: 25", "network.node_prefix", "are more than 65536"),
        ("pods: 10.244.0.0/23", "network.pods", "2 shares of /24, but there are 3 nodes"),
        ("services: 10.96.0.0/11", "network.services", "too large for services"),
        ("services: 10.96.0.0/29", "network.services", "too small for services"),
    ],
)
def test_networks_of_a_wrong_size(only, network, key, wrong) -> None:
    problem = only(cluster(M1, W1, node("w2", "10.0.0.22", "worker"), rest=f"network: {{{network}}}\n"))
    assert problem.key == key
    assert wrong in problem.wrong


def test_etcd_alone_needs_no_pods() -> None:
    assert accepted(cluster(M1, E1, E2, E3, rest=EXTERNAL + "network: {pods: 10.244.0.0/23}\n"))


@pytest.mark.parametrize(
    ("endpoint", "key", "wrong"),
    [
        ("mode: vip", "endpoint.address", "is missing: endpoint.mode vip needs it"),
        ("mode: external", "endpoint.address", "is missing: endpoint.mode external needs it"),
        ("mode: vip, address: api.example", "endpoint.address", "api.example is no IPv4 address"),
        ("mode: vip, address: 10.0.0.21", "endpoint.address", "10.0.0.21 is the address of w1, see line 4"),
        ("mode: node-local, address: 10.0.0.5", "endpoint.address", "the endpoint is on every node itself"),
        ("address: 10.0.0.5", "endpoint.address", "the endpoint is on every node itself"),
        ("mode: single, address: 10.0.0.5", "endpoint.address", "at the first control plane's address"),
        ("port: 6443", "endpoint.port", "6443 is taken on every control plane by the API server itself"),
        ("port: 2379", "endpoint.port", "2379 is taken on every control plane by Kubernetes itself"),
        ("port: 22", "endpoint.port", "22 is taken on every control plane by sshd itself"),
        ("mode: single, port: 8443", "endpoint.port", "8443 is not the API server's port"),
    ],
)
def test_endpoints_that_do_not_work(only, endpoint, key, wrong) -> None:
    problem = only(cluster(M1, W1, rest=f"endpoint: {{{endpoint}}}\n"))
    assert (problem.line, problem.key) == (5, key)
    assert wrong in problem.wrong


@pytest.mark.parametrize(
    ("endpoint", "host", "port"),
    [
        ("mode: node-local", "api.lab.internal", 8443),
        ("mode: node-local, port: 9443", "api.lab.internal", 9443),
        ("mode: vip, address: 10.0.0.5", "10.0.0.5", 6443),
        ("mode: external, address: api.example.com, port: 443", "api.example.com", 443),
        ("mode: single", "10.0.0.11", 6443),
    ],
)
def test_endpoints_that_work(endpoint, host, port) -> None:
    spec = loads(cluster(M1, M2, M3, rest=f"endpoint: {{{endpoint}}}\n"), "cluster.yaml").spec
    assert (spec.endpoint_host, spec.endpoint_port) == (host, port)


def test_a_virtual_address_outside_of_the_lab(only) -> None:
    rest = "lab: {provider: podman}\nendpoint: {mode: vip, address: 10.0.9.5}\n"
    assert "outside of the lab's subnet 10.0.0.0/24" in only(cluster(M1, rest=rest)).wrong


@pytest.mark.parametrize(
    ("bundle", "wrong"),
    [
        ("source: directory", "is missing: bundle.source directory needs it"),
        ("source: [upstream, directory]", "is missing: bundle.source directory needs it"),
        ("directory: /srv/bundle", "/srv/bundle is not used: bundle.source is upstream"),
    ],
)
def test_a_folder_for_the_bundle_exactly_where_it_is_used(only, bundle, wrong) -> None:
    problem = only(cluster(M1, rest=f"bundle: {{{bundle}}}\n"))
    assert (problem.key, problem.wrong) == ("bundle.directory", wrong)


def test_a_source_alone_or_in_a_list() -> None:
    for source in ("packages", "[packages]"):
        spec = loads(cluster(M1, rest=f"bundle: {{source: {source}}}\n"), "cluster.yaml").spec
        assert spec.bundle.source == ("packages",)


def test_roles_have_one_order_whatever_the_files() -> None:
    spec = loads(cluster(node("m1", "10.0.0.11", "worker", "etcd", "control-plane")), "cluster.yaml").spec
    assert spec.nodes["m1"].roles == ("control-plane", "etcd", "worker")
