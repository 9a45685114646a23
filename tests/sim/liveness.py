"""Liveness: no run that is not finished is without something that can move it on, and nothing lies
around that belongs to nothing. A table says what a thread at each node type waits for, another who
ends each halt, a third what each timer belongs to; `test_liveness.py` holds them complete.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from penstock.core.correlation_rows import EventMarker
from penstock.core.definitions import HeldTask
from penstock.core.failures import FailureName
from penstock.core.rows import Row
from penstock.core.run import (
    EventWaiter,
    ExternalEvent,
    HaltReason,
    NodeRun,
    TaskRun,
    ThreadRun,
    UnclaimedEvent,
    WfRun,
)
from penstock.core.thread_rows import (
    Awaited,
    AwaitedEnd,
    AwaitedStatus,
    ChildRun,
    Interrupter,
    LiveChild,
    PendingInterrupt,
    Watcher,
)
from penstock.core.timers import Timer, TimerKind
from penstock.core.transitions import (
    TASK_IN_FLIGHT,
    TASK_LIVE,
    THREAD_LIVE,
    NodeStatus,
    TaskStatus,
    ThreadStatus,
)
from tests.sim.liveness_user_tasks import (
    LEFT_BY_REMINDERS,
    belongs_to_user_task,
    waits_for_user,
)
from tests.sim.tables import Group, Tables

Waits = Callable[[Group, ThreadRun, NodeRun], str | None]
"""What the thread waits for at its node; None: nothing that can come."""


def problems(tables: Tables) -> list[str]:
    """Every fault of a partition's rows."""
    return [problem for group in tables.groups() for problem in problems_of(group)]


def problems_of(group: Group) -> list[str]:
    """Every fault of one run's rows."""
    run = group.one(WfRun)
    found = _without_run(group) if run is None else _of_run(group, run)
    return [f"{'/'.join(group.key)}: {problem}" for problem in found]


def _task(group: Group, thread: ThreadRun, node_run: NodeRun) -> str | None:
    """A worker's report, a backoff's timer, a topic, or the resume of a halted thread."""
    task = group.one(TaskRun, node_run.task or "")
    if task is None or (task.thread, task.position) != (thread.number, node_run.position):
        return None
    if task.status in TASK_IN_FLIGHT:
        return f"a report on {task.guid}"
    if task.status is not TaskStatus.TASK_PENDING:
        return None
    if _timers(group, TimerKind.TASK_RETRY, task.guid, task.attempt.number):
        return "a backoff"
    return "a topic" if _held(group, task) else None


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
    return event is not None and event.is_for(node_run.thread, node_run.node)


def _sleep(group: Group, thread: ThreadRun, node_run: NodeRun) -> str | None:
    """A time, of which the timer is there."""
    return "a time" if node_run.timer is not None else None


def _condition(group: Group, thread: ThreadRun, node_run: NodeRun) -> str | None:
    """A change of a variable, of which it is told."""
    watches = any(row.thread == thread.number for row in group.of(Watcher))
    return "a variable" if watches else None


def _threads(group: Group, thread: ThreadRun, node_run: NodeRun) -> str | None:
    """A thread, or a handler of its failure, that has not ended."""
    here = (thread.number, node_run.position)
    waiting = [row for row in group.of(Awaited) if (row.waiter, row.position) == here]
    ended = [row for row in group.of(AwaitedEnd) if (row.waiter, row.position) == here]
    live = [row for row in waiting if row.status in _AT_WORK]
    return "a thread" if live and not ended else None


_AT_WORK: Final = (AwaitedStatus.THREAD_IN_PROGRESS, AwaitedStatus.HANDLING_FAILURE)


def _exit(group: Group, thread: ThreadRun, node_run: NodeRun) -> str | None:
    """Threads below that are still at work."""
    return "its children" if thread.moving_children else None


def _child_run(group: Group, thread: ThreadRun, node_run: NodeRun) -> str | None:
    """Another run, which is to tell of its end (that it does, the run itself shows)."""
    return f"run {node_run.progress['wf_run_id']}"


