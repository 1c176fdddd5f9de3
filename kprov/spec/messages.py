"""What pydantic found, in words for the person who wrote the file: what is wrong, and what would be right."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from kprov.spec.flaw import Flaw, Loc
from kprov.spec.keys import all_keys, help_at, keys_at

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic_core import ErrorDetails

_SYNONYMS = {
    "master": "control-plane",
    "controlplane": "control-plane",
    "controller": "control-plane",
    "node": "worker",
}


def explain(error: ErrorDetails, written: Callable[[Loc], str | None]) -> Flaw:
    """One error of the model as a flaw.

    Args:
        error: from ``ValidationError.errors()``.
        written: a scalar as the user wrote it, by its location: ``1.30`` where YAML made 1.3 of it.
    """
    is_key = error["loc"][-1:] == ("[key]",)
    loc = tuple(part for part in error["loc"] if part != "[key]")
    context: Mapping[str, object] = error.get("ctx", {})
    given = _shown(error["input"], None if is_key else written(loc))
    match error["type"]:
        case "plain":
            return Flaw(loc, f"{given} {context['wrong']}", str(context["right"]))
        case "extra_forbidden":
            return _unknown(loc)
        case "missing":
            return Flaw(loc, "is missing", _help(loc))
    if error["input"] is None:
        return Flaw(loc, "has no value", _help(loc))
    return Flaw(loc, *_words(error["type"], loc, error["input"], given, context))


def _words(kind: str, loc: Loc, value: object, given: str, context: Mapping[str, object]) -> tuple[str, str]:
    match kind:
        case "literal_error":
            return _choice(given, str(context["expected"]))
        case "greater_than_equal":
            return f"{given} is too small", f"Write {context['ge']} or more."
        case "less_than_equal":
            return f"{given} is too large", f"Write {context['le']} or less."
        case "string_too_long":
            return f"{given} is longer than {context['max_length']} characters", "Shorten it."
        case "string_too_short" | "too_short":
            return "is empty", _help(loc)
        case "bool_type":
            return f"{given} is neither true nor false", "Write true or false, without quotes."
        case "int_type" | "int_from_float":
            return _no_number(loc, value, given)
        case "string_type":
            return _no_text(loc, value, given)
        case _:
            return _no_container(kind, loc, value, given)


def _no_number(loc: Loc, value: object, given: str) -> tuple[str, str]:
    if isinstance(value, str) and value.isdecimal():
        return f'"{value}" is text, not a number', f"Write it without quotes: {value}."
    return f"{given} is no whole number", _help(loc)


def _no_text(loc: Loc, value: object, given: str) -> tuple[str, str]:
    if isinstance(value, bool):
        return f"YAML reads {given} as {str(value).lower()}, not as text", f'Put it in quotes: "{given}".'
    if isinstance(value, int | float):
        return f"{given} is a number, not text", f'Put it in quotes: "{given}".'
    return f"{given} stands where a text belongs", _help(loc)


def _no_container(kind: str, loc: Loc, value: object, given: str) -> tuple[str, str]:
    if kind == "tuple_type":
        right = f"Write a list: [{given}]." if isinstance(value, str | int | float) else _help(loc)
        return f"{given} stands where a list belongs", right
    keys = keys_at(loc)
    right = f"Write its keys below it: {', '.join(keys)}." if keys else "Write names with values: {name: value}."
    return f"{given} stands where keys with values belong", right


def _unknown(loc: Loc) -> Flaw:
    """An unknown key: the close one, the place where it belongs, or all that would be known."""
    meant = suggested(loc)
    elsewhere = [full for full, _ in all_keys() if full.rpartition(".")[2] == loc[-1]]
    if meant:
        right = f"Did you mean {meant[-1]}?"
    elif elsewhere:
        right = f"It belongs in {' or '.join(elsewhere)}."
    else:
        right = f"Known here: {', '.join(keys_at(loc[:-1]))}."
    return Flaw(loc, "is no key that kprov knows", right)


def suggested(loc: Loc) -> Loc | None:
    """The known key that an unknown one was most likely meant to be.

    >>> suggested(("etcd", "toplogy")), suggested(("etcd", "colour"))
    (('etcd', 'topology'), None)
    """
    close = get_close_matches(str(loc[-1]).lower().replace("-", "_"), keys_at(loc[:-1]), n=1)
    return (*loc[:-1], close[0]) if close else None


def _choice(given: str, expected: str) -> tuple[str, str]:
    """A value that is none of the allowed ones; ``expected`` comes from pydantic as ``'a', 'b' or 'c'``."""
    allowed = expected.replace(" or ", ", ").replace("'", "").split(", ")
    plain = {word.lower().replace("_", "-"): word for word in allowed}
    text = given.lower().replace("_", "-")
    close = get_close_matches(_SYNONYMS.get(text, text), plain, n=1)
    right = f"Did you mean {plain[close[0]]}?" if close else f"Write {expected.replace(chr(39), '')}."
    return f"{given} is none of {', '.join(allowed)}" if len(allowed) > 1 else f"{given} is not {allowed[0]}", right


def _help(loc: Loc) -> str:
    """What belongs at a location, in the words of the model."""
    name = next(part for part in reversed(loc) if isinstance(part, str))
    return f"Write {name}. {help_at(loc)}"


def _shown(value: object, text: str | None) -> str:
    """The value as the user wrote it, never more than a short line of it, and never a secret."""
    match value:
        case None:
            return "nothing"
        case list() | tuple():
            return "a list"
        case dict():
            return "a mapping"
    shown = " ".join((value if isinstance(value, str) else text or str(value)).split())
    if "PRIVATE KEY" in shown:
        return "this text"
    return f"{shown[:57]}..." if len(shown) > 60 else shown or '""'
