from __future__ import annotations

from kprov.diagnose.evidence import Evidence
from kprov.errors import PlaybookError, UnreachableError
from kprov.phases.explained import with_cause
from kprov.ssh.batch import Answer


def test_a_known_cause_brings_its_remedy_and_the_places_to_read() -> None:
    error = PlaybookError(
        "a task failed", where="m1: join : Join", why="[ERROR Swap]: on", remedy="Mend it.", log="a.log", host="m1"
    )
    told = with_cause(error, Evidence(error.why, {"kubelet": Answer("words", 0)}))
    assert isinstance(told, PlaybookError)
    assert (told.what, told.where, told.why) == (error.what, error.where, error.why)
    assert told.cause.startswith("swap is on")
    assert told.remedy.endswith("it goes on from there.")
    assert told.log == "m1: journalctl -u kubelet\nAnsible: a.log"


def test_what_nothing_explains_keeps_its_own_remedy() -> None:
    told = with_cause(PlaybookError("a task failed", remedy="Mend it.", log="a.log", host="m1"), Evidence("no idea"))
    assert (told.cause, told.remedy, told.log) == ("", "Mend it.", "Ansible: a.log")


def test_a_node_without_python_was_reached_and_a_silent_one_was_not() -> None:
    lost = UnreachableError("the node cannot be reached", why="/usr/bin/python3: not found", host="m1")
    assert isinstance(with_cause(lost, Evidence(lost.why)), PlaybookError)
    assert isinstance(with_cause(lost, Evidence("Connection timed out")), UnreachableError)
