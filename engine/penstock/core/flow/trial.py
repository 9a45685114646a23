"""An expression tried out at a place of a run: what it comes to there, as the rows stand now.
Nothing is written, whatever it is.

Rule: what is masked does not come into it. As soon as it is read the answer is `*****`, whatever
would have become of it: else a choice between a value and a problem, or null, would tell of it.
"""

from __future__ import annotations

from msgspec import Struct

from penstock.core.definitions.wf_spec import WfSpec
from penstock.core.errors import Code, refuse
from penstock.core.flow.at import At
from penstock.core.flow.load import load
from penstock.core.flow.versions import followed_at
from penstock.core.flow.visits import visit_of
from penstock.core.state.partition_state import PartitionState, Shard
from penstock.core.state.rows import Rows, copy_of
from penstock.core.state.run import NodeRun, WfRun
from penstock.core.state.turn import Turn
from penstock.core.values.forms import Expression, check_form
from penstock.core.values.masking import MASK
from penstock.core.values.types import ValueProblem
from penstock.core.values.value import Value


class Place(Struct, frozen=True, kw_only=True):
    """A node run: of a task run, or of a thread; the one at which the thread stands, if no position
    is named.
    """

    wf_run_id: str
    thread: int = 0
    position: int | None = None
    task_run: str | None = None


class Tried(Struct, frozen=True):
    """What an expression comes to: a value, or why there is none; or `*****`, if it reads something
    masked.
    """

    value: Value
    masked: bool = False
    problem: str | None = None


def try_expression(
    rows: Rows, shard: Shard, tenant: str, place: Place, expression: Expression
) -> Tried:
    """What an expression comes to at a place; refused is a form that can never be right, and a
    place that is not there.
    """
    try:
        check_form(expression)
    except ValueProblem as problem:
        refuse(Code.BAD_VALUE, str(problem))
    at = _stand(reading_turn(rows, shard, tenant), place)
    at.sees_masked = False
    try:
        tried = Tried(at.evaluate(expression, "trial"))
    except ValueProblem as problem:
        tried = Tried(None, problem=str(problem))
    return Tried(MASK, masked=True) if at.masked else tried


def is_clear(at: At, expression: Expression) -> bool:
    """Whether an expression comes to a value there, and reads nothing masked."""
    at.sees_masked = False
    try:
        at.evaluate(expression, "trial")
    except ValueProblem:
        return False
    return not at.masked


def reading_turn(rows: Rows, shard: Shard, tenant: str) -> Turn:
    """A turn of no record: what reads rows wants one."""
    turn = Turn(rows, shard, 0, rows.get(PartitionState) or PartitionState())
    turn.tenant = tenant
    return turn


def _stand(turn: Turn, place: Place) -> At:
    """Where the place is. A node run from before a migration is seen as it was called then."""
    wf_run_id, thread, position = place.wf_run_id, place.thread, place.position
    if place.task_run is not None:
        run = turn.rows.peek(WfRun, turn.tenant, wf_run_id)
        if run is None:
            refuse(Code.WF_RUN_UNKNOWN, f"there is no WfRun {wf_run_id!r}")
        run, thread, position = visit_of(turn.rows, turn.shard.partition, run, place.task_run)
        wf_run_id = run.wf_run_id
    at = load(turn, wf_run_id, thread)
    if position is None:
        return at
    of_thread = (turn.tenant, wf_run_id, thread)
    node_run = turn.rows.get(NodeRun, *of_thread, position) if position >= 0 else None
    if node_run is None:
        refuse(
            Code.NODE_RUN_UNKNOWN,
            f"WfRun {wf_run_id!r} has no node run {position} in thread {thread}",
        )
    version, name = followed_at(at.run, at.thread, position)
    spec = turn.rows.peek(WfSpec, turn.tenant, at.run.wf_spec, version)
    assert spec is not None, "a run's WfSpec stays while the run does"
    then = copy_of(at.thread)
    then.version, then.thread_spec = version, name
    return At(turn, at.run, spec, then, node_run)
