"""Breakers: above a level of attempts that fail, the tasks of a TaskDef are held, new ones and
retries alike, and their runs wait; what is with a worker goes on.

A breaker opens when of the newest `window` ends more than `level` were failures or time-outs. An
operator closes it; or after `cool_down_ms` some tasks are let out, and it closes when as many have
come to a good end, and is open again with the first that has not. What was stopped says nothing.
Time alone moves it on: a trial that nobody takes is followed by another one.
"""

from __future__ import annotations

from itertools import islice
from typing import Final

from penstock.core.definitions.defs import TaskDef
from penstock.core.flow.agenda import wake
from penstock.core.state.breaker_rows import Breaker, BreakerStatus, HeldByBreaker
from penstock.core.state.run import TaskRun
from penstock.core.state.timers import Clock, Timer, TimerKind, clock_ms, set_timer
from penstock.core.state.transitions import TaskEvent
from penstock.core.state.turn import Turn

TRIALS: Final = 5
LET_OUT_MAX: Final = 200  # a turn

FAILED: Final = frozenset({TaskEvent.FAIL, TaskEvent.TIME_OUT})
STOPPED: Final = frozenset({TaskEvent.CANCEL, TaskEvent.RESTART})


def lets_out(turn: Turn, task: TaskRun) -> bool:
    """Whether the task may go out now; of those that are tried it is one then."""
    row = turn.rows.peek(Breaker, task.tenant, task.task_def)
    if row is None or row.status is BreakerStatus.CLOSED:
        return True
    if row.status is BreakerStatus.OPEN or row.trials == 0:
        return False
    own = _own(turn, task.task_def)
    own.trials -= 1
    turn.rows.put(own)
    return True


def note_end(turn: Turn, task: TaskRun, event: TaskEvent) -> None:
    """An attempt of a task that a breaker guards has ended."""
    task_def = turn.rows.peek(TaskDef, task.tenant, task.task_def)
    settings = None if task_def is None else task_def.breaker
    if settings is None or event in STOPPED:
        return
    row = _own(turn, task.task_def)
    failed = event in FAILED
    if row.status is BreakerStatus.CLOSED:
        _count(row, settings.window, failed)
        if row.ends == settings.window and row.failed > settings.level * settings.window:
            _open(turn, row, settings.cool_down_ms)
    elif row.status is BreakerStatus.TRYING:
        row.passed += not failed
        if failed:
            _open(turn, row, settings.cool_down_ms)
        elif row.passed >= TRIALS:
            _close(turn, row)
    turn.rows.put(row)


def reset(turn: Turn, task_def: str) -> bool:
    """Close a breaker, and forget what was; False if it was closed."""
    row = _own(turn, task_def)
    if row.status is BreakerStatus.CLOSED:
        return False
    _close(turn, row)
    turn.rows.put(row)
    return True


def forget(turn: Turn, task_def: str) -> None:
    """The TaskDef is deleted: nobody guards its tasks any more, and one that is given its name
    begins with nothing behind it.
    """
    row = turn.rows.get(Breaker, turn.tenant, task_def)
    if row is not None:
        _close(turn, row)
        turn.rows.put(row)


def breaker_due(turn: Turn, timer: Timer) -> None:
    """The time to cool down is over; or there are more tasks to be let out."""
    row = turn.rows.peek(Breaker, turn.tenant, timer.detail)
    if row is None or row.epoch != timer.number:
        return
    if row.status is BreakerStatus.CLOSED:
        _let_out(turn, row, LET_OUT_MAX)
        return
    task_def = turn.rows.peek(TaskDef, turn.tenant, timer.detail)
    settings = None if task_def is None else task_def.breaker
    if settings is None or settings.cool_down_ms is None:
        return
    row = _own(turn, timer.detail)
    row.status, row.trials = BreakerStatus.TRYING, TRIALS
    row.changed_ms = turn.at_ms
    _set_timer(turn, row, Clock.DURATION, settings.cool_down_ms)
    _let_out(turn, row, TRIALS)
    turn.rows.put(row)


def _count(row: Breaker, window: int, failed: bool) -> None:
    """Put an end in the place of the oldest one."""
    bits = bytearray(row.bits or bytes((window + 7) // 8))
    byte, mask = row.next // 8, 1 << row.next % 8
    row.failed += failed - bool(bits[byte] & mask)
    bits[byte] = bits[byte] | mask if failed else bits[byte] & ~mask
    row.bits = bytes(bits)
    row.next = (row.next + 1) % window
    row.ends = min(row.ends + 1, window)


def _open(turn: Turn, row: Breaker, cool_down_ms: int | None) -> None:
    _begin(turn, row, BreakerStatus.OPEN)
    if cool_down_ms is not None:
        _set_timer(turn, row, Clock.DURATION, cool_down_ms)


def _close(turn: Turn, row: Breaker) -> None:
    _begin(turn, row, BreakerStatus.CLOSED)
    row.bits, row.next, row.ends, row.failed = b"", 0, 0, 0
    _let_out(turn, row, LET_OUT_MAX)


def _begin(turn: Turn, row: Breaker, status: BreakerStatus) -> None:
    row.status = status
    row.trials = row.passed = 0
    row.epoch += 1
    row.changed_ms = turn.at_ms


def _let_out(turn: Turn, row: Breaker, most: int) -> None:
    """Wake the threads of some that are held; a closed breaker goes on until there are none. Each
    is sent if it still may, or held again.
    """
    found = list(islice(turn.rows.scan(HeldByBreaker, row.tenant, row.task_def), most + 1))
    for held in found[:most]:
        turn.rows.delete(held)
        task = turn.rows.peek(TaskRun, held.tenant, held.wf_run_id, held.guid)
        if task is not None:
            wake(turn, held.wf_run_id, task.thread)
    if len(found) > most and row.status is BreakerStatus.CLOSED:
        _set_timer(turn, row, Clock.PENDING, 0)


def _set_timer(turn: Turn, row: Breaker, clock: Clock, after_ms: int) -> None:
    due_ms = clock_ms(turn, clock) + after_ms
    kind = TimerKind.BREAKER
    set_timer(turn, kind, "", clock=clock, due_ms=due_ms, detail=row.task_def, number=row.epoch)


def _own(turn: Turn, task_def: str) -> Breaker:
    """The turn's own copy."""
    return turn.rows.get(Breaker, turn.tenant, task_def) or Breaker(turn.tenant, task_def)
