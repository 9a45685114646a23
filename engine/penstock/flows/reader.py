"""From a document to a flow. All mistakes are found at once, each with its place and what to do."""

from __future__ import annotations

import json
import re
from difflib import get_close_matches
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final, cast

from penstock.core.flow.labels import NAMELESS, labels_problem
from penstock.flows.checked import is_no_time, is_template
from penstock.flows.document import FlowError, Mark, Node, read
from penstock.flows.kinds import BY_NAME, COMMON, ERRORS, Kind, Property
from penstock.flows.model import Flow, FlowInput, FlowTask
from penstock.flows.parts import Parts

_FLOW_ID: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,98}[A-Za-z0-9_-])?")
_TASK_ID: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,98}[A-Za-z0-9_])?")
_NAMESPACE: Final = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,98}[a-z0-9])?")
FLOW_KEYS: Final = (
    *("id", "namespace", "description", "inputs", "variables", "tasks", "errors", "finally"),
    *("outputs", "labels", "retry", "concurrency", "triggers", "disabled"),
)
SHOWN_MAX: Final = 10
_NUMBERS: Final[dict[Kind, dict[str, type | str]]] = {
    Kind.FREQUENCY: {"maxIterations": int, "maxDuration": "duration", "interval": "duration"},
    Kind.BATCH: {"rows": int},
}


def read_flow(text: str) -> Flow:
    """The flow that a document describes, or FlowError."""
    reader = _Reader()
    flow = reader.flow(read(text))
    if reader.mistakes or flow is None:
        raise FlowError(reader.mistakes)
    return flow


