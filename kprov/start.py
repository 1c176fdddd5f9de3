"""Where the program begins: an interrupt while modules are still loaded ends it in words, not in a traceback.

It imports nothing that takes time: everything else is loaded when the handler stands.
"""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from types import FrameType

_INTERRUPTED = 130


def main() -> None:
    """The entry point; the program itself takes signals over once it is loaded."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name)
        if signal.getsignal(number) is not signal.SIG_IGN:  # a parent that ignores it (nohup) is obeyed
            signal.signal(number, _stop)
    from kprov.cli.main import main as run  # noqa: PLC0415 - see above

    run()


def _stop(_signal: int, _frame: FrameType | None) -> NoReturn:
    """End at once: nothing has begun that could be left half done."""
    os.write(2, b"interrupted: nothing had begun yet\n")
    os._exit(_INTERRUPTED)
