"""Schemas of what the chart renders, for kubeconform, which would fetch them from the network: made
from Kubernetes' own OpenAPI document and the Prometheus operator's definition of its resources, as
they lie in their Go modules. What a schema does not name is refused.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from tests.go_tools import KUBERNETES, PROMETHEUS_OPERATOR, module_folder

SWAGGER = "api/openapi-spec/swagger.json"
MONITORS = "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml"
EITHER = {"anyOf": [{"type": "string"}, {"type": "integer"}]}
NAMED = "#/definitions/"
LOCATION = "{{ .ResourceKind }}{{ .KindSuffix }}.json"


def write_schemas(folder: Path) -> None:
    """A file for each kind, by kubeconform's names."""
    swagger = json.loads((module_folder(KUBERNETES) / SWAGGER).read_text())
    definitions: dict[str, Any] = {
        name: closed(schema) for name, schema in swagger["definitions"].items()
    }
    for name, schema in definitions.items():
        for kind in schema.get("x-kubernetes-group-version-kind", ())[:1]:
            whole = schema | {"definitions": used(definitions, name)}
            _write(folder, kind["kind"], kind["group"], kind["version"], whole)
    made = yaml.safe_load((module_folder(PROMETHEUS_OPERATOR) / MONITORS).read_text())["spec"]
    for version in made["versions"]:
        schema = closed(version["schema"]["openAPIV3Schema"])
        schema["properties"]["metadata"] = {"type": "object"}
        _write(folder, made["names"]["kind"], made["group"], version["name"], schema)


def _write(folder: Path, kind: str, group: str, version: str, schema: Any) -> None:
    suffix = [one for one in (group.split(".")[0], version) if one]
    (folder / f"{'-'.join([kind.lower(), *suffix])}.json").write_text(json.dumps(schema))


def closed(schema: Any) -> Any:
    """The same, with nothing beside what it names."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("format") == "int-or-string" or schema.get("x-kubernetes-int-or-string"):
        return EITHER
    made = {name: closed(one) for name, one in schema.items()}
    is_open = "additionalProperties" in made or "x-kubernetes-preserve-unknown-fields" in made
    if isinstance(made.get("properties"), dict) and made.get("type") == "object" and not is_open:
        made["additionalProperties"] = False
    return made


def used(definitions: dict[str, Any], name: str) -> dict[str, Any]:
    """All definitions that one leads to."""
    found: dict[str, Any] = {}
    left = [name]
    while left:
        one = left.pop()
        if one not in found:
            found[one] = definitions[one]
            left += _references(definitions[one])
    return found


def _references(schema: Any) -> list[str]:
    if isinstance(schema, list):
        return [name for one in schema for name in _references(one)]
    if not isinstance(schema, dict):
        return []
    own = [schema["$ref"].removeprefix(NAMED)] if isinstance(schema.get("$ref"), str) else []
    return own + [name for one in schema.values() for name in _references(one)]
