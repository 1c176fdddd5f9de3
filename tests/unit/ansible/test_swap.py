from __future__ import annotations

import os

import pytest

from kprov.ansible.plugins.modules import kprov_swap
from tests.unit.ansible.harness import converge

FSTAB = """\
UUID=1 / ext4 defaults 0 1
# /old none swap sw 0 0
/swap.img\tnone\tswap\tsw\t0\t0

proc /proc proc defaults 0 0
"""
QUIET = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"


def test_swap_lines_become_comments_and_no_other_line_changes():
    before, after = FSTAB.splitlines(), kprov_swap.without_swap(FSTAB).splitlines()
    assert [line for line, old in zip(after, before, strict=True) if line != old] == [kprov_swap.MARK + before[2]]


def test_swap_is_known_by_its_type_whatever_stands_for_its_place():
    for place in ("none", "swap", "sw"):
        assert kprov_swap.without_swap(f"UUID=2 {place} swap defaults 0 0\n").startswith(kprov_swap.MARK)


@pytest.mark.parametrize(
    "text", ["", "fuse none fuse ro 0 0\n", "/swap /data ext4 defaults 0 0\n", "tmpfs /swap tmpfs size=1g 0 0\n"]
)
def test_a_table_without_swap_is_left_alone(text):
    assert kprov_swap.without_swap(text) == text


def test_turning_off_twice_changes_nothing_more():
    once = kprov_swap.without_swap(FSTAB)
    assert kprov_swap.without_swap(once) == once


def test_every_kind_of_active_swap_is_found():
    text = QUIET + "/dev/zram0 partition 1 0 100\n/swap.img file 1 0 -2\n/dev/dm-1 partition 1 0 -3\n"
    assert kprov_swap.areas(text) == ["/dev/zram0", "/swap.img", "/dev/dm-1"]
    assert kprov_swap.areas(QUIET) == []


def test_units_that_could_bring_swap_back_are_masked():
    units = """\
dev-zram0.swap loaded active active Compressed
swap.img.swap masked inactive dead swap
gone.swap not-found inactive dead x
"""
    files = "zramswap.service enabled enabled\nzram-config.service disabled enabled\nzram-swap.service masked enabled\n"
    assert kprov_swap.to_mask(units, files) == ["dev-zram0.swap", "zramswap.service"]


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A root of its own for the files that the module reads and writes."""
    (tmp_path / "etc/systemd").mkdir(parents=True)
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/swaps").write_text(QUIET)
    read, write, exists = kprov_swap.read, kprov_swap.write, os.path.exists

    def moved(path):
        return f"{tmp_path}{path}" if "zram-generator" in str(path) and str(tmp_path) not in str(path) else path

    monkeypatch.setattr(kprov_swap, "read", lambda path: read(f"{tmp_path}{path}"))
    monkeypatch.setattr(kprov_swap, "write", lambda path, text: write(f"{tmp_path}{path}", text))
    monkeypatch.setattr(kprov_swap.os.path, "exists", lambda path: exists(moved(path)))
    return tmp_path


def no_units(programs):
    programs.add("systemctl")
    programs.add("swapoff")


def test_a_machine_without_swap_is_left_alone(machine, programs):
    no_units(programs)
    (machine / "etc/fstab").write_text("UUID=1 / ext4 defaults 0 1\n")
    assert converge(kprov_swap)["actions"] == []
    assert [call for call in programs.calls if "list-unit" not in call] == []


def test_swap_goes_off_now_and_for_later_boots(machine, programs):
    show = '[ "$2" = --type=swap ] && echo "swap.img.swap loaded active active /swap.img"\nexit 0'
    programs.add("systemctl", show)
    programs.add("swapoff")
    (machine / "proc/swaps").write_text(QUIET + "/swap.img file 1 0 -2\n")
    (machine / "etc/fstab").write_text(FSTAB)
    (machine / "etc/fstab").chmod(0o664)
    answer = converge(kprov_swap)
    assert answer["actions"] == ["swapoff /swap.img", "systemctl mask --now swap.img.swap", "write /etc/fstab"]
    assert programs.calls[-2:] == ["swapoff /swap.img", "systemctl mask --now swap.img.swap"]
    assert (machine / "etc/fstab").read_text() == kprov_swap.without_swap(FSTAB)
    assert (machine / "etc/fstab").stat().st_mode & 0o777 == 0o664


def test_the_zram_generators_defaults_are_shadowed_once(machine, programs):
    no_units(programs)
    vendor = machine / "usr/lib/systemd/zram-generator.conf"
    vendor.parent.mkdir(parents=True)
    vendor.write_text("[zram0]\n")
    assert converge(kprov_swap)["actions"] == ["write /etc/systemd/zram-generator.conf"]
    assert (machine / "etc/systemd/zram-generator.conf").read_text() == ""
    assert not converge(kprov_swap)["changed"]


def test_a_zram_generator_configured_by_hand_is_emptied(machine, programs):
    no_units(programs)
    (machine / "etc/systemd/zram-generator.conf").write_text("[zram0]\nzram-size = ram\n")
    assert converge(kprov_swap)["changed"]
    assert (machine / "etc/systemd/zram-generator.conf").read_text() == ""


def test_swap_that_does_not_go_off_is_an_error(machine, programs):
    programs.add("systemctl")
    programs.add("swapoff", "echo 'swapoff: /dev/sda2: Cannot allocate memory' >&2; exit 1")
    (machine / "proc/swaps").write_text(QUIET + "/dev/sda2 partition 1 1 -2\n")
    answer = converge(kprov_swap)
    assert answer["failed"]
    assert "Cannot allocate memory" in answer["msg"]


def test_check_mode_turns_nothing_off(machine, programs):
    no_units(programs)
    (machine / "proc/swaps").write_text(QUIET + "/dev/sda2 partition 1 1 -2\n")
    (machine / "etc/fstab").write_text(FSTAB)
    assert converge(kprov_swap, check=True)["actions"] == ["swapoff /dev/sda2", "write /etc/fstab"]
    assert (machine / "etc/fstab").read_text() == FSTAB
    assert not any(call.startswith("swapoff") for call in programs.calls)
