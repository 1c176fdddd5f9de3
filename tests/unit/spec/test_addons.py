"""The keys of networks, add-ons and mirrors, and what is wrong between them."""

from __future__ import annotations

import pytest

from kprov.errors import SpecError
from kprov.spec.dump import dump
from kprov.spec.load import loads

SHA256 = "0123456789abcdef" * 4
NODES = """\
cluster: lab
nodes:
  m1: {address: 10.0.0.11, roles: [control-plane]}
  w1: {address: 10.0.0.21, roles: [worker]}
"""
LAB = "lab: {provider: podman}\n"


def spec(rest: str):
    return loads(NODES + rest, "cluster.yaml").spec


@pytest.mark.parametrize(
    ("network", "key", "wrong"),
    [
        ("plugin: bridge, version: 1.0.0", "network.version", "network.plugin bridge does not take it"),
        ("plugin: none, version: 1.0.0", "network.version", "network.plugin none does not take it"),
        ("plugin: bridge, mtu: 1400", "network.mtu", "network.plugin bridge does not take it"),
        ("plugin: none, mtu: 1400", "network.mtu", "network.plugin none does not take it"),
        ("plugin: weave, encapsulation: vxlan", "network.encapsulation", "network.plugin weave does not take it"),
        ("plugin: bridge, encapsulation: vxlan", "network.encapsulation", "network.plugin bridge does not take it"),
        ("plugin: calico, password_file: a", "network.password_file", "network.plugin calico does not take it"),
        ("plugin: flannel, manifests: [{file: a}]", "network.manifests", "network.plugin flannel does not take it"),
        ("plugin: calico, encapsulation: host-gw", "network.encapsulation", "host-gw is nothing that calico does"),
        ("plugin: flannel, encapsulation: bgp", "network.encapsulation", "bgp is nothing that flannel does"),
        ("plugin: flannel, encapsulation: host-gw, mtu: 1400", "network.mtu", "1400 is not used"),
    ],
)
def test_a_setting_that_the_plugin_does_not_take(only, network, key, wrong) -> None:
    problem = only(f"{NODES}network: {{{network}}}\n")
    assert (problem.line, problem.key) == (5, key)
    assert wrong in problem.wrong


@pytest.mark.parametrize(
    ("roles", "network", "wrong"),
    [
        ("route-reflector", "plugin: calico, encapsulation: bgp", "w1 reflects routes but runs no pods"),
        ("worker, route-reflector", "plugin: flannel", "network.plugin flannel has none"),
        ("worker, route-reflector", "plugin: calico", "with encapsulation vxlan no routes are told by BGP"),
        ("worker, route-reflector", "plugin: calico, encapsulation: vxlan", "no routes are told by BGP"),
    ],
)
def test_route_reflectors_that_reflect_nothing(only, roles, network, wrong) -> None:
    problem = only(f"{NODES.replace('[worker]', f'[{roles}]')}network: {{{network}}}\n")
    assert (problem.line, problem.key) == (4, "nodes.w1.roles")
    assert wrong in problem.wrong


@pytest.mark.parametrize("encapsulation", ["bgp", "ipip"])
def test_route_reflectors_where_calico_tells_routes(encapsulation) -> None:
    nodes = NODES.replace("[worker]", "[worker, route-reflector]")
    whole = loads(f"{nodes}network: {{plugin: calico, encapsulation: {encapsulation}}}\n", "cluster.yaml").spec
    assert whole.route_reflectors == ("w1",)
    assert loads(dump(whole), "again.yaml").spec == whole


@pytest.mark.parametrize(
    "network",
    [
        "plugin: calico, version: 3.24.5, mtu: 576, encapsulation: bgp",
        "plugin: flannel, mtu: 9216, encapsulation: vxlan",
        "plugin: weave, version: 2.8.1, mtu: 1376, password_file: secrets/weave",
        f"plugin: none, manifests: [{{file: a.yaml}}, {{url: 'https://example.com/a.yaml', sha256: {SHA256}}}]",
        "plugin: none",
    ],
)
def test_settings_that_plugins_take(network) -> None:
    whole = spec(f"network: {{{network}}}\n")
    assert loads(dump(whole), "again.yaml").spec == whole


