"""ScheduleWf: has runs of a WfSpec started by cron, or one at one moment. The same again is the
first answer; to change a schedule, delete it and make another.
"""

from penstock.core.command import Command, CommandType
from penstock.core.commands import run_wf
from penstock.core.commands.run_wf import RunWf
from penstock.core.errors import Code, refuse
from penstock.core.ids import check_family_id, check_schedule_id, derive_guid
from penstock.core.limits import (
    CATCH_UP_MAX,
    CATCH_UP_MAX_DEFAULT,
    DATE_MS_MAX,
    DURATION_MS_MAX,
    SCHEDULE_GRACE_MS_DEFAULT,
    SCHEDULE_VARIABLES_BYTES_MAX,
    TEXT_CHARS_MAX,
)
from penstock.core.schedules.cron_syntax import CronProblem, check_cron, is_time_zone
from penstock.core.schedules.schedules import (
    Misfire,
    Schedule,
    ScheduleState,
    ScheduleStatus,
    check_here,
    go_on,
    note_pause,
    of_schedule,
    scheduled_run_id,
)
from penstock.core.state.first_answer import FirstAnswer, request_hash
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value, value_bytes


class ScheduleWf(Command, frozen=True):
    """What to run, and when: either `cron` in 5 fields, by the clocks of `time_zone`, or `at_ms`,
    once. A due time that is more than `grace_ms` past is missed. With `start_at_ms` in the past,
    what was due since then counts as missed; `end_at_ms` is the last moment that counts. The runs
    stand below `parent`, if one is named: it is looked at each time, and may be on another
    partition. Each is told what was due, in its variable `trigger`, if its spec has one of type
    JSON_OBJ; `trigger` is the id by which it knows the schedule.

    Without an id the record's key is the id.
    """

    wf_spec: str
    cron: str | None = None
    schedule_id: str | None = None
    version: int | None = None
    major: int | None = None
    revision: int | None = None
    variables: dict[str, Value] = {}
    labels: dict[str, str] = {}
    time_zone: str = "UTC"
    misfire: Misfire = Misfire.SKIP
    grace_ms: int = SCHEDULE_GRACE_MS_DEFAULT
    catch_up_max: int = CATCH_UP_MAX_DEFAULT
    start_at_ms: int | None = None
    end_at_ms: int | None = None
    paused: bool = False
    parent: str | None = None
    at_ms: int | None = None
    trigger: str = ""


def handle(turn: Turn, command: ScheduleWf) -> Value:
    """Keep the schedule, and ask when it is due."""
    schedule_id = _id(turn, command)
    if turn.rows.peek(Schedule, turn.tenant, schedule_id) is not None:
        refuse(Code.ALREADY_EXISTS, f"schedule {schedule_id!r} exists and differs; delete it first")
    _check(turn, command)
    schedule = _row(turn, command, schedule_id)
    status = ScheduleStatus.PAUSED if command.paused else ScheduleStatus.ACTIVE
    first_ms = command.start_at_ms if command.at_ms is None else command.at_ms
    after_ms = turn.at_ms if first_ms is None else first_ms - 1
    state = ScheduleState(turn.tenant, schedule_id, status, after_ms)
    if command.paused:
        note_pause(turn, state, paused=True)
    turn.rows.put(schedule)
    turn.rows.put(state)
    if not command.paused:
        go_on(turn, schedule, state)
    return {"schedule_id": schedule_id}


def first(turn: Turn, command: ScheduleWf) -> FirstAnswer | None:
    """What was answered when the schedule was made."""
    schedule_id = _id(turn, command)
    known = turn.rows.peek(Schedule, turn.tenant, schedule_id)
    return known and FirstAnswer(known.request_hash, b"", {"schedule_id": schedule_id})


def _id(turn: Turn, command: ScheduleWf) -> str:
    schedule_id = check_schedule_id(command.schedule_id or turn.key)
    check_here(turn, schedule_id)
    return schedule_id


def _check(turn: Turn, command: ScheduleWf) -> None:
    """What can be seen to be wrong is refused now, not each time that it is due."""
    _check_when(command)
    if not is_time_zone(command.time_zone):
        refuse(
            Code.BAD_SCHEDULE,
            f"time_zone {command.time_zone[:80]!r}: use a name such as 'Europe/Berlin'",
        )
    bounds = (
        ("grace_ms", command.grace_ms, 0, DURATION_MS_MAX),
        ("catch_up_max", command.catch_up_max, 1, CATCH_UP_MAX),
        ("start_at_ms", command.start_at_ms, 1, DATE_MS_MAX),
        ("end_at_ms", command.end_at_ms, 1, DATE_MS_MAX),
        ("at_ms", command.at_ms, 1, DATE_MS_MAX),
    )
    for name, value, low, high in bounds:
        if value is not None and not low <= value <= high:
            refuse(Code.BAD_SCHEDULE, f"{name} is {value}; use {low} to {high}")
    size = value_bytes(command.variables)
    if size > SCHEDULE_VARIABLES_BYTES_MAX:
        refuse(
            Code.TOO_LARGE,
            f"variables of {size} bytes: a schedule's may have {SCHEDULE_VARIABLES_BYTES_MAX}",
        )
    if len(command.trigger) > TEXT_CHARS_MAX:
        refuse(Code.LIMIT, f"trigger: {TEXT_CHARS_MAX} characters at most")
    if command.parent is not None:
        check_family_id(scheduled_run_id(command.parent, derive_guid()))
    run_wf.check(
        turn,
        RunWf(
            wf_spec=command.wf_spec,
            version=command.version,
            major=command.major,
            revision=command.revision,
            variables=command.variables,
            labels=command.labels,
            parent=command.parent,
        ),
    )


def _check_when(command: ScheduleWf) -> None:
    if command.cron is None:
        if command.at_ms is None:
            refuse(Code.BAD_SCHEDULE, "when? give `cron`, or `at_ms` for one moment")
        if command.start_at_ms is not None or command.end_at_ms is not None:
            refuse(Code.BAD_SCHEDULE, "`start_at_ms` and `end_at_ms` are for `cron`: remove them")
        return
    if command.at_ms is not None:
        refuse(Code.BAD_SCHEDULE, "both `cron` and `at_ms`: make a schedule for each")
    try:
        check_cron(command.cron)
    except CronProblem as problem:
        refuse(Code.BAD_SCHEDULE, f"cron {command.cron[:300]!r}: {problem}")


def _row(turn: Turn, command: ScheduleWf, schedule_id: str) -> Schedule:
    return Schedule(
        turn.tenant,
        schedule_id,
        turn.offset,
        turn.at_ms,
        turn.principal,
        request_hash(command),
        command.wf_spec,
        command.version,
        command.major,
        command.revision,
        command.variables,
        command.labels,
        command.cron,
        command.time_zone,
        command.misfire,
        command.grace_ms,
        command.catch_up_max,
        command.start_at_ms,
        command.end_at_ms,
        command.parent,
        command.at_ms,
        command.trigger,
    )


COMMAND = CommandType(ScheduleWf, handle, of_schedule, first=first)
