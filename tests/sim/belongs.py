"""What timers belong to, and how they are found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from penstock.core.state.event_rows import PlacingEvent, UnclaimedEvent
from penstock.core.state.run import TaskRun, ThreadRun, TimerKey, WfRun
from penstock.core.state.start_rows import RunEnd
from penstock.core.state.thread_rows import RoundUnderWay
from penstock.core.state.timers import Timer, TimerKind
from penstock.core.state.transitions import THREAD_LIVE, TaskStatus
from tests.sim.liveness_user_tasks import belongs_to_user_task
from tests.sim.tables import Group


def _of_task(*statuses: TaskStatus) -> Callable[[Group, Timer], bool]:
    def belongs(group: Group, timer: Timer) -> bool:
        task = group.one(TaskRun, timer.detail)
        return task is not None and task.attempt.number == timer.number and task.status in statuses

    return belongs


def _of_thread(group: Group, timer: Timer) -> bool:
    """A thread may have been woken for nothing, or end before its visit."""
    return group.one(ThreadRun, timer.number) is not None


def _kept(group: Group, timer: Timer) -> bool:
    """A thread that has ended and is kept for a time."""
    thread = group.one(ThreadRun, timer.number)
    return thread is not None and thread.retention == TimerKey(timer.clock, timer.due_ms)


def _superseded(group: Group, timer: Timer) -> bool:
    """A run that has ended, and whose place another one is to take."""
    run = group.one(WfRun)
    return run is not None and run.anew is not None and run.anew.due_ms == timer.due_ms


def _gone(group: Group, timer: Timer) -> bool:
    thread = group.one(ThreadRun, timer.number)
    return thread is not None and thread.gone


def _of_round(group: Group, timer: Timer) -> bool:
    """Where it has come to is known."""
    return group.one(RoundUnderWay, timer.kind, timer.number) is not None


def _of_node(group: Group, timer: Timer) -> bool:
    return stands(group, int(timer.detail), timer.number)


def is_end_of(row: UnclaimedEvent, timer: Timer) -> bool:
    """Whether the timer is the end of an event that nobody has taken."""
    named = (f"{row.event_def}/{row.guid}", row.offset, row.expires_ms)
    ends = timer.kind is TimerKind.EXPIRE_UNCLAIMED
    return ends and (timer.detail, timer.number, timer.due_ms) == named


def _of_unclaimed(group: Group, timer: Timer) -> bool:
    return any(is_end_of(row, timer) for row in group.of(UnclaimedEvent))


def _of_end(group: Group, timer: Timer) -> bool:
    return any(end.number == timer.number for end in group.of(RunEnd))


ROUNDS: Final = frozenset(
    {
        *(TimerKind.WAKE_CHILDREN, TimerKind.WAKE_WATCHERS),
        *(TimerKind.TELL_WAITERS, TimerKind.TELL_WAITERS_OF_RUN, TimerKind.GIVE_BACK_ENDS),
        *(TimerKind.RECALL_WAITERS, TimerKind.SEE_BELOW, TimerKind.RESCUE_WAITERS),
    }
)
"""Lists that are gone through, so many rows a turn."""

OF_NO_THREAD: Final = (
    TimerKind.RESCUE_WAITER,
    *(TimerKind.PLACE_EVENT, TimerKind.WAKE_THREADS, TimerKind.SWEEP, TimerKind.KILL_BELOW),
    *(TimerKind.KILL_DEADLINE, TimerKind.RETENTION, TimerKind.DELETE_RUN),
    *(TimerKind.SCHEDULE, TimerKind.OFFER_EVENT, TimerKind.EXPIRE_EVENT),
    *(TimerKind.BULK, TimerKind.FORGET_BULK, TimerKind.LIMIT, TimerKind.BREAKER),
    TimerKind.FORGET_RUN,
)
"""Of a run as a whole, or of none."""

BELONGS: Final[dict[TimerKind, Callable[[Group, Timer], bool]]] = {
    TimerKind.ADVANCE: _of_thread,
    TimerKind.TASK_TIMEOUT: _of_task(TaskStatus.TASK_RUNNING),
    TimerKind.TASK_RETRY: _of_task(TaskStatus.TASK_PENDING),
    TimerKind.NODE: _of_node,
    TimerKind.THREAD_RETENTION: _kept,
    TimerKind.DELETE_THREAD: _gone,
    TimerKind.BEGIN_ANEW: _superseded,
    TimerKind.USER_TASK: belongs_to_user_task,
    TimerKind.TASK_STOP: _of_task(TaskStatus.TASK_RUNNING),
    TimerKind.EXPIRE_UNCLAIMED: _of_unclaimed,
    TimerKind.START_RUNS: _of_end,
    **{kind: lambda *_: True for kind in OF_NO_THREAD},
    **dict.fromkeys(ROUNDS, _of_round),
}
"""Whether a timer belongs to something that is still there for it."""


def timers_of_nothing(group: Group) -> Iterator[str]:
    """Timers whose subject is gone."""
    for timer in group.of(Timer):
        if not BELONGS[timer.kind](group, timer):
            yield f"a timer of nothing: {timer}"


def has_timer(group: Group, kind: TimerKind, detail: str | None, number: int) -> bool:
    """Whether a timer of this kind is there; of any detail, if that is None."""
    return any(
        timer.kind is kind and timer.number == number and detail in (None, timer.detail)
        for timer in group.of(Timer)
    )


def stands(group: Group, number: int, position: int) -> bool:
    """Whether a live thread stands at this position."""
    thread = group.one(ThreadRun, number)
    return thread is not None and thread.status in THREAD_LIVE and (thread.position == position)


NEXT_TURN: Final = frozenset(
    {
        *(TimerKind.ADVANCE, TimerKind.PLACE_EVENT, TimerKind.WAKE_THREADS, TimerKind.SWEEP),
        *(TimerKind.KILL_BELOW, TimerKind.RESCUE_WAITER, *ROUNDS),
    }
)
"""Work that goes on in the next turn, whatever it finds (R3)."""


def without_timers(group: Group) -> Iterator[str]:
    """What is to go on in the next turn, but nothing goes on with it."""
    yield from without_end(group)
    for row in group.of(RoundUnderWay):
        if not any(t.kind == row.round and t.number == row.number for t in group.of(Timer)):
            yield f"a list that is gone through no more: {row}"
    for event_def in {row.event_def for row in group.of(PlacingEvent)}:
        if not has_timer(group, TimerKind.PLACE_EVENT, event_def, 0):
            yield f"events {event_def} that are placed no more"


def is_busy(group: Group) -> bool:
    """Threads have been woken that will be visited in a later turn."""
    return any(timer.kind in NEXT_TURN for timer in group.of(Timer))


def without_end(group: Group) -> Iterator[str]:
    """An event that nobody has taken goes when its time is over: it has a timer then."""
    for row in group.of(UnclaimedEvent):
        if row.expires_ms is not None and not any(is_end_of(row, t) for t in group.of(Timer)):
            yield f"an event has lost its end: {row}"
