"""What names mean in a template, from where a thread of a run stands: the variables that it sees,
and roots that tell of the run and of the task run at hand. A root wins over a variable of its name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, cast

from penstock.core.definitions.defs import Application
from penstock.core.definitions.wf_spec import Access, ThreadSpec
from penstock.core.flow.published import outputs_of_run
from penstock.core.flow.standing import (
    chain_above,
    iteration_at,
    share_at,
    started_by,
    step_at,
    task_run_id,
    value_of,
)
from penstock.core.limits import EXPRESSION_BYTES_PER_STEP, VALUE_BYTES_MAX
from penstock.core.state.facts import HistoryChunk
from penstock.core.state.history import subject_of
from penstock.core.state.run import NodeRun, TaskRun, ThreadRun, Variable
from penstock.core.values.masking import may_have_masked
from penstock.core.values.templates.names import Found, Lazy, Undefined
from penstock.core.values.timestamps import date_text
from penstock.core.values.types import ValueProblem
from penstock.core.values.value import Value, value_bytes

if TYPE_CHECKING:
    from penstock.core.flow.at import At

Reader = Callable[[str], Value]
"""Reads a variable that can be seen, and notes whether it is masked."""

_ENTRYPOINT: Final = 0
_SYSTEM: Final = "system"


class TemplateNames:
    """The names of a place, each looked up once; what is read is paid for by `spend`."""

    def __init__(self, at: At, read: Reader, spend: Callable[[int], None]) -> None:
        self._at = at
        self._read = read
        self._spend = spend
        self._known: dict[str, Found] = {}
        self._inputs: dict[str, Found] = {}

    def root(self, name: str) -> Found:
        """What a name means here."""
        if name not in self._known:
            make = ROOTS.get(name)
            self._known[name] = self._variable(name) if make is None else make(self)
        return self._known[name]

    def now_ms(self) -> int:
        """The log's time."""
        return self._at.now_ms()

    def seed(self) -> tuple[str | int, ...]:
        """The node run, as no other is."""
        return self._at.seed()

    def task_run(self) -> Found:
        """The task run at hand. `value` is there if its thread is one of several, each for a value,
        `iteration` in these and in the rounds of a loop, `parentId` if another task run has started
        its thread. Of a step whose helping nodes do something for each of several values, or round
        by round, `iteration` is the number of that, from 1, and `items` the value.
        """
        at = self._at
        thread, node_run = step_at(at)
        made: dict[str, Value] = {
            "id": task_run_id(at, node_run),
            "startDate": date_text(_reached_ms(at, node_run)),
            "attemptsCount": _attempts(at, node_run),
        }
        starter = started_by(at, thread)
        if starter is not None:
            made["parentId"] = task_run_id(at, starter[1])
        made.update(self._for_value(thread))
        iteration = iteration_at(at)
        if iteration is not None:
            made["iteration"] = iteration
        share = share_at(at)
        if share is not None and share.value is not None:
            at.note_masked(share.value.masked)
            made["items"] = self._paid(share.value.value)
        return made

    def task(self) -> Found:
        """What the task run is one of."""
        thread, node_run = step_at(self._at)
        config = self._at.blueprint_of(thread).nodes.get(node_run.node)
        task_def = getattr(config, "task_def", None)
        kind = task_def if isinstance(task_def, str) else node_run.node_type
        return {"id": node_run.node, "type": kind}

    def execution(self) -> Found:
        """The run; `originalId` is the first of which it is a replay of a replay."""
        run = self._at.run
        return {
            "id": run.wf_run_id,
            "startDate": date_text(run.started_ms),
            "originalId": run.wf_run_id if run.replay is None else run.replay.original,
        }

    def flow(self) -> Found:
        """The WfSpec in its version."""
        spec = self._at.spec
        namespace = spec.body.namespace
        return {
            "id": spec.name.removeprefix(f"{namespace}.") if namespace else spec.name,
            "namespace": namespace,
            "revision": spec.version,
            "tenantId": self._at.turn.tenant,
        }

    def labels(self) -> Found:
        """The run's labels; those that begin with `system.` are below `system`."""
        made: dict[str, Value] = {}
        system: dict[str, Value] = {}
        for name, text in sorted(self._at.run.labels.items()):
            below = name.removeprefix(f"{_SYSTEM}.")
            if below != name and below:
                system[below] = text
            else:
                made[name] = text
        return made | ({_SYSTEM: system} if system else {})

    def applications(self) -> Found:
        """The applications of the tenant, as they are registered now."""
        return Lazy(self._application, _too_many)

    def inputs(self) -> Found:
        """The public variables of the entrypoint."""
        return Lazy(self._input, self._all_inputs)

    def outputs(self) -> Found:
        """What nodes of the run have published."""
        return outputs_of_run(self._at, self._at.run.wf_run_id, self._spend)

    def parents(self) -> Found:
        """The task runs above, the closest first; one without a value and without outputs is left
        out, so that numbers shift.
        """
        made: list[Value] = []
        for thread, node_run in chain_above(self._at):
            self._spend(1)
            entry: dict[str, Any] = {}
            value = self._for_value(thread)
            if value:
                entry["taskrun"] = value
            if isinstance(node_run.output, dict) and node_run.output:
                self._at.note_masked(node_run.masked)
                entry["outputs"] = self._paid(node_run.output)
            if entry:
                made.append(entry)
        return made

    def parent(self) -> Found:
        """The closest of the parents."""
        parents: Any = self.root("parents")
        return parents[0] if parents else Undefined("parent")

    def _for_value(self, thread: ThreadRun) -> dict[str, Value]:
        found = value_of(self._at, thread)
        if found is None:
            return {}
        self._at.note_masked(found.masked)
        return {"value": self._paid(found.text)}

    def _variable(self, name: str) -> Found:
        try:
            declared = self._at.place_of(name).declared
        except ValueProblem:
            return Undefined(name)
        value = self._read(name)
        self._note_parts(declared.type)
        return self._paid(value)

    def _application(self, name: str) -> Found:
        self._spend(1)
        row = self._at.turn.rows.peek(Application, self._at.turn.tenant, name)
        if row is None:
            return Undefined(f"applications.{name[:60]}")
        return {"name": row.name, "webhook_url": row.webhook_url, "description": row.description}

    def _input(self, name: str) -> Found:
        if name not in self._inputs:
            self._inputs[name] = self._read_input(name)
        return self._inputs[name]

    def _read_input(self, name: str) -> Found:
        at = self._at
        of_run = (at.turn.tenant, at.run.wf_run_id)
        declared = self._entrypoint().variable(name)
        if declared is None or declared.access is not Access.PUBLIC_VAR:
            return Undefined(f"inputs.{name[:60]}")
        self._note_parts(declared.type)
        seen = at.place_of(name)
        if seen.thread == _ENTRYPOINT and seen.wf_run_id == at.run.wf_run_id:
            return self._paid(self._read(name))  # as mutations leave it
        row = at.turn.rows.peek(Variable, *of_run, _ENTRYPOINT, name)
        at.note_masked(declared.masked or (row is not None and row.masked))
        return self._paid(None if row is None else row.value)

    def _all_inputs(self) -> Value:
        made: dict[str, Value] = {}
        size = 0
        for declared in self._entrypoint().variables:
            found = self._input(declared.name)
            if not isinstance(found, Undefined):
                made[declared.name] = found
                size += value_bytes(found)
            if size > VALUE_BYTES_MAX:
                raise ValueProblem("inputs are too large to be read together; name one")
        return made

    def _entrypoint(self) -> ThreadSpec:
        at = self._at
        first: ThreadRun | None = at.thread
        if at.thread.number != _ENTRYPOINT:
            first = at.turn.rows.peek(ThreadRun, at.turn.tenant, at.run.wf_run_id, _ENTRYPOINT)
        assert first is not None, "a run has an entrypoint"
        return at.blueprint_of(first)

    def _note_parts(self, declared: str) -> None:
        """What is made of a value with masked parts is masked as a whole."""
        if "STRUCT<" not in declared or self._at.masked:
            return
        self._at.note_masked(may_have_masked(declared, self._at.struct))

    def _paid(self, value: Value) -> Value:
        """A value that was read: large ones cost as much as there is to read."""
        size = value_bytes(value) if isinstance(value, (str, bytes, list, dict)) else 0
        self._spend(size // EXPRESSION_BYTES_PER_STEP)
        return cast(Value, value)


def _too_many() -> Value:
    raise ValueProblem("applications are not read together; name one")


def _reached_ms(at: At, node_run: NodeRun) -> int:
    """When the thread came to the node."""
    facts = node_run.history
    if node_run.spilled:
        first = (node_run.tenant, node_run.wf_run_id, subject_of(node_run), 0)
        chunk = at.turn.rows.peek(HistoryChunk, *first)
        facts = facts if chunk is None else chunk.facts
    return facts[0].at_ms if facts else at.turn.at_ms


def _attempts(at: At, node_run: NodeRun) -> int:
    """How many attempts of its task have ended."""
    if node_run.task is None:
        return 0
    task = at.turn.rows.peek(TaskRun, node_run.tenant, node_run.wf_run_id, node_run.task)
    if task is None:
        return 0
    return task.attempt.number - (1 if task.attempt.ended_ms is None else 0)


ROOTS: Final[dict[str, Callable[[TemplateNames], Found]]] = {
    "applications": TemplateNames.applications,
    "execution": TemplateNames.execution,
    "flow": TemplateNames.flow,
    "inputs": TemplateNames.inputs,
    "labels": TemplateNames.labels,
    "outputs": TemplateNames.outputs,
    "parent": TemplateNames.parent,
    "parents": TemplateNames.parents,
    "task": TemplateNames.task,
    "taskrun": TemplateNames.task_run,
}
"""What the run and the task run are known by; every other name is a variable's."""
