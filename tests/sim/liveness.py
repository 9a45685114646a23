"""Liveness: no run that is not finished is without something that can move it on, and nothing lies
around that belongs to nothing. A table says what a thread at each node type waits for, another who
ends each halt, a third what each timer belongs to; `test_liveness.py` holds them complete.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from penstock.core.definitions.defs import HeldTask
from penstock.core.state.breaker_rows import HeldByBreaker
from penstock.core.state.event_rows import EventWaiter, ExternalEvent, UnclaimedEvent
from penstock.core.state.partition_state import Deleting
from penstock.core.state.run import HaltReason, NodeRun, SweepVerb, TaskRun, ThreadRun, WfRun
from penstock.core.state.thread_rows import Awaited, AwaitedEnd, AwaitedStatus, Watcher
from penstock.core.state.timers import Timer, TimerKind
from penstock.core.state.transitions import (
    TASK_IN_FLIGHT,
    THREAD_LIVE,
    NodeStatus,
    TaskStatus,
    ThreadStatus,
)
from tests.sim.belongs import ROUNDS, has_timer, is_busy, without_timers
from tests.sim.leaks import of_a_live_run, of_an_ended_run, without_run
from tests.sim.liveness_user_tasks import waits_for_user
from tests.sim.standing import standing_problems
from tests.sim.tables import Group, RunKey, Tables

Waits = Callable[[Group, ThreadRun, NodeRun], str | None]
"""What the thread waits for at its node; None: nothing that can come."""


def problems(tables: Tables) -> list[str]:
    """Every fault of a partition's rows."""
    faults = [problem for group in tables.groups() for problem in problems_in(tables, group.key)]
    return [*faults, *standing_problems(tables)]


def problems_in(tables: Tables, key: RunKey) -> list[str]:
    """Every fault of one run's rows; none while it is being deleted, some rows a turn."""
    tenant, wf_run_id = key
    family = wf_run_id.split(".")
    above = (".".join(family[: number + 1]) for number in range(len(family)))
    if any(tables.group((tenant, run_id)).of(Deleting) for run_id in above):
        return []
    return problems_of(tables.group(key))


def problems_of(group: Group) -> list[str]:
    """Every fault of one run's rows."""
    run = group.one(WfRun)
    found = without_run(group) if run is None else _of_run(group, run)
    return [f"{'/'.join(group.key)}: {problem}" for problem in found]


def _of_run(group: Group, run: WfRun) -> Iterator[str]:
    entrypoint = group.one(ThreadRun, 0)
    if entrypoint is None:
        yield "no entrypoint thread"
        return
    yield from without_timers(group)
    if (run.status in THREAD_LIVE) != (entrypoint.status in THREAD_LIVE):
        yield f"the run is {run.status}, its entrypoint thread {entrypoint.status}"
    if (run.ended_ms is None) != (run.status in THREAD_LIVE):
        yield f"the run is {run.status} and ended at {run.ended_ms}"
    for thread in group.of(ThreadRun):
        if thread.status in THREAD_LIVE and waits_for(group, thread) is None:
            yield f"thread {thread.number} is {thread.status} and waits for nothing: {thread}"
    if run.status in THREAD_LIVE:
        yield from of_a_live_run(group)
    else:
        yield from of_an_ended_run(group, entrypoint)


# --- what a thread waits for ----------------------------------------------------------------------


def _task(group: Group, thread: ThreadRun, node_run: NodeRun) -> str | None:
    """A worker's report, a backoff's timer, a topic, a breaker, or the resume of a halted
    thread.
    """
    task = group.one(TaskRun, node_run.task or "")
    if task is None or (task.thread, task.position) != (thread.number, node_run.position):
        return None
    if task.status in TASK_IN_FLIGHT:
        return f"a report on {task.guid}"
    if task.status is not TaskStatus.TASK_PENDING:
        return None
    if has_timer(group, TimerKind.TASK_RETRY, task.guid, task.attempt.number):
        return "a backoff"
    return "a topic, or a breaker" if _held(group, task) else None


def _external_event(group: Group, thread: ThreadRun, node_run: NodeRun) -> str | None:
    """An event of its name, of which none may lie there already."""
    for waiter in group.of(EventWaiter):
        if (waiter.thread, waiter.step) == (thread.number, node_run.progress["step"]):
            free = [event for event in group.of(UnclaimedEvent) if _fits(group, event, node_run)]
            taken = {event.event_def for event in free}
            return None if waiter.event_def in taken else f"an event {waiter.event_def}"
    return None


def _fits(group: Group, unclaimed: UnclaimedEvent, node_run: NodeRun) -> bool:
    event = group.one(ExternalEvent, unclaimed.event_def, unclaimed.guid)
    return event is not None and event.is_for(node_run.thread, node_run.node, *node_run.formerly)


def _sleep(group: Group, thread: ThreadRun, node_run: NodeRun) -> str | None:
    """A time, of which the timer is there."""
    there = has_timer(group, TimerKind.NODE, str(thread.number), node_run.position)
    return "a time" if there else None


def _condition(group: Group, thread: ThreadRun, node_run: NodeRun) -> str | None:
    """A change of a variable, of which it is told."""
    watches = any(row.thread == thread.number for row in group.of(Watcher))
    return "a variable" if watches else None


def _threads(group: Group, thread: ThreadRun, node_run: NodeRun) -> str | None:
    """A thread, or a handler of its failure, that has not ended."""
    here = (thread.number, node_run.position)
    waiting = [row for row in group.of(Awaited) if (row.waiter, row.position) == here]
    ended = [row for row in group.of(AwaitedEnd) if (row.waiter, row.position) == here]
    live = [row for row in waiting if row.status in _AT_WORK and _may_end(group, row)]
    return "a thread" if (live and not ended) or is_busy(group) else None


