"""A part of a bulk job goes on: a timer looks for the next run that the filter names, or does the
verb to it. So each run has a timer of its own: it is undone alone where the verb is refused, and
blamed alone for a defect (R6).

A chunk has so much effort; between two of them the partition has time for all else (R3).
"""

from __future__ import annotations

from typing import Any

from penstock.core.advance.advance import settle
from penstock.core.bulk.filters import Meant, is_passed_over, next_run_id
from penstock.core.bulk.parts import count_done, count_looked, count_refused, wait_for_turn
from penstock.core.bulk.rows import BulkCursor, BulkPart
from penstock.core.commands import TYPE_OF
from penstock.core.commands.bulk import VERBS, command_for
from penstock.core.commands.bulk_progress import end_part, tell_progress
from penstock.core.errors import Code, Reject, refuse
from penstock.core.flow.load import is_being_deleted, is_there
from penstock.core.flow.pace import check_pace, next_turn_ms
from penstock.core.limits import (
    BULK_EFFORT_OF_A_VERB,
    BULK_EFFORT_PER_CHUNK,
    BULK_PAUSE_MS,
    BULK_REPORT_MS,
    BULK_UNDECIDED_MAX,
)
from penstock.core.operators.migration import decision_on, undecided
from penstock.core.state.audit import audit
from penstock.core.state.migration_rows import UndecidedMigration
from penstock.core.state.outputs import CommandRefused
from penstock.core.state.run import WfRun
from penstock.core.state.timers import Clock, Timer, clock_ms
from penstock.core.state.turn import Turn


def bulk_due(turn: Turn, timer: Timer) -> None:
    """Go on with a part of a job."""
    part = turn.rows.peek(BulkPart, turn.tenant, timer.detail)
    cursor = _cursor_of(turn, timer)
    if part is None or cursor is None:
        return
    pause_ms = 0
    if cursor.run is not None:
        pause_ms = _carry_out(turn, part, cursor, cursor.run)
    elif cursor.undecided >= BULK_UNDECIDED_MAX or not _find(turn, part, cursor):
        if not cursor.undecided:
            end_part(turn, cursor)
            return
        _look_at_undecided(turn, part, cursor)
    _go_on(turn, cursor, pause_ms)


def bulk_defective(turn: Turn, timer: Timer, message: str) -> str:
    """A defect was ruled on: the job goes on behind the run that was at hand, whose id this is. If
    there was none, the defect is one of the search, and the part fails, visibly (R6).
    """
    cursor = _cursor_of(turn, timer)
    if cursor is None:
        return ""
    if cursor.run is None:
        end_part(turn, cursor, failure=message)
        return ""
    wf_run_id = cursor.run
    count_refused(cursor, wf_run_id, Code.ENGINE_DEFECT, message)
    cursor.run = None
    _go_on(turn, cursor)
    return wf_run_id


def _cursor_of(turn: Turn, timer: Timer) -> BulkCursor | None:
    """How far the part has come, if it is this timer that it waits for."""
    cursor = turn.rows.get(BulkCursor, turn.tenant, timer.detail)
    return None if cursor is None or cursor.serial != timer.number else cursor


def _go_on(turn: Turn, cursor: BulkCursor, pause_ms: int = 0) -> None:
    """Wait for the next timer: at once, or after a pause when the chunk has cost enough, or the
    next run is not to begin before.
    """
    if not pause_ms and cursor.effort < BULK_EFFORT_PER_CHUNK:
        wait_for_turn(turn, cursor)
        return
    cursor.effort = 0
    if clock_ms(turn, Clock.PENDING) - cursor.reported_ms >= BULK_REPORT_MS:
        tell_progress(turn, cursor)
    wait_for_turn(turn, cursor, max(BULK_PAUSE_MS, pause_ms))


