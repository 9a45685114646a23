"""Schedules: runs that are started again and again, by cron, or one at one moment.

When a schedule is due next by cron depends on time zones, which change: so the fold does not
compute it (R8). It leaves a CronAsk; the partition's owner answers with a CronAnswer of a few due
times, and a timer waits for the first of them. A moment is known: nothing is asked. A schedule that
is active has either an open ask or a timer.

`schedule_fire.py` has what happens when the timer is due.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

from msgspec import Struct

from penstock.core.errors import Code, refuse
from penstock.core.ids import partition_of_run
from penstock.core.limits import SCHEDULE_FIRINGS_MAX, SCHEDULE_PAUSES_MAX, SCHEDULE_RECHECK_MS
from penstock.core.state.keys import Scope
from penstock.core.state.rows import Row
from penstock.core.state.run import TimerKey
from penstock.core.state.timers import Clock, TimerKind, drop_timer, set_timer
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


class Misfire(StrEnum):
    """What is done about due times that have passed unseen: the engine was down, or behind."""

    SKIP = "SKIP"  # nothing
    RUN_ONCE = "RUN_ONCE"  # one run for all of them
    RUN_ALL = "RUN_ALL"  # a run for each, oldest first, up to `catch_up_max` in a row


class ScheduleStatus(StrEnum):
    """Whether a schedule starts runs."""

    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    FAILED = "FAILED"  # nobody can say when it is due; `reason` says why
    ENDED = "ENDED"  # it is not due any more before its end


class FiringOutcome(StrEnum):
    """What came of a due time."""

    STARTED = "STARTED"
    SENT = "SENT"  # to the run's partition, which starts it, or says that it is REFUSED
    REFUSED = "REFUSED"
    MISSED = "MISSED"


class Firing(Struct, array_like=True, frozen=True, gc=False):
    """A due time, and what came of it when. MISSED stands for all that were passed over with it."""

    due_ms: int
    at_ms: int
    outcome: FiringOutcome
    wf_run_id: str | None = None
    message: str = ""


class SchedulePause(Struct, array_like=True, frozen=True, gc=False):
    """Who has paused a schedule, or let it go on, and when."""

    paused: bool
    at_ms: int
    principal: str


class Schedule(Row):
    """What is started when: by `cron`, or once at `at_ms`. It never changes; what does is in
    ScheduleState. Runs know it as `trigger`, or by its id.

    `offset` is that of the ScheduleWf: with it ids of runs can not return when a schedule is
    deleted and made again (R10).
    """

    KIND, SCOPE, KEY = b"S", Scope.PARTITION, ("tenant", "schedule_id")

    tenant: str
    schedule_id: str
    offset: int
    created_ms: int
    principal: str
    request_hash: bytes
    wf_spec: str
    version: int | None
    major: int | None
    revision: int | None
    variables: dict[str, Value]
    labels: dict[str, str]
    cron: str | None
    time_zone: str
    misfire: Misfire
    grace_ms: int
    catch_up_max: int
    start_at_ms: int | None
    end_at_ms: int | None
    parent: str | None = None
    at_ms: int | None = None
    trigger: str = ""


class ScheduleState(Row):
    """How far a schedule has come: `after_ms` is the last due time that was dealt with, `due` are
    the next ones as far as they are known, `ask` is the open CronAsk. The first of them may have
    come, at `came_ms`, and wait for its turn to start a run. Of firings, and of pauses and their
    ends, the newest are kept.
    """

    KIND, SCOPE, KEY = b"s", Scope.PARTITION, ("tenant", "schedule_id")

    tenant: str
    schedule_id: str
    status: ScheduleStatus
    after_ms: int
    due: tuple[int, ...] = ()
    ask: int | None = None
    timer: TimerKey | None = None
    reason: str = ""
    caught_up: int = 0
    firings: tuple[Firing, ...] = ()
    pauses: tuple[SchedulePause, ...] = ()
    came_ms: int | None = None


class CronAsk(Row):
    """A question to the partition's owner: when is this due next, after `after_ms`? `number` is the
    offset at which it was asked, so that an answer to an earlier one is known."""

    KIND, SCOPE, KEY = b"K", Scope.PARTITION, ("tenant", "schedule_id")

    tenant: str
    schedule_id: str
    number: int
    after_ms: int
    cron: str
    time_zone: str


ROWS_OF_SCHEDULES: Final[tuple[type[Row], ...]] = (Schedule, ScheduleState, CronAsk)


def of_schedule(command: Any) -> str | None:
    """The key of a command to a schedule."""
    return command.schedule_id


def scheduled_run_id(parent: str | None, guid: str) -> str:
    """The id of a run that a schedule starts, below another one if the schedule names that."""
    return guid if parent is None else f"{parent}.{guid}"


def check_here(turn: Turn, schedule_id: str) -> None:
    """Refuse a command to a schedule that belongs on another partition (R11)."""
    owner = partition_of_run(schedule_id, turn.shard.partitions)
    if owner != turn.shard.partition:
        refuse(Code.WRONG_PARTITION, f"the schedule {schedule_id!r} belongs on partition {owner}")


def load_schedule(turn: Turn, schedule_id: str) -> tuple[Schedule, ScheduleState]:
    """A schedule, and its state to be changed and put back."""
    schedule = turn.rows.peek(Schedule, turn.tenant, schedule_id)
    state = turn.rows.get(ScheduleState, turn.tenant, schedule_id)
    if schedule is None or state is None:
        refuse(Code.SCHEDULE_UNKNOWN, f"there is no schedule {schedule_id!r}")
    return schedule, state


def go_on(turn: Turn, schedule: Schedule, state: ScheduleState) -> None:
    """Wait for the next due time, or ask for it; puts the state."""
    if schedule.at_ms is not None and schedule.at_ms > state.after_ms:
        state.due = (schedule.at_ms,)
    if not state.due:
        if schedule.cron is None:
            stop(turn, state, ScheduleStatus.ENDED)
            return
        _ask(turn, schedule, schedule.cron, state)
    elif schedule.end_at_ms is not None and state.due[0] > schedule.end_at_ms:
        stop(turn, state, ScheduleStatus.ENDED)
    else:
        # What is far ahead is asked again nearer the time: rules of time zones change.
        wait_until(turn, state, min(state.due[0], turn.at_ms + SCHEDULE_RECHECK_MS))
    turn.rows.put(state)


def wait_until(turn: Turn, state: ScheduleState, due_ms: int) -> None:
    """Have the schedule looked at then; the caller puts the state."""
    state.timer = set_timer(
        turn,
        TimerKind.SCHEDULE,
        "",
        clock=Clock.DATE,
        due_ms=due_ms,
        detail=state.schedule_id,
        number=0,
    )


def stop(turn: Turn, state: ScheduleState, status: ScheduleStatus, reason: str = "") -> None:
    """Wait for nothing any more; puts the state."""
    release(turn, state)
    state.timer, state.due, state.status, state.reason = None, (), status, reason
    state.came_ms = None
    turn.rows.put(state)


def release(turn: Turn, state: ScheduleState) -> None:
    """Drop the timer and the question of a schedule."""
    if state.timer is not None:
        drop_timer(turn, state.timer, TimerKind.SCHEDULE, "", detail=state.schedule_id, number=0)
    close_ask(turn, state)


def close_ask(turn: Turn, state: ScheduleState) -> None:
    """The question is answered, or not asked any more."""
    ask = turn.rows.peek(CronAsk, state.tenant, state.schedule_id)
    if ask is not None:
        turn.rows.delete(ask)
        turn.state.open_asks -= 1
    state.ask = None


def noted_firing(state: ScheduleState, firing: Firing) -> None:
    """Keep a firing; only the newest are kept."""
    state.firings = (*state.firings[1 - SCHEDULE_FIRINGS_MAX :], firing)


def note_pause(turn: Turn, state: ScheduleState, *, paused: bool) -> None:
    """Keep who has paused the schedule, or let it go on; the caller puts the state."""
    pause = SchedulePause(paused, turn.at_ms, turn.principal)
    state.pauses = (*state.pauses[1 - SCHEDULE_PAUSES_MAX :], pause)


def _ask(turn: Turn, schedule: Schedule, cron: str, state: ScheduleState) -> None:
    state.ask = turn.offset
    turn.state.open_asks += 1
    turn.rows.put(
        CronAsk(
            schedule.tenant,
            schedule.schedule_id,
            turn.offset,
            state.after_ms,
            cron,
            schedule.time_zone,
        )
    )
