"""As much of JSON Schema as the schema of flows uses."""

from __future__ import annotations

import re
from typing import Any, cast

from penstock.flows.document import read

TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
}
CHECKED = {
    *("$ref", "$defs", "$schema", "title", "description", "type", "enum", "oneOf", "properties"),
    *("required", "additionalProperties", "items", "minItems", "minimum", "pattern"),
}


def accepts(schema: dict[str, Any], document: str) -> bool:
    """Whether a document is what a schema says."""
    return _fits(schema, read(document).plain, schema)


def _fits(schema: dict[str, Any], value: Any, root: dict[str, Any]) -> bool:
    assert schema.keys() <= CHECKED, f"nobody checks {schema.keys() - CHECKED}"
    if "$ref" in schema:
        return _fits(root["$defs"][schema["$ref"].rpartition("/")[2]], value, root)
    if "enum" in schema and value not in schema["enum"]:
        return False
    if "oneOf" in schema and sum(_fits(one, value, root) for one in schema["oneOf"]) != 1:
        return False
    named = schema.get("type", [])
    kinds = [named] if isinstance(named, str) else named
    if kinds and not any(_is(kind, value) for kind in kinds):
        return False
    if isinstance(value, str) and "pattern" in schema and not re.search(schema["pattern"], value):
        return False
    if isinstance(value, (int, float)) and value < schema.get("minimum", value):
        return False
    if isinstance(value, list):
        found, items = cast("list[Any]", value), schema.get("items", {})
        enough = len(found) >= schema.get("minItems", 0)
        return enough and all(_fits(items, one, root) for one in found)
    if isinstance(value, dict):
        return _fits_object(schema, cast("dict[str, Any]", value), root)
    return True


def _fits_object(schema: dict[str, Any], value: dict[str, Any], root: dict[str, Any]) -> bool:
    known = schema.get("properties", {})
    more = schema.get("additionalProperties", True)
    for key, one in value.items():
        form = known.get(key, more)
        if form is False or (form is not True and not _fits(form, one, root)):
            return False
    return {*schema.get("required", ())} <= value.keys()


def _is(kind: str, value: Any) -> bool:
    number = kind in ("integer", "number")
    return isinstance(value, TYPES[kind]) and not (number and isinstance(value, bool))
