from __future__ import annotations

import json

import pytest

from kprov.errors import CheckFailed, InputError
from kprov.events import Notice, Progress, silent
from kprov.lab import kvm, lab_request, provider
from kprov.lab.fakes import FakeHost, FakeVagrant
from kprov.lab.process import Completed
from kprov.lab.vagrant import Patience, VagrantLab
from kprov.lab.vagrant_said import cause, failure
from kprov.spec.load import load
from kprov.ssh import known_hosts

QUICK = Patience(busy_s=0, greeting_s=0, lock_s=0, poll_s=0)
CLUSTER = """\
cluster: vms
ssh: {user: vagrant}
nodes:
  m1: {address: 10.97.1.11, roles: [control-plane, etcd]}
  w1: {address: 10.97.1.21, roles: [worker]}
lab: {provider: vagrant, vagrant: {provider: libvirt}}
"""


class Lab:
    """A lab of two machines by a Vagrant that lives in memory."""

    def __init__(self, folder, text=CLUSTER, host=None, driver=("qemu", "it hangs")):
        self.file = folder / "cluster.yaml"
        self.file.write_text(text)
        self.loaded = load(self.file)
        self.vagrant = FakeVagrant(self.loaded.paths.known_hosts)
        self.host = host or FakeHost()
        self.lab = VagrantLab(self.host, self.vagrant, QUICK, lambda _kernel: driver)

    @property
    def request(self):
        return lab_request(load(self.file).spec, "ssh-ed25519 KEY", self.file)

    def verbs(self):
        return [said[0] for said in self.vagrant.said if said[0] != "status"]


@pytest.fixture
def made(tmp_path, monkeypatch):
    monkeypatch.setenv("VAGRANT_DOTFILE_PATH", str(tmp_path / "state"))
    monkeypatch.delenv("VAGRANT_DEFAULT_PROVIDER", raising=False)
    return Lab(tmp_path)


def test_up_makes_what_is_missing_starts_what_stopped_and_then_changes_nothing(made):
    said = []
    assert made.lab.up(made.request, said.append) == 2
    assert Progress("lab", "done", host="w1", done=2, total=2) in said
    assert [(one.name, one.state, one.host_keys) for one in made.lab.status(made.request)] == [
        ("m1", "running", ("ssh-ed25519 AAAA",)),
        ("w1", "running", ("ssh-ed25519 AAAA",)),
    ]
    assert made.lab.up(made.request, silent) == 0
    assert made.verbs() == ["up"], "nothing is asked of Vagrant where all runs"
    made.vagrant.machines["vms.w1"] = "shutoff"
    assert made.lab.up(made.request, silent) == 1
    assert made.vagrant.said[-1] == ("up", "vms.w1")


def test_a_running_machine_whose_key_is_not_pinned_is_met_again(made):
    made.lab.up(made.request, silent)
    made.loaded.paths.known_hosts.write_text("10.97.1.11 ssh-ed25519 AAAA\n")
    assert made.lab.up(made.request, silent) == 0
    assert made.vagrant.said[-1] == ("up", "vms.w1")
    assert ("10.97.1.21", 22) in known_hosts.read(made.loaded.paths.known_hosts)


def test_a_machine_that_was_cut_off_while_it_was_made_is_made_anew(made):
    made.vagrant.refuses = ["cut off"]
    with pytest.raises(CheckFailed):
        made.lab.up(made.request, silent)
    made.vagrant.machines = {"vms.m1": "running", "vms.w1": "running"}
    made.loaded.paths.known_hosts.parent.mkdir(parents=True, exist_ok=True)
    made.loaded.paths.known_hosts.write_text("10.97.1.11 ssh-ed25519 AAAA\n")
    said = []
    made.lab.up(made.request, said.append)
    assert Notice("info", "cut off while they were made, and made anew: w1") in said
    assert made.vagrant.said[-2:] == [("destroy", "vms.w1"), ("up", "vms.w1")], "m1 came to its end and stays"
    made.loaded.paths.known_hosts.write_text("")
    made.lab.up(made.request, silent)
    assert made.vagrant.said[-1] == ("up", "vms.m1", "vms.w1"), "one that was whole once is never removed"
    assert made.verbs().count("destroy") == 1


