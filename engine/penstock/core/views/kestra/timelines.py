"""What a task run went through, told by the facts of its node runs and tasks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final, cast

from penstock.core.definitions.graph import NodeConfig
from penstock.core.definitions.wf_spec import WfSpec
from penstock.core.flow.versions import followed_at
from penstock.core.state.facts import AuditEntry, Fact
from penstock.core.state.failures import FailureName
from penstock.core.state.history import whole_history
from penstock.core.state.run import (
    NodeRun,
    PastAttempt,
    Stop,
    TaskAttempt,
    TaskRun,
    ThreadRun,
    WfRun,
)
from penstock.core.state.start_rows import EndState
from penstock.core.state.transitions import NODE_LIVE, NodeStatus, TaskStatus, ThreadStatus
from penstock.core.views.kestra.states import TERMINAL, State, Timeline
from penstock.core.views.kestra.visits import distinct
from penstock.core.views.kestra.waits import Waits
from penstock.core.views.seen import Json, Seen

AUDIT_MAX: Final = 10_000
_KILLS: Final = frozenset({"KillWfRun", "KillBelow"})
_PAUSES: Final = frozenset({"EXTERNAL_EVENT", "USER_TASK"})


class Timelines:
    """Facts of one run, and what they come to. What is asked for again is kept."""

    def __init__(self, seen: Seen) -> None:
        self._rows = seen.rows
        self._run = seen.run
        self._spec = seen.spec
        self._threads: dict[int, ThreadRun | None] = {}
        self._kills: list[int] | None = None
        self._said: list[tuple[EndState, int]] = []
        self._shut_down: dict[str, list[int]] = {}
        self._waits = Waits(seen, self)

    def of(self, visits: Sequence[NodeRun]) -> Timeline:
        """What a task run went through, over all its visits."""
        line = Timeline()
        line.come_to(State.CREATED, self.facts(visits[0])[0].at_ms)
        for number, node in enumerate(distinct(visits)):
            facts = self.facts(node)
            if number:
                line.come_to(State.RESTARTED, facts[0].at_ms)
            task = self.task(node)
            if task is not None:
                self._of_task(line, task)
            elif node.node_type != "TASK" and not (node.skipped and len(facts) == 1):
                line.come_to(State.RUNNING, facts[0].at_ms)
                if node.node_type in _PAUSES and len(facts) > 1:
                    line.come_to(State.PAUSED, facts[0].at_ms)
                self._waits.tell(line, node)
            self._end(line, node, facts)
        return line

    def thread(self, number: int) -> ThreadRun | None:
        """A thread of the run."""
        if number not in self._threads:
            self._threads[number] = self._rows.peek(
                ThreadRun, self._run.tenant, self._run.wf_run_id, number
            )
        return self._threads[number]

    def task(self, node: NodeRun) -> TaskRun | None:
        """The task of a node run."""
        if node.task is None:
            return None
        return self._rows.peek(TaskRun, self._run.tenant, self._run.wf_run_id, node.task)

    def attempts(self, task: TaskRun) -> Iterator[TaskAttempt]:
        """All attempts of a task, oldest first."""
        for row in self._rows.scan(PastAttempt, task.tenant, task.wf_run_id, task.guid):
            yield row.attempt
        yield task.attempt

    def facts(self, row: WfRun | NodeRun | TaskRun) -> list[Fact]:
        """All that a row went through."""
        return whole_history(self._rows, row)

    def config(self, node: NodeRun) -> NodeConfig | None:
        """A node as it was declared when it was visited."""
        thread = self.thread(node.thread)
        if thread is None:
            return None
        version, name = followed_at(self._run, thread, node.position)
        spec: WfSpec | None = self._spec
        if version != self._spec.version:
            spec = self._rows.peek(WfSpec, self._run.tenant, self._run.wf_spec, version)
        blueprint = None if spec is None else spec.body.threads.get(name)
        return None if blueprint is None else blueprint.nodes.get(node.node)

    def kills(self) -> list[int]:
        """When the run was told to end, oldest first."""
        if self._kills is None:
            self._kills = self._read_kills()
        return self._kills

    def said(self) -> list[tuple[EndState, int]]:
        """As what the run was said to count, when it had ended, and when."""
        self.kills()
        return self._said

    def _read_kills(self) -> list[int]:
        kills: list[int] = []
        entries = self._rows.scan(AuditEntry, self._run.tenant, self._run.wf_run_id)
        for entry in islice(entries, AUDIT_MAX):
            detail = cast("Json", entry.detail) if isinstance(entry.detail, dict) else {}
            if entry.verb in _KILLS:
                kills.append(entry.at_ms)
            elif entry.verb == "ShutdownTaskRun":
                self._shut_down.setdefault(str(detail.get("guid")), []).append(entry.at_ms)
            elif entry.verb == "ChangeWfRunState":
                self._said.append((EndState(detail["state"]), entry.at_ms))
        return kills

    def _of_task(self, line: Timeline, task: TaskRun) -> None:
        """The moments of a task. One that is held waits for its retry if it has failed before, else
        to be sent. A short one may have told of its start only with its end.
        """
        attempts = list(self.attempts(task))
        at = 0
        for fact in self.facts(task):
            status = TaskStatus(fact.status)
            if status is TaskStatus.TASK_PENDING:
                if line.current is State.FAILED:
                    line.come_to(State.RETRYING, fact.at_ms)
                elif line.current is not State.CREATED:
                    line.come_to(State.RESTARTED, fact.at_ms)
                    at += 1
            elif status is TaskStatus.TASK_SCHEDULED:
                if line.current is State.RETRYING:
                    line.come_to(State.CREATED, fact.at_ms)
            elif status is TaskStatus.TASK_RUNNING:
                line.come_to(State.RUNNING, fact.at_ms)
            else:
                began_ms = attempts[at].started_ms if at < len(attempts) else None
                if line.current in (State.CREATED, State.RESTARTED) and began_ms is not None:
                    line.come_to(State.RUNNING, began_ms)
                self._task_ends(line, task, ENDS_OF_TASKS[status], fact.at_ms)
                at += 1
        if task.stop is not None and task.stop.kind is not Stop.RESTART:
            self._task_is_stopped(line, task, task.stop.asked_ms)

    def _task_ends(self, line: Timeline, task: TaskRun, state: State, at_ms: int) -> None:
        if state is State.KILLED:
            self._task_is_stopped(line, task, at_ms)
        line.come_to(state, at_ms)

    def _task_is_stopped(self, line: Timeline, task: TaskRun, at_ms: int) -> None:
        """A task that runs is asked to end: by a kill of its run, or by itself."""
        if line.current is not State.RUNNING:
            return
        began_ms = line.moments[-1].at_ms
        asked = [*self.kills(), *self._shut_down.get(task.guid, ())]
        asked_ms = [one for one in asked if began_ms <= one <= at_ms]
        if asked_ms:
            line.come_to(State.KILLING, min(asked_ms))

    def _end(self, line: Timeline, node: NodeRun, facts: list[Fact]) -> None:
        """How a visit ended, as far as no task has told it."""
        if node.status in NODE_LIVE:
            if self._run.status is ThreadStatus.HALTING and self._run.sweep is not None:
                self._is_killed_from(line, node, None)
            return
        at_ms = facts[-1].at_ms
        config = self.config(node)
        allowed = node.handled and config is not None and config.allow_failure
        end = _end_of(node, allowed=allowed)
        if line.current not in TERMINAL:
            if end is State.KILLED:
                self._is_killed_from(line, node, at_ms)
            line.come_to(end, at_ms)
        elif line.current is State.FAILED and end is State.RETRIED:
            line.come_to(end, at_ms)
        elif line.current is State.FAILED and end is State.SUCCESS and node.failure is None:
            line.come_to(end, at_ms)  # by an operator's word
        elif line.current is not end and not (line.current is State.KILLED and end in _FAILURES):
            line.end_as(end)

    def _is_killed_from(self, line: Timeline, node: NodeRun, until_ms: int | None) -> None:
        """What the engine itself does is being killed as soon as its run is."""
        if line.current not in (State.RUNNING, State.PAUSED) or node.task is not None:
            return
        kills = [one for one in self.kills() if until_ms is None or one <= until_ms]
        if kills:
            line.come_to(State.KILLING, kills[-1])


def _end_of(node: NodeRun, *, allowed: bool) -> State:
    if node.warned:
        return State.WARNING
    if node.status is NodeStatus.COMPLETED or allowed:
        return State.SKIPPED if node.skipped else State.SUCCESS
    failure = node.failure
    if failure is None:
        return State.FAILED
    if failure.name == FailureName.SUPERSEDED:
        return State.RETRIED
    return State.KILLED if failure.by_kill else State.FAILED


_FAILURES: Final = frozenset({State.FAILED, State.KILLED})
ENDS_OF_TASKS: Final[dict[TaskStatus, State]] = {
    TaskStatus.TASK_SUCCESS: State.SUCCESS,
    TaskStatus.TASK_FAILED: State.FAILED,
    TaskStatus.TASK_TIMEOUT: State.FAILED,
    TaskStatus.TASK_OUTPUT_SERIALIZING_ERROR: State.FAILED,
    TaskStatus.TASK_INPUT_VAR_SUB_ERROR: State.FAILED,
    TaskStatus.TASK_EXCEPTION: State.FAILED,
    TaskStatus.TASK_CANCELLED: State.KILLED,
}
