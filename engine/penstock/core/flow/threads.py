"""Threads: how one begins, what it tells others when its status has changed, and how what is asked
of it reaches the threads that it holds.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from penstock.core.definitions.node_check import INPUT
from penstock.core.definitions.structs import structs_of
from penstock.core.definitions.wf_spec import ThreadSpec, WfSpec
from penstock.core.flow.agenda import wake
from penstock.core.flow.at import At
from penstock.core.flow.correlation import unmark_thread
from penstock.core.flow.moves import counted_as
from penstock.core.flow.retention import set_retention
from penstock.core.limits import CHILDREN_WOKEN_MAX
from penstock.core.state.facts import noted
from penstock.core.state.keys import after_prefix
from penstock.core.state.run import (
    Counted,
    HaltReason,
    NodeRun,
    ThreadKind,
    ThreadRun,
    Variable,
    WfRun,
)
from penstock.core.state.thread_rows import (
    Awaited,
    AwaitedEnd,
    AwaitedStatus,
    Interrupter,
    LiveChild,
)
from penstock.core.state.timers import Clock, TimerKind, clock_ms, set_timer
from penstock.core.state.transitions import THREAD_LIVE, NodeStatus, ThreadStatus
from penstock.core.state.turn import Turn
from penstock.core.values.expressions import Expression
from penstock.core.values.types import ValueProblem
from penstock.core.values.value import Value, coerce


def begin_thread(
    turn: Turn,
    run: WfRun,
    spec: WfSpec,
    thread: ThreadRun,
    values: Mapping[str, Value],
    masked: Collection[str] = (),
) -> None:
    """Write the rows of a new thread, and wake it; the values have been checked. `masked` names
    those that are made of something masked.
    """
    run.threads += 1
    thread.version = spec.version
    blueprint = spec.body.threads[thread.thread_spec]
    for declared in blueprint.variables:
        if declared.is_inherited:
            continue
        value = values.get(declared.name)
        value = declared.default if value is None else value
        if value is not None:
            name, hidden = declared.name, declared.name in masked
            turn.rows.put(Variable(turn.tenant, run.wf_run_id, thread.number, name, value, hidden))
    for event_def in blueprint.interrupts:
        turn.rows.put(Interrupter(turn.tenant, run.wf_run_id, event_def, thread.number))
    if thread.holder is not None:
        turn.rows.put(LiveChild(turn.tenant, run.wf_run_id, thread.holder, thread.number))
    thread.history = noted((), thread.status, turn.at_ms)
    first = spec.first_nodes[thread.thread_spec]
    turn.rows.put(enter(turn, run, spec, thread, position=0, node=first))
    turn.rows.put(thread)
    wake(turn, run.wf_run_id, thread.number)


def begin_child(
    at: At,
    kind: ThreadKind,
    thread_spec: str,
    values: Mapping[str, Value],
    *,
    parent: int | None = None,
    awaited_by: tuple[tuple[int, int], ...] = (),
    masked: Collection[str] = (),
) -> ThreadRun:
    """Begin a thread that the one at hand holds, and whose variables it sees unless `parent` says
    otherwise.
    """
    child = ThreadRun(
        at.turn.tenant,
        at.run.wf_run_id,
        at.run.threads,
        kind,
        thread_spec,
        ThreadStatus.RUNNING,
        parent=at.thread.number if parent is None else parent,
        holder=at.thread.number,
        counted=Counted.MOVING,
        awaited_by=awaited_by,
    )
    at.thread.live_children += 1
    at.thread.moving_children += 1
    begin_thread(at.turn, at.run, at.spec, child, values, masked)
    return child


def given_values(
    at: At, blueprint: ThreadSpec, given: Mapping[str, Expression]
) -> tuple[dict[str, Value], tuple[str, ...]]:
    """The values that a node gives to a thread, as its variables take them, and the names of those
    that are made of something masked; or ValueProblem.
    """
    values: dict[str, Value] = {}
    masked: list[str] = []
    for name in sorted(given):
        declared = blueprint.variable(name)
        if declared is None:
            raise ValueProblem(f"the thread has no variable {name!r}")
        try:
            values[name] = at.evaluate_as(given[name], declared.type, name)
            masked += [name] if at.masked else []
        except ValueProblem as problem:
            raise ValueProblem(f"variable {name!r}: {problem}") from problem
    return values, tuple(masked)


def checked_values(
    turn: Turn, blueprint: ThreadSpec, given: Mapping[str, Value]
) -> dict[str, Value]:
    """What a thread begins with, of the right types; ValueProblem if something is wrong."""
    values: dict[str, Value] = {}
    structs = structs_of(turn)
    for name in given:
        if blueprint.variable(name) is None:
            raise ValueProblem(f"the thread has no variable {name!r}")
    for declared in blueprint.variables:
        value = given.get(declared.name)
        if value is None and declared.required:
            raise ValueProblem(f"variable {declared.name!r} must be given")
        try:
            values[declared.name] = coerce(value, declared.type, structs)
        except ValueProblem as problem:
            raise ValueProblem(f"variable {declared.name!r}: {problem}") from problem
    return values


def handler_input(turn: Turn, blueprint: ThreadSpec, content: Value) -> dict[str, Value]:
    """What a handler is given: INPUT, if it declares it and the content fits."""
    declared = blueprint.variable(INPUT)
    if declared is None:
        return {}
    try:
        return {INPUT: coerce(content, declared.type, structs_of(turn))}
    except ValueProblem:
        return {}  # a handler must run whatever the failure carries


def enter(
    turn: Turn, run: WfRun, spec: WfSpec, thread: ThreadRun, *, position: int, node: str
) -> NodeRun:
    """The thread comes to a node; the node has not been asked yet."""
    thread.position, thread.node = position, node
    return NodeRun(
        turn.tenant,
        run.wf_run_id,
        thread.number,
        position,
        node,
        spec.type_name(thread.thread_spec, node),
        NodeStatus.STARTING,
        history=noted((), NodeStatus.STARTING, turn.at_ms),
    )


def held_by(holder: ThreadRun, child: ThreadRun) -> HaltReason | None:
    """Why a thread is halted on account of the one that holds it."""
    if holder.status in (ThreadStatus.COMPLETED, ThreadStatus.EXCEPTION):
        return HaltReason.HALTED_BY_PARENT
    if holder.status is ThreadStatus.ERROR:
        return HaltReason.PARENT_HALTED  # it may be rescued
    serves = holder.handler == child.number
    held = holder.held_from_outside if serves else bool(holder.halt_reasons)
    return HaltReason.PARENT_HALTED if held else None


def asks(thread: ThreadRun) -> tuple[bool, bool, bool]:
    """What decides `held_by` for the threads below: when it changes, they are woken."""
    ended = thread.status not in THREAD_LIVE
    return ended, bool(thread.halt_reasons), thread.held_from_outside


def wake_children(turn: Turn, wf_run_id: str, holder: int, first: int = 0) -> None:
    """Wake the threads below, so many a turn."""
    prefix = LiveChild.key(turn.tenant, wf_run_id, holder)
    start = LiveChild.key(turn.tenant, wf_run_id, holder, first)
    rows = turn.rows.range(LiveChild, start, after_prefix(prefix))
    for woken, (_, row) in enumerate(rows):
        if woken == CHILDREN_WOKEN_MAX:
            set_timer(
                turn,
                TimerKind.WAKE_CHILDREN,
                wf_run_id,
                clock=Clock.PENDING,
                due_ms=clock_ms(turn, Clock.PENDING),
                detail=str(holder),
                number=row.child,
            )
            return
        wake(turn, wf_run_id, row.child)


def tell_holder(at: At) -> None:
    """Count the thread anew where it is held, and wake the holder if that changes anything."""
    thread, turn = at.thread, at.turn
    counted = counted_as(thread)
    if thread.holder is None or counted is thread.counted:
        return
    holder = turn.rows.get(ThreadRun, turn.tenant, at.run.wf_run_id, thread.holder)
    assert holder is not None, "a holder is a thread of the run"
    holder.moving_children += (counted is Counted.MOVING) - (thread.counted is Counted.MOVING)
    holder.live_children += (counted is not Counted.NOT) - (thread.counted is not Counted.NOT)
    thread.counted = counted
    turn.rows.put(holder)
    wake(turn, at.run.wf_run_id, holder.number)


def tell_waiters(at: At) -> None:
    """The thread has ended: who waits for it is to look; if nobody does, its parent will notice a
    failure at its EXIT.
    """
    turn, run, thread = at.turn, at.run, at.thread
    for waiter, position in thread.awaited_by:
        turn.rows.put(AwaitedEnd(turn.tenant, run.wf_run_id, waiter, position, thread.number))
        wake(turn, run.wf_run_id, waiter)
    failed = thread.status is not ThreadStatus.COMPLETED
    if failed and thread.kind is ThreadKind.CHILD and not thread.awaited_by:
        assert thread.parent is not None, "a child has a parent"
        parent = turn.rows.get(ThreadRun, turn.tenant, run.wf_run_id, thread.parent)
        assert parent is not None, "which is a thread of the run"
        parent.failed_children += 1
        turn.rows.put(parent)


def tell_of_no_end(at: At) -> None:
    """The thread is halted for good: who still waits for it, and did not have it halted itself, is
    to look.
    """
    turn, run_id, thread = at.turn, at.run.wf_run_id, at.thread
    for waiter, position in thread.awaited_by:
        awaited = turn.rows.peek(Awaited, turn.tenant, run_id, waiter, position, thread.number)
        if awaited is not None and awaited.status is AwaitedStatus.THREAD_IN_PROGRESS:
            turn.rows.put(AwaitedEnd(turn.tenant, run_id, waiter, position, thread.number))
            wake(turn, run_id, waiter)


def forget_thread(at: At) -> None:
    """The thread has ended: nothing looks for it any more."""
    turn, run, thread = at.turn, at.run, at.thread
    if thread.kind is ThreadKind.ENTRYPOINT:
        set_retention(at)
    if thread.holder is not None:
        turn.rows.delete(LiveChild(turn.tenant, run.wf_run_id, thread.holder, thread.number))
    for event_def in at.thread_spec.interrupts:
        turn.rows.delete(Interrupter(turn.tenant, run.wf_run_id, event_def, thread.number))
    unmark_thread(at)
