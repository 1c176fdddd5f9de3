"""Enable and disable add-ons in the text of a cluster file."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Final, cast, get_origin

from kprov.addons.dashboards.common import NAME as DASHBOARD
from kprov.addons.offers import DASHBOARDS, NETWORKS, SERVICES
from kprov.errors import InputError, SpecError
from kprov.spec.edit import drop, put
from kprov.spec.keys import all_keys
from kprov.spec.tree import parse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kprov.spec.flaw import Value

NAMES: Final = (DASHBOARD, *DASHBOARDS, *SERVICES)
"""What can be enabled and disabled: the keys below ``addons``, and each kind of dashboard for short."""


def enable(text: str, name: str, settings: Mapping[str, Value], file: str) -> str:
    """The text of a cluster file that asks for this add-on with these settings; the same text where it does already.

    >>> enable("cluster: lab\\n", "headlamp", {"port": 31001}, "cluster.yaml")
    'cluster: lab\\naddons:\\n  dashboard: {kind: headlamp, port: 31001}\\n'

    Raises:
        InputError: there is no such add-on, or the file's layout is beyond what can be changed.
    """
    key, wanted = key_of(name), dict(settings)
    if name in DASHBOARDS:
        wanted = {"kind": name, **wanted}
    have = _addons(text, file)
    if key not in have:
        return put(text, ("addons", key), cast("Value", wanted), file)
    old = have[key] if isinstance(have[key], dict) else {}
    for setting, value in wanted.items():
        if cast("dict[str, Value]", old).get(setting) != value:
            text = put(text, ("addons", key, setting), value, file)
    return text


def disable(text: str, name: str, file: str) -> str:
    """The text of a cluster file that does not ask for this add-on; the same text where it does not anyway.

    Raises:
        InputError: there is no such add-on, or the file's layout is beyond what can be changed.
    """
    key = key_of(name)
    have = _addons(text, file)
    settings = have.get(key)
    other = name in DASHBOARDS and isinstance(settings, dict) and settings.get("kind") != name
    return text if key not in have or other else drop(text, ("addons", key), file)


def settings_of(name: str, words: Sequence[str]) -> dict[str, Value]:
    """``key=value`` as settings: values are YAML; for a list its items with commas between will do.

    >>> settings_of("metallb", ["addresses=10.0.0.200-10.0.0.220,10.0.0.240/28"])
    {'addresses': ['10.0.0.200-10.0.0.220', '10.0.0.240/28']}
    >>> settings_of("coredns", ["replicas=3"])
    {'replicas': 3}

    Raises:
        InputError: a word is none of these, or a key is given twice.
    """
    lists = {path for path, field in all_keys() if get_origin(field.annotation) is tuple}
    found: dict[str, Value] = {}
    for word in words:
        key, equals, text = word.partition("=")
        if not equals or not key:
            raise InputError("this is no setting", where=word, remedy="Write settings as KEY=VALUE: replicas=3.")
        if key in found:
            raise InputError("a setting is given twice", where=key, remedy="Give it once; a list is VALUE,VALUE.")
        many = f"addons.{key_of(name)}.{key}" in lists and not text.startswith("[")
        found[key] = _value(f"[{text}]" if many else text, word)
    return found


def _value(text: str, word: str) -> Value:
    try:
        return parse(f"value: {text}\n", word).data["value"]
    except SpecError as error:
        remedy = "Write the value as it would stand in the cluster file, in quotes for the shell."
        raise InputError("a setting cannot be read", where=word, why=error.problems[0].wrong, remedy=remedy) from None


def _addons(text: str, file: str) -> Mapping[str, Value]:
    addons = parse(text, file).data.get("addons")
    return addons if isinstance(addons, dict) else {}


def key_of(name: str) -> str:
    """The key below ``addons``.

    Raises:
        InputError: it is no add-on.
    """
    if name in NAMES:
        return DASHBOARD if name in DASHBOARDS else name
    if name in NETWORKS:
        why = "the network of a cluster is chosen when it is made"
        raise InputError(f"{name} is a network", why=why, remedy=f"Set network.plugin: {name} in the cluster file.")
    near = get_close_matches(name, NAMES, n=1)
    remedy = f"Did you mean {near[0]}?" if near else f"Name one of: {', '.join(NAMES)}."
    raise InputError("no such add-on", where=name, remedy=f"{remedy} Manifests of your own go below addons.extra.")
