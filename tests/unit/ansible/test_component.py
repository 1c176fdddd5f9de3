"""Waiting for a component, with folders in the place of /proc and the logs."""

from __future__ import annotations

import os
import time

import pytest
from ansible.module_utils import kprov_component


def process(root, number, name, started_ticks):
    folder = root / "proc" / str(number)
    folder.mkdir(parents=True)
    (folder / "cmdline").write_text(f"/bin/{name}\0--flag\0")
    (folder / "stat").write_text(f"{number} (x y) S " + " ".join(["0"] * 18) + f" {started_ticks} 0")


def test_the_newest_process_of_a_name_counts(tmp_path, monkeypatch):
    monkeypatch.setattr(kprov_component, "PROCESSES", str(tmp_path / "proc"))
    ticks = os.sysconf("SC_CLK_TCK")
    process(tmp_path, 7, "kube-apiserver", 100 * ticks)
    process(tmp_path, 8, "kube-apiserver", 160 * ticks)
    process(tmp_path, 9, "etcd", 190 * ticks)
    (tmp_path / "proc/uptime").write_text("200.00 1.0\n")
    assert kprov_component.started("kube-apiserver", now=lambda: 1000.0) == pytest.approx(960)
    assert kprov_component.started("kube-scheduler", now=lambda: 1000.0) == 0


def test_a_component_that_ends_again_and_again_is_told_with_its_last_words(tmp_path, monkeypatch):
    folder = tmp_path / "kube-system_kube-apiserver-m1_uid/kube-apiserver"
    folder.mkdir(parents=True)
    log = "2026-01-01T00:00:00Z stderr F I0101 starting\n2026-01-01T00:00:01Z stderr F Error: invalid policy\n"
    (folder / f"{kprov_component.CRASHES}.log").write_text(log)
    monkeypatch.setattr(kprov_component, "PODS", str(tmp_path))
    monkeypatch.setattr(kprov_component, "started", lambda _name: 0)
    with pytest.raises(kprov_component.ComponentError, match="ends again and again: Error: invalid policy"):
        kprov_component.await_component("kube-apiserver", time.time() - 5, timeout_s=60)


def test_a_component_that_is_well_but_old_is_not_taken_for_the_new_one(tmp_path, monkeypatch):
    monkeypatch.setattr(kprov_component, "PODS", str(tmp_path))
    monkeypatch.setattr(kprov_component, "healthy", lambda _name: True)
    monkeypatch.setattr(kprov_component, "started", lambda _name: 100.0)
    with pytest.raises(kprov_component.ComponentError, match="the kubelet did not start it"):
        kprov_component.await_component("etcd", 200.0, timeout_s=0)
    kprov_component.await_component("etcd", 99.0, timeout_s=0, steady=1)
