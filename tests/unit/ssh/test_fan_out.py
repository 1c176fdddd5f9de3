from __future__ import annotations

import threading

import pytest

from kprov.errors import CheckFailed, KprovError, UnreachableError
from kprov.ssh.errors import LoginRefused
from kprov.ssh.fan_out import fan_out


def test_the_work_is_done_at_once_and_answered_in_order():
    together = threading.Barrier(3, timeout=5)
    assert fan_out({"b": 1, "a": 2, "c": 3}, lambda number: together.wait() * 0 + number) == {"b": 1, "a": 2, "c": 3}
    assert fan_out({}, len) == {}


def test_every_failed_host_is_named_and_the_others_are_done():
    done = []

    def work(name: str) -> None:
        if name != "m2":
            raise UnreachableError("no answer", where=name, remedy="Look.")
        done.append(name)

    with pytest.raises(UnreachableError) as caught:
        fan_out({name: name for name in ("m1", "m2", "m3")}, work, workers=1)
    assert (caught.value.where, caught.value.remedy, done) == ("m1, m3", "Look.", ["m2"])
    assert "m3: no answer" in caught.value.why


@pytest.mark.parametrize(
    ("errors", "kind"),
    [
        ((LoginRefused, LoginRefused), LoginRefused),
        ((LoginRefused, CheckFailed), UnreachableError),
        ((CheckFailed, CheckFailed), CheckFailed),
    ],
)
def test_the_error_of_several_says_what_is_true_of_all(errors, kind):
    def work(error: type[KprovError]) -> None:
        raise error("no")

    with pytest.raises(KprovError) as caught:
        fan_out({f"m{i}": error for i, error in enumerate(errors)}, work)
    assert type(caught.value) is kind


def test_an_interruption_cancels_what_has_not_begun():
    begun = []

    def work(name: str) -> None:
        begun.append(name)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fan_out({f"m{i}": f"m{i}" for i in range(50)}, work, workers=1)
    assert len(begun) < 50
