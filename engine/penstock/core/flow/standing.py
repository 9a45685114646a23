"""Where a node run stands below others: what started its thread, and for which value of several.

Helping nodes (ids.is_step) are looked through: what stands in a thread that one has started, stands
in the thread above.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from penstock.core.definitions.node_check import INDEX, INPUT
from penstock.core.definitions.nodes import RunThreadsNode
from penstock.core.definitions.wf_spec import VariableDef
from penstock.core.ids import is_step, visit_id
from penstock.core.state.run import NodeRun, ThreadKind, ThreadRun, Variable
from penstock.core.values.templates.operators import text

if TYPE_CHECKING:
    from penstock.core.flow.at import At

_FOR_EACH: Final = frozenset({"START_MULTIPLE_THREADS", "RUN_THREADS"})


class ForValue(Struct, frozen=True):
    """The value, as text, for which a thread runs."""

    text: str
    masked: bool


def step_at(at: At) -> tuple[ThreadRun, NodeRun]:
    """The step at hand and its thread: that of a helping node is the step that it helps."""
    if is_step(at.node_run.node):
        return at.thread, at.node_run
    return started_by(at, at.thread) or (at.thread, at.node_run)


def started_by(at: At, thread: ThreadRun) -> tuple[ThreadRun, NodeRun] | None:
    """The step that has started a thread, and its own thread; None of an entrypoint."""
    found = _starter(at, thread)
    while found is not None and not is_step(found[1].node):
        found = _starter(at, found[0])
    return found


def speaks_for_step(at: At) -> bool:
    """Whether what the node at hand waits for, a step waits for: it helps it, in the only thread of
    the step, whose output is the step's.
    """
    starter = None if is_step(at.node_run.node) else _starter(at, at.thread)
    if starter is None or not is_step(starter[1].node):
        return False
    config = at.blueprint_of(starter[0]).nodes.get(starter[1].node)
    return isinstance(config, RunThreadsNode) and config.gives_output


def _starter(at: At, thread: ThreadRun) -> tuple[ThreadRun, NodeRun] | None:
    """The thread above, and its node run that has started this one."""
    if thread.parent is None or thread.started_at is None:
        return None
    of_run = (at.turn.tenant, at.run.wf_run_id)
    above = at.turn.rows.peek(ThreadRun, *of_run, thread.parent)
    node_run = at.turn.rows.peek(NodeRun, *of_run, thread.parent, thread.started_at)
    return None if above is None or node_run is None else (above, node_run)


def chain_above(at: At) -> Iterator[tuple[ThreadRun, NodeRun]]:
    """The step at hand has been started by, and that one by, up to the entrypoint."""
    thread = step_at(at)[0]
    while (found := started_by(at, thread)) is not None:
        yield found
        thread = found[0]


def value_of(at: At, thread: ThreadRun) -> ForValue | None:
    """The value for which a thread runs; None if it was not started for one of several."""
    thread, starter = _own(at, thread)
    if thread.kind is not ThreadKind.CHILD:
        return None
    if starter is None or not _runs_for_values(at, *starter):
        return None
    declared, row = _variable(at, thread, INPUT)
    if declared is None or row is None or row.value is None:
        return None
    return ForValue(text(row.value), declared.masked or row.masked)


def iteration_of(at: At, thread: ThreadRun) -> int | None:
    """The number of the value for which a thread runs, or of the round in which it is."""
    _, row = _variable(at, _own(at, thread)[0], INDEX)
    return row.value if row is not None and isinstance(row.value, int) else None


class Share(Struct, frozen=True):
    """What a helping node does of its step: a round of it, or one of several values, as that is.
    Both are counted from 1.
    """

    number: int
    value: Variable | None = None


def share_at(at: At) -> Share | None:
    """What the node at hand does of the step that has started its thread; None of a step itself,
    and of what is not counted.
    """
    number = None if is_step(at.node_run.node) else iteration_of(at, at.thread)
    if number is None:
        return None
    if value_of(at, at.thread) is None:
        return Share(number)
    return Share(number + 1, _variable(at, _own(at, at.thread)[0], INPUT)[1])


def iteration_at(at: At) -> int | None:
    """The number of the round, or of the value, at which the node at hand is; for what a helping
    node does, the step has it.
    """
    share = share_at(at)
    return iteration_of(at, step_at(at)[0]) if share is None else share.number


def _own(at: At, thread: ThreadRun) -> tuple[ThreadRun, tuple[ThreadRun, NodeRun] | None]:
    """The thread that a step has started, and that step with its own thread, for one that a helping
    node has.
    """
    starter = _starter(at, thread)
    while starter is not None and not is_step(starter[1].node):
        thread = starter[0]
        starter = _starter(at, thread)
    return thread, starter


def _variable(at: At, thread: ThreadRun, name: str) -> tuple[VariableDef | None, Variable | None]:
    declared = at.blueprint_of(thread).variable(name)
    row = at.turn.rows.peek(Variable, at.turn.tenant, at.run.wf_run_id, thread.number, name)
    return declared, None if declared is None else row


def _runs_for_values(at: At, above: ThreadRun, node_run: NodeRun) -> bool:
    """Whether the node starts a thread for each of several values."""
    if node_run.node_type not in _FOR_EACH:
        return False
    config = at.blueprint_of(above).nodes.get(node_run.node)
    return getattr(config, "values", True) is not None


def values_of(at: At) -> tuple[ForValue, ...]:
    """The values for which the thread at hand and those above it run, outermost first."""
    chain = (step_at(at)[0], *(above for above, _ in chain_above(at)))
    found = [value_of(at, thread) for thread in chain]
    return tuple(value for value in reversed(found) if value is not None)


def task_run_id(at: At, node_run: NodeRun) -> str:
    """The id of a node run as a task run; of a TASK it is that of its TaskRun."""
    partition, born, run_id = at.turn.shard.partition, at.run.born_offset, at.run.wf_run_id
    return visit_id(partition, born, run_id, node_run.thread, node_run.position)