class _Reader(Parts):
    """Notes mistakes and goes on; what it returns counts only if there are none."""

    def __init__(self) -> None:
        super().__init__()
        self._ids: dict[str, Mark] = {}

    # Flows.

    def flow(self, node: Node) -> Flow | None:
        if not isinstance(node.value, dict):
            self.wrong(node.mark, f"a flow is a mapping, this is {node.kind}")
            return None
        if "revision" in node.fields:
            self.wrong(node.keys["revision"], "revision is counted by the engine: leave it out")
        self.known_keys(node, (*FLOW_KEYS, "revision"), "a flow")
        flow_id = self.named(node, "id", _FLOW_ID)
        namespace = self.named(node, "namespace", _NAMESPACE)
        tasks = self._tasks(node, "tasks", "the flow", required=True)
        concurrency = node.fields.get("concurrency")
        return Flow(
            node.mark,
            flow_id,
            namespace,
            tasks,
            description=self.text_of(node, "description") or "",
            inputs=self.inputs_of(node.fields.get("inputs")),
            variables=self.object_of(node, "variables"),
            errors=self._tasks(node, "errors", "errors"),
            at_last=self._tasks(node, "finally", "finally"),
            outputs=self.outputs_of(node.fields.get("outputs")),
            labels=self._labels(node),
            retry=self.retry_of(node.fields.get("retry")),
            limit=None if concurrency is None else self.limit_of(concurrency),
            triggers=self.triggers_of(node.fields.get("triggers")),
            disabled=self.flag_of(node, "disabled"),
            names=tuple(self.names),
            ids=frozenset(self._ids),
            tells=self.tells,
        )

    def _labels(self, node: Node) -> dict[str, str]:
        """All runs have them: nothing is rendered."""
        found = self.labels_of(node.fields.get("labels"))
        for name, text in found.items():
            if is_template(text):
                self.wrong(node.fields["labels"].mark, f"label {name!r} of a flow is no template")
        problem = labels_problem(found)
        if problem not in (None, NAMELESS):
            self.wrong(node.fields["labels"].mark, problem)
        return found

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
        task_id = self.named(node, "id", _TASK_ID)
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
        if kind.name == "switch" and not {"cases", "defaults"} & node.fields.keys():
            self.wrong(node.mark, f"task {task_id!r} wants cases, or defaults")
        for key in ("timeout", "delay", "pauseDuration"):
            given = node.fields.get(key)
            if given is not None and is_no_time(given):
                self.wrong(given.mark, f"{key} is over at once: write it as PT5M")
        if {"delay", "pauseDuration"} <= node.fields.keys():
            self.wrong(node.keys["pauseDuration"], "pauseDuration is another name of delay")
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
            inputs=self._on_resume(node.fields.get("onResume")),
            retry=self.retry_of(node.fields.get("retry")),
            allow_failure=self.flag_of(node, "allowFailure"),
            allow_warning=self.flag_of(node, "allowWarning"),
            run_if=self.text_of(node, "runIf"),
            timeout_ms=None if timeout is None else self.duration_of(timeout),
            errors=found["bodies"].pop("errors", ()),
        )
        return None if self.flag_of(node, "disabled") else task

    def _on_resume(self, node: Node | None) -> tuple[FlowInput, ...]:
        """Who resumes gives all of them, or leaves out what is not required."""
        for item in node.items if node is not None else ():
            for key in {"defaults", "values"} & item.fields.keys():
                self.wrong(item.keys[key], f"an input of onResume has no {key}")
        return self.inputs_of(node)

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
        wanted: dict[str, list[Node]] = {}
        disabled: set[str] = set()
        for item in self.items_of(node, "tasks"):
            if not self.is_mapping(item, "a task of a dag") or "task" not in item.fields:
                self.wrong(item.mark, "a dag has items {task: ..., dependsOn: [...]}")
                continue
            self.known_keys(item, ("task", "dependsOn"), "a task of a dag")
            task = self._task(item.fields["task"])
            if task is None:
                disabled.add(self.text_of(item.fields["task"], "id") or "")
                continue
            tasks.append(task)
            wanted[task.id] = self.items_of(item.fields.get("dependsOn"), "dependsOn")
        found["bodies"]["tasks"] = tuple(tasks)
        for task_id, names in wanted.items():
            for name in names:
                if name.value not in wanted and name.value not in disabled:
                    near = get_close_matches(str(name.value), wanted, 1)
                    said = f"; did you mean {near[0]!r}?" if near else ""
                    self.wrong(name.mark, f"the dag has no task {str(name.value)[:60]!r}{said}")
            after = dict.fromkeys(str(name.value) for name in names if name.value in wanted)
            found["depends_on"][task_id] = tuple(after)
        self._refuse_circle(wanted, found["depends_on"])

    def _refuse_circle(
        self, wanted: dict[str, list[Node]], depends_on: dict[str, tuple[str, ...]]
    ) -> None:
        """No task comes after itself."""
        try:
            TopologicalSorter(depends_on).prepare()
        except CycleError as error:
            circle: list[str] = error.args[1]
            where = min(name.mark for task in circle for name in wanted[task])
            more = " -> ..." if len(circle) > SHOWN_MAX else ""
            shown = " -> ".join(circle[:SHOWN_MAX])
            self.wrong(where, f"these wait for each other: {shown}{more}")

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
        given = [*node.fields.values()] if wanted.secret and wanted.kind is Kind.MAP else [node]
        for one in given:
            self.check_templates(one, secret=wanted.secret)
        match wanted.kind:
            case Kind.FLAG if not isinstance(plain, bool):
                self.wrong(node.mark, f"{name} is true or false, not {node.kind}")
            case Kind.MAP if not isinstance(plain, dict):
                self.wrong(node.mark, f"{name} is a mapping, not {node.kind}")
            case Kind.LABELS:
                return self.labels_of(node)
            case Kind.COUNT if not isinstance(plain, int) or isinstance(plain, bool) or plain < 0:
                self.wrong(node.mark, f"{name} is a whole number from 0 on, not {node.kind}")
            case Kind.DURATION if not is_template(plain):
                return self.duration_of(node)
            case Kind.ENUM if not _is_one_of(node.value, wanted.words):
                self.wrong(node.mark, f"{name} is one of {', '.join(wanted.words)}")
            case Kind.TEXT if isinstance(plain, (list, dict)):
                self.wrong(node.mark, f"{name} is text, not {node.kind}")
            case _:
                pass
        if wanted.required and (plain is None or plain == ""):
            self.wrong(node.mark, f"{name} is empty")
        if wanted.kind is Kind.TEXT and plain is not None and not isinstance(plain, str):
            return json.dumps(plain)  # numbers, true and false, as they are written
        return cast(Any, plain)


def _is_one_of(given: Any, words: tuple[str, ...]) -> bool:
    """A template may turn out to be one."""
    return is_template(given) or str(given).upper() in words
