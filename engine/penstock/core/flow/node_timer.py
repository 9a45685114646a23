"""The one timer that a node run may set. When it is due it goes from the row, and the thread is
woken; a node run that is left drops it.
"""

from penstock.core.flow.at import At
from penstock.core.state.timers import Clock, TimerKind, drop_timer, set_timer


def set_node_timer(at: At, clock: Clock, due_ms: int) -> None:
    """Have the thread woken at a time of a clock, instead of when it was to be before."""
    drop_node_timer(at)
    at.node_run.timer = set_timer(
        at.turn,
        TimerKind.NODE,
        at.run.wf_run_id,
        clock=clock,
        due_ms=due_ms,
        detail=str(at.node_run.thread),
        number=at.node_run.position,
    )


def drop_node_timer(at: At) -> None:
    """The node run waits for no time any more."""
    node_run = at.node_run
    if node_run.timer is not None:
        drop_timer(
            at.turn,
            node_run.timer,
            TimerKind.NODE,
            at.run.wf_run_id,
            detail=str(node_run.thread),
            number=node_run.position,
        )
        node_run.timer = None
