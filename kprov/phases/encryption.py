"""Encryption at rest on a living cluster: what control planes really do, and the change of the key."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from typing import TYPE_CHECKING, TypeAlias, cast

from kprov.ansible.plugins.module_utils import kprov_registry
from kprov.errors import CheckFailed, InputError
from kprov.phases.base import Context, Done
from kprov.phases.machines import as_root, log_in
from kprov.ssh.fan_out import fan_out

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Final

    from kprov.spec.load import Loaded
    from kprov.spec.model import ClusterSpec

_TIMEOUT_S = 60.0
PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class Encrypted:
    """How one control plane treats one resource.

    ``writes`` is a provider with its key's name, or ``plain``; ``keys`` counts what it can read with, ``loaded`` says
    whether its API server knows of all that; ``stored`` counts, for a sample out of etcd, what wrote each object.
    """

    writes: str
    keys: int
    loaded: bool
    stored: Mapping[str, int]


Seen: TypeAlias = "Mapping[str, Mapping[str, Encrypted]]"
"""By control plane and resource."""


def look(loaded: Loaded) -> Seen:
    """Ask every control plane about the resources of the cluster file, or about secrets where it names none.

    Raises:
        UnreachableError: one cannot be reached.
        CheckFailed: one is no control plane yet, or its etcd does not answer.
    """
    wanted = loaded.spec.encryption
    resources = wanted.resources if wanted else ("secrets",)
    names = {name: name for name in loaded.spec.control_planes}
    return fan_out(names, partial(_ask, loaded, resources))


def _ask(loaded: Loaded, resources: tuple[str, ...], name: str) -> Mapping[str, Encrypted]:
    source = files(__package__).joinpath("encryption_probe.py").read_bytes()
    folder = cast("Callable[[str], str]", kprov_registry.folder)
    words = [f"{resource}={folder(resource)}" for resource in resources]
    with log_in(loaded, name) as remote:
        result = remote.run(as_root(shlex.join(["python3", "-", *words])), source, timeout_s=_TIMEOUT_S)
    if result.code:
        why = result.err.strip().rpartition("\n")[2][-300:]
        raise CheckFailed("what is stored cannot be read", where=name, why=why, remedy="Run `kprov up` first.")
    return {resource: Encrypted(**each) for resource, each in json.loads(result.out).items()}


def flaws(spec: ClusterSpec, seen: Seen) -> Iterator[str]:
    """What is not as the cluster file says, each in a sentence.

    >>> from kprov.spec.model import ClusterSpec
    >>> nodes = {"m1": {"address": "10.0.0.11", "roles": ["control-plane"]}}
    >>> plain = {"m1": {"secrets": Encrypted("plain", 0, True, {"aescbc key1": 2})}}
    >>> list(flaws(ClusterSpec.model_validate({"cluster": "lab", "nodes": nodes}), plain))
    ['m1: secrets in etcd are stored by aescbc key1, not plain.']
    """
    provider = spec.encryption.provider if spec.encryption else PLAIN
    for name, resources in seen.items():
        for resource, each in resources.items():
            if not each.loaded:
                yield f"{name}: the API server was not started with the keys that it has now."
            if each.writes.partition(" ")[0] != provider:
                yield f"{name}: {resource} are written by {each.writes}, the cluster file says {provider}."
            if each.keys > 1 or (each.keys and provider == PLAIN):
                yield f"{name}: {resource} are read with {each.keys} keys: a change of keys is under way."
            for mark in each.stored:
                if mark != each.writes:
                    yield f"{name}: {resource} in etcd are stored by {mark}, not {each.writes}."
    for resource in {resource for resources in seen.values() for resource in resources}:
        ways = {resources[resource].writes for resources in seen.values()}
        if len(ways) > 1:
            yield f"{resource} are not written by all control planes alike: {', '.join(sorted(ways))}."


def refuse_unencrypted(loaded: Loaded) -> None:
    """Refuse a change of keys where there are none.

    Raises:
        InputError: the cluster file has no section encryption, or the cluster is not made yet.
    """
    where = str(loaded.paths.file)
    if loaded.spec.encryption is None:
        remedy = "Add encryption: {provider: secretbox}, and run `kprov up`."
        raise InputError("nothing is encrypted: there is no section encryption", where=where, remedy=remedy)
    if not loaded.paths.inventory.exists():
        raise InputError("there is no inventory of this cluster yet", where=where, remedy="Run `kprov up` first.")


@dataclass(frozen=True, slots=True)
class RotateKeys:
    """Runs the playbook `encryption`; with ``check`` it changes nothing."""

    check: bool = False
    name: Final = "keys"
    title: Final = "Change the keys"

    def should_run(self, context: Context) -> bool:  # noqa: D102 - see Phase
        return context.spec.encryption is not None

    def run(self, context: Context) -> Done:  # noqa: D102 - see Phase
        recap = context.playbooks.run("encryption", context.emit, check=self.check)
        verb = "would be made" if self.check else "made"
        summary = f"{recap.changed} changes {verb} on {len(recap.hosts)} control planes"
        return Done(context, "done" if recap.changed and not self.check else "unchanged", summary)
