"""Node runs as task runs.

A task run is a visit of a node that stands for a step; visits that an operator had begun anew are
the same task run. A node whose name has a dot was put in by a compiler: it is no step, and whoever
looks up from below looks through it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from penstock.core.definitions.graph import NodeConfig, Publish
from penstock.core.definitions.wf_spec import WfSpec
from penstock.core.ids import derive_guid
from penstock.core.state.facts import Fact, HistoryChunk
from penstock.core.state.failures import FailureName
from penstock.core.state.history import subject_of
from penstock.core.state.rows import Rows
from penstock.core.state.run import (
    NodeRun,
    PastAttempt,
    TaskAttempt,
    TaskRun,
    ThreadRun,
    Variable,
    WfRun,
)
from penstock.core.state.task_rows import AttemptMetrics, MetricKind, Series
from penstock.core.state.transitions import (
    NODE_LIVE,
    TASK_LIVE,
    NodeStatus,
    TaskStatus,
    ThreadStatus,
)
from penstock.core.values.texts import text_of
from penstock.core.views.kestra.states import Json, State, Timeline, duration_text
from penstock.core.views.shown import shown_attempt, shown_node, shown_variable

NO_STEPS: Final = frozenset({"ENTRYPOINT", "EXIT", "NOP"})
_PAUSES: Final = frozenset({"EXTERNAL_EVENT", "USER_TASK"})


def is_step(node: NodeRun) -> bool:
    """Whether a node run is a task run of its own."""
    return node.node_type not in NO_STEPS and "." not in node.node


@dataclass(frozen=True, slots=True)
class Named:
    """What a spec is called: a flow in a namespace."""

    namespace: str
    flow_id: str

    @classmethod
    def of(cls, spec: WfSpec) -> Named:
        """By the spec."""
        namespace = spec.body.namespace
        prefix = f"{namespace}."
        whole = spec.name
        return cls(namespace, whole.removeprefix(prefix) if namespace else whole)


class TaskRuns:
    """The task runs of one run, from one snapshot. `partition` is the run's, `now_ms` the time to
    which a task that has not ended has run.
    """

    def __init__(
        self, rows: Rows, run: WfRun, spec: WfSpec, *, partition: int, now_ms: int
    ) -> None:
        self.named = Named.of(spec)
        self._rows = rows
        self._run = run
        self._spec = spec
        self._partition = partition
        self._now_ms = now_ms
        self._threads: dict[int, ThreadRun | None] = {}

    def all(self, thread: int | None = None) -> Iterator[list[NodeRun]]:
        """The visits of each task run, by thread and position; of one thread, or of all."""
        within = () if thread is None else (thread,)
        visits: list[NodeRun] = []
        for node in self._rows.scan(NodeRun, self._run.tenant, self._run.wf_run_id, *within):
            if visits and _follows(node, visits[-1]):
                visits.append(node)
                continue
            if visits:
                yield visits
            visits = [node] if is_step(node) else []
        if visits:
            yield visits

    def as_json(self, visits: Sequence[NodeRun]) -> Json:
        """A task run."""
        first, last = visits[0], visits[-1]
        tasks = [self._task(node) for node in visits]
        above = self.step_above(first)
        own: dict[str, Any] = {
            "id": self.id_of(first),
            "executionId": self._run.wf_run_id,
            "namespace": self.named.namespace,
            "flowId": self.named.flow_id,
            "taskId": first.node,
        }
        if above is not None:
            own["parentTaskRunId"] = self.id_of(above)
        own |= self._iteration(first)
        attempts = [
            self._attempt(task, attempt)
            for task in tasks
            if task is not None
            for attempt in self._attempts(task)
            if attempt.started_ms is not None
        ]
        if attempts:
            own["attempts"] = attempts
        own["outputs"] = self._outputs(last)
        own["state"] = self.timeline(visits).as_json(self._now_ms)
        return own

    def timeline(self, visits: Sequence[NodeRun]) -> Timeline:
        """What a task run went through."""
        line = Timeline()
        for number, node in enumerate(visits):
            facts = self._facts(node)
            if number:
                line.come_to(State.RESTARTED, facts[0].at_ms)
            else:
                line.come_to(State.CREATED, facts[0].at_ms)
            task = self._task(node)
            if task is not None:
                self._of_task(line, task)
            else:
                line.come_to(State.RUNNING, facts[0].at_ms)
                if node.node_type in _PAUSES and len(facts) > 1:
                    line.come_to(State.PAUSED, facts[0].at_ms)
            self._end(line, node, facts)
        return line

    def id_of(self, node: NodeRun) -> str:
        """The id of the task run that begins with this visit: derived as that of a TaskRun is."""
        return node.task or derive_guid(
            self._partition,
            self._run.born_offset,
            self._run.wf_run_id,
            node.thread,
            node.position,
        )

    def step_above(self, node: NodeRun) -> NodeRun | None:
        """The step whose node started the thread of this one, looking through what is none."""
        at = node
        while True:
            thread = self.thread(at.thread)
            if thread is None or thread.parent is None or thread.started_at is None:
                return None
            above = self._rows.peek(
                NodeRun,
                self._run.tenant,
                self._run.wf_run_id,
                thread.parent,
                thread.started_at,
            )
            if above is None:
                return None
            if is_step(above):
                return self._begun(above)
            at = above

    def _begun_by_step(self, node: NodeRun) -> int:
        """The thread that a step has begun, and in which a node stands, if below helping ones."""
        number = node.thread
        while True:
            thread = self.thread(number)
            if thread is None or thread.parent is None or thread.started_at is None:
                return number
            above = self._rows.peek(
                NodeRun, self._run.tenant, self._run.wf_run_id, thread.parent, thread.started_at
            )
            if above is None or is_step(above):
                return number
            number = thread.parent

    def thread(self, number: int) -> ThreadRun | None:
        """A thread of the run."""
        if number not in self._threads:
            self._threads[number] = self._rows.peek(
                ThreadRun, self._run.tenant, self._run.wf_run_id, number
            )
        return self._threads[number]

    def _begun(self, node: NodeRun) -> NodeRun:
        """The first visit of the task run to which a visit belongs."""
        while node.retries is not None:
            before = self._rows.peek(
                NodeRun, self._run.tenant, self._run.wf_run_id, node.thread, node.retries
            )
            if before is None or before.node != node.node:
                break
            node = before
        return node

    def _task(self, node: NodeRun) -> TaskRun | None:
        if node.task is None:
            return None
        return self._rows.peek(TaskRun, self._run.tenant, self._run.wf_run_id, node.task)

    def _attempts(self, task: TaskRun) -> Iterator[TaskAttempt]:
        past = self._rows.scan(PastAttempt, task.tenant, task.wf_run_id, task.guid)
        for attempt in (*(row.attempt for row in past), task.attempt):
            yield shown_attempt(self._rows, task, attempt)

    def _facts(self, row: NodeRun | TaskRun) -> list[Fact]:
        """All that a row went through."""
        facts: list[Fact] = []
        if row.spilled:
            subject = subject_of(row)
            for chunk in self._rows.scan(HistoryChunk, row.tenant, row.wf_run_id, subject):
                facts += chunk.facts
        return [*facts, *row.history]

    def _of_task(self, line: Timeline, task: TaskRun) -> None:
        """The moments of a task. One that is held waits for its retry if it has failed before, else
        to be sent.
        """
        killing_ms = self._killing_ms()
        for fact in self._facts(task):
            state = _STATES.get(TaskStatus(fact.status))
            if fact.status == TaskStatus.TASK_PENDING and line.current is not State.CREATED:
                state = State.RETRYING if line.current is State.FAILED else State.RESTARTED
            elif fact.status == TaskStatus.TASK_SCHEDULED and line.current is State.RETRYING:
                state = State.CREATED
            if state is State.KILLED and line.current is State.RUNNING and killing_ms is not None:
                line.come_to(State.KILLING, min(killing_ms, fact.at_ms))
            if state is not None:
                line.come_to(state, fact.at_ms)
        if task.stop is not None and line.current is State.RUNNING:
            line.come_to(State.KILLING, task.stop.asked_ms)
        if task.status is TaskStatus.TASK_SUCCESS and task.attempt.warning:
            line.end_as(State.WARNING)

    def _end(self, line: Timeline, node: NodeRun, facts: list[Fact]) -> None:
        """How a visit ended, as far as no task has told it."""
        at_ms = facts[-1].at_ms
        if node.status in NODE_LIVE:
            killing_ms = self._killing_ms()
            dies = self._run.status is ThreadStatus.HALTING and killing_ms is not None
            if dies and line.current is State.RUNNING and node.task is None:
                line.come_to(State.KILLING, max(killing_ms or 0, line.moments[-1].at_ms))
            return
        end = _end_of(node, allowed=node.handled and self._may_fail(node))
        if end is State.FAILED and line.current in (State.FAILED, State.KILLED):
            return
        if line.current is State.FAILED:
            self._end_failed(line, node, end, at_ms)
        elif line.current is not State.WARNING or end is not State.SUCCESS:
            line.come_to(end, at_ms)

    def _end_failed(self, line: Timeline, node: NodeRun, end: State, at_ms: int) -> None:
        """A failure is allowed, or an operator says that it is none."""
        if node.failure is not None:
            line.end_as(end)
        else:
            line.come_to(end, at_ms)

    def _may_fail(self, node: NodeRun) -> bool:
        """Whether a failure of the node counts as none."""
        config = self._config(node)
        return config is not None and config.allow_failure

    def _config(self, node: NodeRun) -> NodeConfig | None:
        thread = self.thread(node.thread)
        if thread is None:
            return None
        return self._spec.body.threads[thread.thread_spec].nodes.get(node.node)

    def _killing_ms(self) -> int | None:
        """When a kill of the run began."""
        facts = self._run.history
        ends = [fact for fact in facts if fact.status == ThreadStatus.HALTING]
        killed = self._run.sweep is not None or self._was_killed()
        return ends[-1].at_ms if ends and killed else None

    def _was_killed(self) -> bool:
        first = self.thread(0)
        failure = None if first is None else first.failure
        return failure is not None and failure.name == FailureName.KILLED

    def _iteration(self, node: NodeRun) -> Json:
        """The value of a direct child of an each-like step, and its number."""
        number = self._begun_by_step(node)
        found: Json = {}
        for name, key in (("INPUT", "value"), ("INDEX", "iteration")):
            row = self._rows.peek(Variable, self._run.tenant, self._run.wf_run_id, number, name)
            if row is None or row.value is None:
                continue
            value = shown_variable(self._rows, self._run, row).value
            found[key] = value if key == "iteration" else text_of(value)
        return found

    def _attempt(self, task: TaskRun, attempt: TaskAttempt) -> Json:
        """An attempt, with what was measured in it."""
        assert attempt.started_ms is not None
        line = Timeline()
        line.come_to(State.CREATED, attempt.started_ms)
        line.come_to(State.RUNNING, attempt.started_ms)
        if attempt.ended_ms is not None and attempt.status not in TASK_LIVE:
            state = _STATES[attempt.status] or State.FAILED
            line.come_to(State.WARNING if attempt.warning else state, attempt.ended_ms)
        measured = self._rows.peek(
            AttemptMetrics, task.tenant, task.wf_run_id, task.guid, attempt.number
        )
        metrics = [] if measured is None else [metric(series) for series in measured.series]
        return {"metrics": metrics, "state": line.as_json(self._now_ms)}

    def _outputs(self, node: NodeRun) -> Json | None:
        value = shown_node(self._rows, self._run, node).output
        part = self._part_of(node)
        if part is not None:
            return {part: value} if node.status not in NODE_LIVE else None
        if value is None or isinstance(value, dict):
            return cast("Json | None", value)
        return None if node.node_type == "RUN_THREADS" else {"value": value}

    def _part_of(self, node: NodeRun) -> str | None:
        """As which part of its outputs a node publishes what it gives."""
        config = self._config(node)
        publish = None if config is None else config.publish
        return publish.part if isinstance(publish, Publish) else None


def metric(series: Series) -> Json:
    """A metric; a timer's value is a duration."""
    timer = series.kind is MetricKind.TIMER
    return {
        "name": series.name,
        "tags": series.tags,
        "value": duration_text(series.value) if timer else series.value,
        "type": series.kind,
    }


