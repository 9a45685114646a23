"""A schedule is due: its run is started, under an id that is derived from the due time, so that it
is never started twice. A due time that has passed long ago is missed; `Misfire` says what then.

One due time a timer: a schedule that catches up takes its turn among the others (R3).
"""

from __future__ import annotations

from penstock.core.commands.start_scheduled_run import StartScheduledRun, refusal, start
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
)
from penstock.core.state.timers import Timer
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


def _deal_with(turn: Turn, schedule: Schedule, state: ScheduleState, due_ms: int) -> None:
    if turn.at_ms - due_ms <= schedule.grace_ms:
        state.caught_up = 0
        _start(turn, schedule, state, due_ms)
    elif schedule.misfire is Misfire.RUN_ALL and state.caught_up < schedule.catch_up_max:
        state.caught_up += 1
        _start(turn, schedule, state, due_ms)
    elif schedule.misfire is Misfire.RUN_ONCE:
        _start(turn, schedule, state, due_ms)
        _pass_over(turn, schedule, state)
    else:
        noted_firing(state, Firing(due_ms, turn.at_ms, FiringOutcome.MISSED))
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
    if target != turn.shard.partition:
        turn.output_bytes += value_bytes(schedule.variables)
        turn.send(target, command)
        outcome = FiringOutcome.SENT
    else:
        rejection = start(turn, command)
        if rejection is not None:
            outcome, message = FiringOutcome.REFUSED, refusal(rejection)
    noted_firing(state, Firing(due_ms, turn.at_ms, outcome, wf_run_id, message))
