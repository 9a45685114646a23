"""CronAnswer: the partition's owner says when a schedule is due, or that it can not (R8). The first
answer closes the question; a later one, or one to another question, is refused and changes nothing.
"""

from penstock.core.command import Command, CommandType, Repeats, Sender, of_partition_0
from penstock.core.errors import Code, refuse
from penstock.core.limits import DATE_MS_MAX, DUE_TIMES_MAX, TEXT_CHARS_MAX
from penstock.core.schedules.schedules import (
    CronAsk,
    ScheduleStatus,
    close_ask,
    go_on,
    load_schedule,
    stop,
)
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


class CronAnswer(Command, frozen=True):
    """To which question; the next due times in order, all there are from the first of them to the
    last, or `problem`: why there are none.
    """

    schedule_id: str
    ask: int
    due_ms: tuple[int, ...] = ()
    problem: str | None = None


def handle(turn: Turn, command: CronAnswer) -> Value:
    """Wait for the first of the times."""
    ask = turn.rows.peek(CronAsk, turn.tenant, command.schedule_id)
    if ask is None or ask.number != command.ask:
        refuse(Code.ASK_CLOSED, f"{command.schedule_id!r} does not ask that any more")
    schedule, state = load_schedule(turn, command.schedule_id)
    if command.problem is not None:
        stop(turn, state, ScheduleStatus.FAILED, command.problem[:TEXT_CHARS_MAX])
        return {"status": state.status}
    _check(ask, command.due_ms)
    close_ask(turn, state)
    state.due = command.due_ms
    go_on(turn, schedule, state)
    return {"status": state.status}


def _check(ask: CronAsk, due_ms: tuple[int, ...]) -> None:
    if not 1 <= len(due_ms) <= DUE_TIMES_MAX or due_ms[-1] > DATE_MS_MAX:
        refuse(Code.BAD_VALUE, f"{len(due_ms)} due times, or too far ahead; say 1-{DUE_TIMES_MAX}")
    if any(
        later <= earlier for earlier, later in zip((ask.after_ms, *due_ms), due_ms, strict=False)
    ):
        refuse(Code.BAD_VALUE, f"due times must rise, and be after {ask.after_ms}")


COMMAND = CommandType(
    CronAnswer, handle, of_partition_0, repeats=Repeats.HARMLESS, sender=Sender.ENGINE
)
