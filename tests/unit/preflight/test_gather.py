"""The seam to pyinfra, with a machine that is not there."""

from __future__ import annotations

import socket
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from kprov.errors import InputError
from kprov.events import Progress
from kprov.preflight import Unreachable, gather

if TYPE_CHECKING:
    from pathlib import Path


def test_without_an_ssh_configuration_the_user_is_sent_to_trust(tmp_path: Path) -> None:
    with pytest.raises(InputError) as refused:
        gather(["m1"], tmp_path / "config")
    assert "kprov trust" in refused.value.remedy


def test_a_closed_port_is_an_answer_and_gevent_stays_out_of_this_process(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but nobody listens
        config = tmp_path / "config"
        config.write_text(f"Host m1\n  HostName 127.0.0.1\n  Port {taken.getsockname()[1]}\n  User root\n")
        seen: list[object] = []
        found = gather(["m1"], config, emit=seen.append)
    assert isinstance(found["m1"], Unreachable)
    assert found["m1"].kind == "network"
    assert seen == [Progress("preflight", "asking the machines", "m1", 1, 1)]
    assert "gevent" not in sys.modules
    assert threading.Thread.__module__ == "threading"
