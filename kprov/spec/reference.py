"""The reference of the cluster file as a Markdown table, drawn from its schema: it is in ``docs/cluster-file.md``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kprov.spec.dump import flow
from kprov.spec.schema import schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kprov.spec.flaw import Value

_FORMATS = {"ip": "address", "ipv4network": "network", "ipnetwork": "network"}
_SIMPLE = {"integer": "number", "boolean": "`true`, `false`", "object": "names with texts"}
_PLURALS = {"array": "lists"}


def table() -> str:
    """One row for each key; ``<name>`` stands for a node's name, ``[]`` for an item of a list.

    >>> print(table().splitlines()[2])
    | `cluster` | text | required | Name of the cluster: a DNS label. |
    """
    document = schema()
    parts = document["$defs"]
    rows = _rows(document, "", parts if isinstance(parts, dict) else {})
    return "| Key | Type | Default | Meaning |\n| --- | --- | --- | --- |\n" + "".join(rows)


def _rows(part: Mapping[str, Value], prefix: str, parts: Mapping[str, Value]) -> Iterator[str]:
    properties, required = part.get("properties"), part.get("required")
    for key, field in properties.items() if isinstance(properties, dict) else ():
        if not isinstance(field, dict):
            continue
        needed = isinstance(required, list) and key in required
        between, name = _section(field)
        inner = parts.get(name)
        section = inner if isinstance(inner, dict) else {}
        meaning = field.get("description") or section.get("description")
        yield f"| `{prefix}{key}` | {_type(field)} | {_default(field, needed=needed)} | {meaning} |\n"
        yield from _rows(section, f"{prefix}{key}{between}.", parts)


def _section(field: Mapping[str, Value]) -> tuple[str, str]:
    """The part that a field holds, and what stands between its key and the part's keys.

    >>> _section({"type": "array", "items": {"$ref": "#/$defs/Taint"}})
    ('[]', 'Taint')
    """
    inside = {"": field, ".<name>": field.get("additionalProperties"), "[]": field.get("items")}
    options = field.get("anyOf")
    candidates = list(inside.items())
    candidates += [("", option) for option in options] if isinstance(options, list) else []
    for between, value in candidates:
        if isinstance(value, dict) and "$ref" in value:
            return between, str(value["$ref"]).rpartition("/")[2]
    return "", ""


def _type(field: Mapping[str, Value]) -> str:
    """A type in words.

    >>> _type({"type": "array", "items": {"enum": ["a", "b"]}})
    'list of `a`, `b`'
    >>> _type({"anyOf": [{"type": "string"}, {"type": "null"}]})
    'text'
    """
    match field:
        case {"enum": list(values)}:
            return ", ".join(f"`{value}`" for value in values)
        case {"const": value}:
            return f"`{value}`"
        case {"anyOf": list(options)}:
            return " or ".join(_type(one) for one in options if isinstance(one, dict) and one.get("type") != "null")
        case {"type": "array", "items": dict(item)}:
            return f"list of {_type(item)}{'s' if '$ref' in item else ''}"
        case {"type": "object", "additionalProperties": dict(item)}:
            return f"names with {_PLURALS.get(str(item.get('type')), 'sections' if '$ref' in item else 'texts')}"
        case {"type": "object", "additionalProperties": True}:
            return "any mapping"
        case {"format": str(name)} if name in _FORMATS:
            return _FORMATS[name]
    return "section" if "$ref" in field else _SIMPLE.get(str(field.get("type")), "text")


def _default(field: Mapping[str, Value], *, needed: bool) -> str:
    if needed:
        return "required"
    if "default" not in field:
        return "as below" if _section(field)[1] else "`{}`"
    value = field["default"]
    return "none" if value in (None, "") else f"`{flow(value)}`"