def test_down_removes_all_and_may_be_repeated(made):
    made.lab.up(made.request, silent)
    home = made.request.home
    assert made.lab.down("vms", silent, home) == 2
    assert made.lab.down("vms", silent, home) == 0
    assert made.vagrant.machines == {}
    assert {one.state for one in made.lab.status(made.request)} == {"absent"}


def test_a_lab_belongs_to_the_cluster_file_that_made_it(made, tmp_path):
    made.lab.up(made.request, silent)
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(InputError, match="belongs to another cluster file"):
        Lab(other).lab.check(Lab(other).request)
    with pytest.raises(InputError, match="belongs to another cluster file"):
        made.lab.down("vms", silent, str(other / "cluster.yaml"))
    assert len(made.vagrant.machines) == 2


def test_a_machine_that_left_the_cluster_file_is_not_forgotten(made):
    made.lab.up(made.request, silent)
    made.file.write_text(CLUSTER.replace("  w1: {address: 10.97.1.21, roles: [worker]}\n", ""))
    with pytest.raises(InputError) as caught:
        made.lab.up(made.request, silent)
    assert caught.value.where == "w1"
    assert "destroy vms.w1" in caught.value.remedy
    assert made.lab.down("vms", silent, made.request.home) == 2


def test_snapshots_are_of_one_moment_and_a_missing_one_changes_nothing(made):
    made.lab.up(made.request, silent)
    made.lab.snapshot(made.request, "clean", silent)
    assert made.verbs() == ["up", "halt", "snapshot", "snapshot", "up"]
    del made.vagrant.said[:]
    with pytest.raises(InputError, match="there is no snapshot dirty"):
        made.lab.restore(made.request, "dirty", silent)
    assert made.verbs() == ["snapshot"], "only asked"
    made.lab.restore(made.request, "clean", silent)
    assert made.verbs() == ["snapshot", "snapshot", "halt", "snapshot", "snapshot", "up"]
    assert set(made.vagrant.machines.values()) == {"running"}


@pytest.mark.parametrize("label", ["", "-f", "a/b", "x" * 61])
def test_a_snapshot_has_a_plain_name(made, label):
    with pytest.raises(InputError, match="cannot be the name"):
        made.lab.snapshot(made.request, label, silent)


def test_snapshots_need_machines(made):
    for verb in (made.lab.snapshot, made.lab.restore):
        with pytest.raises(InputError) as caught:
            verb(made.request, "clean", silent)
        assert caught.value.where == "m1, w1"


def test_containers_have_no_snapshots():
    machines = provider("docker")
    for verb in (machines.snapshot, machines.restore):
        with pytest.raises(InputError, match="containers cannot be kept"):
            verb(None or type("Lab", (), {"name": "x"}), "clean", silent)


def test_software_emulation_is_told_and_chosen(made):
    said = []
    made.lab.up(made.request, said.append)
    assert any(isinstance(event, Notice) and "software emulation, slowly: it hangs" in event.text for event in said)
    assert made.vagrant.environments[-1]["KPROV_LIBVIRT_DRIVER"] == "qemu"


def test_a_stated_driver_is_not_questioned(made, tmp_path):
    made.file.write_text(CLUSTER.replace("provider: libvirt}", "provider: libvirt, libvirt: {driver: kvm}}"))
    made.lab.up(made.request, silent)
    assert all("KPROV_LIBVIRT_DRIVER" not in one for one in made.vagrant.environments)


def test_without_vagrant_nothing_is_written(made):
    made.host.missing.add("vagrant")
    with pytest.raises(InputError, match="vagrant is not installed"):
        made.lab.check(made.request)
    with pytest.raises(InputError, match="vagrant is not installed"):
        made.lab.up(made.request, silent)
    assert not made.loaded.paths.vagrant.exists()


def test_a_file_that_kprov_did_not_render_is_kept(made):
    made.loaded.paths.vagrant.write_text('{"machines": []}')
    with pytest.raises(InputError, match="did not render"):
        made.lab.up(made.request, silent)


