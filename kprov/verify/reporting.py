"""One JSON line per test, as soon as its outcome is known: how the process that runs the suites talks to its parent."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TextIO

import pytest

from kprov.verify.answers import NoControlPlaneError, ProbeError
from kprov.verify.machine import SilentMachineError

if TYPE_CHECKING:
    from collections.abc import Generator

    from kprov.report.model import CheckOutcome
    from kprov.verify.settings import Target

EVIDENCE: Final = "evidence"
"""The property of a test under which it keeps what it saw."""
ANSWER: Final = "answer"
"""Likewise, for what the machine answered; it is told where the test says nothing of its own."""
_MACHINES: Final = ("machine", "node", "control_plane", "member")
_NOT_HERE: Final[dict[type[BaseException], str]] = {
    NoControlPlaneError: "kubectl answers on no control plane",
    ProbeError: "the probe could not be made",
    SilentMachineError: "the machine does not answer over SSH",
}
"""What one test says for all: the others that need it are skipped, so that the one failure stands out."""


class Reporter:
    """Listens to pytest and writes lines; when nobody reads them any more, the session ends and cleans up."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._errors: dict[str, tuple[CheckOutcome, str]] = {}
        self._durations: dict[str, float] = {}

    def pytest_unconfigure(self) -> None:
        """Tell the reader that nothing more will come."""
        with suppress(BrokenPipeError):
            self._stream.close()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Tell how many tests there will be."""
        self._write({"total": len(session.items)})

    def tell_seen(self, seen: dict[str, object]) -> None:
        """Tell what was seen of the cluster."""
        self._write({"seen": seen})

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Tell of a suite that cannot even be read."""
        if report.failed:
            self._write({"broken": f"{report.nodeid}: {report.longreprtext.splitlines()[-1]}"})

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Gather the outcome over a test's three steps and tell it after the last."""
        report = yield
        self._durations[item.nodeid] = self._durations.get(item.nodeid, 0.0) + report.duration
        if call.excinfo is not None and item.nodeid not in self._errors:
            self._errors[item.nodeid] = outcome_of(call.excinfo.value)
        if report.when == "teardown":
            self._write(self._check(item, report))
        return report

    def _check(self, item: pytest.Item, report: pytest.TestReport) -> dict[str, object]:
        outcome, message = self._errors.pop(item.nodeid, ("passed", ""))
        first, _, rest = message.partition("\n")
        kept = {
            kind: [str(each) for name, each in report.user_properties if name == kind] for kind in (EVIDENCE, ANSWER)
        }
        seen = kept[EVIDENCE] or list(dict.fromkeys(kept[ANSWER]))
        name, host = title(item)
        return {
            "suite": suite(item.path.stem),
            "name": name,
            "host": host,
            "outcome": outcome,
            "duration_s": round(self._durations.pop(item.nodeid), 4),
            "message": first,
            "evidence": "\n".join([*seen, *([rest] if rest else [])]),
        }

    def _write(self, line: dict[str, object]) -> None:
        try:
            self._stream.write(json.dumps(line) + "\n")
            self._stream.flush()
        except BrokenPipeError:
            pytest.exit("nobody reads the results any more", returncode=130)


def outcome_of(error: BaseException) -> tuple[CheckOutcome, str]:
    """What an exception in a test means, and its words.

    >>> outcome_of(AssertionError("swap is on: /dev/sda2")), outcome_of(KeyError("status"))
    (('failed', 'swap is on: /dev/sda2'), ('error', "KeyError: 'status'"))
    """
    match error:
        case pytest.skip.Exception():
            return "skipped", str(error.msg)
        case pytest.fail.Exception():
            return "failed", str(error.msg)
        case AssertionError():
            return "failed", str(error)
        case _ if type(error) in _NOT_HERE:
            return "skipped", _NOT_HERE[type(error)]
        case _:
            return "error", f"{type(error).__name__}: {error}"


def title(item: pytest.Item) -> tuple[str, str]:
    """What a test is called for people, from its first line of documentation, and the machine that it is about."""
    words = (getattr(getattr(item, "function", None), "__doc__", None) or item.name).strip().splitlines()[0].rstrip(".")
    params = dict(getattr(getattr(item, "callspec", None), "params", {}))
    if "pair" in params:
        here, there = params.pop("pair")
        return words.format(there=there.name), here.name
    target: Target | None = next((params[kind] for kind in _MACHINES if kind in params), None)
    return words.format(**params), target.name if target else ""


def suite(stem: str) -> str:
    """A suite's name, from its file's.

    >>> suite("test_control_plane")
    'control plane'
    """
    return stem.removeprefix("test_").replace("_", " ")
