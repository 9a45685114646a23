"""Advance: moves threads from node to node until they wait, end, or the turn's budget is spent. The
only loop over nodes, and the only place that changes the status of a thread, a run or a node run.
"""

from __future__ import annotations

from collections.abc import Mapping

from penstock.core.at import At
from penstock.core.edges import mutated, open_edge
from penstock.core.limits import STEPS_PER_RUN_MAX
from penstock.core.load import load
from penstock.core.nodes import TYPE_OF
from penstock.core.nodes.base import (
    Done,
    Ended,
    Failed,
    NodeEvent,
    NodeType,
    Outcome,
    TaskMoved,
)
from penstock.core.outputs import WfRunChanged
from penstock.core.run import (
    Failure,
    FailureName,
    HaltReason,
    NodeOutput,
    NodeRun,
    TaskRun,
    ThreadKind,
    ThreadRun,
    Variable,
    WfRun,
    noted,
)
from penstock.core.spec import WfSpec
from penstock.core.timers import Clock, TimerKind, clock_ms, set_timer
from penstock.core.transitions import (
    NODE,
    NODE_LIVE,
    THREAD,
    THREAD_LIVE,
    NodeStatus,
    ThreadEvent,
    ThreadStatus,
    move,
)
from penstock.core.transitions import NodeEvent as NodeMove
from penstock.core.turn import Turn
from penstock.core.values import Value, ValueProblem

ENTRYPOINT_NUMBER = 0


def start_run(turn: Turn, run: WfRun, spec: WfSpec, variables: Mapping[str, Value]) -> None:
    """Start a run's entrypoint thread; the variables have been checked."""
    thread = ThreadRun(
        turn.tenant,
        run.wf_run_id,
        ENTRYPOINT_NUMBER,
        ThreadKind.ENTRYPOINT,
        spec.body.entrypoint,
        ThreadStatus.RUNNING,
    )
    run.threads += 1
    for declared in spec.body.threads[thread.thread_spec].variables:
        value = variables.get(declared.name, declared.default)
        if value is not None:
            turn.rows.put(Variable(turn.tenant, run.wf_run_id, thread.number, declared.name, value))
    first = _enter(turn, run, spec, thread, position=0, node=_first_node(spec, thread))
    at = At(turn, run, spec, thread, first)
    _note_thread(at)
    drive(at)


def drive(at: At) -> None:
    """Move the thread on as far as it goes, and save it."""
    while at.thread.status is ThreadStatus.RUNNING:
        status = at.node_run.status
        if status is NodeStatus.STARTING:
            if at.turn.nodes_left == 0:
                _go_on_next_turn(at)
                break
            at.turn.nodes_left -= 1
            _settle(at, _arrive(at))
        elif status is NodeStatus.COMPLETED:
            _follow_edge(at)
        else:
            break
    at.save()


def resume_node(at: At, event: NodeEvent) -> None:
    """Tell the current node that what it waits for has happened, and move on."""
    _settle(at, _type(at).resume(at, event))
    drive(at)


def task_moved(turn: Turn, task: TaskRun) -> None:
    """Tell the thread that waits for a task, if it still does, that the task has another status."""
    at = load(turn, task.wf_run_id, task.thread)
    if at.node_run.task == task.guid and at.thread.status in THREAD_LIVE:
        resume_node(at, TaskMoved(task))


def halt(at: At, reason: HaltReason) -> None:
    """Ask the thread to halt; it does so at once unless something of it is in flight."""
    if reason not in at.thread.halt_reasons:
        at.thread.halt_reasons = (*at.thread.halt_reasons, reason)
    _move_thread(at, ThreadEvent.HALT)
    _settle_halt(at)
    at.save()


def unhalt(at: At, reason: HaltReason) -> None:
    """Take a reason to halt away; the thread runs again when none is left."""
    thread = at.thread
    thread.halt_reasons = tuple(kept for kept in thread.halt_reasons if kept is not reason)
    if not thread.halt_reasons and thread.status is not ThreadStatus.RUNNING:
        _move_thread(at, ThreadEvent.RESUME)
        if at.node_run.status in (NodeStatus.HALTING, NodeStatus.HALTED):
            _move_node(at, NodeMove.RESUME)
        if at.node_run.status is NodeStatus.RUNNING:
            _settle(at, _type(at).unhalt(at))
    drive(at)


def quarantine(at: At, message: str) -> None:
    """A defect of ours hit this run: end it with a failure that says so, touching as little as
    possible (R6).
    """
    if at.thread.status in THREAD_LIVE:
        if at.node_run.status in NODE_LIVE:
            at.node_run.failure = Failure(FailureName.ENGINE_DEFECT, message)
            _move_node(at, NodeMove.FAIL)
        _fail_thread(at, Failure(FailureName.ENGINE_DEFECT, message))
    at.save()


def _arrive(at: At) -> Outcome:
    at.run.steps += 1
    if at.run.steps > STEPS_PER_RUN_MAX:
        message = f"the run has taken {STEPS_PER_RUN_MAX} steps, as many as a run may"
        return Failed(Failure(FailureName.STEP_LIMIT, message))
    try:
        return _type(at).arrive(at)
    except ValueProblem as problem:
        return Failed(Failure(FailureName.VAR_SUB_ERROR, f"node {at.node_run.node!r}: {problem}"))


