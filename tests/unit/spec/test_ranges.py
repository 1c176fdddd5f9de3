from __future__ import annotations

import random

import pytest
from ansible.plugins.inventory import expand_hostname_range

from kprov.spec.ranges import MAX_NODES, RangeError, expand, size

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def random_range(chance: random.Random) -> str:
    if chance.random() < 0.2:
        first, last = sorted(chance.sample(LETTERS, 2))
    else:
        low = chance.randint(0, 150)
        high = low + chance.randint(0, 12)
        width = len(str(high)) + chance.randint(1, 2) if chance.random() < 0.4 else 0
        first, last = str(low).zfill(width), str(high).zfill(width)
        if chance.random() < 0.1:
            first = ""
            last = str(chance.randint(0, 9))
    step = f":{chance.randint(1, 4)}" if chance.random() < 0.3 else ""
    return f"[{first}:{last}{step}]"


@pytest.mark.parametrize("seed", range(60))
def test_a_range_makes_what_ansible_makes(seed: int) -> None:
    chance = random.Random(seed)
    text = "".join(
        chance.choice(["w", "node-", "10.0.", "x.y-", ""]) + random_range(chance) for _ in range(chance.randint(1, 3))
    ) + chance.choice(["", "-k8s", ".example"])
    wanted = expand_hostname_range(text)
    assert size(text) == len(wanted)
    if len(wanted) <= MAX_NODES:
        assert list(expand(text)) == wanted


@pytest.mark.parametrize("text", ["w[a:C]", "w[1:010]", "[a:c]-w", "w[0:0]", "w[00:00]", "w[1:9:20]"])
def test_odd_ranges_make_what_ansible_makes(text: str) -> None:
    assert list(expand(text)) == expand_hostname_range(text)


def test_a_name_without_range_is_itself() -> None:
    assert expand("m1.example") == ("m1.example",)
    assert size("10.0.0.1") == 1


@pytest.mark.parametrize(
    ("text", "wrong", "right"),
    [
        ("w[3:1]", "ends before it begins", "[1:3]"),
        ("w[c:a]", "ends before it begins", "[a:c]"),
        ("w[01:100]", "padded with zeros on one side", "[001:100]"),
        ("w[1]", "is no range", "[first:last]"),
        ("w[]", "is no range", "[first:last]"),
        ("w[1:]", "is no range", "[first:last]"),
        ("w[1:2:3:4]", "is no range", "[first:last]"),
        ("w[1:3:]", "is no range", "[first:last]"),
        ("w[1:3:0]", "step is no number above 0", "[1:9:2]"),
        ("w[1:3:-1]", "step is no number above 0", "[1:9:2]"),
        ("w[-1:3]", "neither from number to number", "[1:10]"),
        ("w[a:3]", "neither from number to number", "[1:10]"),
        ("w[aa:bb]", "neither from number to number", "[a:c]"),
        ("w[1:9999999999]", "neither from number to number", "nine digits"),
        ("w[1:3", "bracket without its partner", "[first:last]"),
        ("w1:3]", "bracket without its partner", "[first:last]"),
        ("w[[1:3]]", "bracket without its partner", "[first:last]"),
        ("w[1:5001]", "makes 5001 names", "5000"),
        ("w[1:100]-[1:100]", "makes 10000 names", "5000"),
        ("w[1:999999999]-[1:999999999]", "makes 999999998000000001 names", "5000"),
    ],
)
def test_what_is_no_range_is_refused_with_the_remedy(text: str, wrong: str, right: str) -> None:
    with pytest.raises(RangeError) as caught:
        expand(text)
    assert wrong in caught.value.wrong
    assert right in caught.value.right
