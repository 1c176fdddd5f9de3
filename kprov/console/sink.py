"""Where events go to be seen: a live display on a terminal, plain lines anywhere else."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from kprov.console.live import Terminal
from kprov.console.plain import Plain
from kprov.console.screen import lasting, screen

if TYPE_CHECKING:
    from kprov.console.base import Sink
    from kprov.console.screen import StreamName, Verbosity


def open_sink(verbosity: Verbosity, *, color: bool, stream: StreamName = "stdout") -> Sink:
    """The display that suits the stream; commands whose stdout is data (``-o json``) take ``stderr``."""
    console = screen(stream, color=color)
    if lasting(console) and verbosity != "quiet":
        return Terminal(console, verbosity, time.monotonic)
    return Plain(console.file, verbosity, time.monotonic)
