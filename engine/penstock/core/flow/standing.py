"""Where a node run stands below others: what started its thread, and for which value of several."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from penstock.core.definitions.node_check import INPUT
from penstock.core.ids import derive_guid
from penstock.core.state.run import NodeRun, ThreadKind, ThreadRun, Variable
from penstock.core.values.templates.operators import text

if TYPE_CHECKING:
    from penstock.core.flow.at import At

INDEX: Final = "INDEX"
"""The variable of a thread for one of several values that has its number."""

_FOR_EACH: Final = frozenset({"START_MULTIPLE_THREADS", "RUN_THREADS"})


class ForValue(Struct, frozen=True):
    """The value, as text, for which a thread runs, and its number among the others."""

    text: str
    iteration: int | None
    masked: bool


def started_by(at: At, thread: ThreadRun) -> tuple[ThreadRun, NodeRun] | None:
    """The thread above, and its node run that has started this one; None of an entrypoint."""
    if thread.parent is None or thread.started_at is None:
        return None
    of_run = (at.turn.tenant, at.run.wf_run_id)
    above = at.turn.rows.peek(ThreadRun, *of_run, thread.parent)
    node_run = at.turn.rows.peek(NodeRun, *of_run, thread.parent, thread.started_at)
    return None if above is None or node_run is None else (above, node_run)


def chain_above(at: At) -> Iterator[tuple[ThreadRun, NodeRun]]:
    """The thread at hand has been started by, and that one by, up to the entrypoint."""
    thread = at.thread
    while (found := started_by(at, thread)) is not None:
        yield found
        thread = found[0]


def value_of(at: At, thread: ThreadRun) -> ForValue | None:
    """The value for which a thread runs; None if it was not started for one of several."""
    if thread.kind is not ThreadKind.CHILD:
        return None
    starter = started_by(at, thread)
    if starter is None or not _runs_for_values(at, *starter):
        return None
    declared = at.blueprint_of(thread).variable(INPUT)
    of_thread = (at.turn.tenant, at.run.wf_run_id, thread.number)
    row = at.turn.rows.peek(Variable, *of_thread, INPUT)
    if declared is None or row is None or row.value is None:
        return None
    index = at.turn.rows.peek(Variable, *of_thread, INDEX)
    number = None if index is None else index.value
    iteration = number if isinstance(number, int) else None
    return ForValue(text(row.value), iteration, declared.masked or row.masked)


def _runs_for_values(at: At, above: ThreadRun, node_run: NodeRun) -> bool:
    """Whether the node starts a thread for each of several values."""
    if node_run.node_type not in _FOR_EACH:
        return False
    config = at.blueprint_of(above).nodes.get(node_run.node)
    return getattr(config, "values", True) is not None


def values_of(at: At) -> tuple[ForValue, ...]:
    """The values for which the thread at hand and those above it run, outermost first."""
    chain = (at.thread, *(above for above, _ in chain_above(at)))
    found = [value_of(at, thread) for thread in chain]
    return tuple(value for value in reversed(found) if value is not None)


def task_run_id(at: At, node_run: NodeRun) -> str:
    """The id of a node run as a task run; of a TASK it is that of its TaskRun."""
    partition, born, run_id = at.turn.shard.partition, at.run.born_offset, at.run.wf_run_id
    return derive_guid(partition, born, run_id, node_run.thread, node_run.position)
