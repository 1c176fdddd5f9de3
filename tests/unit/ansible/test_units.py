from __future__ import annotations

import os
import time

import pytest

from kprov.ansible.plugins.modules import kprov_units
from tests.unit.ansible.harness import converge

RUNNING = {"ActiveState": "active", "UnitFileState": "enabled", "ActiveEnterTimestampMonotonic": "50000000"}
"""Entered its state 50 s after the boot."""
BOOT = 1000.0


def plan(unit, seen, config_time=0.0):
    return kprov_units.plan({"enabled": True, "started": True, **unit}, seen, config_time, BOOT)


@pytest.mark.parametrize("config_time", [0.0, BOOT + 49])
def test_a_running_unit_with_older_configuration_is_left_alone(config_time):
    assert plan({}, RUNNING, config_time) == []


def test_a_unit_is_restarted_when_its_configuration_is_newer():
    """So a run that was cut off between file and restart is mended by the next one."""
    assert plan({}, RUNNING, BOOT + 51) == ["restart"]


def test_a_stopped_unit_is_started_not_restarted():
    assert plan({}, {"ActiveState": "failed", "UnitFileState": "enabled"}, BOOT + 51) == ["start"]


def test_a_unit_whose_start_is_not_stated_keeps_its_state():
    assert plan({"started": None}, {**RUNNING, "UnitFileState": "disabled"}, BOOT + 51) == ["enable"]
    assert plan({"started": None}, {"ActiveState": "inactive", "UnitFileState": "enabled"}) == []


def test_a_unit_that_shall_rest_is_stopped_and_disabled():
    assert plan({"enabled": False, "started": False}, RUNNING) == ["disable", "stop"]
    assert plan({"enabled": False, "started": False}, {"ActiveState": "inactive", "UnitFileState": "disabled"}) == []


@pytest.mark.parametrize("state", ["static", "indirect", "generated", "alias"])
def test_a_unit_that_cannot_be_enabled_is_not_enabled(state):
    assert plan({}, {**RUNNING, "UnitFileState": state}) == []


@pytest.mark.parametrize("state", ["activating", "reloading"])
def test_a_unit_that_is_on_its_way_is_not_started_again(state):
    assert plan({}, {**RUNNING, "ActiveState": state}) == []


def systemctl(programs, *blocks, body=""):
    """A systemctl that shows these units and takes every verb."""
    text = "\n\n".join(blocks)
    programs.add("systemctl", f'{body}\n[ "$1" = show ] && cat <<"END"\n{text}\nEND\nexit 0')


def unit(name, load="loaded", active="inactive", file="disabled", reload="no"):
    return f"Id={name}\nLoadState={load}\nActiveState={active}\nUnitFileState={file}\nNeedDaemonReload={reload}"


def done(programs):
    return [call for call in programs.calls if " show " not in f"{call} "]


def test_units_are_enabled_and_started_in_order(programs):
    systemctl(programs, unit("a.service"), unit("b.service", file="enabled"))
    answer = converge(kprov_units, units=[{"name": name, "started": True} for name in ("a.service", "b.service")])
    assert answer["actions"] == ["enable a.service", "start a.service", "start b.service"]
    assert done(programs) == [f"systemctl {action}" for action in answer["actions"]]


def test_nothing_is_called_where_all_is_right(programs):
    systemctl(programs, unit("a.service", active="active", file="enabled"))
    answer = converge(kprov_units, units=[{"name": "a.service", "started": True}])
    assert not answer["changed"]
    assert done(programs) == []


def test_a_fresh_configuration_restarts_the_unit(programs, tmp_path):
    config = tmp_path / "unit.conf"
    config.write_text("x\n")
    now_us = int(time.clock_gettime(time.CLOCK_MONOTONIC) * 1e6)
    shown = unit("a.service", active="active", file="enabled")
    given = [{"name": "a.service", "started": True, "config": [str(config), str(tmp_path / "missing")]}]
    systemctl(programs, f"{shown}\nActiveEnterTimestampMonotonic={now_us - 60_000_000}")
    assert converge(kprov_units, units=given)["actions"] == ["restart a.service"]
    os.utime(config, (1, 1))
    assert converge(kprov_units, units=given)["actions"] == []