def _find(turn: Turn, part: BulkPart, cursor: BulkCursor) -> bool:
    """Look for the next run that is meant, as far as the chunk and the turn allow; whether there
    may be one."""
    of_job = Meant(turn, part)
    for _ in range(max(1, BULK_EFFORT_PER_CHUNK - cursor.effort)):
        if turn.nodes_left == 0:  # a look at variables costs more than one
            break
        wf_run_id = next_run_id(turn, part, cursor.after)
        if wf_run_id is None:
            return False
        cursor.after = wf_run_id
        cursor.effort += 1
        turn.nodes_left -= 1
        if is_passed_over(part.filter, wf_run_id):
            continue
        run = turn.rows.peek(WfRun, turn.tenant, wf_run_id)
        if run is None or not is_there(turn, wf_run_id):
            if part.filter.wf_run_ids:
                message = f"there is no WfRun {wf_run_id!r}"
                count_refused(cursor, wf_run_id, Code.WF_RUN_UNKNOWN, message)
            continue
        meant = of_job.has(run)
        count_looked(cursor, matched=meant)
        if meant and not part.dry_run:
            cursor.run, cursor.step, cursor.was_done = wf_run_id, 0, False
            break
    return True


def _do_own(turn: Turn) -> None:
    """What the verb has sent to this partition is a part of it, and may be refused, too."""
    while turn.own_commands:
        own: Any = turn.own_commands.pop(0)
        TYPE_OF[type(own)].handle(turn, own)
        settle(turn)


def _carry_out(turn: Turn, part: BulkPart, cursor: BulkCursor, wf_run_id: str) -> int:
    """Do the verb to the run at hand, or to the next part of it that it is about; a refusal undoes
    this and nothing else. How long the job is to wait then: until the next turn, if it starts runs.
    """
    cursor.effort += BULK_EFFORT_OF_A_VERB
    savepoint = turn.savepoint()
    turn.principal, turn.bulk_id = part.principal, part.bulk_id
    verb, following, rejection = VERBS[part.verb], None, None
    try:
        if is_being_deleted(turn, wf_run_id):
            refuse(Code.WF_RUN_DELETING, f"WfRun {wf_run_id!r} is being deleted")
        named, following = verb.target(turn, wf_run_id, cursor.step)
        if verb.starts:
            check_pace(turn, part.principal)
        if named is not None:
            command = command_for(verb, part.arguments, wf_run_id=wf_run_id, **named)
            verb.kind.handle(turn, command)
            settle(turn)
            _do_own(turn)
            audit(turn, command)
            cursor.was_done = True
    except Reject as refusal:
        turn.rollback(savepoint)
        rejection = refusal
    finally:
        turn.principal, turn.bulk_id = "", None
    if following is not None:
        cursor.step = following
        return 0
    cursor.run = None
    waits = undecided(turn, wf_run_id, part.bulk_id)
    if waits is not None:
        turn.rows.put(waits)
        cursor.undecided += 1
        return 0
    if cursor.was_done or rejection is None:
        count_done(cursor)
        return next_turn_ms(turn, part.principal) if verb.starts else 0
    count_refused(cursor, wf_run_id, rejection.code, rejection.message)
    turn.tell(
        wf_run_id,
        CommandRefused(
            command=verb.kind.record.__name__,
            command_id=None,
            code=rejection.code,
            message=rejection.message,
            at_ms=turn.at_ms,
            bulk_id=part.bulk_id,
        ),
    )
    return 0


def _look_at_undecided(turn: Turn, part: BulkPart, cursor: BulkCursor) -> None:
    """Count the runs that have been decided since; a pause follows, while there are others."""
    for waits in list(turn.rows.scan(UndecidedMigration, turn.tenant, part.bulk_id)):
        if undecided(turn, waits.wf_run_id, part.bulk_id) is not None:
            continue
        refusal = decision_on(turn, waits)
        if refusal is None:
            count_done(cursor)
        else:
            count_refused(cursor, waits.wf_run_id, *refusal)
        turn.rows.delete(waits)
        cursor.undecided -= 1
    cursor.effort = BULK_EFFORT_PER_CHUNK
