"""The same work on many hosts at once; every host's error is kept, not only the first one's."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from kprov.errors import KprovError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Given = TypeVar("Given")
Gave = TypeVar("Gave")


def fan_out(given: Mapping[str, Given], work: Callable[[Given], Gave], workers: int = 32) -> dict[str, Gave]:
    """Do the work for every host in threads of their own; the results by host, in the order of ``given``.

    An interruption cancels what has not begun and waits for what has.

    Raises:
        KprovError: the one host's error as it is; of several, one error that names all hosts. It is an
            ``UnreachableError`` where any of them is one.

    >>> fan_out({"m1": 2, "m2": 3}, lambda number: number * number)
    {'m1': 4, 'm2': 9}
    """
    if not given:
        return {}
    results: dict[str, Gave] = {}
    errors: dict[str, KprovError] = {}
    pool = ThreadPoolExecutor(min(workers, len(given)), thread_name_prefix="host")
    try:
        futures = {host: pool.submit(work, one) for host, one in given.items()}
        for host, future in futures.items():
            try:
                results[host] = future.result()
            except KprovError as error:
                errors[host] = error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    if errors:
        raise together(errors)
    return results


def together(errors: Mapping[str, KprovError]) -> KprovError:
    """One error out of those of several hosts.

    >>> str(together({name: UnreachableError("no answer") for name in ("m1", "m2")}))
    'm1, m2: 2 hosts failed: m1: no answer; m2: no answer'
    """
    every = list(errors.values())
    if len(every) == 1:
        return every[0]
    kinds = {type(error) for error in every}
    mixed = UnreachableError if any(isinstance(error, UnreachableError) for error in every) else type(every[0])
    kind = kinds.pop() if len(kinds) == 1 else mixed
    whys = [str(error) if error.where else f"{host}: {error}" for host, error in errors.items()]
    return kind(
        f"{len(every)} hosts failed",
        where=", ".join(errors),
        why="; ".join(whys),
        remedy=" ".join(dict.fromkeys(error.remedy for error in every if error.remedy)),
    )