def test_what_an_earlier_task_replaced_is_restarted_in_check_mode_too(programs, tmp_path):
    systemctl(programs, unit("a.service", active="active", file="enabled"))
    given = [{"name": "a.service", "started": True, "config": [str(tmp_path / "a")]}]
    assert not converge(kprov_units, check=True, units=given)["changed"]
    assert converge(kprov_units, check=True, units=[{**given[0], "replaced": True}])["actions"] == ["restart a.service"]
    files = [{"path": str(tmp_path / "a"), "content": "new"}]
    assert converge(kprov_units, check=True, units=given, files=files)["actions"] == ["restart a.service"]
    assert done(programs) == []


def test_changed_unit_files_are_read_before_anything_is_started(programs):
    systemctl(programs, unit("a.service", file="enabled", reload="yes"))
    converge(kprov_units, units=[{"name": "a.service", "started": True}])
    assert done(programs) == ["systemctl daemon-reload", "systemctl start a.service"]


@pytest.mark.parametrize("load", ["not-found", "masked"])
def test_an_optional_unit_that_cannot_run_is_passed_over(programs, load):
    systemctl(programs, unit("systemd-timesyncd.service", load=load, file="masked"))
    answer = converge(kprov_units, units=[{"name": "systemd-timesyncd.service", "started": True, "optional": True}])
    assert (answer["changed"], answer.get("failed", False)) == (False, False)


def test_a_missing_unit_is_an_error_that_names_it(programs):
    systemctl(programs, unit("a.service", load="not-found"))
    assert converge(kprov_units, units=[{"name": "a.service"}])["msg"] == "there is no unit a.service"


def test_a_unit_that_does_not_start_fails_with_its_journal(programs):
    refuse = '[ "$1" = start ] && { echo "Job failed" >&2; exit 1; }'
    systemctl(programs, unit("a.service", file="enabled"), body=refuse)
    programs.add("journalctl", "echo 'bind: address already in use'")
    answer = converge(kprov_units, units=[{"name": "a.service", "started": True}])
    assert answer["msg"] == "systemctl start a.service: Job failed"
    assert answer["log"] == "bind: address already in use\n"


def test_check_mode_says_what_it_would_do(programs):
    shown = unit("a.service", reload="yes")
    systemctl(programs, shown, unit("later.service", load="not-found"))
    given = [{"name": "a.service", "started": True}, {"name": "later.service", "started": True}]
    assert converge(kprov_units, check=True, units=given)["actions"] == ["enable a.service", "start a.service"]
    assert done(programs) == []


def test_files_are_written_before_their_unit_is_started(programs, tmp_path):
    systemctl(programs, unit("a.service"))
    given = {
        "files": [{"path": str(tmp_path / "a.service"), "content": "[Service]\n"}],
        "units": [{"name": "a.service", "started": True}],
    }
    assert converge(kprov_units, check=True, **given)["paths"] == [str(tmp_path / "a.service")]
    assert not (tmp_path / "a.service").exists()
    answer = converge(kprov_units, **given)
    assert (answer["changed"], answer["paths"]) == (True, [str(tmp_path / "a.service")])
    assert answer["actions"] == ["enable a.service", "start a.service"]
    assert (tmp_path / "a.service").read_text() == "[Service]\n"
    assert converge(kprov_units, **given)["paths"] == []


def test_a_file_that_cannot_be_written_is_named_and_nothing_is_started(programs, tmp_path):
    (tmp_path / "file").touch()
    systemctl(programs, unit("a.service"))
    path = str(tmp_path / "file" / "a.service")
    answer = converge(kprov_units, files=[{"path": path}], units=[{"name": "a.service", "started": True}])
    assert path in answer["msg"]
    assert done(programs) == []
