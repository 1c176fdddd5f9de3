from __future__ import annotations

import re
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from uuid import uuid4

import pytest

from kprov.errors import CheckFailed, InputError
from kprov.events import Notice, Progress
from kprov.lab.lock import alone

from .conftest import KEY, request

INOTIFY = "fs.inotify.max_user_instances"


def test_up_makes_every_machine_and_a_second_time_nothing(bench):
    assert bench.up(request()) == 3
    assert bench.states == {"m1": "running", "m2": "running", "m3": "running"}
    assert set(bench.engine.admitted) == {f"kprov-one-m{i}" for i in (1, 2, 3)}
    assert all(keys == [KEY] for keys in bench.engine.admitted.values())
    assert bench.up(request()) == 0


def test_up_starts_what_was_stopped_and_keeps_it(bench):
    bench.up(request())
    for name, state in (("kprov-one-m1", "stopped"), ("kprov-one-m2", "paused")):
        bench.engine.made[name] = replace(bench.engine.made[name], state=state)
    bench.engine.images.clear()
    assert bench.up(request()) == 2, "a stopped machine was made anew instead of started"
    assert set(bench.states.values()) == {"running"}


def test_up_makes_anew_what_never_started(bench):
    bench.up(request())
    bench.engine.made["kprov-one-m2"] = replace(bench.engine.made["kprov-one-m2"], state="unborn")
    assert bench.up(request()) == 1
    assert bench.states["m2"] == "running"


def test_a_lab_in_which_nothing_ever_ran_gets_a_new_network(bench):
    """podman 4.3 does not give back the addresses that a killed creation took in a network of the old name."""
    bench.up(request())
    old = set(bench.engine.nets)
    for name, one in bench.engine.made.items():
        bench.engine.made[name] = replace(one, state="unborn")
    assert bench.up(request()) == 3
    assert old.isdisjoint(bench.engine.nets)
    assert len(bench.engine.nets) == 1


def test_the_machines_are_made_on_the_lab_s_own_network(bench):
    bench.up(request())
    (network,) = bench.engine.nets.values()
    assert re.fullmatch(r"kprov-one-[0-9a-f]{4}", network.name)
    assert (network.cluster, network.subnets) == ("one", (IPv4Network("10.97.1.0/24"),))


def test_stray_packets_go_nowhere_while_a_lab_is_up(bench):
    bench.up(request())
    assert bench.host.routes == {IPv4Network("10.97.1.0/24"), IPv4Network("10.244.0.0/16")}
    bench.host.routes.clear()
    bench.up(request())
    assert bench.host.routes, "routes lost in a reboot of the host came not back"
    bench.down("one")
    assert bench.host.routes == set()


def test_two_labs_stand_side_by_side_and_share_what_they_share(bench):
    bench.up(request())
    bench.up(request("two", "10.97.2.0/24"))
    assert bench.down("one") == 3
    assert {one.cluster for one in bench.engine.containers()} == {"two"}
    assert bench.host.routes == {IPv4Network("10.97.2.0/24"), IPv4Network("10.244.0.0/16")}
    assert bench.host.parameters[INOTIFY] == 1024, "limits were lowered under a running lab"
    bench.down("two")
    assert bench.host.routes == set()
    assert bench.host.parameters[INOTIFY] == 128


def test_down_leaves_nothing_and_may_be_repeated(bench):
    bench.up(request())
    assert bench.down("one") == 3
    assert (bench.engine.made, bench.engine.nets, bench.host.noted) == ({}, {}, {})
    assert bench.down("one") == 0


def test_down_removes_a_half_made_lab(bench):
    bench.engine.breaks = {"m2"}
    with pytest.raises(CheckFailed):
        bench.up(request())
    bench.down("one")
    assert (bench.engine.made, bench.engine.nets, bench.host.routes) == ({}, {}, set())


def test_raised_limits_are_told_and_set_back(bench):
    bench.up(request())
    assert Notice("info", f"{INOTIFY} of this host raised from 128 to 1024 while a lab is up") in bench.said
    bench.host.parameters["kernel.panic"] = 10  # as kubelet does
    bench.down("one")
    assert bench.host.parameters == {INOTIFY: 128, "kernel.panic": 0}


def test_what_was_noted_before_an_interrupted_run_is_not_lost(bench):
    bench.host.noted[INOTIFY] = 64
    bench.host.parameters[INOTIFY] = 1024
    bench.up(request())
    bench.down("one")
    assert bench.host.parameters[INOTIFY] == 64


def test_a_machine_that_does_not_start_is_named_and_not_left_behind(bench):
    bench.engine.breaks = {"m2"}
    with pytest.raises(CheckFailed, match="m2 cannot be made"):
        bench.up(request())
    assert set(bench.states) == {"m1", "m3"}
    bench.engine.breaks = set()
    assert bench.up(request()) == 1


def test_a_machine_that_does_not_answer_is_named(bench):
    bench.host.silent = {IPv4Address("10.97.1.12")}
    with pytest.raises(CheckFailed) as caught:
        bench.up(request())
    assert caught.value.where == "m2"
    assert "10.97.1.12" in caught.value.why
    assert "kprov-one-m2" in caught.value.remedy


def test_progress_counts_the_machines_that_answer(bench):
    bench.up(request())
    counted = [(event.done, event.total) for event in bench.said if isinstance(event, Progress) and event.host]
    assert counted == [(1, 3), (2, 3), (3, 3)]


def test_a_machine_that_the_file_no_longer_names_is_left_and_told(bench):
    bench.up(request())
    bench.up(request(nodes=2))
    assert set(bench.states) == {"m1", "m2", "m3"}
    assert any(isinstance(event, Notice) and event.level == "warning" and "m3" in event.text for event in bench.said)


def test_status_tells_states_and_host_keys(bench):
    bench.up(request())
    bench.engine.made["kprov-one-m2"] = replace(bench.engine.made["kprov-one-m2"], state="stopped")
    del bench.engine.made["kprov-one-m3"]
    one, two, three = bench.lab.status(request())
    assert (one.state, two.state, three.state) == ("running", "stopped", "absent")
    assert (one.host_keys, two.host_keys) == (("ssh-ed25519 KEY-OF-kprov-one-m1",), ())


def test_only_one_kprov_works_on_a_lab(bench):
    name = f"t-{uuid4().hex[:8]}"
    with alone(name, 0), pytest.raises(InputError, match="another kprov"):
        bench.up(request(name))
    assert bench.engine.made == {}
    assert bench.up(request(name)) == 3


def test_a_lab_belongs_to_the_file_that_made_it(bench, tmp_path):
    ours, theirs = tmp_path / "ours.yaml", tmp_path / "theirs.yaml"
    for file in (ours, theirs):
        file.touch()
    bench.up(request(home=str(ours)))
    for refused in (lambda: bench.up(request(home=str(theirs))), lambda: bench.down("one", str(theirs))):
        with pytest.raises(InputError, match="belongs to another cluster file") as told:
            refused()
        assert told.value.where == str(ours)
        assert f"kprov lab down -f {ours}" in told.value.remedy
    assert len(bench.engine.containers()) == 3
    assert bench.up(request(home=str(ours))) == 0
    ours.unlink()
    assert bench.down("one", str(theirs)) == 3, "a lab whose file is gone can be removed from elsewhere"
