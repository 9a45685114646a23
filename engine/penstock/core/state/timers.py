"""Timers: rows that are due at a time of one of the partition's clocks, fired by the fold in (due,
id) order (R1).

PENDING is not a time but a queue: work that exceeded one turn and goes on in the next (R3).
DURATION adds up log time (sleeps, backoff, expiry), AWAKE is for liveness (a task's time-out), so
that an outage expires nobody, and DATE compares with LogAppendTime itself.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Final

from penstock.core.state.keys import PARTITION_PREFIX, Scope, after_prefix, encode_parts
from penstock.core.state.partition_state import NEVER_MS
from penstock.core.state.rows import Row
from penstock.core.state.run import TimerKey
from penstock.core.state.turn import Turn


class Clock(IntEnum):
    """Which clock a timer goes by. The order is the order in which a turn looks at them."""

    PENDING = 0
    DURATION = 1
    AWAKE = 2
    DATE = 3


class TimerKind(StrEnum):
    """What a timer does when it is due; `fire.py` has the table."""

    ADVANCE = "ADVANCE"
    WAKE_CHILDREN = "WAKE_CHILDREN"
    WAKE_WATCHERS = "WAKE_WATCHERS"
    TELL_WAITERS = "TELL_WAITERS"
    TELL_WAITERS_OF_RUN = "TELL_WAITERS_OF_RUN"
    GIVE_BACK_ENDS = "GIVE_BACK_ENDS"
    RECALL_WAITERS = "RECALL_WAITERS"
    SEE_BELOW = "SEE_BELOW"
    RESCUE_WAITERS = "RESCUE_WAITERS"
    RESCUE_WAITER = "RESCUE_WAITER"
    PLACE_EVENT = "PLACE_EVENT"
    TASK_TIMEOUT = "TASK_TIMEOUT"
    TASK_RETRY = "TASK_RETRY"
    TASK_STOP = "TASK_STOP"
    NODE = "NODE"
    USER_TASK = "USER_TASK"
    OFFER_EVENT = "OFFER_EVENT"
    EXPIRE_EVENT = "EXPIRE_EVENT"
    EXPIRE_UNCLAIMED = "EXPIRE_UNCLAIMED"  # its run may never come
    SCHEDULE = "SCHEDULE"  # of no run: its id is in `detail`
    BULK = "BULK"  # of no run, as that of a schedule
    FORGET_BULK = "FORGET_BULK"
    FORGET_RUN = "FORGET_RUN"  # its id is in `detail`: the run is gone
    SWEEP = "SWEEP"
    WAKE_THREADS = "WAKE_THREADS"
    KILL_BELOW = "KILL_BELOW"
    KILL_DEADLINE = "KILL_DEADLINE"
    BEGIN_ANEW = "BEGIN_ANEW"
    RETENTION = "RETENTION"
    DELETE_RUN = "DELETE_RUN"
    START_RUNS = "START_RUNS"  # after the end of another
    THREAD_RETENTION = "THREAD_RETENTION"
    DELETE_THREAD = "DELETE_THREAD"
    LIMIT = "LIMIT"  # of no run: the spec, and the key from which on, are in `detail`
    BREAKER = "BREAKER"  # of no run: the TaskDef is in `detail`, the epoch in `number`


class Timer(Row):
    """Something that is due. `detail` tells timers of one run apart (a guid, a thread and
    position). One that is of no run has an empty `wf_run_id`.
    """

    KIND, SCOPE, KEY = (
        b"T",
        Scope.PARTITION,
        ("clock", "due_ms", "tenant", "wf_run_id", "kind", "detail", "number"),
    )
    SCANNED = True

    clock: int
    due_ms: int
    tenant: str
    wf_run_id: str
    kind: TimerKind
    detail: str
    number: int

    @property
    def part(self) -> str:
        """The name under which a defect of this timer is ruled on (R6)."""
        return "timer:" + ":".join(str(getattr(self, name)) for name in self.KEY)


LIVENESS: Final = Clock.AWAKE


def clock_ms(turn: Turn, clock: Clock) -> int:
    """The time on a clock."""
    state = turn.state
    if clock is Clock.DATE:
        return state.append_ms
    return state.awake_ms if clock is Clock.AWAKE else state.log_time_ms


def set_timer(
    turn: Turn,
    kind: TimerKind,
    wf_run_id: str,
    *,
    clock: Clock,
    due_ms: int,
    detail: str,
    number: int,
) -> TimerKey:
    """Set a timer of the turn's tenant; returns what is needed to drop it."""
    turn.rows.put(Timer(clock, due_ms, turn.tenant, wf_run_id, kind, detail, number))
    if due_ms < turn.state.next_due_ms[clock]:
        _set_next_due(turn, clock, due_ms)
    return TimerKey(clock, due_ms)


def drop_timer(
    turn: Turn, key: TimerKey, kind: TimerKind, wf_run_id: str, *, detail: str, number: int
) -> None:
    """Drop a timer that is not needed any more."""
    turn.rows.delete(Timer(key.clock, key.due_ms, turn.tenant, wf_run_id, kind, detail, number))


def next_due(turn: Turn) -> Timer | None:
    """The next timer that is due, clock by clock, in (due, id) order; None when there is none."""
    state = turn.state
    if min(state.next_due_ms) > max(state.log_time_ms, state.append_ms):
        return None  # by no clock; awake time is never ahead of log time
    for clock in Clock:
        if clock is Clock.PENDING and turn.nodes_left == 0:
            continue  # it would only be put off once more
        now_ms = clock_ms(turn, clock)
        if turn.state.next_due_ms[clock] > now_ms:
            continue
        timer = _earliest(turn, clock)
        _set_next_due(turn, clock, NEVER_MS if timer is None else timer.due_ms)
        if timer is not None and timer.due_ms <= now_ms:
            return timer
    return None


def _earliest(turn: Turn, clock: Clock) -> Timer | None:
    """Looked for from the bound on: a store steps over all that were below it and are gone."""
    prefix = PARTITION_PREFIX + Timer.KIND + encode_parts((clock,))
    bound = prefix + encode_parts((turn.state.next_due_ms[clock],))
    for _, timer in turn.rows.range(Timer, prefix, after_prefix(prefix), at_least=bound):
        return timer
    return None


def _set_next_due(turn: Turn, clock: Clock, due_ms: int) -> None:
    bounds = list(turn.state.next_due_ms)
    bounds[clock] = due_ms
    turn.state.next_due_ms = tuple(bounds)
