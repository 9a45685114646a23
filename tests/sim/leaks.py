"""What lies around: rows and timers that belong to nothing, and counters that are wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from penstock.core.definitions.defs import HeldTask
from penstock.core.state.breaker_rows import HeldByBreaker
from penstock.core.state.correlation_rows import EventMarker, RunMarker
from penstock.core.state.event_rows import (
    EventWaiter,
    ExternalEvent,
    PlacingEvent,
    UnclaimedEvent,
)
from penstock.core.state.failures import FailureName
from penstock.core.state.partition_state import DeletedRun
from penstock.core.state.place_rows import PlaceHolder, QueuedRun
from penstock.core.state.published import PublishedOutput
from penstock.core.state.replay_rows import OldVariable
from penstock.core.state.rows import Row
from penstock.core.state.run import NodeRun, TaskRun, ThreadRun
from penstock.core.state.search_rows import VariableOf
from penstock.core.state.thread_rows import (
    Awaited,
    AwaitedEnd,
    ChildRun,
    EachChunk,
    EachPlan,
    EachThread,
    FailedWait,
    Interrupter,
    LiveChild,
    PendingInterrupt,
    RoundUnderWay,
    RunWaiter,
    ThreadWaiter,
    Watcher,
)
from penstock.core.state.timers import Timer, TimerKind
from penstock.core.state.transitions import TASK_LIVE, THREAD_LIVE, TaskStatus, ThreadStatus
from tests.sim.belongs import (
    NEXT_TURN,
    has_timer,
    is_busy,
    stands,
    timers_of_nothing,
    without_end,
)
from tests.sim.liveness_user_tasks import LEFT_BY_REMINDERS
from tests.sim.tables import Group

WITHOUT_THE_RUN: Final[tuple[type[Row], ...]] = (
    *(ExternalEvent, UnclaimedEvent, EventMarker, DeletedRun),
    Timer,  # of the end of such an event
    *(PlaceHolder, QueuedRun),
)
"""Rows that may be there without their run: it is to come, was deleted, or is on another partition.
"""

LEFT_BY_ENDED_RUNS: Final[dict[type[Row], str]] = {
    UnclaimedEvent: "an event that nobody took is a fact of the run",
    EventMarker: "it goes when its partition is told; `keys_at_rest` sees whether it does",
    PlaceHolder: "as EventMarker; `places_at_rest` sees whether it does",
    QueuedRun: "as above",
    Awaited: "what has become of threads that were waited for is told from them",
    AwaitedEnd: "of a thread that ended after the wait for it was decided",
    ThreadWaiter: "as Awaited: who failed with a thread is told from them",
    EachPlan: "what threads were given, for a replay or a rescue",
    EachChunk: "as EachPlan",
    EachThread: "of a node that has failed: a rescue goes on with its elements",
    ChildRun: "the way down to the runs below, for deletion",
    OldVariable: "what variables had been, for a replay",
    VariableOf: "it is found by its variables; `standing` sees whether they are these",
    PublishedOutput: "outputs, for whoever looks at the run",
    RoundUnderWay: "it goes on in the next turn; `without_timers` sees that there is one",
    RunWaiter: "of a thread that is halted, and will look; `waits_at_rest` sees that there is one",
    FailedWait: "the way up to the runs that failed with this one, for a rescue",
    PendingInterrupt: "an interrupt that came too late to be handled is a fact of the run",
}
"""Queues that may keep rows of a run that has ended, and why."""

LEFT_BY_HALTED_CHILDREN: Final[dict[type[Row], str]] = {
    LiveChild: "a child that is halted has not ended",
    Interrupter: "as above",
    PendingInterrupt: "as above",
    Timer: "of children that may run again",
    EventWaiter: "as timers",
    RunMarker: "as timers; an offer is declined",
    HeldTask: "as timers",
    HeldByBreaker: "as timers",
    Watcher: "as timers",
    AwaitedEnd: "of a wait that was decided without it",
}
"""What halted children of a run that has failed keep: it may be rescued."""

LEFT_BY_A_DEFECT: Final[dict[type[Row], str]] = {
    Timer: "quarantine touches as little as it can; the timer will find nothing to do",
    EventWaiter: "as timers; an ended thread is not woken",
    HeldTask: "as timers; TopicReady passes over it",
    HeldByBreaker: "as timers; its breaker passes over it",
}
"""What may stay behind when a run ends with ENGINE_DEFECT (R6)."""


def without_run(group: Group) -> Iterator[str]:
    """What is there before its run, or after it."""
    for kind in group.kinds():
        if kind not in WITHOUT_THE_RUN:
            yield f"{kind.__name__} rows without a run"
    yield from timers_of_nothing(group)
    yield from without_end(group)
    for row in group.of(UnclaimedEvent):
        if row.expires_ms is None:
            yield f"an event waits for ever for a run that may never come: {row}"


def of_a_live_run(group: Group) -> Iterator[str]:
    """What belongs to nothing in a run that goes on."""
    yield from _tasks(group)
    yield from timers_of_nothing(group)
    yield from _counters(group)
    yield from _lost_timers(group)
    for waiter in group.of(EventWaiter):
        if not _is_waited_for(group, waiter):
            yield f"nobody waits for an event there: {waiter}"


def _is_waited_for(group: Group, waiter: EventWaiter) -> bool:
    thread = group.one(ThreadRun, waiter.thread)
    if thread is None or thread.status not in THREAD_LIVE:
        return False
    node_run = group.one(NodeRun, thread.number, thread.position)
    return node_run is not None and (node_run.progress or {}).get("step") == waiter.step


def _lost_timers(group: Group) -> Iterator[str]:
    """A node that has set a timer has it, as long as its thread stands there."""
    for thread in group.of(ThreadRun):
        node_run = group.one(NodeRun, thread.number, thread.position)
        if thread.status not in THREAD_LIVE or node_run is None or node_run.timer is None:
            continue
        if not has_timer(group, TimerKind.NODE, str(thread.number), node_run.position):
            yield f"thread {thread.number} has lost its timer {node_run.timer}"


def _counters(group: Group) -> Iterator[str]:
    """What a thread has counted of the threads that it holds is so."""
    threads = group.of(ThreadRun)
    for holder in threads:
        held = [thread for thread in threads if thread.holder == holder.number]
        live = [thread for thread in held if thread.status in THREAD_LIVE]
        moving = [thread for thread in held if thread.moving]
        rows = [row for row in group.of(LiveChild) if row.holder == holder.number]
        counted = (holder.live_children, holder.moving_children, len(rows))
        if counted != (len(live), len(moving), len(live)) and not is_busy(group):
            yield f"thread {holder.number} counts {counted}, not {len(live)}, {len(moving)}"
        unnoticed = [row for row in threads if row.parent == holder.number and row.unnoticed]
        warned = [row for row in unnoticed if row.status is ThreadStatus.COMPLETED]
        counted = (holder.failed_children, holder.warned_children)
        if counted != (len(unnoticed) - len(warned), len(warned)):
            yield f"thread {holder.number} counts {counted} failed and warned, not {unnoticed}"


def of_an_ended_run(group: Group, entrypoint: ThreadRun) -> Iterator[str]:
    """What a run that has ended leaves behind."""
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
        left = [row for row in group.of(kind) if not _goes_next_turn(group, row)]
        if kind.SCANNED and kind not in allowed and left:
            yield f"it has ended and leaves behind {left}"
    halting = {thread.number for thread in children}
    for task in group.of(TaskRun):
        if task in reminders:
            continue
        if task.status in TASK_LIVE and not defect and task.thread not in halting:
            yield f"it has ended, task {task.guid} is {task.status}"


RETAINED: Final = (
    *(TimerKind.RETENTION, TimerKind.THREAD_RETENTION, TimerKind.DELETE_THREAD),
    *(TimerKind.EXPIRE_UNCLAIMED, TimerKind.BEGIN_ANEW),
)
"""What is planned for a run, or a thread, that has ended, and for events that nobody took."""


def _goes_next_turn(group: Group, row: Row) -> bool:
    if isinstance(row, PlacingEvent):  # the run may end while an event is placed over turns
        return has_timer(group, TimerKind.PLACE_EVENT, row.event_def, 0)
    return isinstance(row, Timer) and (row.kind in NEXT_TURN or row.kind in RETAINED)


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
        if not stands(group, task.thread, task.position):
            yield f"task {task.guid} is {task.status}, and no live thread stands there"
        timer = task.attempt.timer if task.status is TaskStatus.TASK_RUNNING else task.timer
        number = task.attempt.number
        kind = TimerKind.TASK_RETRY
        if task.status is TaskStatus.TASK_RUNNING:
            kind = TimerKind.TASK_TIMEOUT
        if task.status is TaskStatus.TASK_RUNNING and timer is None:
            yield f"task {task.guid} is TASK_RUNNING without a time-out"
        if timer is not None and not has_timer(group, kind, task.guid, number):
            yield f"task {task.guid} has lost its timer {timer}"