@pytest.mark.parametrize(
    ("network", "key", "wrong", "right"),
    [
        ("mtu: 575", "network.mtu", "575 is too small", "576"),
        ("mtu: 9217", "network.mtu", "9217 is too large", "9216"),
        ("mtu: '1400'", "network.mtu", '"1400" is text, not a number', "1400"),
        ("version: 3.24", "network.version", "3.24 is a number, not text", '"3.24"'),
        ("version: v3.24.5", "network.version", "v3.24.5 is no whole version", "without a v"),
        ("version: latest", "network.version", "latest is no whole version", "three numbers"),
        ("encapsulation: vxlam", "network.encapsulation", "vxlam is none of vxlan", "Did you mean vxlan?"),
        ("vrsion: 3.24.5", "network.vrsion", "is no key that kprov knows", "Did you mean version?"),
    ],
)
def test_values_that_no_network_takes(only, network, key, wrong, right) -> None:
    problem = only(f"{NODES}network: {{plugin: calico, {network}}}\n")
    assert problem.key == key
    assert wrong in problem.wrong
    assert right in problem.right


MANIFESTS = [
    ("{}", "names neither a file nor a URL"),
    ("{file: a.yaml, url: 'https://example.com/a.yaml'}", "names a file and a URL"),
    ("{url: 'https://example.com/a.yaml'}", "https://example.com/a.yaml has no sha256"),
    (f"{{file: a.yaml, sha256: {SHA256}}}", "the sha256 is not used: a.yaml is a file beside the cluster file"),
]


@pytest.mark.parametrize(("manifest", "wrong"), MANIFESTS)
def test_a_manifest_is_a_file_or_a_url_with_its_sha256(only, manifest, wrong) -> None:
    problem = only(f"{NODES}network: {{plugin: none, manifests: [{{file: b.yaml}}, {manifest}]}}\n")
    assert (problem.key, problem.wrong) == ("network.manifests[1]", wrong)
    problem = only(f"{NODES}addons:\n  extra:\n    - {manifest.replace('{', '{name: shop, ', 1).replace(', }', '}')}\n")
    assert (problem.line, problem.key, problem.wrong) == (7, "addons.extra[0]", wrong)


@pytest.mark.parametrize(
    ("extra", "key", "wrong"),
    [
        ("{name: shop, chart: {file: a, url: 'https://e.example/a'}}", "addons.extra[0].chart", "a file and a URL"),
        ("{name: shop, chart: {}}", "addons.extra[0].chart", "names neither a file nor a URL"),
        ("{name: shop, chart: {url: 'https://e.example/a'}}", "addons.extra[0].chart", "has no sha256"),
        ("{name: shop, chart: a.tgz}", "addons.extra[0].chart", "stands where keys with values belong"),
        ("{name: shop, file: a, chart: {file: b}}", "addons.extra[0]", "names a manifest and a chart"),
        ("{name: shop, chart: {file: a, values: [b]}}", "addons.extra[0].chart.values", "a list stands where keys"),
        ("{name: shop, chart: {file: a, values: b}}", "addons.extra[0].chart.values", "b stands where keys"),
        (
            "{name: shop, chart: {file: a, namespace: A}}",
            "addons.extra[0].chart.namespace",
            "is no name of a namespace",
        ),
        ("{name: shop, chart: {file: a, release: b}}", "addons.extra[0].chart.release", "is no key that kprov knows"),
        ("{name: shop, url: 'ftp://example.com/a', sha256: ''}", "addons.extra[0].url", "is no URL of a file"),
        (f"{{name: shop, file: a, sha256: {SHA256[1:]}}}", "addons.extra[0].sha256", "is no sha256"),
        ("{name: Shop, file: a}", "addons.extra[0].name", "Shop is no DNS label"),
        ("{file: a}", "addons.extra[0].name", "is missing"),
        ("{name: metallb, file: a}", "addons.extra[0]", "the name metallb is that of an add-on of kprov"),
    ],
)
def test_manifests_of_your_own_that_cannot_be_used(problems, extra, key, wrong) -> None:
    found = {problem.key: problem.wrong for problem in problems(f"{NODES}addons: {{extra: [{extra}]}}\n")}
    assert wrong in found[key]


def test_a_name_given_twice_names_the_other_line(only) -> None:
    problem = only(f"{NODES}addons:\n  extra:\n    - {{name: shop, file: a}}\n    - {{name: shop, file: b}}\n")
    assert (problem.line, problem.wrong) == (8, "the name shop is given twice, see line 7")


