"""A JSON Schema of flows, for editors: made from the tables by which flows are read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from penstock.flows.kinds import COMMON, ERRORS, KINDS, Kind, Property, TaskKind
from penstock.flows.parts import INPUT_TYPES, TRIGGER_COMMON, TRIGGER_KEYS, TRIGGERS
from penstock.flows.watched import CONDITIONS, END_STATES, PRECONDITIONS, UPSTREAM

Json = dict[str, Any]

_TASKS: Final[Json] = {"type": "array", "items": {"$ref": "#/$defs/task"}}
_DURATION: Final[Json] = {"type": "string", "pattern": "^(P|.*\\{\\{)"}
_TEXT: Final[Json] = {"type": ["string", "number", "boolean"]}
_COUNT: Final[Json] = {"type": "integer", "minimum": 0}
_STATES: Final[Json] = {"type": "array", "minItems": 1, "items": {"enum": [*END_STATES]}}
_PAIRS: Final[Json] = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"key": _TEXT, "value": _TEXT},
        "required": ["key", "value"],
        "additionalProperties": False,
    },
}
_FORMS: Final[dict[Kind, Json]] = {
    Kind.TEXT: _TEXT,
    Kind.ANY: {},
    Kind.MAP: {"type": "object"},
    Kind.LABELS: {"$ref": "#/$defs/labels"},
    Kind.FLAG: {"type": "boolean"},
    Kind.COUNT: _COUNT,
    Kind.DURATION: _DURATION,
    Kind.TASKS: _TASKS,
    Kind.CASES: {"type": "object", "additionalProperties": _TASKS},
    Kind.DAG: {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "task": {"$ref": "#/$defs/task"},
                "dependsOn": {"type": "array", "items": {"type": "string"}},
            },
            "required": ["task"],
            "additionalProperties": False,
        },
    },
    Kind.INPUTS: {"$ref": "#/$defs/inputs"},
    Kind.RETRY: {"$ref": "#/$defs/retry"},
    Kind.FREQUENCY: {
        "type": "object",
        "properties": {"maxIterations": _COUNT, "maxDuration": _DURATION, "interval": _DURATION},
        "additionalProperties": False,
    },
    Kind.BATCH: {
        "type": "object",
        "properties": {"rows": _COUNT},
        "additionalProperties": False,
    },
}


def flow_schema() -> Json:
    """The schema of a document that `read_flow` takes."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A Penstock flow",
        "type": "object",
        "required": ["id", "namespace", "tasks"],
        "additionalProperties": False,
        "properties": {
            "id": {"type": "string"},
            "namespace": {"type": "string"},
            "description": {"type": "string"},
            "disabled": {"type": "boolean"},
            "inputs": {"$ref": "#/$defs/inputs"},
            "variables": {"type": "object"},
            "tasks": _TASKS | {"minItems": 1},
            "errors": _TASKS,
            "finally": _TASKS,
            "outputs": {"type": "array", "items": _typed({"value": {}}, required=["id", "value"])},
            "labels": {"$ref": "#/$defs/labels"},
            "retry": {"$ref": "#/$defs/retry"},
            "concurrency": {
                "type": "object",
                "required": ["limit"],
                "properties": {
                    "limit": {"type": "integer", "minimum": 1},
                    "behavior": {"enum": ["QUEUE", "CANCEL", "FAIL"]},
                },
                "additionalProperties": False,
            },
            "triggers": {"type": "array", "items": {"oneOf": [*_triggers()]}},
        },
        "$defs": _defs(),
    }


def _defs() -> Json:
    """What stands in several places."""
    return {
        "task": {"oneOf": [_task(kind) for kind in KINDS]},
        "inputs": {
            "type": "array",
            "items": _typed(
                {
                    "name": {"type": "string"},
                    "required": {"type": "boolean"},
                    "defaults": {},
                    "values": {"type": "array"},
                },
                required=["type"],
            ),
        },
        "labels": {"oneOf": [{"type": "object", "additionalProperties": _TEXT}, _PAIRS]},
        "retry": _retry(),
    }


