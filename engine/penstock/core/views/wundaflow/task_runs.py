"""Node runs of tasks as task runs, also those that the run has not come to.

A task run is a visit of a TASK node; visits that an operator had begun anew are the same task run.
What it was given and what it gave back are the context before and after it. The ids of those to
come are what they will be if the run goes straight on: an operator who has a task begun anew moves
those behind it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final, NamedTuple, cast

from penstock.core.definitions.graph import NodeConfig
from penstock.core.definitions.nodes import TaskNode
from penstock.core.definitions.wf_spec import WfSpec
from penstock.core.flow.versions import followed_at
from penstock.core.ids import is_step, visit_id
from penstock.core.state.facts import AuditEntry
from penstock.core.state.failures import Failure, FailureName
from penstock.core.state.history import whole_history
from penstock.core.state.keys import after_prefix
from penstock.core.state.run import NodeRun, PastAttempt, Stop, TaskAttempt, TaskRun, ThreadRun
from penstock.core.state.transitions import NODE_LIVE, NodeStatus, TaskStatus
from penstock.core.values.timestamps import timestamp_text
from penstock.core.values.value import Value
from penstock.core.views.attempts import ATTEMPTS_SHOWN_MAX, newest_first
from penstock.core.views.seen import Json, Seen
from penstock.core.views.shown import shown_attempt, shown_node, shown_task
from penstock.core.views.wundaflow.changes import changes
from penstock.core.views.wundaflow.states import STATE_OF, Line, State

CONTEXT: Final = "context"
AUDIT_MAX: Final = 10_000
_FIRST: Final = 1
"""The position right behind an ENTRYPOINT: whose turn it is when the run begins."""
_RESTART: Final = "RestartTaskRun"
_STOPS: Final = frozenset({FailureName.KILLED, FailureName.TASK_CANCELLED})


class Visited(NamedTuple):
    """A task run that the run has come to: its visits, the first one first."""

    visits: tuple[NodeRun, ...]


class Ahead(NamedTuple):
    """A task run that the run has not come to: its node, and the position it will have."""

    node: str
    config: TaskNode
    position: int


class Place(NamedTuple):
    """Where a list goes on: behind a node run, or behind a position on the way ahead."""

    ahead: bool
    thread: int
    position: int

    @classmethod
    def of(cls, task_run: Visited | Ahead) -> Place:
        """Behind a task run."""
        if isinstance(task_run, Ahead):
            return cls(ahead=True, thread=0, position=task_run.position)
        last = task_run.visits[-1]
        return cls(ahead=False, thread=last.thread, position=last.position)


class TaskRuns:
    """The task runs of one run."""

    def __init__(self, seen: Seen) -> None:
        self._rows = seen.rows
        self._run = seen.run
        self._spec = seen.spec
        self._partition = seen.partition
        self._restarts_ms: dict[str, list[int]] | None = None

    def all(self, after: Place | None = None) -> Iterator[Visited | Ahead]:
        """Those that the run has come to, by thread and position; then those on the way ahead."""
        if after is None or not after.ahead:
            yield from self._visited(after)
        for ahead in self._ahead():
            if after is None or not after.ahead or ahead.position > after.position:
                yield ahead

    def _visited(self, after: Place | None) -> Iterator[Visited]:
        of_run = (self._run.tenant, self._run.wf_run_id)
        prefix = start = NodeRun.key(*of_run)
        if after is not None:
            start = NodeRun.key(*of_run, after.thread, after.position) + b"\x00"
        visits: list[NodeRun] = []
        for _, node in self._rows.range(NodeRun, start, after_prefix(prefix)):
            if visits and _follows(node, visits[-1]):
                visits.append(node)
                continue
            if visits:
                yield Visited(tuple(visits))
            visits = [node] if node.node_type == "TASK" and is_step(node.node) else []
        if visits:
            yield Visited(tuple(visits))

    def as_json(self, task_run: Visited | Ahead, *, contexts: bool = True) -> Json:
        """A task run; without contexts, what is small of it."""
        line = self.line(task_run)
        newest = list(islice(self._newest_attempts(task_run), ATTEMPTS_SHOWN_MAX + 1))
        made: Json = {
            "id": self.id_of(task_run),
            "flow_id": f"flow_{self._run.wf_run_id}",
            "task": self.task_def_of(task_run),
            "step": node_of(task_run),
            "state": line.current,
            "cancelled_before_start": line.cancelled_before_start,
            "max_attempts": self._max_attempts(task_run),
            "attempts": [self._attempt(*one) for one in reversed(newest[:ATTEMPTS_SHOWN_MAX])],
            "history": line.as_json(),
        }
        if len(newest) > ATTEMPTS_SHOWN_MAX:
            made["attempts_truncated"] = True
        return made | (self._contexts(task_run, line) if contexts else {})

    def id_of(self, task_run: Visited | Ahead) -> str:
        """Its id: that of its first TaskRun, or what this will be."""
        if isinstance(task_run, Ahead):
            return f"task_{self._guid(0, task_run.position)}"
        first = task_run.visits[0]
        return f"task_{first.task or self._guid(first.thread, first.position)}"

    def task_def_of(self, task_run: Visited | Ahead) -> str | None:
        """What its workers do; None where only the run will tell, or could not."""
        if isinstance(task_run, Ahead):
            return task_run.config.task_def
        tasks, config = self._tasks(task_run.visits), self._config(task_run.visits[-1])
        if tasks:
            return tasks[-1].task_def
        return None if config is None else config.task_def

    def line(self, task_run: Visited | Ahead) -> Line:
        """What a task run went through."""
        if isinstance(task_run, Visited):
            return self._line_of(task_run.visits)
        line = Line()
        line.begin(self._run.started_ms)
        return line

    def _max_attempts(self, task_run: Visited | Ahead) -> int:
        if isinstance(task_run, Ahead):
            return task_run.config.attempts_max
        tasks = self._tasks(task_run.visits)
        return tasks[-1].max_attempts if tasks else 1

    def _line_of(self, visits: Sequence[NodeRun]) -> Line:
        line = Line()
        told: set[str] = set()
        for number, node in enumerate(visits):
            facts = whole_history(self._rows, node)
            if node.position > _FIRST or facts[0].at_ms > self._run.started_ms:
                line.begin(self._run.started_ms)
            task = self._task(node)
            if task is not None and task.guid in told:
                line.come_to(_end_of(node), facts[-1].at_ms)  # an operator calls it a success
                continue
            if number:
                line.begin_again(facts[0].at_ms)
            else:
                line.come_to(State.PENDING, facts[0].at_ms)
            if task is not None:
                told.add(task.guid)
                self._tell(line, task)
            if node.status not in NODE_LIVE:
                self._end(line, node, facts[-1].at_ms)
        return line

    def _tell(self, line: Line, task: TaskRun) -> None:
        restarts_ms = self._restarts_of(task)
        attempts = list(self._attempts_of(task))
        line.go_through(whole_history(self._rows, task), attempts, restarts_ms)

    def _end(self, line: Line, node: NodeRun, at_ms: int) -> None:
        """How a visit ended, as far as its task has not told it."""
        end = _end_of(node)
        if end is State.SUCCESS and line.current is State.SHUTDOWN:
            line.end_as(end)  # an operator has skipped it
        elif end is State.SUCCESS or line.current not in (State.FAILED, State.SHUTDOWN):
            line.come_to(end, at_ms)

    def _contexts(self, task_run: Visited | Ahead, line: Line) -> Json:
        """The context before and after, and what differs. A task that does not give one back leaves
        it as it is.
        """
        before, after = None, None
        if isinstance(task_run, Visited):
            last = task_run.visits[-1]
            task = self._task(last)
            before = None if task is None else _context_in(shown_task(self._rows, task))
            if line.current is State.SUCCESS:
                output = shown_node(self._rows, self._run, last).output
                config = self._config(last)
                gives = output is not None and config is not None and _gives_context(config)
                after = output if gives else before
        both = before is not None and after is not None
        return {
            "context_in": before,
            "context_out": after,
            "diff": changes(before, after) if both else None,
        }

    def attempts(self, task_run: Visited | Ahead) -> Iterator[tuple[TaskRun, TaskAttempt]]:
        """The attempts of a task run, over all its visits."""
        if isinstance(task_run, Visited):
            for task in self._tasks(task_run.visits):
                for attempt in self._attempts_of(task):
                    yield task, attempt

    def _newest_attempts(self, task_run: Visited | Ahead) -> Iterator[tuple[TaskRun, TaskAttempt]]:
        """The same, the newest first."""
        if isinstance(task_run, Visited):
            for task in reversed(self._tasks(task_run.visits)):
                for attempt in newest_first(self._rows, task):
                    yield task, attempt

    def _attempt(self, task: TaskRun, attempt: TaskAttempt) -> Json:
        shown = shown_attempt(self._rows, task, attempt)
        failure: Failure | None = shown.failure
        given_up = shown.status is TaskStatus.TASK_CANCELLED and (
            attempt.number < task.attempt.number or task.status is TaskStatus.TASK_PENDING
        )
        return {
            "number": shown.number,
            "state": State.RESTARTING if given_up else STATE_OF[shown.status],
            "queued_at": timestamp_text(shown.scheduled_ms),
            "started_at": _time(shown.started_ms),
            "ended_at": _time(shown.ended_ms),
            "worker": shown.worker or None,
            "error": failure and {"name": failure.name, "message": failure.message},
        }

    def _attempts_of(self, task: TaskRun) -> Iterator[TaskAttempt]:
        for row in self._rows.scan(PastAttempt, task.tenant, task.wf_run_id, task.guid):
            yield row.attempt
        yield task.attempt

    def _restarts_of(self, task: TaskRun) -> list[int]:
        """When operators have asked for a restart of it."""
        if self._restarts_ms is None:
            self._restarts_ms = {}
            entries = self._rows.scan(AuditEntry, self._run.tenant, self._run.wf_run_id)
            for entry in islice(entries, AUDIT_MAX):
                if entry.verb == _RESTART and isinstance(entry.detail, dict):
                    guid = str(cast(Json, entry.detail).get("guid"))
                    self._restarts_ms.setdefault(guid, []).append(entry.at_ms)
        asked = list(self._restarts_ms.get(task.guid, ()))
        if task.stop is not None and task.stop.kind is Stop.RESTART and not asked:
            asked.append(task.stop.asked_ms)
        return asked

    def _ahead(self) -> Iterator[Ahead]:
        """The way on from where the entrypoint stands, as if each first edge were taken."""
        thread = self._rows.peek(ThreadRun, self._run.tenant, self._run.wf_run_id, 0)
        if thread is None:
            return
        nodes = self._spec.body.threads[self._spec.body.entrypoint].nodes
        node, position, seen = thread.node, thread.position, {thread.node}
        while (config := nodes.get(node)) is not None and config.edges:
            node, position = config.edges[0].to, position + 1
            if node in seen:
                return
            seen.add(node)
            ahead = nodes.get(node)
            if isinstance(ahead, TaskNode) and is_step(node):
                yield Ahead(node, ahead, position)

    def _tasks(self, visits: Sequence[NodeRun]) -> list[TaskRun]:
        found = {node.task: self._task(node) for node in visits}
        return [task for task in found.values() if task is not None]

    def _task(self, node: NodeRun) -> TaskRun | None:
        if node.task is None:
            return None
        return self._rows.peek(TaskRun, self._run.tenant, self._run.wf_run_id, node.task)

    def _config(self, node: NodeRun) -> TaskNode | None:
        """What the spec said of the node when it was visited."""
        thread = self._rows.peek(ThreadRun, self._run.tenant, self._run.wf_run_id, node.thread)
        if thread is None:
            return None
        version, name = followed_at(self._run, thread, node.position)
        spec = self._rows.peek(WfSpec, self._run.tenant, self._run.wf_spec, version)
        config = None if spec is None else spec.body.threads[name].nodes.get(node.node)
        return config if isinstance(config, TaskNode) else None

    def _guid(self, thread: int, position: int) -> str:
        run = self._run
        return visit_id(self._partition, run.born_offset, run.wf_run_id, thread, position)


def node_of(task_run: Visited | Ahead) -> str:
    """The node that it is a visit of: the step of the workflow."""
    return task_run.node if isinstance(task_run, Ahead) else task_run.visits[0].node


def _follows(node: NodeRun, before: NodeRun) -> bool:
    """Whether a visit begins the one before it anew."""
    again = node.retries is not None and node.retries == before.position
    return again and (node.thread, node.node) == (before.thread, before.node)


def _end_of(node: NodeRun) -> State:
    if node.status is NodeStatus.COMPLETED:
        return State.SUCCESS
    stopped = node.failure is not None and node.failure.name in _STOPS
    return State.SHUTDOWN if stopped else State.FAILED


def _context_in(task: TaskRun) -> Value:
    """What a task was told of the context: as its input, or among what it is to tell others."""
    data = task.inputs.get("data")
    within = cast(Json, data) if isinstance(data, dict) else {}
    return task.inputs.get(CONTEXT, within.get(CONTEXT))


def _gives_context(config: NodeConfig) -> bool:
    """Whether what the node returns is the context from then on."""
    return any(mutation.variable == CONTEXT for edge in config.edges for mutation in edge.mutations)


def _time(at_ms: int | None) -> str | None:
    return None if at_ms is None else timestamp_text(at_ms)
