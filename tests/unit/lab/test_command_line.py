from __future__ import annotations

import json
from ipaddress import IPv4Address, IPv4Network

import pytest

from kprov.errors import CheckFailed
from kprov.lab.command_line import CommandLine, create_argv, parse_containers, parse_networks
from kprov.lab.engine import NodeNetwork, NodeRequest
from kprov.lab.process import Completed

NODE = NodeRequest(
    name="kprov-one-m1",
    cluster="one",
    node="m1",
    address=IPv4Address("10.97.1.11"),
    image="localhost/kprov-node:abc",
    network="kprov-one-12ab",
    ulimits=("nofile=20000:20000",),
    devices=("/dev/kmsg",),
    read_only=("/lib/modules",),
)


class Recorder:
    def __init__(self, *answers: Completed) -> None:
        self.answers = list(answers)
        self.argvs: list[list[str]] = []

    def __call__(self, argv, *, stdin=b"", timeout_s=0.0) -> Completed:
        self.argvs.append(list(argv))
        return self.answers.pop(0) if self.answers else Completed(0, "", "")


def test_a_podman_node_boots_systemd_on_hybrid_cgroups():
    argv = create_argv("podman", NODE)
    assert {"--systemd=false", "--no-hosts", "--cgroupns=private", "--device=/dev/kmsg"} <= set(argv)
    assert argv[argv.index("--ip") : argv.index("--ip") + 2] == ("--ip", "10.97.1.11")
    assert argv[-2:] == ("localhost/kprov-node:abc", "/sbin/init")


def test_docker_gets_no_option_that_only_podman_has():
    argv = create_argv("docker", NODE)
    assert not {"--systemd=false", "--no-hosts", "--dns=none"} & set(argv)
    assert "--runtime=runc" in argv


def test_what_is_written_in_labels_is_read_back():
    labels = dict(
        part.removeprefix("--label=").split("=", 1) for part in create_argv("podman", NODE) if "label=" in part
    )
    state = {"Status": "exited", "StartedAt": "2026-01-02T03:04:05Z"}
    foreign = {"Name": "x", "Config": {"Labels": {"kprov.cluster": "one"}}, "State": state}
    inspected = json.dumps([{"Name": "/kprov-one-m1", "Config": {"Labels": labels}, "State": state}, foreign])
    (container,) = parse_containers(inspected)
    assert (container.cluster, container.node, container.address) == ("one", "m1", NODE.address)
    assert (container.image, container.state) == (NODE.image, "stopped")


def test_networks_of_podman_and_of_docker_are_read_alike():
    labels = {"kprov.cluster": "one", "kprov.unreachable": "10.244.0.0/16,10.96.0.0/16"}
    subnet = "10.97.1.0/24"
    podman = {"name": "n", "network_interface": "podman1", "subnets": [{"subnet": subnet}], "labels": labels}
    docker = {"Name": "n", "Id": "0123456789abcdef", "IPAM": {"Config": [{"Subnet": subnet}]}, "Labels": labels}
    one, other = parse_networks(json.dumps([podman, docker]))
    assert one.subnets == other.subnets == (IPv4Network(subnet),)
    assert one.unreachable == other.unreachable == (IPv4Network("10.244.0.0/16"), IPv4Network("10.96.0.0/16"))
    assert other.interface == "br-0123456789ab"


def test_the_network_has_no_way_out_and_the_host_its_first_address():
    run = Recorder()
    CommandLine("podman", run).create_network(NodeNetwork("n", "one", (IPv4Network("10.97.1.0/24"),), "", ()))
    (argv,) = run.argvs
    assert argv[:3] == ["podman", "--runtime", "runc"]
    assert {"--internal", "--disable-dns"} <= set(argv)
    assert argv[argv.index("--gateway") + 1] == "10.97.1.1"


def test_the_engine_s_last_words_are_the_reason():
    engine = CommandLine("podman", Recorder(Completed(125, "", "warning: old\nError: no space left on device\n")))
    with pytest.raises(CheckFailed, match="m1 cannot be made") as caught:
        engine.create(NODE)
    assert caught.value.why == "Error: no space left on device"
