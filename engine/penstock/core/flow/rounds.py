"""Rounds: something is done to each row of a list of a run that may be long, so many rows a turn
(R3). The first of them have it done at once; the rest by a PENDING timer.

What is done must be level-triggered: it looks at rows, so that it may be done twice, or late, when
things have changed meanwhile. A list that somebody wants gone through while it is, is gone through
once more afterwards, from its beginning: so each row has its turn, however often that is wanted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

from penstock.core.state.keys import after_prefix
from penstock.core.state.rows import Row
from penstock.core.state.thread_rows import RoundUnderWay
from penstock.core.state.timers import Clock, Timer, TimerKind, clock_ms, set_timer
from penstock.core.state.turn import Turn

R = TypeVar("R", bound=Row)


@dataclass(frozen=True, slots=True)
class Round(Generic[R]):
    """How the lists of a kind are gone through. A run has one of them, or one for each `number`,
    which is then the part of the rows' keys that follows the run.
    """

    timer: TimerKind
    kind: type[R]
    each: Callable[[Turn, R], None]
    numbered: bool = True

    def begin(self, turn: Turn, wf_run_id: str, number: int = 0) -> None:
        """Go through a list, from its beginning."""
        under_way = turn.rows.get(RoundUnderWay, turn.tenant, wf_run_id, self.timer, number)
        if under_way is None:
            fresh = RoundUnderWay(turn.tenant, wf_run_id, self.timer, number)
            self._do_chunk(turn, fresh, is_new=True)
        elif not under_way.again:
            under_way.again = True
            turn.rows.put(under_way)

    def go_on(self, turn: Turn, timer: Timer) -> None:
        """Do the next rows."""
        key = (turn.tenant, timer.wf_run_id, self.timer, timer.number)
        under_way = turn.rows.get(RoundUnderWay, *key)
        assert under_way is not None, "it stays until the last chunk"
        self._do_chunk(turn, under_way, is_new=False)

    def _do_chunk(self, turn: Turn, under_way: RoundUnderWay, *, is_new: bool) -> None:
        """Half of what is left of the turn's budget is for this, half for the visits it asks for;
        one row is always done.
        """
        parts = (under_way.number,) if self.numbered else ()
        prefix = self.kind.key(turn.tenant, under_way.wf_run_id, *parts)
        start = under_way.behind + b"\x00" if under_way.behind else prefix
        size = chunk_of(turn)
        found = list(islice(turn.rows.range(self.kind, start, after_prefix(prefix)), size + 1))
        for key, row in found[:size]:
            self.each(turn, row)
            under_way.behind = key
        pay(turn, min(size, len(found)))
        if len(found) <= size:
            if not under_way.again:
                if not is_new:
                    turn.rows.delete(under_way)
                return
            under_way.again, under_way.behind = False, b""
        turn.rows.put(under_way)
        due_ms = clock_ms(turn, Clock.PENDING)
        set_timer(
            turn,
            self.timer,
            under_way.wf_run_id,
            clock=Clock.PENDING,
            due_ms=due_ms,
            detail="",
            number=under_way.number,
        )


def chunk_of(turn: Turn) -> int:
    """How many rows a chunk may have now."""
    return max(1, turn.nodes_left // 2)


def pay(turn: Turn, rows: int) -> None:
    """So many rows were done."""
    turn.nodes_left -= min(turn.nodes_left, rows)


def forget_round(turn: Turn, timer: Timer) -> None:
    """The timer is gone for a defect: a later round of the list must not wait for it (R6)."""
    under_way = RoundUnderWay(turn.tenant, timer.wf_run_id, timer.kind, timer.number)
    turn.rows.delete(under_way)
