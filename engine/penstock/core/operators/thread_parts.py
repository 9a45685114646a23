"""The rows of one thread, to be deleted in lots while its run lives. They lie among those of other
threads, and are found by their numbers: nothing is searched for. A row that says how many others
there are goes after them, so that it can be gone on with from the lot at which a turn ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from penstock.core.definitions.wf_spec import WfSpec
from penstock.core.flow.search_index import is_indexed
from penstock.core.operators.deletion import delete_row
from penstock.core.state.facts import HistoryChunk
from penstock.core.state.history import HasHistory, subject_of
from penstock.core.state.keys import Part
from penstock.core.state.replay_rows import OldVariable
from penstock.core.state.rows import Row
from penstock.core.state.run import (
    NodeOutput,
    NodeRun,
    PastAttempt,
    TaskRun,
    ThreadRun,
    Variable,
)
from penstock.core.state.search_rows import IndexedVariable
from penstock.core.state.task_rows import (
    AttemptLog,
    AttemptMetrics,
    Checkpoint,
    CheckpointTotal,
    Pulse,
)
from penstock.core.state.thread_rows import (
    Awaited,
    AwaitedEnd,
    EachChunk,
    EachPlan,
    EachThread,
    PendingInterrupt,
)
from penstock.core.state.turn import Turn
from penstock.core.state.user_task_rows import UserTaskComment, UserTaskEvent, UserTaskRun

Found = tuple[type[Row], tuple[Part, ...]]
"""A row by its kind, and what its key has after tenant and run; it need not be there."""

USER_TASK_NODE: Final = "USER_TASK"

_ROWS_OF_NODES: Final = (
    *(Awaited, AwaitedEnd, EachPlan, EachChunk, EachThread, PendingInterrupt, OldVariable),
)
"""Kinds of which a thread may have many: their keys begin with its number."""


def delete_lot(turn: Turn, thread: ThreadRun, position: int, lot: int) -> tuple[int, int]:
    """Delete a lot of what a visit to a node has left, the NodeRun last; position and number of the
    lot that follows.
    """
    row = _next_of(turn, thread, position)
    if row is None:
        return position + 1, 0
    count, lot_of = _LOTS[type(row)]
    found: list[Found] = list(lot_of(turn, row, lot))
    is_last = lot + 1 == count(row)
    if is_last:
        found.append((type(row), tuple(getattr(row, name) for name in row.KEY[2:])))
    _delete(turn, thread, found)
    if not is_last:
        return position, lot + 1
    return (position + 1, 0) if isinstance(row, NodeRun) else (position, 0)


def delete_rest(turn: Turn, thread: ThreadRun, spec: WfSpec) -> bool:
    """Delete what the thread as a whole has; False if the turn's budget is spent before."""
    of_thread = (thread.tenant, thread.wf_run_id, thread.number)
    for kind in _ROWS_OF_NODES:
        for row in turn.rows.scan(kind, *of_thread):
            if turn.nodes_left == 0:
                return False
            turn.nodes_left -= 1
            turn.rows.delete(row)
    blueprint = spec.body.threads[thread.thread_spec]
    names = [declared.name for declared in blueprint.variables]
    found_by = [one.name for one in blueprint.variables if is_indexed(one)]
    outputs = spec.kept_outputs.get(thread.thread_spec, ())
    found: list[Found] = [
        *((Variable, (thread.number, name)) for name in names),
        *((IndexedVariable, (thread.number, name)) for name in found_by),
        *((NodeOutput, (thread.number, node)) for node in outputs),
        *_chunks(thread),
    ]
    _delete(turn, thread, found)
    return True


def _next_of(
    turn: Turn, thread: ThreadRun, position: int
) -> TaskRun | UserTaskRun | NodeRun | None:
    """What of a visit is next: its task, its user task, then the NodeRun, which names both."""
    of_run = (thread.tenant, thread.wf_run_id)
    node_run = turn.rows.peek(NodeRun, *of_run, thread.number, position)
    if node_run is None:
        return None
    task = turn.rows.peek(TaskRun, *of_run, node_run.task) if node_run.task else None
    if task is not None or node_run.node_type != USER_TASK_NODE or not node_run.progress:
        return task or node_run
    guid = node_run.progress["user_task"]
    return turn.rows.peek(UserTaskRun, *of_run, guid) or node_run


def _lot_of_task(turn: Turn, task: TaskRun, lot: int) -> Iterator[Found]:
    """What belongs to one attempt; a chunk of the history; the checkpoints."""
    if lot < task.attempt.number:
        yield from _attempt(turn, task, lot + 1)
    elif lot < task.attempt.number + task.spilled:
        yield _chunk(task, lot - task.attempt.number)
    else:
        total = turn.rows.peek(CheckpointTotal, task.tenant, task.wf_run_id, task.guid)
        for number in range(0 if total is None else total.count):
            yield Checkpoint, (task.guid, number)
        yield CheckpointTotal, (task.guid,)


def _attempt(turn: Turn, task: TaskRun, number: int) -> Iterator[Found]:
    pulse = turn.rows.peek(Pulse, task.tenant, task.wf_run_id, task.guid, number)
    for piece in range(0 if pulse is None else pulse.log_pieces):
        yield AttemptLog, (task.guid, number, piece)
    for kind in (AttemptMetrics, Pulse, PastAttempt):
        yield kind, (task.guid, number)


def _lot_of_user_task(turn: Turn, row: UserTaskRun, lot: int) -> Iterator[Found]:
    """A thing that happened, with the task that an action made; a chunk; the comments."""
    if lot < row.events:
        yield UserTaskEvent, (row.guid, lot)
        event = turn.rows.peek(UserTaskEvent, row.tenant, row.wf_run_id, row.guid, lot)
        made = event and event.task
        task = turn.rows.peek(TaskRun, row.tenant, row.wf_run_id, made) if made else None
        if task is not None:
            for part in range(_lots_of_task(task)):
                yield from _lot_of_task(turn, task, part)
            yield TaskRun, (task.guid,)
    elif lot < row.events + row.spilled:
        yield _chunk(row, lot - row.events)
    else:
        for number in range(1, row.comments + 1):
            yield UserTaskComment, (row.guid, number)


def _lot_of_node(turn: Turn, row: NodeRun, lot: int) -> Iterator[Found]:
    if lot < row.spilled:
        yield _chunk(row, lot)


def _lots_of_task(task: TaskRun) -> int:
    return task.attempt.number + task.spilled + 1


def _chunks(row: HasHistory) -> Iterator[Found]:
    return (_chunk(row, number) for number in range(row.spilled))


def _chunk(row: HasHistory, number: int) -> Found:
    return HistoryChunk, (subject_of(row), number)


def _delete(turn: Turn, thread: ThreadRun, found: list[Found]) -> None:
    """Delete what is there; looking for what is not counts too."""
    for kind, parts in found:
        key = kind.key(thread.tenant, thread.wf_run_id, *parts)
        if turn.rows.by_key(kind, key) is not None:
            delete_row(turn, key)
    turn.nodes_left -= min(turn.nodes_left, len(found))


_LOTS: Final[dict[type[Row], tuple[Callable[[Any], int], Callable[..., Iterator[Found]]]]] = {
    TaskRun: (_lots_of_task, _lot_of_task),
    UserTaskRun: (lambda row: row.events + row.spilled + 1, _lot_of_user_task),
    NodeRun: (lambda row: row.spilled + 1, _lot_of_node),
}
"""In how many lots what belongs to a row goes, and what is in each; the row itself is last."""
