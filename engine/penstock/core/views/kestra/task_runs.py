"""Node runs as task runs.

A task run is a visit of a node that stands for a step; visits that an operator had begun anew are
the same task run. A node whose name has a dot was put in by a compiler: it is no step, and whoever
looks up from below looks through it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from penstock.core.definitions.node_check import INDEX, INPUT
from penstock.core.definitions.wf_spec import WfSpec
from penstock.core.ids import is_step, visit_id
from penstock.core.state.run import NodeRun, TaskAttempt, TaskRun, ThreadRun, Variable
from penstock.core.state.task_rows import AttemptMetrics, MetricKind, Series
from penstock.core.state.transitions import TASK_LIVE, NodeStatus
from penstock.core.values.templates.operators import text
from penstock.core.values.texts import text_of
from penstock.core.values.value import Value
from penstock.core.views.attempts import ATTEMPTS_SHOWN_MAX, newest_first
from penstock.core.views.kestra.outputs import Outputs
from penstock.core.views.kestra.states import State, Timeline, duration_text
from penstock.core.views.kestra.timelines import ENDS_OF_TASKS, Timelines
from penstock.core.views.kestra.visits import distinct, stands_for_task, visits_of
from penstock.core.views.seen import Json, Seen
from penstock.core.views.shown import shown_series, shown_variable

ROUNDS_LOOKED_MAX: Final = 10_000
"""Of a thread with more node runs it is not told in which round of a loop they were."""

_FOR_EACH: Final = frozenset({"START_MULTIPLE_THREADS", "RUN_THREADS"})


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
    """The task runs of one run."""

    def __init__(self, seen: Seen) -> None:
        self.named = Named.of(seen.spec)
        self._rows = seen.rows
        self._run = seen.run
        self._partition = seen.partition
        self._now_ms = seen.now_ms
        self.lines = Timelines(seen)
        self._outputs = Outputs(seen, self.lines, self._values_above)
        self._rounds_of: dict[int, list[int] | None] = {}

    def all(self, after: tuple[int, int] | None = None) -> Iterator[list[NodeRun]]:
        """The visits of each task run, by thread and position; from behind a visit on."""
        return visits_of(self._rows, self._run, after)

    def as_json(self, visits: Sequence[NodeRun]) -> Json:
        """A task run."""
        first, last = visits[0], visits[-1]
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
        begun = list(islice(self._newest_begun(visits), ATTEMPTS_SHOWN_MAX + 1))
        shown = [self._attempt(*one) for one in reversed(begun[:ATTEMPTS_SHOWN_MAX])]
        if shown:
            own["attempts"] = shown
        if len(begun) > ATTEMPTS_SHOWN_MAX:
            own["attemptsTruncated"] = True
        own["outputs"] = self._outputs.of(last)
        own["state"] = self.lines.of(visits).as_json(self._now_ms)
        return own

    def begun_attempts(self, visits: Sequence[NodeRun]) -> Iterator[tuple[TaskRun, TaskAttempt]]:
        """The attempts of a task run that have begun, over all its visits."""
        for node in distinct(visits):
            task = self.lines.task(node)
            if task is not None:
                for attempt in self.lines.attempts(task):
                    if attempt.started_ms is not None:
                        yield task, attempt

    def _newest_begun(self, visits: Sequence[NodeRun]) -> Iterator[tuple[TaskRun, TaskAttempt]]:
        """The same, the newest first."""
        for node in reversed(distinct(visits)):
            task = self.lines.task(node)
            if task is not None:
                for attempt in newest_first(self._rows, task):
                    if attempt.started_ms is not None:
                        yield task, attempt

    def task_def_of(self, node: NodeRun) -> str | None:
        """The TaskDef of a visit that a worker does."""
        task = self.lines.task(node)
        return None if task is None else task.task_def

    def id_of(self, node: NodeRun) -> str:
        """The id of the task run that begins with this visit: derived as that of a TaskRun is."""
        return node.task or visit_id(
            self._partition,
            self._run.born_offset,
            self._run.wf_run_id,
            node.thread,
            node.position,
        )

    def step_above(self, node: NodeRun) -> NodeRun | None:
        """The step whose node started the thread of this one, looking through what is none."""
        above = self._own_thread(node)[1]
        return None if above is None else self._begun(above)

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

    def _iteration(self, node: NodeRun) -> Json:
        """The value of a direct child of an each-like step; in the rounds of a loop, which has no
        values, the number of the round.
        """
        thread, above, position = self._own_thread(node)
        if thread is None:
            return {}
        value = self._variable(thread, INPUT)
        if value is not None and above is not None and self._runs_for_values(above):
            return {"value": text_of(value)}
        index = self._variable(thread, INDEX)
        begun = self._rounds(thread.number) if isinstance(index, int) else None
        if not isinstance(index, int) or begun is None:
            return {}
        # The variable tells the newest round: those that began behind the visit are not its own.
        return {"iteration": index - (len(begun) - bisect_right(begun, position))}

    def _rounds(self, thread: int) -> list[int] | None:
        """The positions from which a thread went on to one more round: helping nodes that sleep
        stand between two. None of a thread that is too long.
        """
        if thread not in self._rounds_of:
            of_run = (self._run.tenant, self._run.wf_run_id, thread)
            nodes = [*islice(self._rows.scan(NodeRun, *of_run), ROUNDS_LOOKED_MAX + 1)]
            begun = [
                node.position
                for node in nodes
                if node.node_type == "SLEEP"
                and node.status is NodeStatus.COMPLETED
                and not is_step(node.node)
            ]
            self._rounds_of[thread] = begun if len(nodes) <= ROUNDS_LOOKED_MAX else None
        return self._rounds_of[thread]

    def _values_above(self, node: NodeRun) -> tuple[str, ...]:
        """The values for which threads above a step, and its own, run, outermost first."""
        found: list[str] = []
        step: NodeRun | None = node
        while step is not None:
            thread, step, _ = self._own_thread(step)
            if thread is None or step is None or not self._runs_for_values(step):
                continue
            of_thread = (self._run.tenant, self._run.wf_run_id, thread.number)
            row = self._rows.peek(Variable, *of_thread, INPUT)
            found += [] if row is None or row.value is None else [text(row.value)]
        return tuple(reversed(found))

    def _own_thread(self, node: NodeRun) -> tuple[ThreadRun | None, NodeRun | None, int]:
        """The thread in which a step stands, the step that has started it, looking through helping
        nodes, and the position at which it stands there.
        """
        thread = self.lines.thread(node.thread)
        while thread is not None:
            above = self._starter(thread)
            if above is None or stands_for_task(above):
                return thread, above, node.position
            node, thread = above, self.lines.thread(above.thread)
        return None, None, node.position

    def _starter(self, thread: ThreadRun) -> NodeRun | None:
        if thread.parent is None or thread.started_at is None:
            return None
        of_run = (self._run.tenant, self._run.wf_run_id)
        return self._rows.peek(NodeRun, *of_run, thread.parent, thread.started_at)

    def _runs_for_values(self, node: NodeRun) -> bool:
        """Whether a step runs a thread for each of several values."""
        config = self.lines.config(node)
        return node.node_type in _FOR_EACH and getattr(config, "values", True) is not None

    def _variable(self, thread: ThreadRun, name: str) -> Value:
        of_run = (self._run.tenant, self._run.wf_run_id)
        row = self._rows.peek(Variable, *of_run, thread.number, name)
        return None if row is None else shown_variable(self._rows, self._run, row).value

    def _attempt(self, task: TaskRun, attempt: TaskAttempt) -> Json:
        """An attempt, with what was measured in it."""
        assert attempt.started_ms is not None
        line = Timeline()
        line.come_to(State.CREATED, attempt.started_ms)
        line.come_to(State.RUNNING, attempt.started_ms)
        if attempt.ended_ms is not None and attempt.status not in TASK_LIVE:
            state = ENDS_OF_TASKS[attempt.status]
            line.come_to(State.WARNING if attempt.warning else state, attempt.ended_ms)
        measured = self._rows.peek(
            AttemptMetrics, task.tenant, task.wf_run_id, task.guid, attempt.number
        )
        metrics = (
            []
            if measured is None
            else [metric(shown_series(self._rows, task, series)) for series in measured.series]
        )
        return {"metrics": metrics, "state": line.as_json(self._now_ms)}


def metric(series: Series) -> Json:
    """A metric; a timer's value is a duration."""
    own: Json = {"name": series.name, "tags": series.tags}
    if series.kind is MetricKind.TIMER:
        return own | {"type": "timer", "value": duration_text(series.value)}
    return own | {"value": float(series.value), "type": "counter"}