def _triggers() -> Iterator[Json]:
    """What each type of trigger takes."""
    for kind, own in TRIGGER_KEYS.items():
        texts: Json = {key: {"type": "string"} for key in (*own, "id", "description")}
        forms = {
            "type": {"enum": [name for name, known in TRIGGERS.items() if known == kind]},
            "disabled": {"type": "boolean"},
            "inputs": {"type": "object"},
            "headers": {"type": "array", "items": {"type": "string"}},
            "states": _STATES,
            "labels": {"$ref": "#/$defs/labels"},
            "preconditions": _preconditions(),
            "conditions": {"type": "array", "items": {"oneOf": [*_conditions()]}},
        }
        known = {*own, *TRIGGER_COMMON}
        yield {
            "type": "object",
            "properties": texts | {key: form for key, form in forms.items() if key in known},
            "required": ["id", "type", *(key for key, wanted in own.items() if wanted)],
            "additionalProperties": False,
        }


def _preconditions() -> Json:
    """The one flow that a trigger waits for."""
    forms = {"states": _STATES, "labels": {"$ref": "#/$defs/labels"}}
    flow = {
        "type": "object",
        "properties": {key: {"type": "string"} for key in UPSTREAM} | forms,
        "required": ["namespace"],
        "additionalProperties": False,
    }
    own = {"id": {"type": "string"}, "flows": {"type": "array", "minItems": 1, "items": flow}}
    return {
        "type": "object",
        "properties": {key: own[key] for key in PRECONDITIONS},
        "required": ["flows"],
        "additionalProperties": False,
    }


def _conditions() -> Iterator[Json]:
    """What each condition takes; its name may have parts before, and an ending."""
    forms: Json = {
        "in": _STATES,
        "notIn": _STATES,
        "labels": {"$ref": "#/$defs/labels"},
        "prefix": {"type": "boolean"},
        "comparison": {"enum": ["EQUALS", "PREFIX"]},
    }
    for name, own in CONDITIONS.items():
        kind = {"type": "string", "pattern": f"(^|\\.){name}(Condition)?$"}
        known = {key: forms.get(key, {"type": "string"}) for key in own}
        yield {
            "type": "object",
            "properties": {"type": kind, **known},
            "required": ["type", *(key for key in own if key in ("namespace", "flowId"))],
            "additionalProperties": False,
        }


def _task(kind: TaskKind) -> Json:
    properties = COMMON | kind.properties | ({"errors": ERRORS} if kind.flowable else {})
    found: Json = {name: _property(wanted) for name, wanted in properties.items()}
    found["type"] = {"enum": [kind.name, *kind.aliases]}
    found["id"] = {"type": "string"}
    return {
        "title": kind.name,
        "description": kind.said,
        "type": "object",
        "properties": found,
        "required": [name for name, wanted in properties.items() if wanted.required],
        "additionalProperties": False,
    }


def _property(wanted: Property) -> Json:
    form = {"enum": [*wanted.words]} if wanted.words else _FORMS[wanted.kind]
    return form | ({"description": wanted.said} if wanted.said else {})


def _typed(more: Json, *, required: list[str]) -> Json:
    """What has an id and a type."""
    own = {
        "id": {"type": "string"},
        "type": {"enum": [*INPUT_TYPES]},
        "description": {"type": "string"},
        "displayName": {"type": "string"},
    }
    return {
        "type": "object",
        "properties": own | more,
        "required": required,
        "additionalProperties": False,
    }


def _retry() -> Json:
    return {
        "type": "object",
        "properties": {
            "type": {"enum": ["constant", "exponential", "random"]},
            "maxAttempt": _COUNT,
            "maxAttempts": _COUNT,
            "warningOnRetry": {"type": "boolean"},
            "behavior": {"enum": ["RETRY_FAILED_TASK", "CREATE_NEW_EXECUTION"]},
            "delayFactor": {"type": "number", "minimum": 1},
            "maxDuration": _DURATION,
            "interval": _DURATION,
            "maxInterval": _DURATION,
            "minInterval": _DURATION,
        },
        "additionalProperties": False,
    }