def _settle(at: At, outcome: Outcome) -> None:
    """Write down what a node came to, and what that means for its thread."""
    node_run = at.node_run
    match outcome:
        case Done(output):
            node_run.output = output
            _move_node(at, NodeMove.COMPLETE)
            if node_run.node in at.spec.kept_outputs.get(at.thread.thread_spec, ()):
                at.turn.rows.put(
                    NodeOutput(
                        at.turn.tenant, at.run.wf_run_id, at.thread.number, node_run.node, output
                    )
                )
        case Ended(output):
            _move_node(at, NodeMove.COMPLETE)
            at.thread.output = output
            _move_thread(at, ThreadEvent.COMPLETE)
        case Failed(failure):
            node_run.failure = failure
            _move_node(at, NodeMove.FAIL if failure.technical else NodeMove.THROW)
            _fail_thread(at, failure)
        case _:
            if node_run.status is NodeStatus.STARTING:
                _move_node(at, NodeMove.WAIT)
    _settle_halt(at)


def _settle_halt(at: At) -> None:
    """A thread that is asked to halt does so once nothing of it is in flight."""
    if at.thread.status is not ThreadStatus.HALTING:
        return
    if at.node_run.status is NodeStatus.RUNNING:
        if not _type(at).halt(at):
            return
        if not _type(at).mirrors_task:
            _move_node(at, NodeMove.HALT)
            _move_node(at, NodeMove.SETTLE)
    _move_thread(at, ThreadEvent.SETTLE)


def _follow_edge(at: At) -> None:
    """Take the first edge that is open, with all its mutations or none, and enter the node it leads
    to.
    """
    try:
        edge = open_edge(at)
    except ValueProblem as problem:
        _fail_leaving(at, FailureName.VAR_SUB_ERROR, str(problem))
        return
    try:
        changed = mutated(at, edge.mutations)
    except ValueProblem as problem:
        _fail_leaving(at, FailureName.VAR_MUTATION_ERROR, str(problem))
        return
    rows = at.turn.rows
    for row in changed:
        rows.put(row)
    rows.put(at.node_run)
    at.node_run = _enter(
        at.turn, at.run, at.spec, at.thread, position=at.thread.position + 1, node=edge.to
    )


def _fail_leaving(at: At, name: FailureName, message: str) -> None:
    """The node is complete, but no way leads on: the thread fails there."""
    _fail_thread(at, Failure(name, f"leaving node {at.node_run.node!r}: {message}"))


def _fail_thread(at: At, failure: Failure) -> None:
    at.thread.failure = failure
    _move_thread(at, ThreadEvent.FAIL if failure.technical else ThreadEvent.THROW)


def _go_on_next_turn(at: At) -> None:
    """The budget is spent: leave a row that is due at once (R3)."""
    set_timer(
        at.turn,
        TimerKind.ADVANCE,
        at.run.wf_run_id,
        clock=Clock.PENDING,
        due_ms=clock_ms(at.turn, Clock.PENDING),
        detail="",
        number=at.thread.number,
    )


def _move_thread(at: At, event: ThreadEvent) -> None:
    at.thread.status = move(THREAD, at.thread.status, event)
    if at.thread.status not in THREAD_LIVE:
        at.thread.halt_reasons = ()
    _note_thread(at)


def _note_thread(at: At) -> None:
    """Keep the status in the histories; a run's status is its entrypoint thread's."""
    thread, run, turn = at.thread, at.run, at.turn
    thread.history = noted(thread.history, thread.status, turn.at_ms)
    if thread.number != ENTRYPOINT_NUMBER:
        return
    run.status = thread.status
    before, run.history = run.history, noted(run.history, thread.status, turn.at_ms)
    if run.history is before:
        return
    if run.status not in THREAD_LIVE:
        run.ended_ms = turn.at_ms
    turn.tell(
        run.wf_run_id,
        WfRunChanged(
            wf_run_id=run.wf_run_id,
            wf_spec=run.wf_spec,
            version=run.version,
            status=run.status,
            at_ms=turn.at_ms,
            output=thread.output,
            failure=None if thread.failure is None else thread.failure.name,
            message=None if thread.failure is None else thread.failure.message,
        ),
    )


def _move_node(at: At, event: NodeMove) -> None:
    node_run = at.node_run
    node_run.status = move(NODE, node_run.status, event)
    node_run.history = noted(node_run.history, node_run.status, at.turn.at_ms)


def _type(at: At) -> NodeType:
    return TYPE_OF[type(at.config)]


def _first_node(spec: WfSpec, thread: ThreadRun) -> str:
    nodes = spec.body.threads[thread.thread_spec].nodes
    return next(name for name, config in nodes.items() if TYPE_OF[type(config)].begins)


def _enter(
    turn: Turn, run: WfRun, spec: WfSpec, thread: ThreadRun, *, position: int, node: str
) -> NodeRun:
    """The thread comes to a node; the node has not been asked yet."""
    config = spec.body.threads[thread.thread_spec].nodes[node]
    thread.position, thread.node = position, node
    return NodeRun(
        turn.tenant,
        run.wf_run_id,
        thread.number,
        position,
        node,
        TYPE_OF[type(config)].name,
        NodeStatus.STARTING,
        history=noted((), NodeStatus.STARTING, turn.at_ms),
    )
