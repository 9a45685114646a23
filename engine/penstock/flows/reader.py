"""From a document to a flow. All mistakes are found at once, each with its place and what to do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, Final, cast

from penstock.flows.checked import Checked, is_template
from penstock.flows.document import FlowError, Mark, Node, read
from penstock.flows.kinds import BY_NAME, COMMON, ERRORS, Kind, Property
from penstock.flows.model import Flow, FlowInput, FlowOutput, FlowTask, Limit, Retry, Trigger

_FLOW_ID: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,98}[A-Za-z0-9_-])?")
_TASK_ID: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,98}[A-Za-z0-9_])?")
_NAMESPACE: Final = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,98}[a-z0-9])?")
FLOW_KEYS: Final = (
    *("id", "namespace", "description", "inputs", "variables", "tasks", "errors", "finally"),
    *("outputs", "labels", "retry", "concurrency", "triggers", "disabled", "revision"),
)
INPUT_TYPES: Final = (
    *("STRING", "INT", "FLOAT", "BOOLEAN", "BOOL", "DATETIME", "DATE", "JSON", "ARRAY", "URI"),
    *("EMAIL", "DURATION", "ENUM", "SELECT"),
)
TRIGGERS: Final = {
    "schedule": "schedule",
    "io.kestra.plugin.core.trigger.Schedule": "schedule",
    "webhook": "webhook",
    "io.kestra.plugin.core.trigger.Webhook": "webhook",
    "flow": "flow",
    "io.kestra.plugin.core.trigger.Flow": "flow",
}
_NUMBERS: Final[dict[Kind, dict[str, type | str]]] = {
    Kind.FREQUENCY: {"maxIterations": int, "maxDuration": "duration", "interval": "duration"},
    Kind.BATCH: {"rows": int},
}
_RETRY_KEYS: Final = {
    "type": str,
    "maxAttempt": int,
    "maxAttempts": int,
    "warningOnRetry": bool,
    "behavior": str,
    "delayFactor": float,
    **dict.fromkeys(("maxDuration", "interval", "maxInterval", "minInterval"), "duration"),
}


def read_flow(text: str) -> Flow:
    """The flow that a document describes, or FlowError."""
    reader = _Reader()
    flow = reader.flow(read(text))
    if reader.mistakes or flow is None:
        raise FlowError(reader.mistakes)
    return flow


class _Reader(Checked):
    """Notes mistakes and goes on; what it returns counts only if there are none."""

    def __init__(self) -> None:
        super().__init__()
        self._ids: dict[str, Mark] = {}

    # Flows.

    def flow(self, node: Node) -> Flow | None:
        if not isinstance(node.value, dict):
            self.wrong(node.mark, f"a flow is a mapping, this is {node.kind}")
            return None
        self.known_keys(node, FLOW_KEYS, "a flow")
        flow_id = self._named(node, "id", _FLOW_ID)
        namespace = self._named(node, "namespace", _NAMESPACE)
        tasks = self._tasks(node, "tasks", "the flow", required=True)
        concurrency = node.fields.get("concurrency")
        return Flow(
            node.mark,
            flow_id,
            namespace,
            tasks,
            description=self.text_of(node, "description") or "",
            inputs=self._inputs(node.fields.get("inputs")),
            variables=self.object_of(node, "variables"),
            errors=self._tasks(node, "errors", "errors"),
            at_last=self._tasks(node, "finally", "finally"),
            outputs=self._outputs(node.fields.get("outputs")),
            labels=self._labels(node.fields.get("labels")),
            retry=self._retry(node.fields.get("retry")),
            limit=None if concurrency is None else self._limit(concurrency),
            triggers=self._triggers(node.fields.get("triggers")),
            disabled=self.flag_of(node, "disabled"),
        )

    def _named(self, node: Node, key: str, pattern: re.Pattern[str]) -> str:
        value = self.text_of(node, key)
        if value is None:
            if key not in node.fields:
                self.wrong(node.mark, f"{key} is missing")
            return ""
        if not pattern.fullmatch(value) or ".." in value:
            self.wrong(node.fields[key].mark, f"{key} {value[:60]!r}: use {pattern.pattern}")
        return value

    def _inputs(self, node: Node | None) -> tuple[FlowInput, ...]:
        found: list[FlowInput] = []
        for item in self.items_of(node, "inputs"):
            if not self.is_mapping(item, "an input"):
                continue
            keys = ("id", "name", "type", "required", "defaults", "description", "displayName")
            self.known_keys(item, (*keys, "values"), "an input")
            name = self.text_of(item, "id") or self.text_of(item, "name") or ""
            kind = (self.text_of(item, "type") or "").upper()
            if not name:
                self.wrong(item.mark, "an input wants an id")
            elif any(name == other.id for other in found):
                self.wrong(item.mark, f"there are two inputs {name!r}")
            if kind not in INPUT_TYPES:
                where = item.fields["type"].mark if "type" in item.fields else item.mark
                self.wrong(where, f"input {name!r}: type is one of {', '.join(INPUT_TYPES)}")
            defaults = item.fields["defaults"].plain if "defaults" in item.fields else None
            values = tuple(
                str(value.plain) for value in self.items_of(item.fields.get("values"), "")
            )
            required = "required" not in item.fields or self.flag_of(item, "required")
            found.append(FlowInput(item.mark, name, kind, required, defaults, values))
        return tuple(found)

    def _outputs(self, node: Node | None) -> tuple[FlowOutput, ...]:
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
            value = item.fields["value"]
            self.check_templates(value)
            found.append(FlowOutput(item.mark, name, kind, value.plain))
        return tuple(found)

    def _labels(self, node: Node | None) -> dict[str, str]:
        if node is None:
            return {}
        if isinstance(node.value, dict):
            pairs = list(node.fields.items())
        else:
            pairs = [
                (str(item.fields["key"].value), item.fields["value"])
                for item in self.items_of(node, "labels")
                if {"key", "value"} <= item.fields.keys()
            ]
        found: dict[str, str] = {}
        for key, value in pairs:
            if key.startswith("system."):
                self.wrong(value.mark, f"label {key!r}: labels that begin with system. are ours")
            found[key] = str(value.plain)
        return found

    def _limit(self, node: Node) -> Limit:
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

    def _triggers(self, node: Node | None) -> tuple[Trigger, ...]:
        found: list[Trigger] = []
        for item in self.items_of(node, "triggers"):
            if not self.is_mapping(item, "a trigger"):
                continue
            name, kind = self.text_of(item, "id") or "", self.text_of(item, "type") or ""
            if not name:
                self.wrong(item.mark, "a trigger wants an id")
            if kind not in TRIGGERS:
                at = item.fields["type"].mark if "type" in item.fields else item.mark
                self.wrong(at, f"trigger {name!r}: type is schedule, webhook or flow")
                continue
            given = {key: value.plain for key, value in item.value.items()}
            found.append(Trigger(item.mark, name, TRIGGERS[kind], given))
        return tuple(found)

    # Tasks.

    def _tasks(
        self, node: Node, key: str, what: str, *, required: bool = False
    ) -> tuple[FlowTask, ...]:
        found = node.fields.get(key)
        if found is None:
            if required:
                self.wrong(node.mark, f"{what} has no {key}")
            return ()
        tasks = [task for item in self.items_of(found, key) if (task := self._task(item))]
        if required and not tasks and not self.mistakes:
            self.wrong(found.mark, f"{what} wants at least one task that is not disabled")
        return tuple(tasks)

    def _task(self, node: Node) -> FlowTask | None:
        """The task; None for one that is disabled, or that can not be read."""
        if not self.is_mapping(node, "a task"):
            return None
        task_id = self._named(node, "id", _TASK_ID)
        known = self._ids.setdefault(task_id, node.mark) if task_id else node.mark
        if known is not node.mark:
            self.wrong(node.fields["id"].mark, f"task {task_id!r} is in line {known.line} already")
        kind = BY_NAME.get(self.text_of(node, "type") or "")
        if kind is None:
            self._unknown_kind(node, task_id)
            return None
        own = kind.properties | ({"errors": ERRORS} if kind.flowable else {})
        properties = COMMON | own
        self.known_keys(node, properties, f"a task of type {kind.name}")
        for name, wanted in properties.items():
            if wanted.required and name not in node.fields:
                self.wrong(node.mark, f"task {task_id!r} wants {name}")
        found = self._read(node, task_id, own)
        if "runIf" in node.fields:
            self.check_templates(node.fields["runIf"])
        timeout = node.fields.get("timeout")
        task = FlowTask(
            node.mark,
            task_id,
            kind,
            found["given"],
            node.keys,
            bodies=found["bodies"],
            cases=found["cases"],
            depends_on=found["depends_on"],
            inputs=self._inputs(node.fields.get("onResume")),
            retry=self._retry(node.fields.get("retry")),
            allow_failure=self.flag_of(node, "allowFailure"),
            allow_warning=self.flag_of(node, "allowWarning"),
            run_if=self.text_of(node, "runIf"),
            timeout_ms=None if timeout is None else self.duration_of(timeout),
            errors=found["bodies"].pop("errors", ()),
        )
        return None if self.flag_of(node, "disabled") else task

    def _unknown_kind(self, node: Node, task_id: str) -> None:
        given = node.fields.get("type")
        if given is None:
            self.wrong(node.mark, f"task {task_id!r} wants a type")
            return
        near = get_close_matches(str(given.value), BY_NAME, 1, 0.5)
        said = f"; did you mean {near[0]!r}?" if near else "; of your own use type: task, taskDef:"
        self.wrong(given.mark, f"type {str(given.value)[:80]!r} is not known{said}")

    def _read(self, node: Node, task_id: str, properties: dict[str, Property]) -> dict[str, Any]:
        """The properties by what they are."""
        found: dict[str, Any] = {"given": {}, "bodies": {}, "cases": {}, "depends_on": {}}
        for name, wanted in properties.items():
            value = node.fields.get(name)
            if value is None or wanted.kind is Kind.INPUTS:
                continue
            match wanted.kind:
                case Kind.TASKS:
                    found["bodies"][name] = self._tasks(node, name, f"task {task_id!r}")
                case Kind.CASES:
                    if self.is_mapping(value, "cases"):
                        found["cases"] = {
                            case: self._tasks(value, case, f"case {case!r}")
                            for case in value.fields
                        }
                case Kind.DAG:
                    self._dag(value, found)
                case Kind.FREQUENCY | Kind.BATCH:
                    found["given"][name] = self._numbers(name, value, _NUMBERS[wanted.kind])
                case _:
                    found["given"][name] = self._property(name, value, wanted)
        return found

    def _dag(self, node: Node, found: dict[str, Any]) -> None:
        tasks: list[FlowTask] = []
        for item in self.items_of(node, "tasks"):
            if not self.is_mapping(item, "a task of a dag") or "task" not in item.fields:
                self.wrong(item.mark, "a dag has items {task: ..., dependsOn: [...]}")
                continue
            self.known_keys(item, ("task", "dependsOn"), "a task of a dag")
            task = self._task(item.fields["task"])
            if task is not None:
                tasks.append(task)
                names = self.items_of(item.fields.get("dependsOn"), "dependsOn")
                found["depends_on"][task.id] = tuple(str(name.value) for name in names)
        found["bodies"]["tasks"] = tuple(tasks)

    def _numbers(self, name: str, node: Node, known: dict[str, type | str]) -> dict[str, int]:
        """Counts and durations, by their names."""
        if not self.is_mapping(node, name):
            return {}
        self.known_keys(node, known, name)
        found: dict[str, int] = {}
        for key, item in node.fields.items():
            if key not in known:
                continue
            count = self.duration_of(item) if known[key] == "duration" else self.count_of(node, key)
            if count is not None and count < 1:
                self.wrong(item.mark, f"{key} is 1 or more")
            found[key] = count or 1
        return found

    def _property(self, name: str, node: Node, wanted: Property) -> Any:
        plain = node.plain
        match wanted.kind:
            case Kind.FLAG if not isinstance(plain, bool) and not is_template(plain):
                self.wrong(node.mark, f"{name} is true or false, not {node.kind}")
            case Kind.COUNT if not isinstance(plain, int) or isinstance(plain, bool) or plain < 0:
                self.wrong(node.mark, f"{name} is a whole number from 0 on, not {node.kind}")
            case Kind.DURATION if not is_template(plain):
                return self.duration_of(node)
            case Kind.ENUM if not is_template(plain) and str(plain).upper() not in wanted.words:
                self.wrong(node.mark, f"{name} is one of {', '.join(wanted.words)}")
            case Kind.TEXT if isinstance(plain, (list, dict)):
                self.wrong(node.mark, f"{name} is text, not {node.kind}")
            case _:
                pass
        self.check_templates(node)
        if wanted.kind is Kind.TEXT and plain is not None and not isinstance(plain, str):
            return json.dumps(plain)  # numbers, true and false, as they are written
        return cast(Any, plain)

    def _retry(self, node: Node | None) -> Retry | None:
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
            float(given.get("delayFactor", 2.0)),
            given.get("minInterval", 0) or 0,
        )
        for problem in _retry_problems(retry):
            self.wrong(node.mark, f"retry: {problem}")
        return retry


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