def test_a_failing_vagrant_is_explained_with_a_remedy(made):
    made.vagrant.refuses.append("The provider 'libvirt' could not be found%!(VAGRANT_COMMA) but was requested")
    with pytest.raises(CheckFailed) as caught:
        made.lab.up(made.request, silent)
    assert caught.value.why == "Vagrant has no plugin for libvirt here"
    assert "vagrant-libvirt" in caught.value.remedy
    log = made.loaded.paths.artifacts / "vagrant.log"
    assert str(log) in caught.value.remedy
    assert "could not be found, but" in log.read_text()


def test_down_needs_no_vagrant_that_works_where_nothing_was_made(made):
    made.vagrant.refuses.append("The provider 'libvirt' could not be found")
    with pytest.raises(CheckFailed):
        made.lab.up(made.request, silent)
    del made.vagrant.said[:]
    assert made.lab.down("vms", silent, made.request.home) == 0
    assert made.vagrant.said == []


def test_another_vagrant_is_waited_for_then_named(tmp_path, monkeypatch, made):
    made.vagrant.refuses += ["another process is already executing an action on the machine"] * 2
    with pytest.raises(CheckFailed, match="cannot be started"):
        made.lab.up(made.request, silent)
    patient = VagrantLab(made.host, made.vagrant, Patience(busy_s=60, greeting_s=0, poll_s=0), lambda _: ("kvm", ""))
    assert patient.up(made.request, silent) == 2


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("The provider 'virtualbox' that was requested to back the machine", "virtualbox cannot be used on this host"),
        ("The provider 'parallels' could not be found, but was requested", "no plugin for parallels"),
        ("The provider 'mine' could not be found, but was requested", "no provider mine"),
        ("The box 'me/mine' could not be found or\ncould not be accessed", "the box cannot be had"),
        ("Failed to connect socket to '/var/run/libvirt/libvirt-sock': No such file", "libvirt does not answer"),
        (
            "Name `kprov-a.m1` of domain about to create is already taken.",
            "kprov-a.m1 exists that Vagrant does not know",
        ),
        ("/usr/lib/a.rb:7:in `create': Call to virX failed: monitor (Libvirt::Error)", "Call to virX failed: monitor"),
        ("qemu: could not open kernel file '/root/vmlinuz': Permission denied", "cannot read /root/vmlinuz"),
        ("Unable to find 'dnsmasq' binary in $PATH", "dnsmasq"),
        ("Timed out while waiting for the machine to boot.", "did not boot in time"),
        ("Could not access KVM kernel module", "virtualization cannot be used"),
        ("something new\n\nthat nobody knows", "something new that nobody knows"),
    ],
)
def test_causes(said, why):
    assert why in cause(said).why
    assert cause(said).remedy


def test_a_failure_is_found_among_the_noise():
    lines = ["1,m1,ui,info,all is well", "1,m1,ui,error,no space left on device", "Traceback", "\tfrom /x.rb:1"]
    assert failure(lines).splitlines() == ["no space left on device", "Traceback"]


def test_kvm_is_taken_only_where_it_boots(tmp_path):
    device, kernel = tmp_path / "kvm", tmp_path / "vmlinuz"
    asked = []

    def run(argv, *, stdin=b"", timeout_s=120):
        asked.append(argv)
        return Completed(len(asked) - 1, "", "")

    assert kvm.driver(device=device, run=run)[0] == "qemu"
    device.touch()
    assert kvm.driver(str(kernel), device, run) == ("kvm", ""), "without a kernel nothing can be tried"
    kernel.touch()
    assert not asked
    assert kvm.driver(str(kernel), device, run) == ("kvm", "")
    assert kvm.driver(str(kernel), device, run) == ("qemu", "vmlinuz does not boot by it")


def test_the_rendered_machines_are_data(made):
    made.lab.up(made.request, silent)
    document = json.loads(made.loaded.paths.vagrant.read_text())
    assert document["public_key"] == "ssh-ed25519 KEY"
    assert [one["id"] for one in document["machines"]] == ["vms.m1", "vms.w1"]
