"""What a thread waits for at the node where it stands: a table by node type."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final, cast

import msgspec

from penstock.core.definitions.graph import NodeConfig
from penstock.core.definitions.nodes import ExternalEventNode, SleepNode, WaitForConditionNode
from penstock.core.definitions.wf_spec import LatestWfSpec, WfSpec
from penstock.core.flow.at import At
from penstock.core.flow.trial import is_clear
from penstock.core.flow.waits import KIND_OF_WAIT, Work
from penstock.core.state.breaker_rows import Breaker, HeldByBreaker
from penstock.core.state.partition_state import PartitionState
from penstock.core.state.rows import Rows
from penstock.core.state.run import NodeRun, TaskRun, ThreadRun, TimerKey, WfRun
from penstock.core.state.thread_rows import Awaited, AwaitedStatus, LiveChild
from penstock.core.state.timers import Clock
from penstock.core.state.transitions import TaskStatus
from penstock.core.state.user_task_rows import UserTaskRun
from penstock.core.values.masking import MASK
from penstock.core.views.expression_text import expression_text
from penstock.core.views.waits_for import WaitsFor

NAMED_MAX: Final = 5
LOOKED_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class Reason:
    """What is waited for: `name` says which one of its kind (a TaskDef, a worker, an event, a user
    or group, a run), `text` all of it in a sentence. The ids are there for whoever goes on to it.
    """

    what: WaitsFor
    text: str
    name: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    task_run: str | None = None
    user_task: str | None = None
    wf_run_id: str | None = None


@dataclass(frozen=True, slots=True)
class Stand:
    """Where a thread stands; `at` is where its expressions are worked out."""

    rows: Rows
    run: WfRun
    thread: ThreadRun
    node: NodeRun
    config: NodeConfig | None
    at: Callable[[], At]


def node_reason(stand: Stand) -> Reason:
    """What the thread waits for at its node."""
    tell = _TELLS.get(stand.node.node_type)
    found = None if tell is None else tell(stand)
    return found or Reason(WaitsFor.TURN, f"Is about to go on at {stand.node.node}.")


def _task(stand: Stand) -> Reason | None:
    node = stand.node
    task = stand.rows.peek(TaskRun, node.tenant, node.wf_run_id, node.task or "")
    if task is None or (task.thread, task.position) != (node.thread, node.position):
        return None
    tell = _TASKS.get(task.status)
    return None if tell is None else tell(stand.rows, task)


def _queued(rows: Rows, task: TaskRun) -> Reason:
    text = f"Waits in the queue of {task.task_def}{_tries(task)}: no worker has begun it."
    return _of_task(WaitsFor.QUEUE, text, task, task.attempt.scheduled_ms, name=task.task_def)


def _at_work(rows: Rows, task: TaskRun) -> Reason:
    worker = task.attempt.worker
    asked = "" if task.stop is None else f"; it was asked to {_STOPS[task.stop.kind]}"
    text = f"{worker or 'A worker'} does {task.task_def}{_tries(task)}{asked}."
    since_ms = task.attempt.started_ms or task.attempt.scheduled_ms
    return _of_task(WaitsFor.WORKER, text, task, since_ms, name=worker or None)


_STOPS: Final = {"cancel": "stop", "shutdown": "stop", "restart": "begin anew"}


def _pending(rows: Rows, task: TaskRun) -> Reason:
    attempt = task.attempt
    if attempt.status is not TaskStatus.TASK_PENDING:
        most = task.max_attempts + task.uncounted
        how = "timed out" if attempt.status is TaskStatus.TASK_TIMEOUT else "failed"
        text = f"{task.task_def} {how} (attempt {attempt.number} of {most})"
        until_ms = _due_ms(rows, task.timer)
        next_one = "; the next attempt comes after its backoff."
        return _of_task(
            WaitsFor.RETRY, text + next_one, task, attempt.ended_ms, task.task_def, until_ms
        )
    key = (task.tenant, task.task_def)
    since_ms = task.history[-1].at_ms if task.history else attempt.scheduled_ms
    if rows.peek(HeldByBreaker, *key, task.wf_run_id, task.guid) is None:
        text = f"{task.task_def} is held until its topic takes it."
        return _of_task(WaitsFor.TOPIC, text, task, since_ms, task.task_def)
    breaker = rows.peek(Breaker, *key)
    why = "" if breaker is None else f": {breaker.failed} of {breaker.ends} attempts have failed"
    text = f"{task.task_def} is held by its breaker{why}."
    return _of_task(WaitsFor.BREAKER, text, task, since_ms, task.task_def)


def _of_task(
    what: WaitsFor,
    text: str,
    task: TaskRun,
    since_ms: int | None,
    name: str | None,
    until_ms: int | None = None,
) -> Reason:
    return Reason(what, text, name, since_ms, until_ms, task_run=task.guid)


def _tries(task: TaskRun) -> str:
    most = task.max_attempts + task.uncounted
    return "" if most == 1 else f", attempt {task.attempt.number} of {most}"


_TASKS: Final[dict[TaskStatus, Callable[[Rows, TaskRun], Reason]]] = {
    TaskStatus.TASK_SCHEDULED: _queued,
    TaskStatus.TASK_RUNNING: _at_work,
    TaskStatus.TASK_PENDING: _pending,
}


def _event(stand: Stand) -> Reason | None:
    config, kept = stand.config, _progress(stand)
    if not isinstance(config, ExternalEventNode) or "guid" in kept:
        return None
    key = MASK if kept.get("masked") else kept.get("key")
    under = "" if key is None else f" under the key {key}"
    resumed = ", or to be resumed" if config.resumable else ""
    text = f"Waits for the event {config.event_def}{under}{resumed}."
    return _at_node(stand, WaitsFor.EVENT, text, config.event_def)


def _sleep(stand: Stand) -> Reason | None:
    """Until when is not told if that is made of something masked: it would be read off."""
    reason = _at_node(stand, WaitsFor.TIMER, f"Sleeps at {stand.node.node}.", stand.node.node)
    config = stand.config
    if not isinstance(config, SleepNode):
        return reason
    given = config.until if config.seconds is None else config.seconds
    return (
        reason if given is None or is_clear(stand.at(), given) else replace(reason, until_ms=None)
    )


def _user_task(stand: Stand) -> Reason | None:
    node, guid = stand.node, _progress(stand).get("user_task", "")
    row = stand.rows.peek(UserTaskRun, node.tenant, node.wf_run_id, guid)
    if row is None:
        return None
    of = "" if row.user_group is None else f" of {row.user_group}"
    who = f"anybody{of}" if row.user_id is None else f"{row.user_id}{of}"
    return Reason(
        WaitsFor.PERSON,
        f"Waits for {who} to fill in {row.user_task_def}.",
        row.user_id or row.user_group,
        row.history[-1].at_ms if row.history else row.scheduled_ms,
        user_task=f"{row.wf_run_id}/{row.guid}",
    )


def _condition(stand: Stand) -> Reason | None:
    if not isinstance(stand.config, WaitForConditionNode):
        return None
    condition = expression_text(stand.config.condition)
    return _at_node(stand, WaitsFor.CONDITION, f"Waits until {condition}.", condition)


_AT_WORK: Final = (AwaitedStatus.THREAD_IN_PROGRESS, AwaitedStatus.HANDLING_FAILURE)


def _threads(stand: Stand) -> Reason | None:
    node = stand.node
    if node.progress is None:
        return None
    wait = msgspec.convert(node.progress, KIND_OF_WAIT[node.node_type])
    rows = stand.rows.scan(Awaited, node.tenant, node.wf_run_id, node.thread, node.position)
    live = (row for row in islice(rows, LOOKED_MAX) if row.status in _AT_WORK)
    numbers = [row.child if row.handler is None else row.handler for row in islice(live, NAMED_MAX)]
    left = wait.at_work if isinstance(wait, Work) else wait.count - wait.good - wait.bad
    return _for_threads(stand, left, numbers, f" of {wait.count}")


def _exit(stand: Stand) -> Reason | None:
    node, moving = stand.node, stand.thread.moving_children
    if not moving:
        return None
    children = stand.rows.scan(LiveChild, node.tenant, node.wf_run_id, node.thread)
    return _for_threads(stand, moving, [row.child for row in islice(children, NAMED_MAX)], "")


def _for_threads(stand: Stand, left: int, numbers: list[int], of: str) -> Reason:
    named = ", ".join(map(str, numbers))
    more = ", …" if left > len(numbers) else ""
    text = f"Waits for {left}{of} threads: {named}{more}." if numbers else "Waits for threads."
    return _at_node(stand, WaitsFor.THREADS, text, named or None)


def _child_run(stand: Stand) -> Reason | None:
    wf_run_id = _progress(stand).get("wf_run_id")
    if wf_run_id is None:
        return None
    text = f"Waits for the run {wf_run_id} to end."
    since_ms = _since_ms(stand.node)
    return Reason(WaitsFor.RUN, text, wf_run_id, since_ms, wf_run_id=wf_run_id)


def _place(stand: Stand) -> Reason | None:
    """The newest version of the spec says how many places there are."""
    run = stand.run
    if stand.thread.number != 0 or not run.held:
        return None
    latest = stand.rows.peek(LatestWfSpec, run.tenant, run.wf_spec)
    version = run.version if latest is None or not latest.version else latest.version
    spec = stand.rows.peek(WfSpec, run.tenant, run.wf_spec, version)
    limit = None if spec is None else spec.body.limit
    text = f"Waits for a place among the runs of {run.wf_spec} that may be at work"
    if limit is not None:
        same = "" if limit.key is None else f" with the same {expression_text(limit.key)}"
        text += f" at once: at most {limit.most}{same}"
    return _at_node(stand, WaitsFor.PLACE, f"{text}.", run.wf_spec)


_TELLS: Final[dict[str, Callable[[Stand], Reason | None]]] = {
    "ENTRYPOINT": _place,
    "TASK": _task,
    "EXTERNAL_EVENT": _event,
    "SLEEP": _sleep,
    "USER_TASK": _user_task,
    "WAIT_FOR_CONDITION": _condition,
    "WAIT_FOR_THREADS": _threads,
    "RUN_THREADS": _threads,
    "EXIT": _exit,
    "WAIT_FOR_CHILD_WF": _child_run,
}
"""By the name of the node type."""


def _at_node(stand: Stand, what: WaitsFor, text: str, name: str | None) -> Reason:
    until_ms = _due_ms(stand.rows, stand.node.timer)
    return Reason(what, text, name, _since_ms(stand.node), until_ms)


def _since_ms(node: NodeRun) -> int | None:
    return node.history[-1].at_ms if node.history else None


def _progress(stand: Stand) -> dict[str, Any]:
    kept = stand.node.progress
    return cast("dict[str, Any]", kept) if isinstance(kept, dict) else {}


def _due_ms(rows: Rows, timer: TimerKey | None) -> int | None:
    """When a timer is due by the wall, if time passes in the log as it does there."""
    state = rows.peek(PartitionState)
    if timer is None or state is None:
        return None
    if timer.clock == Clock.DATE:
        return timer.due_ms
    now_ms = state.awake_ms if timer.clock == Clock.AWAKE else state.log_time_ms
    return state.append_ms + max(0, timer.due_ms - now_ms)
