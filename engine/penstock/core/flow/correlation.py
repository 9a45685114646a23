"""Correlation, on the partition of a run: the run says what events it waits for, under which key.

What is to be told to the partition of the key is noted in the turn, and sent before the turn ends
(commands/set_event_marker.py): a node hook must not find rows changed under its feet.
"""

from __future__ import annotations

from typing import Final

from penstock.core.flow.at import At
from penstock.core.ids import correlation_key_problem
from penstock.core.state.correlation_rows import MarkerNews, RunMarker
from penstock.core.state.turn import Turn
from penstock.core.values.forms import Expression
from penstock.core.values.types import ValueProblem, ValueType
from penstock.core.values.value import type_name

ENTRYPOINT_POSITION: Final = 0


def key_of(at: At, expression: Expression, what: str) -> str:
    """The value of an expression as a key that an event may be put under, or ValueProblem."""
    value = at.evaluate_as(expression, ValueType.STR, what)
    if not isinstance(value, str):
        raise ValueProblem(f"{what}: a correlation key is STR, this one is {type_name(value)}")
    problem = correlation_key_problem(value)
    if problem is not None:
        raise ValueProblem(f"{what}: {problem}")
    return value


def mark(at: At, event_def: str, key: str, *, masked: bool = False) -> None:
    """The node run waits for events with this key."""
    _mark(at, _place(at), event_def, key, masked=masked)


def mark_thread(at: At) -> None:
    """Events interrupt the thread under the keys that it had when it began: when it begins, and
    when it goes on after it had ended. Where they do already, nothing changes.
    """
    place = at.thread.number, ENTRYPOINT_POSITION
    for event_def, key in sorted(at.thread.interrupt_keys.items()):
        if _marker(at.turn, at.run.wf_run_id, place, event_def) is None:
            _mark(at, place, event_def, key, stays=True)


def marked(at: At, event_def: str) -> bool:
    """Whether the node run waits for an event with a key."""
    return _marker(at.turn, at.run.wf_run_id, _place(at), event_def) is not None


def unmark(turn: Turn, wf_run_id: str, place: tuple[int, int], event_def: str) -> None:
    """It waits no more; doing it twice changes nothing. `place` is thread and position."""
    marker = _marker(turn, wf_run_id, place, event_def)
    if marker is not None:
        forget_marker(turn, marker)


def unmark_node(at: At, event_def: str) -> None:
    """The current node run waits no more."""
    unmark(at.turn, at.run.wf_run_id, _place(at), event_def)


def unmark_thread(at: At) -> None:
    """The thread has ended, or is halted for good: no event with a key interrupts it any more."""
    place = at.thread.number, ENTRYPOINT_POSITION
    for event_def in sorted(at.thread.interrupt_keys):
        unmark(at.turn, at.run.wf_run_id, place, event_def)


def forget_marker(turn: Turn, marker: RunMarker) -> None:
    """Take a marker away, whatever the reason (its run may be being deleted), and say so."""
    turn.rows.delete(marker)
    turn.news.append(MarkerNews(marker, waits=False))


def _mark(
    at: At,
    place: tuple[int, int],
    event_def: str,
    key: str,
    *,
    stays: bool = False,
    masked: bool = False,
) -> None:
    turn = at.turn
    run_id = at.run.wf_run_id
    marker = RunMarker(
        turn.tenant, run_id, *place, event_def, key, turn.at_ms, stays=stays, masked=masked
    )
    turn.rows.put(marker)
    turn.news.append(MarkerNews(marker, waits=True))


def _place(at: At) -> tuple[int, int]:
    return at.node_run.thread, at.node_run.position


def _marker(turn: Turn, wf_run_id: str, place: tuple[int, int], event_def: str) -> RunMarker | None:
    return turn.rows.peek(RunMarker, turn.tenant, wf_run_id, *place, event_def)