def _may_end(group: Group, awaited: Awaited) -> bool:
    number = awaited.child if awaited.handler is None else awaited.handler
    thread = group.one(ThreadRun, number)
    return thread is not None and thread.status in THREAD_LIVE and not thread.lost


_AT_WORK: Final = (AwaitedStatus.THREAD_IN_PROGRESS, AwaitedStatus.HANDLING_FAILURE)


def _exit(group: Group, thread: ThreadRun, node_run: NodeRun) -> str | None:
    """Threads below that are still at work."""
    return "its children" if thread.moving_children or is_busy(group) else None


def _child_run(group: Group, thread: ThreadRun, node_run: NodeRun) -> str | None:
    """Another run, which is to tell of its end (that it does, the run itself shows)."""
    return f"run {node_run.progress['wf_run_id']}"


def _place(group: Group, thread: ThreadRun, node_run: NodeRun) -> str | None:
    """A place among the runs at work (that its limit knows of it, `places_at_rest` sees)."""
    run = group.one(WfRun)
    return "a place" if thread.number == 0 and run is not None and run.held else None


WAITS: Final[dict[str, Waits]] = {
    "ENTRYPOINT": _place,
    "TASK": _task,
    "USER_TASK": waits_for_user,
    "EXTERNAL_EVENT": _external_event,
    "SLEEP": _sleep,
    "WAIT_FOR_CONDITION": _condition,
    "WAIT_FOR_THREADS": _threads,
    "RUN_THREADS": _threads,
    "EXIT": _exit,
    "WAIT_FOR_CHILD_WF": _child_run,
}
"""By the name of the node type."""


def _handler(group: Group, thread: ThreadRun) -> str:
    """A live thread that handles a failure or an interrupt."""
    handler = group.one(ThreadRun, -1 if thread.handler is None else thread.handler)
    at_work = handler is not None and handler.status in THREAD_LIVE
    return f"handler {thread.handler}" if at_work else ""


def _room(group: Group, thread: ThreadRun) -> str:
    """A handler is to begin, but something else holds the thread, or one is at work."""
    return "its turn" if thread.held_from_outside or thread.handler is not None else ""


def _holder(group: Group, thread: ThreadRun) -> str:
    """The thread that holds it is halted, or has failed and may be rescued; or it was revived, and
    lets go in its next turn.
    """
    holder = group.one(ThreadRun, -1 if thread.holder is None else thread.holder)
    if holder is None:
        return ""
    if has_timer(group, TimerKind.ADVANCE, None, holder.number):
        return "the next turn of its holder"
    held = bool(holder.halt_reasons) or holder.status is ThreadStatus.ERROR
    return f"thread {holder.number}" if held else ""


def _always(what: str) -> Callable[[Group, ThreadRun], str]:
    return lambda group, thread: what


TAKEN_AWAY_BY: Final[dict[HaltReason, Callable[[Group, ThreadRun], str]]] = {
    HaltReason.MANUAL_HALT: _always("an operator"),
    HaltReason.PAUSED: _always("an operator"),
    HaltReason.KILLED: _always("the kill"),
    HaltReason.HALTED_BY_PARENT: _always("nobody: it is halted for good"),
    HaltReason.PARENT_HALTED: _holder,
    HaltReason.PENDING_FAILURE: _room,
    HaltReason.PENDING_INTERRUPT: _room,
    HaltReason.HANDLING_FAILURE: _handler,
    HaltReason.INTERRUPTED: _handler,
}
"""Who ends a halt for this reason."""


_TELLS: Final = ROUNDS | {TimerKind.PLACE_EVENT, TimerKind.SWEEP, TimerKind.WAKE_THREADS}


def waits_for(group: Group, thread: ThreadRun) -> str | None:
    """What will move a live thread on; None: nothing, it is stuck."""
    if has_timer(group, TimerKind.ADVANCE, None, thread.number):
        return "the next turn"
    if any(timer.kind in _TELLS for timer in group.of(Timer)):
        return "its turn to be told"
    node_run = group.one(NodeRun, thread.number, thread.position)
    if thread.status is ThreadStatus.HALTING and thread.moving_children:
        return "its children"
    if thread.number == 0 and _is_last_to_be_killed(group):
        return "the other threads, which workers have"
    if thread.status is ThreadStatus.HALTED:
        takers = [TAKEN_AWAY_BY[why](group, thread) for why in thread.halt_reasons]
        return ", ".join(takers) if takers and all(takers) else None
    if node_run is None or node_run.status is not NodeStatus.RUNNING:
        return None
    waits = WAITS.get(node_run.node_type)
    if thread.status is ThreadStatus.HALTING and not _in_flight(group, node_run):
        return None
    return None if waits is None else waits(group, thread, node_run)


def _is_last_to_be_killed(group: Group) -> bool:
    """Whether the run is being killed, and other threads of it, below any, have not ended."""
    run = group.one(WfRun)
    if run is None or run.sweep is None or run.sweep.verb is not SweepVerb.KILL:
        return False
    return any(one.number and one.status in THREAD_LIVE for one in group.of(ThreadRun))


def _in_flight(group: Group, node_run: NodeRun) -> bool:
    task = group.one(TaskRun, node_run.task or "")
    return task is not None and task.status in TASK_IN_FLIGHT


def _held(group: Group, task: TaskRun) -> bool:
    held = [*group.of(HeldTask), *group.of(HeldByBreaker)]
    return any(row.guid == task.guid for row in held)