WAITS: Final[dict[str, Waits]] = {
    "TASK": _task,
    "USER_TASK": waits_for_user,
    "EXTERNAL_EVENT": _external_event,
    "SLEEP": _sleep,
    "WAIT_FOR_CONDITION": _condition,
    "WAIT_FOR_THREADS": _threads,
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
    """The thread that holds it is halted, or has failed and may be rescued."""
    holder = group.one(ThreadRun, -1 if thread.holder is None else thread.holder)
    if holder is None:
        return ""
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


def waits_for(group: Group, thread: ThreadRun) -> str | None:
    """What will move a live thread on; None: nothing, it is stuck."""
    if _timers(group, TimerKind.ADVANCE, None, thread.number):
        return "the next turn"
    if any(timer.kind is TimerKind.WAKE_CHILDREN for timer in group.of(Timer)):
        return "its turn to be woken"
    node_run = group.one(NodeRun, thread.number, thread.position)
    if thread.status is ThreadStatus.HALTING and thread.moving_children:
        return "its children"
    if thread.status is ThreadStatus.HALTED:
        takers = [TAKEN_AWAY_BY[why](group, thread) for why in thread.halt_reasons]
        return ", ".join(takers) if takers and all(takers) else None
    if node_run is None or node_run.status not in (NodeStatus.RUNNING, NodeStatus.HALTING):
        return None
    waits = WAITS.get(node_run.node_type)
    if thread.status is ThreadStatus.HALTING and not _in_flight(group, node_run):
        return None
    return None if waits is None else waits(group, thread, node_run)


def _in_flight(group: Group, node_run: NodeRun) -> bool:
    task = group.one(TaskRun, node_run.task or "")
    return task is not None and task.status in TASK_IN_FLIGHT


BEFORE_THE_RUN: Final[tuple[type[Row], ...]] = (ExternalEvent, UnclaimedEvent, EventMarker)
"""Rows that may be there without their run: it is to come, or on another partition."""

LEFT_BY_ENDED_RUNS: Final[dict[type[Row], str]] = {
    UnclaimedEvent: "an event that nobody took is a fact of the run",
    Awaited: "what has become of threads that were waited for is told from them",
    AwaitedEnd: "of a thread that ended after the wait for it was decided",
    ChildRun: "the way down to the runs below, for deletion",
    PendingInterrupt: "an interrupt that came too late to be handled is a fact of the run",
}
"""Queues that may keep rows of a run that has ended, and why."""

LEFT_BY_HALTED_CHILDREN: Final[dict[type[Row], str]] = {
    LiveChild: "a child that is halted has not ended",
    Interrupter: "as above",
    PendingInterrupt: "as above",
    Timer: "of children that may run again",
    EventWaiter: "as timers",
    HeldTask: "as timers",
    Watcher: "as timers",
    AwaitedEnd: "of a wait that was decided without it",
}
"""What halted children of a run that has failed keep: it may be rescued."""

LEFT_BY_A_DEFECT: Final[dict[type[Row], str]] = {
    Timer: "quarantine touches as little as it can; the timer will find nothing to do",
    EventWaiter: "as timers; an ended thread is not woken",
    HeldTask: "as timers; TopicReady passes over it",
}
"""What may stay behind when a run ends with ENGINE_DEFECT (R6)."""


def _without_run(group: Group) -> Iterator[str]:
    for kind in group.kinds():
        if kind not in BEFORE_THE_RUN:
            yield f"{kind.__name__} rows without a run"


def _of_run(group: Group, run: WfRun) -> Iterator[str]:
    entrypoint = group.one(ThreadRun, 0)
    if entrypoint is None:
        yield "no entrypoint thread"
        return
    if (run.status in THREAD_LIVE) != (entrypoint.status in THREAD_LIVE):
        yield f"the run is {run.status}, its entrypoint thread {entrypoint.status}"
    if (run.ended_ms is None) != (run.status in THREAD_LIVE):
        yield f"the run is {run.status} and ended at {run.ended_ms}"
    if run.status not in THREAD_LIVE:
        yield from _leaks(group, entrypoint)
        return
    for thread in group.of(ThreadRun):
        if thread.status in THREAD_LIVE and waits_for(group, thread) is None:
            yield f"thread {thread.number} is {thread.status} and waits for nothing: {thread}"
    yield from _tasks(group)
    yield from _timers_of_nothing(group)
    yield from _counters(group)
    for waiter in group.of(EventWaiter):
        if not _is_waited_for(group, waiter):
            yield f"nobody waits for an event there: {waiter}"


def _is_waited_for(group: Group, waiter: EventWaiter) -> bool:
    thread = group.one(ThreadRun, waiter.thread)
    if thread is None or thread.status not in THREAD_LIVE:
        return False
    node_run = group.one(NodeRun, thread.number, thread.position)
    return node_run is not None and (node_run.progress or {}).get("step") == waiter.step


def _counters(group: Group) -> Iterator[str]:
    """What a thread has counted of the threads that it holds is so."""
    threads = group.of(ThreadRun)
    for holder in threads:
        held = [thread for thread in threads if thread.holder == holder.number]
        live = [thread for thread in held if thread.status in THREAD_LIVE]
        moving = [thread for thread in held if thread.moving]
        rows = [row for row in group.of(LiveChild) if row.holder == holder.number]
        counted = (holder.live_children, holder.moving_children, len(rows))
        if counted != (len(live), len(moving), len(live)) and not _is_busy(group):
            yield f"thread {holder.number} counts {counted}, not {len(live)}, {len(moving)}"


def _is_busy(group: Group) -> bool:
    """Threads have been woken that will be visited in a later turn."""
    return any(
        timer.kind in (TimerKind.ADVANCE, TimerKind.WAKE_CHILDREN) for timer in group.of(Timer)
    )


def _leaks(group: Group, entrypoint: ThreadRun) -> Iterator[str]:
    failure = entrypoint.failure
    defect = failure is not None and failure.name == FailureName.ENGINE_DEFECT
    allowed = LEFT_BY_ENDED_RUNS | (LEFT_BY_A_DEFECT if defect else {})
    children = [row for row in group.of(ThreadRun) if row.status in THREAD_LIVE]
    if children or entrypoint.status is ThreadStatus.ERROR:  # which may be rescued
        allowed = allowed | LEFT_BY_HALTED_CHILDREN
    reminders = [task for task in group.of(TaskRun) if task.user_task and task.status in TASK_LIVE]
    if reminders:  # which may outlive their run
        allowed = allowed | LEFT_BY_REMINDERS
    for kind in group.kinds():
        if kind.SCANNED and kind not in allowed:
            yield f"it has ended and leaves behind {group.of(kind)}"
    for thread in children:
        if waits_for(group, thread) is None:
            yield f"it has ended, and thread {thread.number} waits for nothing: {thread}"
    halting = {thread.number for thread in children}
    for task in group.of(TaskRun):
        if task in reminders:
            continue
        if task.status in TASK_LIVE and not defect and task.thread not in halting:
            yield f"it has ended, task {task.guid} is {task.status}"


def _tasks(group: Group) -> Iterator[str]:
    """A live task has a live thread at its node; a running one a time-out."""
    for task in group.of(TaskRun):
        node_run = group.one(NodeRun, task.thread, task.position)
        if task.user_task is not None:
            continue  # a reminder, which is no node's
        if node_run is None or node_run.task != task.guid:
            yield f"task {task.guid} is not its node run's"
        if task.status not in TASK_LIVE:
            continue
        if not _stands(group, task.thread, task.position):
            yield f"task {task.guid} is {task.status}, and no live thread stands there"
        timer = task.attempt.timer if task.status is TaskStatus.TASK_RUNNING else task.timer
        number = task.attempt.number
        kind = TimerKind.TASK_RETRY
        if task.status is TaskStatus.TASK_RUNNING:
            kind = TimerKind.TASK_TIMEOUT
        if task.status is TaskStatus.TASK_RUNNING and timer is None:
            yield f"task {task.guid} is TASK_RUNNING without a time-out"
        if timer is not None and not _timers(group, kind, task.guid, number):
            yield f"task {task.guid} has lost its timer {timer}"


def _stands(group: Group, number: int, position: int) -> bool:
    thread = group.one(ThreadRun, number)
    return thread is not None and thread.status in THREAD_LIVE and (thread.position == position)


def _of_task(*statuses: TaskStatus) -> Callable[[Group, Timer], bool]:
    def belongs(group: Group, timer: Timer) -> bool:
        task = group.one(TaskRun, timer.detail)
        return task is not None and task.attempt.number == timer.number and task.status in statuses

    return belongs


def _of_thread(group: Group, timer: Timer) -> bool:
    thread = group.one(ThreadRun, timer.number)
    return thread is not None and thread.status in THREAD_LIVE


def _of_node(group: Group, timer: Timer) -> bool:
    return _stands(group, int(timer.detail), timer.number)


OF_NO_THREAD: Final = (
    "WAKE_CHILDREN SCHEDULE OFFER_EVENT EXPIRE_EVENT SWEEP WAKE_THREADS KILL_BELOW"
)
OF_A_RUN: Final = "KILL_DEADLINE RETENTION DELETE_RUN"

BELONGS: Final[dict[TimerKind, Callable[[Group, Timer], bool]]] = {
    **{TimerKind(name): lambda *_: True for name in f"{OF_NO_THREAD} {OF_A_RUN}".split()},
    TimerKind.ADVANCE: _of_thread,
    TimerKind.TASK_TIMEOUT: _of_task(TaskStatus.TASK_RUNNING),
    TimerKind.TASK_RETRY: _of_task(TaskStatus.TASK_PENDING),
    TimerKind.NODE: _of_node,
    TimerKind.USER_TASK: belongs_to_user_task,
    TimerKind.TASK_STOP: _of_task(TaskStatus.TASK_RUNNING),
}
"""Whether a timer belongs to something that is still there for it."""


def _timers_of_nothing(group: Group) -> Iterator[str]:
    for timer in group.of(Timer):
        if not BELONGS[timer.kind](group, timer):
            yield f"a timer of nothing: {timer}"


def _timers(group: Group, kind: TimerKind, detail: str | None, number: int) -> bool:
    return any(
        timer.kind is kind and timer.number == number and detail in (None, timer.detail)
        for timer in group.of(Timer)
    )


def _held(group: Group, task: TaskRun) -> bool:
    return any(row.guid == task.guid for row in group.of(HeldTask))
