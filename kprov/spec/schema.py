"""The JSON Schema of a cluster file as a person writes it: for editors, drawn from the model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

from kprov.spec.model import ClusterSpec

if TYPE_CHECKING:
    from kprov.spec.flaw import Value

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_RANGE = r"\[[0-9A-Za-z]*:[0-9A-Za-z]+(:[0-9]+)?\]"
_NAME = rf"^([a-z0-9.-]|{_RANGE})+$"
_ADDRESS = rf"^([0-9A-Fa-f.:]|{_RANGE})+$"
_HOST = rf"^([A-Za-z0-9.:-]|{_RANGE})*$"


def schema() -> dict[str, Value]:
    """The schema, draft 2020-12: the model's own, with ranges in names and addresses, and a single bundle source."""
    document = cast("dict[str, Value]", ClusterSpec.model_json_schema())
    nodes = _inner(document, "properties", "nodes")
    nodes["propertyNames"] = {"pattern": _NAME}
    node = _inner(document, "$defs", "Node", "properties")
    second = cast("list[dict[str, Value]]", _inner(node, "second_address")["anyOf"])[0]
    address, ssh_address = _inner(node, "address"), _inner(node, "ssh_address")
    for field, pattern in ((address, _ADDRESS), (second, _ADDRESS), (ssh_address, _HOST)):
        field.pop("format", None)
        field["pattern"] = pattern
    _inner(node, "labels")["additionalProperties"] = False
    _inner(document, "$defs", "Node")["description"] = nodes["description"]
    bundle = _inner(document, "$defs", "Bundle", "properties")
    _inner(bundle, "mirrors")["additionalProperties"] = False
    source = _inner(bundle, "source")
    network = _inner(document, "$defs", "Network", "properties")
    pods, services = _inner(network, "pods"), _inner(network, "services")
    for field in (pods, services):
        (field["default"],) = cast("list[Value]", field["default"])
    for field in (source, pods, services):
        field["anyOf"] = [field["items"], {key: field.pop(key) for key in ("type", "items", "minItems")}]
    document["description"] = "One Kubernetes cluster: its machines, how they are reached, what runs on them."
    return {"$schema": _DIALECT, "title": "kprov cluster file", **_untitled(document)}


def schema_text() -> str:
    """The schema as a file."""
    return json.dumps(schema(), indent=2) + "\n"


def _inner(data: dict[str, Value], *keys: str) -> dict[str, Value]:
    for key in keys:
        data = cast("dict[str, Value]", data[key])
    return data


def _untitled(data: dict[str, Value]) -> dict[str, Value]:
    """Without the titles that pydantic makes of names: they say nothing that the key does not."""
    return {
        key: _untitled(value) if isinstance(value, dict) else value
        for key, value in data.items()
        if not (key == "title" and isinstance(value, str))
    }