def _follows(node: NodeRun, before: NodeRun) -> bool:
    """Whether a visit begins the one before it anew."""
    return (
        node.thread == before.thread
        and node.retries is not None
        and node.retries == before.position
        and node.node == before.node
    )


def _end_of(node: NodeRun, *, allowed: bool) -> State:
    if node.warned:
        return State.WARNING
    if node.status is NodeStatus.COMPLETED or allowed:
        return State.SKIPPED if node.skipped else State.SUCCESS
    killed = node.failure is not None and node.failure.name in _KILLS
    return State.KILLED if killed else State.FAILED


_KILLS: Final = frozenset({FailureName.KILLED, FailureName.TASK_CANCELLED})
_STATES: Final[dict[TaskStatus, State | None]] = {
    TaskStatus.TASK_PENDING: None,
    TaskStatus.TASK_SCHEDULED: None,
    TaskStatus.TASK_RUNNING: State.RUNNING,
    TaskStatus.TASK_SUCCESS: State.SUCCESS,
    TaskStatus.TASK_FAILED: State.FAILED,
    TaskStatus.TASK_TIMEOUT: State.FAILED,
    TaskStatus.TASK_OUTPUT_SERIALIZING_ERROR: State.FAILED,
    TaskStatus.TASK_INPUT_VAR_SUB_ERROR: State.FAILED,
    TaskStatus.TASK_EXCEPTION: State.FAILED,
    TaskStatus.TASK_CANCELLED: State.KILLED,
}
