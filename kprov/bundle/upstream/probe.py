"""Whether release servers and registries are reached from here: found out in two seconds, whatever the network does."""

from __future__ import annotations

import queue
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from kprov.bundle.mirrors import ALL, places
from kprov.bundle.transfer import opener

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

DEADLINE_S: Final = 2.0
"""For all answers together. A name server that swallows questions is not waited for any longer than that either."""


def unreached(files: Sequence[str], registries: Sequence[str], mirrors: Mapping[str, str]) -> Mapping[str, str]:
    """Those of the files and registries that neither their hosts nor mirrors have, each with the reason.

    Everything is asked at the same time, for one byte of each file.
    """
    asked: dict[str, list[Callable[[], None]]] = {
        **{url: [_file(place) for place in places(url, mirrors)] for url in files},
        **{host: _registry(host, mirrors) for host in registries},
    }
    answers: queue.Queue[tuple[str, str]] = queue.Queue()
    for name, ways in asked.items():
        for way in ways:
            threading.Thread(target=_ask, args=(name, way, answers), daemon=True).start()
    return _gathered({name: len(ways) for name, ways in asked.items()}, answers)


def _gathered(waiting: dict[str, int], answers: queue.Queue[tuple[str, str]]) -> Mapping[str, str]:
    """The last reason of each that nobody has; one whose places are silent has none better than that."""
    left = dict.fromkeys(waiting, f"no answer within {DEADLINE_S:g} s")
    timer = threading.Timer(DEADLINE_S, answers.put, [("", "")])
    timer.daemon = True
    timer.start()
    try:
        while any(waiting.get(name) for name in left):
            name, why = answers.get()
            if not name:
                break
            waiting[name] -= 1
            if not why:
                left.pop(name, None)
            elif name in left:
                left[name] = why
    finally:
        timer.cancel()
    return left


def _ask(name: str, way: Callable[[], None], answers: queue.Queue[tuple[str, str]]) -> None:
    try:
        way()
    except urllib.error.HTTPError as error:
        with error:
            answers.put((name, f"HTTP {error.code} {error.reason}"))
    except urllib.error.URLError as error:
        reason = error.reason
        answers.put((name, (reason.strerror if isinstance(reason, OSError) else None) or str(reason)))
    except Exception as error:
        # Whatever it is: from here it is not reached.
        answers.put((name, str(error) or type(error).__name__))
    else:
        answers.put((name, ""))


def _file(place: str) -> Callable[[], None]:
    def way() -> None:
        request = urllib.request.Request(place, headers={"Range": "bytes=0-0"})  # noqa: S310 - see transfer.opener
        with opener().open(request, timeout=DEADLINE_S):
            pass

    return way


def _registry(host: str, mirrors: Mapping[str, str]) -> list[Callable[[], None]]:
    """The ways to a registry: a layout in a folder, or its API, which answers 200, or 401 where a token is needed."""
    ways = [_api(f"https://{host}/v2/")]
    for base, below in ((mirrors.get(host), ""), (mirrors.get(ALL), f"/{host}")):
        parts = urlsplit(base or "")
        if parts.scheme == "file":
            ways.append(_folder(Path(unquote(parts.path) + below)))
        elif parts.scheme:
            ways.append(_api(f"{parts.scheme}://{parts.netloc}/v2/"))
    return ways


def _folder(path: Path) -> Callable[[], None]:
    def way() -> None:
        next(path.rglob("index.json"))

    return way


def _api(url: str) -> Callable[[], None]:
    def way() -> None:
        try:
            _file(url)()
        except urllib.error.HTTPError as error:
            with error:
                if error.code not in (401, 403):
                    raise

    return way
