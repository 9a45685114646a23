"""The whole story of an object: every status it came to have, with its log time (design, part 8).

A row keeps its newest facts; older ones go to HistoryChunk rows, so many at a time, so that none is
lost and a row that is written again and again stays small.
"""

from __future__ import annotations

from typing import Protocol, cast

from penstock.core.limits import HISTORY_CHUNK_FACTS, HISTORY_FACTS_MAX
from penstock.core.state.facts import Fact, HistoryChunk
from penstock.core.state.rows import Row, Rows
from penstock.core.state.turn import Turn


class HasHistory(Protocol):
    """A row of a run that keeps its history; `spilled` counts its chunks."""

    tenant: str
    wf_run_id: str
    history: tuple[Fact, ...]
    spilled: int


def note(turn: Turn, row: HasHistory, status: str) -> bool:
    """Note a status of the row; False if it has it already, which is no news."""
    if row.history and row.history[-1].status == status:
        return False
    facts = (*row.history, Fact(status, turn.at_ms))
    if len(facts) >= HISTORY_FACTS_MAX:
        chunk = HistoryChunk(
            row.tenant, row.wf_run_id, subject_of(row), row.spilled, facts[:HISTORY_CHUNK_FACTS]
        )
        turn.rows.put(chunk)
        row.spilled += 1
        facts = facts[HISTORY_CHUNK_FACTS:]
    row.history = facts
    return True


def subject_of(row: HasHistory) -> str:
    """The object as its chunks name it: the kind of its row, and its key within the run."""
    kind = cast("type[Row]", type(row))
    parts = (str(getattr(row, name)) for name in kind.KEY[2:])
    return ":".join((kind.KIND.decode(), *parts))


def whole_history(rows: Rows, row: HasHistory) -> list[Fact]:
    """All facts of an object, from its first one on."""
    facts: list[Fact] = []
    if row.spilled:
        for chunk in rows.scan(HistoryChunk, row.tenant, row.wf_run_id, subject_of(row)):
            facts += chunk.facts
    return [*facts, *row.history]
