"""A schedule is due: its run is started, under an id that is derived from the due time, so that it
is never started twice. A due time that has passed long ago is missed; `Misfire` says what then.

One due time a timer: a schedule that catches up takes its turn among the others (R3). A tenant
with a rate of starts waits for its turns, too (flow/pace.py).
"""

from __future__ import annotations

from penstock.core.commands.start_scheduled_run import StartScheduledRun, refusal, start
from penstock.core.errors import Reject
from penstock.core.flow.pace import check_pace, next_turn_ms
from penstock.core.ids import derive_guid, partition_of_run
from penstock.core.schedules.schedules import (
    Firing,
    FiringOutcome,
    Misfire,
    Schedule,
    ScheduleState,
    ScheduleStatus,
    go_on,
    noted_firing,
    scheduled_run_id,
    stop,
    wait_until,
)
from penstock.core.state.timers import Clock, Timer, clock_ms
from penstock.core.state.turn import Turn
from penstock.core.values.timestamps import timestamp_text
from penstock.core.values.value import Value, value_bytes


def schedule_due(turn: Turn, timer: Timer) -> None:
    """Deal with one due time, and wait for the next."""
    schedule = turn.rows.peek(Schedule, turn.tenant, timer.detail)
    state = turn.rows.get(ScheduleState, turn.tenant, timer.detail)
    if schedule is None or state is None:
        return
    state.timer = None
    if state.due and turn.at_ms >= state.due[0]:
        if _waits_for_its_turn(turn, schedule, state):
            turn.rows.put(state)
            return
        due_ms, state.due = state.due[0], state.due[1:]
        state.after_ms = due_ms
        _deal_with(turn, schedule, state, due_ms)
        if len(state.due) == 1 and _counts(schedule, state.due[0]):
            state.due = ()  # asked for with the one after it: a run is told when the next is due
    else:
        state.due = ()  # asked long ago: asked again, nearer the time
    go_on(turn, schedule, state)


def schedule_defective(turn: Turn, timer: Timer, message: str) -> None:
    """A defect was ruled on: the schedule stops, visibly (R6)."""
    state = turn.rows.get(ScheduleState, turn.tenant, timer.detail)
    if state is not None:
        stop(turn, state, ScheduleStatus.FAILED, message)


def run_id_of(schedule: Schedule, partition: int, due_ms: int) -> str:
    """The id of the run that a due time starts (R10)."""
    parts = (partition, schedule.offset, schedule.tenant, schedule.schedule_id, due_ms)
    return scheduled_run_id(schedule.parent, derive_guid("schedule", *parts))


def _waits_for_its_turn(turn: Turn, schedule: Schedule, state: ScheduleState) -> bool:
    """Whether the tenant has to wait until a run is started for the due time that has come. It is
    as late as it was when it came: what it waits then is not the schedule's fault.
    """
    if state.came_ms is not None or _is_missed(schedule, state, turn.at_ms - state.due[0]):
        return False
    state.came_ms = turn.at_ms
    try:
        wait_ms = next_turn_ms(turn, schedule.principal)
    except Reject:
        return False  # never: the start is refused, and tells it
    if wait_ms:
        wait_until(turn, state, clock_ms(turn, Clock.DATE) + wait_ms)
    return wait_ms > 0


def _is_missed(schedule: Schedule, state: ScheduleState, late_ms: int) -> bool:
    """Whether nothing is started for a due time that was seen so late."""
    if late_ms <= schedule.grace_ms or schedule.misfire is Misfire.RUN_ONCE:
        return False
    return schedule.misfire is Misfire.SKIP or state.caught_up >= schedule.catch_up_max


def _deal_with(turn: Turn, schedule: Schedule, state: ScheduleState, due_ms: int) -> None:
    came_ms, state.came_ms = state.came_ms, None
    late_ms = (turn.at_ms if came_ms is None else came_ms) - due_ms
    if _is_missed(schedule, state, late_ms):
        noted_firing(state, Firing(due_ms, turn.at_ms, FiringOutcome.MISSED))
        _pass_over(turn, schedule, state)
        return
    in_time = late_ms <= schedule.grace_ms
    if in_time:
        state.caught_up = 0
    elif schedule.misfire is Misfire.RUN_ALL:
        state.caught_up += 1
    _start(turn, schedule, state, due_ms)
    if not in_time and schedule.misfire is Misfire.RUN_ONCE:
        _pass_over(turn, schedule, state)


def _pass_over(turn: Turn, schedule: Schedule, state: ScheduleState) -> None:
    """Go to the first due time that is not missed, however many there are before it."""
    first_ms = turn.at_ms - schedule.grace_ms
    state.due = tuple(due_ms for due_ms in state.due if due_ms >= first_ms)
    state.after_ms = max(state.after_ms, first_ms - 1)


def _counts(schedule: Schedule, due_ms: int) -> bool:
    return schedule.end_at_ms is None or due_ms <= schedule.end_at_ms


def _told(schedule: Schedule, state: ScheduleState, due_ms: int) -> dict[str, Value]:
    """What a run is told: when it was due, and when the ones before and after it."""
    before = state.firings[-1].due_ms if state.firings else None
    after = next((one for one in state.due if _counts(schedule, one)), None)
    return {
        "id": schedule.trigger or schedule.schedule_id,
        "type": "schedule",
        "date": timestamp_text(due_ms),
        "next": None if after is None else timestamp_text(after),
        "previous": None if before is None else timestamp_text(before),
    }


def _why_never(turn: Turn, schedule: Schedule) -> str | None:
    """Why nothing may be started at all."""
    try:
        check_pace(turn, schedule.principal)
    except Reject as rejection:
        return refusal(rejection)
    return None


def _start(turn: Turn, schedule: Schedule, state: ScheduleState, due_ms: int) -> None:
    wf_run_id = run_id_of(schedule, turn.shard.partition, due_ms)
    command = StartScheduledRun(
        schedule_id=schedule.schedule_id,
        made_by=schedule.principal,
        wf_run_id=wf_run_id,
        wf_spec=schedule.wf_spec,
        version=schedule.version,
        major=schedule.major,
        revision=schedule.revision,
        variables=schedule.variables,
        labels=schedule.labels,
        parent=schedule.parent,
        told=_told(schedule, state, due_ms),
    )
    target = partition_of_run(wf_run_id, turn.shard.partitions)
    outcome, message = FiringOutcome.STARTED, ""
    never = _why_never(turn, schedule)
    if never is not None:
        outcome, message = FiringOutcome.REFUSED, never
    elif target != turn.shard.partition:
        turn.output_bytes += value_bytes(schedule.variables)
        turn.send(target, command)
        outcome = FiringOutcome.SENT
    else:
        rejection = start(turn, command)
        if rejection is not None:
            outcome, message = FiringOutcome.REFUSED, refusal(rejection)
    noted_firing(state, Firing(due_ms, turn.at_ms, outcome, wf_run_id, message))
