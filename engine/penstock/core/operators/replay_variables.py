"""Variables of a thread as they were when it reached a node, as a version declares them."""

from __future__ import annotations

from msgspec import Struct

from penstock.core.definitions.structs import structs_of
from penstock.core.definitions.wf_spec import ThreadSpec, WfSpec
from penstock.core.errors import Code, refuse
from penstock.core.flow.at import peek_thread
from penstock.core.flow.versions import followed_at
from penstock.core.state.keys import after_prefix
from penstock.core.state.replay_rows import OldVariable, Replayed
from penstock.core.state.run import Variable, WfRun
from penstock.core.state.turn import Turn
from penstock.core.values.types import ValueProblem
from penstock.core.values.value import Value, coerce


class Stand(Struct, frozen=True):
    """Where a thread stood: at which position, and the run's step to which it had come. Both are 0
    at its beginning. `begun` is what it began with there, if it is one of a replay; nodes have had
    their names since the position `until`.
    """

    thread: int
    position: int
    step: int
    begun: Replayed | None
    until: int = 0


def variables_at(
    turn: Turn, run: WfRun, stand: Stand, wanted: ThreadSpec
) -> tuple[dict[str, Value], tuple[str, ...]]:
    """The variables of a thread, as a version declares them, and the names of those that were made
    of something masked. One that the thread has had neither there nor since is what it is at a
    start.
    """
    now, then = _followed(turn, run, stand.thread, None), _followed(turn, run, stand.thread, stand)
    structs = structs_of(turn)
    values: dict[str, Value] = {}
    masked: list[str] = []
    for declared in wanted.variables:
        if declared.is_inherited:
            continue
        was = now.variable(declared.name) or then.variable(declared.name)
        if was is None:
            values[declared.name] = declared.default
            continue
        value, hidden = _value_at(turn, run, declared.name, stand)
        hidden = hidden or was.masked
        masked += [declared.name] if hidden else []
        try:
            values[declared.name] = coerce(value, declared.type, structs)
        except ValueProblem as problem:
            said = f"it is not {declared.type}" if declared.masked or hidden else str(problem)
            refuse(Code.BAD_VALUE, f"variable {declared.name!r}: {said}")
    return values, tuple(masked)


def _followed(turn: Turn, run: WfRun, number: int, stand: Stand | None) -> ThreadSpec:
    """What a thread followed where it stood; with none, what it follows now."""
    thread = peek_thread(turn, run.wf_run_id, number)
    assert thread is not None, "it is one of the run"
    position = thread.position if stand is None else stand.position
    version, name = followed_at(run, thread, position)
    spec = turn.rows.peek(WfSpec, turn.tenant, run.wf_spec, version)
    assert spec is not None, "a run's WfSpec stays while the run does"
    return spec.body.threads[name]


def _value_at(turn: Turn, run: WfRun, name: str, stand: Stand) -> tuple[Value, bool]:
    """What a variable was there, and whether that was made of something masked."""
    if stand.position == 0 and stand.begun is not None and stand.thread:
        return stand.begun.variables.get(name), name in stand.begun.masked
    of_thread = (turn.tenant, run.wf_run_id, stand.thread)
    now = turn.rows.peek(Variable, *of_thread, name)
    if now is not None and now.since <= stand.step:
        return now.value, now.masked
    first = OldVariable.key(*of_thread, name, stand.step)
    end = after_prefix(OldVariable.key(*of_thread, name))
    _, old = next(turn.rows.range(OldVariable, first, end), (b"", None))
    if old is None and now is None:
        return None, False
    if old is None or old.since > stand.step:
        refuse(
            Code.OLD_VALUE_GONE,
            f"what variable {name!r} was there is not kept, since the run has changed its"
            " variables too often; replay from a later node, or from the beginning",
        )
    return old.value, old.masked