def test_an_addon_with_nothing_behind_its_name_is_wanted_with_every_default() -> None:
    addons = spec("addons:\n  metrics-server:\n  local-path-provisioner:\n  coredns:\n").addons
    assert addons.metrics_server is not None
    assert addons.local_path_provisioner is not None
    assert (addons.local_path_provisioner.path, addons.local_path_provisioner.default) == (
        "/var/lib/kprov/local-path",
        True,
    )
    assert addons.coredns is not None
    assert addons.coredns.replicas == 2
    assert (addons.dashboard, addons.metallb, addons.extra) == (None, None, ())


def test_without_the_key_nothing_is_wanted_and_the_file_written_again_says_so_too() -> None:
    for rest in ("", "addons:\n", "addons: {}\n", "addons: {extra: }\n"):
        whole = spec(rest)
        assert not any(value for _, value in whole.addons)
        assert loads(dump(whole), "again.yaml").spec == whole


def test_every_addon_written_again_is_the_same() -> None:
    whole = spec(
        "addons:\n"
        "  dashboard: {kind: headlamp, access: lab-open, port: 31001}\n"
        '  coredns: {replicas: 3, upstream: ["9.9.9.9"], hosts: {"10.0.0.5": [db.example]}}\n'
        "  metrics-server: {}\n"
        "  local-path-provisioner: {path: /srv, default: false}\n"
        '  metallb: {addresses: ["10.0.0.200 - 10.0.0.220"]}\n'
        "  extra:\n"
        "    - {name: shop, file: shop.yaml}\n"
        "    - name: market\n"
        "      chart: {file: m.tgz, namespace: a, values: {b: {c: [1, {d: null}]}}, values_file: v.yaml}\n"
        'bundle: {mirrors: {"*": "file:///mirror", github.com: "https://mirror.example/gh"}}\n' + LAB
    )
    assert whole.addons.metallb is not None
    assert whole.addons.metallb.addresses == ("10.0.0.200-10.0.0.220",)
    assert loads(dump(whole), "again.yaml").spec == whole


def test_where_an_addon_was_asked_for_is_known() -> None:
    loaded = loads(f"{NODES}addons:\n  metrics-server:\n  metallb: {{addresses: [10.0.0.224/28]}}\n", "cluster.yaml")
    assert loaded.origins["addons.metrics-server"] == "cluster.yaml:6"
    assert loaded.origins["addons.metallb.addresses"] == "cluster.yaml:7"


@pytest.mark.parametrize(
    ("addons", "key", "wrong"),
    [
        ("dashboard:", "addons.dashboard.kind", "is missing"),
        ("dashboard: {kind: lens}", "addons.dashboard.kind", "lens is none of headlamp"),
        ("dashboard: {kind: headlamp, port: 8080}", "addons.dashboard.port", "8080 is too small"),
        ("dashboard: {kind: headlamp, port: 32768}", "addons.dashboard.port", "32768 is too large"),
        ("dashboard: {kind: headlamp, access: open}", "addons.dashboard.access", "open is none of token, lab-open"),
        ("metallb:", "addons.metallb.addresses", "is missing"),
        ("metallb: {addresses: []}", "addons.metallb.addresses", "is empty"),
        ("metallb: {addresses: ['10.0.0.200']}", "addons.metallb.addresses[0]", "is no range of addresses"),
        ("metallb: {addresses: ['10.0.0.9-10.0.0.1']}", "addons.metallb.addresses[0]", "ends before it begins"),
        ("metallb: {addresses: [10.0.0.225/28]}", "addons.metallb.addresses[0]", "is an address inside of"),
        ("coredns: {replicas: 0}", "addons.coredns.replicas", "0 is too small"),
        ("coredns: {upstream: [dns.example]}", "addons.coredns.upstream[0]", "is a name, not an address"),
        ("coredns: {hosts: {db: [a.example]}}", "addons.coredns.hosts.db", "db is a name, not an address"),
        ("coredns: {hosts: {10.0.0.5: []}}", "addons.coredns.hosts.10.0.0.5", "is empty"),
        ("coredns: {hosts: {10.0.0.5: [A_B]}}", "addons.coredns.hosts.10.0.0.5[0]", "A_B is no DNS domain"),
        ("local-path-provisioner: {path: srv}", "addons.local-path-provisioner.path", "srv is no folder on the nodes"),
        ("local-path-provisioner: {path: /a b}", "addons.local-path-provisioner.path", "is no folder on the nodes"),
        (
            "local-path-provisioner: {default: 1}",
            "addons.local-path-provisioner.default",
            "1 is neither true nor false",
        ),
        ("metrics_server: {}", "addons.metrics_server", "is no key that kprov knows"),
        ("metrics-server: {replicas: 2}", "addons.metrics-server.replicas", "is no key that kprov knows"),
    ],
)
def test_values_that_no_addon_takes(only, addons, key, wrong) -> None:
    problem = only(f"{NODES}addons:\n  {addons}\n")
    assert (problem.line, problem.key) == (6, key)
    assert wrong in problem.wrong


