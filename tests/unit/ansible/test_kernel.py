from __future__ import annotations

import pytest

from kprov.ansible.plugins.modules import kprov_kernel
from tests.unit.ansible.harness import converge


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A kernel of its own: one parameter, no module loaded, and a folder in the place of /etc."""
    parameter = tmp_path / "proc/net/ipv4/ip_forward"
    parameter.parent.mkdir(parents=True)
    parameter.write_text("0\n")
    path = kprov_kernel.parameter_path
    monkeypatch.setattr(kprov_kernel, "parameter_path", lambda name: path(name, root=str(tmp_path / "proc")))
    monkeypatch.setattr(kprov_kernel, "available", lambda name: (tmp_path / f"sys/module/{name}").exists())
    monkeypatch.setattr(kprov_kernel, "provided", lambda _name: False)
    monkeypatch.setattr(kprov_kernel, "MODULES_FILE", str(tmp_path / "etc/modules-load.d/kprov.conf"))
    monkeypatch.setattr(kprov_kernel, "SYSCTL_FILE", str(tmp_path / "etc/sysctl.d/99-kprov.conf"))
    return tmp_path


def modprobe(programs, machine):
    programs.add("modprobe", f"mkdir -p {machine}/sys/module/$1")


def test_modules_and_parameters_are_set_now_and_for_later_boots(machine, programs):
    modprobe(programs, machine)
    given = {"modules": ["overlay"], "sysctls": {"net.ipv4.ip_forward": "1"}}
    answer = converge(kprov_kernel, **given)
    assert answer["actions"][:2] == ["modprobe overlay", "net.ipv4.ip_forward: 0 -> 1"]
    assert (machine / "proc/net/ipv4/ip_forward").read_text() == "1"
    assert (machine / "etc/modules-load.d/kprov.conf").read_text().splitlines()[1:] == ["overlay"]
    assert (machine / "etc/sysctl.d/99-kprov.conf").read_text().splitlines()[1:] == ["net.ipv4.ip_forward = 1"]
    assert not converge(kprov_kernel, **given)["changed"]
    assert programs.calls == ["modprobe overlay"]


def test_a_parameter_that_something_else_changed_is_set_again(machine):
    given = {"sysctls": {"net.ipv4.ip_forward": "1"}}
    converge(kprov_kernel, **given)
    (machine / "proc/net/ipv4/ip_forward").write_text("0\n")
    assert converge(kprov_kernel, **given)["actions"] == ["net.ipv4.ip_forward: 0 -> 1"]


def test_values_of_several_numbers_are_compared_number_by_number(machine):
    (machine / "proc/net/ipv4/ip_local_port_range").write_text("32768\t60999\n")
    answer = converge(kprov_kernel, sysctls={"net.ipv4.ip_local_port_range": "32768 60999"})
    assert not any("ip_local_port_range" in action for action in answer["actions"])


def test_nothing_wanted_leaves_no_files_and_empties_old_ones_once(machine):
    assert not converge(kprov_kernel)["changed"]
    assert not (machine / "etc").exists()
    converge(kprov_kernel, sysctls={"net.ipv4.ip_forward": "1"})
    assert converge(kprov_kernel)["changed"]
    assert not converge(kprov_kernel)["changed"]


def test_a_module_that_the_kernel_has_not_is_named(machine, programs):
    programs.add("modprobe", "echo 'modprobe: FATAL: Module br_netfilter not found' >&2; exit 1")
    answer = converge(kprov_kernel, modules=["br_netfilter"])
    assert answer["msg"].startswith("the kernel has no module br_netfilter: modprobe: FATAL")


def test_a_parameter_that_the_kernel_has_not_is_named(machine):
    assert converge(kprov_kernel, sysctls={"net.none": "1"})["msg"] == "the kernel has no parameter net.none"


def test_check_mode_says_what_it_would_do(machine, programs):
    modprobe(programs, machine)
    wanted = {"net.ipv4.ip_forward": "1", "net.bridge.bridge-nf-call-iptables": "1"}
    answer = converge(kprov_kernel, check=True, modules=["br_netfilter"], sysctls=wanted)
    assert answer["actions"][:2] == ["modprobe br_netfilter", "net.ipv4.ip_forward: 0 -> 1"]
    assert programs.calls == []
    assert (machine / "proc/net/ipv4/ip_forward").read_text() == "0\n"
    assert not (machine / "etc").exists()


def test_a_loaded_and_a_built_in_module_count_as_available(tmp_path):
    (tmp_path / "sys/module/br_netfilter").mkdir(parents=True)
    builtin = tmp_path / "lib/modules/6.1/modules.builtin"
    builtin.parent.mkdir(parents=True)
    builtin.write_text("kernel/fs/overlayfs/overlay.ko\nkernel/net/nf-conntrack.ko.xz\n")
    root = str(tmp_path)
    assert kprov_kernel.available("br_netfilter", "6.1", root)
    assert kprov_kernel.available("overlay", "6.1", root)
    assert kprov_kernel.available("nf_conntrack", "6.1", root)
    assert not kprov_kernel.available("ip_vs", "6.1", root)
    assert not kprov_kernel.available("overlay", "5.10", root)
