"""Which node an operator's resume passes: of those that wait for an event, and say that a resume is
one, the one that has waited longest.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import cast

from penstock.core.definitions.nodes import ExternalEventNode
from penstock.core.errors import Code, refuse
from penstock.core.flow.at import At
from penstock.core.flow.load import find
from penstock.core.limits import RESUMABLE_WAITS_SEEN_MAX
from penstock.core.state.event_rows import EventWaiter
from penstock.core.state.keys import after_prefix
from penstock.core.state.transitions import ThreadStatus
from penstock.core.state.turn import Turn


def oldest_resumable(turn: Turn, at: At) -> EventWaiter | None:
    """The wait of a thread that is passed; of the entrypoint, that of any thread of the run. So
    many waits are looked at; where there are more, it is the longest of these.
    """
    found, left = list[EventWaiter](), RESUMABLE_WAITS_SEEN_MAX
    for event_def in _awaited(turn, at.run.wf_run_id):
        waits = turn.rows.scan(EventWaiter, turn.tenant, at.run.wf_run_id, event_def)
        for waiter in islice(waits, left):
            left -= 1
            if at.thread.number in (0, waiter.thread) and _is_resumable(turn, waiter):
                found.append(waiter)
                break
        if left == 0:
            break
    if not found and left == 0:
        refuse(
            Code.LIMIT,
            f"{RESUMABLE_WAITS_SEEN_MAX} waits for events of WfRun {at.run.wf_run_id!r} were looked"
            " at, and a resume passes none of them: put the event to the thread that waits for it",
        )
    return min(found, key=lambda waiter: waiter.step, default=None)


def _awaited(turn: Turn, wf_run_id: str) -> Iterator[str]:
    """The events for which something waits."""
    of_run = EventWaiter.key(turn.tenant, wf_run_id)
    start, end = of_run, after_prefix(of_run)
    while (first := next(turn.rows.range(EventWaiter, start, end), None)) is not None:
        yield first[1].event_def
        start = after_prefix(EventWaiter.key(turn.tenant, wf_run_id, first[1].event_def))


def _is_resumable(turn: Turn, waiter: EventWaiter) -> bool:
    """Whether a resume is what a node waits for, and its thread is not halted."""
    at = find(turn, waiter.wf_run_id, waiter.thread)
    if at is None or at.thread.status is not ThreadStatus.RUNNING:
        return False
    given = at.node_run.progress.get("guid") is not None
    return cast(ExternalEventNode, at.config).resumable and not given