def test_a_key_with_the_wrong_dash_gets_the_right_one(only) -> None:
    assert only(f"{NODES}addons: {{metrics_server: {{}}}}\n").right == "Did you mean metrics-server?"


def test_rules_still_run_where_an_addon_has_an_error(problems) -> None:
    rest = "addons:\n  dashboard: {}\n  metallb: {addresses: [192.0.2.0/28]}\n"
    assert [problem.key for problem in problems(NODES + rest)] == [
        "addons.dashboard.kind",
        "addons.metallb.addresses[0]",
    ]


@pytest.mark.parametrize(
    ("pool", "wrong"),
    [
        ("192.0.2.0/28", "192.0.2.0/28 is not within the nodes' network 10.0.0.0/24"),
        ("10.0.0.250-10.0.1.5", "10.0.0.250-10.0.1.5 is not within the nodes' network 10.0.0.0/24"),
        ("10.0.0.15-10.0.0.21", "10.0.0.15-10.0.0.21 holds 10.0.0.21, the address of w1, see line 4"),
        ("10.0.0.0/29", "10.0.0.0/29 holds 10.0.0.1, the lab's gateway"),
    ],
)
def test_a_pool_of_addresses_that_cannot_be_announced_or_are_somebodys(only, pool, wrong) -> None:
    problem = only(f"{NODES}addons: {{metallb: {{addresses: ['{pool}']}}}}\n{LAB}")
    assert (problem.line, problem.key, problem.wrong) == (5, "addons.metallb.addresses[0]", wrong)


def test_a_pool_without_a_lab_is_in_the_neighbourhood_of_the_nodes(only) -> None:
    text = NODES.replace("10.0.0.21", "10.0.7.21") + "addons: {metallb: {addresses: ['%s']}}\n"
    assert loads(text % "10.0.7.200-10.0.7.220", "cluster.yaml")
    assert "is not within the nodes' network 10.0.0.0/24 or 10.0.7.0/24" in only(text % "10.0.8.0/28").wrong


def test_a_pool_with_the_endpoints_address(only) -> None:
    rest = "endpoint: {mode: vip, address: 10.0.0.201}\naddons: {metallb: {addresses: [10.0.0.192/26]}}\n"
    assert only(NODES + rest).wrong == "10.0.0.192/26 holds 10.0.0.201, the endpoint, see line 5"


def test_pools_with_common_addresses(only) -> None:
    problem = only(f"{NODES}addons: {{metallb: {{addresses: ['10.0.0.200-10.0.0.220', 10.0.0.208/28]}}}}\n")
    assert (problem.key, problem.wrong) == (
        "addons.metallb.addresses[1]",
        "10.0.0.208/28 overlaps 10.0.0.200-10.0.0.220",
    )


def test_a_door_that_stands_open_is_for_labs_or_for_those_who_insist(only) -> None:
    text = f"{NODES}addons: {{dashboard: {{kind: headlamp, access: lab-open}}}}\n"
    problem = only(text)
    assert (problem.line, problem.key) == (5, "addons.dashboard.access")
    assert "there is no lab" in problem.wrong
    assert "--yes-really" in problem.right
    assert loads(text + LAB, "cluster.yaml")
    assert loads(text, "cluster.yaml", waived=["lab-open"])


def test_only_what_may_be_waived_is_waived() -> None:
    with pytest.raises(SpecError, match="1 problem"):
        loads(
            f"{NODES}network: {{plugin: bridge, mtu: 1400}}\n", "cluster.yaml", waived=["lab-open", "plugin_settings"]
        )


@pytest.mark.parametrize(
    ("mirrors", "wrong"),
    [
        ("{github.com: mirror.example}", "mirror.example is no base of a mirror"),
        ("{github.com: 'file://mirror'}", "file://mirror is no base of a mirror"),
        ("{'https://github.com': 'https://mirror.example'}", "https://github.com is no host"),
    ],
)
def test_mirrors_that_cannot_be_used(only, mirrors, wrong) -> None:
    assert wrong in only(f"{NODES}bundle: {{mirrors: {mirrors}}}\n").wrong
