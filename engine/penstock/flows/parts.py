"""Parts of a flow that stand for themselves: inputs, outputs, labels, limits, triggers, retries."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from penstock.core.definitions.run_starts import END_FACTS
from penstock.core.definitions.webhooks import TRIGGER
from penstock.core.flow.labels import NAMELESS
from penstock.flows.checked import unknown_name
from penstock.flows.document import Node
from penstock.flows.model import FlowInput, FlowOutput, Limit, Retry, Trigger
from penstock.flows.watched import WatchedReader

INPUT_TYPES: Final = (
    *("STRING", "INT", "FLOAT", "BOOLEAN", "BOOL", "DATETIME", "DATE", "JSON", "ARRAY", "URI"),
    *("EMAIL", "DURATION", "ENUM", "SELECT"),
)
CHOICES: Final = frozenset({"ENUM", "SELECT"})
TRIGGERS: Final = {
    name: kind
    for kind in ("schedule", "webhook", "flow")
    for name in (
        kind,
        f"io.kestra.plugin.core.trigger.{kind.capitalize()}",
        f"io.kestra.core.models.triggers.types.{kind.capitalize()}",
    )
}
TRIGGER_COMMON: Final = ("id", "type", "description", "disabled")
TRIGGER_KEYS: Final[dict[str, dict[str, bool]]] = {
    "schedule": {"cron": True, "timezone": False, "inputs": False},
    "webhook": {"key": True, "inputs": False, "headers": False},
    "flow": {
        **dict.fromkeys(("namespace", "flowId", "states", "labels", "inputs"), False),
        **dict.fromkeys(("preconditions", "conditions"), False),
    },
}
"""What a trigger of each type takes, and whether it must be given."""
TRIGGER_NAMES: Final = {
    "webhook": frozenset({TRIGGER}),
    "flow": frozenset({TRIGGER, "outputs", *END_FACTS}),
}
"""What templates in the inputs of a trigger know; those of a schedule are refused."""

_INPUT_ID: Final = re.compile(r"[A-Za-z_](?:[A-Za-z0-9_-]{0,98}[A-Za-z0-9_])?")
_NOT_INPUTS: Final = frozenset({"vars", "trigger", "INPUT", "INDEX"})
_RETRY_KEYS: Final = {
    "type": str,
    "maxAttempt": int,
    "maxAttempts": int,
    "warningOnRetry": bool,
    "behavior": str,
    "delayFactor": float,
    **dict.fromkeys(("maxDuration", "interval", "maxInterval", "minInterval"), "duration"),
}


class Parts(WatchedReader):
    """Notes mistakes and goes on; what it returns counts only if there are none."""

    def __init__(self) -> None:
        super().__init__()
        self.tells = False  # a trigger tells the run what has happened

    def named(self, node: Node, key: str, pattern: re.Pattern[str]) -> str:
        value = self.text_of(node, key)
        if value is None:
            if key not in node.fields:
                self.wrong(node.mark, f"{key} is missing")
            return ""
        if not pattern.fullmatch(value) or ".." in value:
            self.wrong(node.fields[key].mark, f"{key} {value[:60]!r}: use {pattern.pattern}")
        return value

    def inputs_of(self, node: Node | None) -> tuple[FlowInput, ...]:
        found: list[FlowInput] = []
        for item in self.items_of(node, "inputs"):
            if not self.is_mapping(item, "an input"):
                continue
            keys = ("id", "name", "type", "required", "defaults", "description", "displayName")
            self.known_keys(item, (*keys, "values"), "an input")
            key = "id" if "id" in item.fields else "name"
            name = self.text_of(item, key) or ""
            kind = (self.text_of(item, "type") or "").upper()
            if not name:
                self.wrong(item.mark, "an input wants an id")
            elif name in _NOT_INPUTS or not _INPUT_ID.fullmatch(name):
                said = f"use {_INPUT_ID.pattern}, but not {' or '.join(sorted(_NOT_INPUTS))}"
                self.wrong(item.fields[key].mark, f"input {name[:60]!r}: {said}")
            elif any(name == other.id for other in found):
                self.wrong(item.mark, f"there are two inputs {name!r}")
            if kind not in INPUT_TYPES:
                where = item.fields["type"].mark if "type" in item.fields else item.mark
                self.wrong(where, f"input {name!r}: type is one of {', '.join(INPUT_TYPES)}")
            written = item.fields.get("defaults")
            defaults = None if written is None else written.plain
            values = tuple(
                str(value.plain) for value in self.items_of(item.fields.get("values"), "")
            )
            if (kind in CHOICES) != bool(values):
                wants = "wants values" if kind in CHOICES else f"is of type {kind}: no values"
                self.wrong(item.mark, f"input {name!r} {wants}")
            required = "required" not in item.fields or self.flag_of(item, "required")
            found.append(FlowInput(item.mark, name, kind, required, defaults, values, written))
        return tuple(found)

    def outputs_of(self, node: Node | None) -> tuple[FlowOutput, ...]:
        found: list[FlowOutput] = []
        for item in self.items_of(node, "outputs"):
            if not self.is_mapping(item, "an output"):
                continue
            self.known_keys(
                item, ("id", "type", "value", "description", "displayName"), "an output"
            )
            name = self.text_of(item, "id") or ""
            if not name or "value" not in item.fields:
                self.wrong(item.mark, "an output wants an id and a value")
                continue
            kind = (self.text_of(item, "type") or "STRING").upper()
            if any(name == other.id for other in found):
                self.wrong(item.mark, f"there are two outputs {name!r}")
            if not _INPUT_ID.fullmatch(name):
                self.wrong(item.fields["id"].mark, f"output {name!r}: use {_INPUT_ID.pattern}")
            if kind not in INPUT_TYPES:
                at = item.fields["type"].mark
                self.wrong(at, f"output {name!r}: type is one of {', '.join(INPUT_TYPES)}")
            value = item.fields["value"]
            self.check_templates(value)
            found.append(FlowOutput(item.mark, name, kind, value.plain))
        return tuple(found)

    def labels_of(self, node: Node | None) -> dict[str, str]:
        if node is None:
            return {}
        if isinstance(node.value, dict):
            pairs = list(node.fields.items())
        else:
            pairs: list[tuple[str, Node]] = []
            for item in self.items_of(node, "labels"):
                if {*item.fields} == {"key", "value"}:
                    pairs.append((str(item.fields["key"].value), item.fields["value"]))
                else:
                    self.wrong(item.mark, "a label is {key: ..., value: ...}")
        found: dict[str, str] = {}
        for key, value in pairs:
            if not key:
                self.wrong(value.mark, NAMELESS)
            if key.startswith("system."):
                self.wrong(value.mark, f"label {key!r}: labels that begin with system. are ours")
            if value.items or value.fields or value.value in (None, [], {}):
                self.wrong(value.mark, f"label {key!r} is text, not {value.kind}")
            found[key] = value.value if isinstance(value.value, str) else str(value.value).lower()
        return found

    def limit_of(self, node: Node) -> Limit:
        if not self.is_mapping(node, "concurrency"):
            return Limit(1)
        self.known_keys(node, ("limit", "behavior"), "concurrency")
        most = self.count_of(node, "limit")
        behavior = (self.text_of(node, "behavior") or "QUEUE").upper()
        if most is None or most < 1:
            self.wrong(node.mark, "concurrency wants a limit of 1 or more")
        if behavior not in ("QUEUE", "CANCEL", "FAIL"):
            self.wrong(node.fields["behavior"].mark, "behavior is QUEUE, CANCEL or FAIL")
        return Limit(most or 1, behavior)

    def triggers_of(self, node: Node | None) -> tuple[Trigger, ...]:
        found: list[Trigger] = []
        for item in self.items_of(node, "triggers"):
            if not self.is_mapping(item, "a trigger"):
                continue
            name, kind = self.text_of(item, "id") or "", self.text_of(item, "type") or ""
            if not name:
                self.wrong(item.mark, "a trigger wants an id")
            elif any(name == other.id for other in found):
                self.wrong(item.mark, f"there are two triggers {name!r}")
            if kind not in TRIGGERS:
                at = item.fields["type"].mark if "type" in item.fields else item.mark
                self.wrong(at, f"trigger {name!r}: type is schedule, webhook or flow")
                continue
            trigger = self._trigger(item, name, TRIGGERS[kind])
            self.tells = True
            if not self.flag_of(item, "disabled"):
                found.append(trigger)
        return tuple(found)

    def _trigger(self, item: Node, name: str, kind: str) -> Trigger:
        own = TRIGGER_KEYS[kind]
        self.known_keys(item, (*TRIGGER_COMMON, *own), f"a trigger of type {kind}")
        for key, wanted in own.items():
            if wanted and key not in item.fields:
                self.wrong(item.mark, f"trigger {name!r} wants {key}")
        given: dict[str, Any] = {}
        for key in own.keys() & item.fields.keys():
            if key == "inputs":
                given[key] = self._of_trigger(item, key, kind)
            elif key == "headers":
                listed = self.items_of(item.fields[key], key)
                given[key] = tuple(str(one.value).lower() for one in listed)
            elif kind != "flow":
                given[key] = self.text_of(item, key) or ""
        places = {key: node.mark for key, node in item.fields.items()}
        if "inputs" in item.fields:
            inputs = item.fields["inputs"]
            places |= {f"inputs.{key}": mark for key, mark in inputs.keys.items()}
        watched = self.watched_of(item, name) if kind == "flow" else None
        return Trigger(item.mark, name, kind, given, places, watched)

    def _of_trigger(self, item: Node, key: str, kind: str) -> dict[str, Any]:
        """Templates there know what has happened, and nothing of a run that is still to come."""
        before = len(self.names)
        given = self.object_of(item, key)
        wanted, self.names[before:] = self.names[before:], []
        known = TRIGGER_NAMES.get(kind)
        for mark, path in wanted:
            if known is not None and path.root not in known:
                self.wrong(mark, unknown_name(path.root, known))
        return given

    def retry_of(self, node: Node | None) -> Retry | None:
        if node is None or not self.is_mapping(node, "retry"):
            return None
        self.known_keys(node, _RETRY_KEYS, "retry")
        given: dict[str, Any] = {}
        for key, wanted in _RETRY_KEYS.items():
            if key not in node.fields:
                continue
            if wanted == "duration":
                given[key] = self.duration_of(node.fields[key])
            elif wanted is bool:
                given[key] = self.flag_of(node, key)
            elif wanted is int:
                given[key] = self.count_of(node, key)
            else:
                given[key] = node.fields[key].plain
        retry = Retry(
            str(given.get("type", "constant")).lower(),
            given.get("maxAttempts", given.get("maxAttempt")),
            given.get("maxDuration"),
            given.get("warningOnRetry", False),
            str(given.get("behavior", "RETRY_FAILED_TASK")).upper(),
            given.get("interval", 0) or 0,
            given.get("maxInterval"),
            _factor(given.get("delayFactor", 2.0)),
            given.get("minInterval", 0) or 0,
        )
        for problem in _retry_problems(retry):
            self.wrong(node.mark, f"retry: {problem}")
        return retry


def _factor(given: Any) -> float:
    """What is no number is below what a factor may be."""
    return float(given) if isinstance(given, (int, float)) else 0.0


def _retry_problems(retry: Retry) -> Iterable[str]:
    """What makes no sense together."""
    if retry.type not in ("constant", "exponential", "random"):
        yield "type is constant, exponential or random"
        return
    if retry.behavior not in ("RETRY_FAILED_TASK", "CREATE_NEW_EXECUTION"):
        yield "behavior is RETRY_FAILED_TASK or CREATE_NEW_EXECUTION"
    if retry.max_attempts is not None and retry.max_attempts < 1:
        yield "maxAttempts counts all attempts: 1 or more"
    if retry.type == "random":
        if retry.max_interval_ms is None or not 0 < retry.min_interval_ms < retry.max_interval_ms:
            yield "random wants minInterval and, above it, maxInterval"
    elif retry.interval_ms <= 0:
        yield f"{retry.type} wants an interval"
    if retry.type == "exponential":
        if retry.max_interval_ms is not None and retry.interval_ms >= retry.max_interval_ms:
            yield "interval must be below maxInterval"
        if retry.delay_factor < 1:
            yield "delayFactor is 1 or more"
    waits_ms = (retry.interval_ms, retry.min_interval_ms)
    if retry.max_duration_ms is not None and retry.max_duration_ms <= max(waits_ms):
        yield "maxDuration must be above the interval"
