"""The turn's agenda: threads to be visited, in the order in which they were woken.

A wake carries nothing: what has happened stands in rows, and the visit looks. So a thread may be
woken for nothing, or twice, or be visited only in a later turn (R3).
"""

from __future__ import annotations

from penstock.core.state.timers import Clock, TimerKind, clock_ms, set_timer
from penstock.core.state.turn import Turn


def wake(turn: Turn, wf_run_id: str, thread: int) -> None:
    """Have a thread visited before this turn ends, if the budget allows."""
    turn.agenda.setdefault((wf_run_id, thread))


def wake_later(turn: Turn, wf_run_id: str, thread: int) -> None:
    """Have a thread visited in a later turn: the budget of this one is spent."""
    set_timer(
        turn,
        TimerKind.ADVANCE,
        wf_run_id,
        clock=Clock.PENDING,
        due_ms=clock_ms(turn, Clock.PENDING),
        detail="",
        number=thread,
    )


def next_woken(turn: Turn) -> tuple[str, int] | None:
    """The thread that was woken first and has not been visited since; what exceeds the budget is
    put off.
    """
    if not turn.agenda:
        return None
    if turn.nodes_left == 0 or turn.is_full():
        for wf_run_id, thread in turn.agenda:
            wake_later(turn, wf_run_id, thread)
        turn.agenda.clear()
        return None
    woken = next(iter(turn.agenda))
    del turn.agenda[woken]
    return woken
