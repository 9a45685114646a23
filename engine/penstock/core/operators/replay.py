"""Replay: a new run that begins as another one began, or as that one was when its entrypoint
reached a node. Here is what is taken from the old run; replay_start.py begins the new one with it.

Only the entrypoint can be replayed, and only from where nothing else of the run was at work: what
other threads were in the middle of is not kept. Threads that had ended are carried over as rows
that say how, for nodes that wait for them.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from penstock.core.definitions.structs import structs_of
from penstock.core.definitions.wf_spec import ThreadSpec, WfSpec
from penstock.core.errors import Code, refuse
from penstock.core.flow.anew import attempt_of, began_ms
from penstock.core.flow.at import peek_thread
from penstock.core.flow.moves import ENTRYPOINT_NUMBER
from penstock.core.flow.starting import Start, check_start, wanted_spec
from penstock.core.flow.versions import followed_at
from penstock.core.ids import derive_guid, partition_of_run
from penstock.core.limits import REPLAY_BYTES_MAX, REPLAY_SENT_BYTES_MAX
from penstock.core.operators.replay_outputs import (
    check_child_runs,
    outputs_before,
    published_before,
)
from penstock.core.operators.replay_threads import (
    PastThread,
    step_of,
    threads_before,
)
from penstock.core.state.first_answer import request_hash
from penstock.core.state.keys import after_prefix
from penstock.core.state.published import PastPublished
from penstock.core.state.replay_rows import OldVariable, PastOutput, Replayed, ReplayOf
from penstock.core.state.run import NodeRun, Variable, WfRun
from penstock.core.state.turn import Turn
from penstock.core.values.types import ValueProblem
from penstock.core.values.value import Value, coerce

START: Final = 0
"""The step, and the position, of a run's beginning."""
_encode = msgspec.msgpack.Encoder(order="deterministic").encode


class Seed(Struct, array_like=True, frozen=True):
    """What a replay is begun with. `node` is None if it begins at its beginning; of a run of
    another partition that must travel, in the bytes of a row rather than in JSON.
    """

    wf_spec: str
    version: int
    variables: dict[str, Value]
    labels: dict[str, str]
    replay: ReplayOf
    principal: str
    request_hash: bytes
    node: str | None = None
    outputs: dict[str, PastOutput] = {}
    threads: tuple[PastThread, ...] = ()
    masked: tuple[str, ...] = ()  # variables that were made of something masked
    published: tuple[PastPublished, ...] = ()


def seed_of(
    turn: Turn, run: WfRun, *, position: int | None, version: int | None, request: Any
) -> Seed:
    """What the replay of a run begins with; refused is one that can not be had."""
    start = Start(wf_spec=run.wf_spec, version=run.version if version is None else version)
    spec = wanted_spec(turn, start)
    if spec.body.parent is not None:
        refuse(Code.PARENT_REQUIRED, f"a run of {spec.name!r} must stand below another one")
    begun = turn.rows.peek(Replayed, turn.tenant, run.wf_run_id)
    place = START if position is None else position
    node_run = _node_run(turn, run, place)
    node: str | None = node_run.node
    step = step_of(run, node_run)
    first = peek_thread(turn, run.wf_run_id, ENTRYPOINT_NUMBER)
    until = first.formers[-1].until if first is not None and first.formers else 0
    if START < place < until:
        refuse(
            Code.NOT_REPLAYABLE,
            f"node run {place} is older than the migration of WfRun {run.wf_run_id!r}; replay from"
            f" node run {until} or a later one, or from the beginning",
        )
    if place == START:
        step, node = START, None if begun is None else begun.node
    outputs: dict[str, PastOutput] = {}
    threads: tuple[PastThread, ...] = ()
    published: tuple[PastPublished, ...] = ()
    variables, masked = _variables(turn, run, spec, place, step)
    if node is None:
        check_start(turn, replace(start, variables=variables))
    else:
        _check_node(spec, node)
        threads = threads_before(turn, run, place, step)
        outputs = outputs_before(turn, run, spec, place, 0 if place == START else until)
        check_child_runs(spec, node, outputs)
        published = published_before(turn, run, step)
    first = run.replay
    replay = ReplayOf(
        run.wf_run_id,
        run.wf_run_id if first is None else first.original,
        attempt_of(run) + 1,
        None if place == START else place,
        began_ms(run),
    )
    return Seed(
        spec.name,
        spec.version,
        variables,
        run.labels,
        replay,
        turn.principal,
        request_hash(request),
        node,
        outputs,
        threads,
        masked,
        published,
    )


def packed(turn: Turn, seed: Seed, target: int) -> bytes:
    """The seed as it travels; refused is one that is too large for it."""
    data = _encode(seed)
    here = target == turn.shard.partition
    limit = REPLAY_BYTES_MAX if here else REPLAY_SENT_BYTES_MAX
    if len(data) > limit:
        hint = "" if here else "; name no new_wf_run_id, and it stays on its partition"
        refuse(Code.TOO_LARGE, f"{len(data)} bytes to begin with, {limit} are allowed{hint}")
    turn.output_bytes += len(data)
    return data


def unpacked(data: bytes) -> Seed:
    """The seed again."""
    return msgspec.msgpack.decode(data, type=Seed)


def new_run_id(turn: Turn, wf_run_id: str) -> str:
    """An id for a replay (R10) that belongs on this partition, so that nothing need travel."""
    number = 0
    while True:
        number += 1
        place = turn.shard.partition, turn.offset, turn.part
        made = derive_guid("replay", *place, wf_run_id, number)
        if partition_of_run(made, turn.shard.partitions) == turn.shard.partition:
            return made


def _node_run(turn: Turn, run: WfRun, position: int) -> NodeRun:
    where = (turn.tenant, run.wf_run_id, ENTRYPOINT_NUMBER)
    found = turn.rows.peek(NodeRun, *where, position) if position >= 0 else None
    if found is None:
        refuse(
            Code.NODE_RUN_UNKNOWN,
            f"the entrypoint of WfRun {run.wf_run_id!r} has no node run {position}",
        )
    return found


def _check_node(spec: WfSpec, node: str) -> None:
    if node not in spec.body.threads[spec.body.entrypoint].nodes:
        refuse(
            Code.NOT_REPLAYABLE,
            f"the entrypoint of WfSpec {spec.name!r} has no node {node!r} in version"
            f" {spec.version}; replay from another node, or name another version",
        )


def _variables(
    turn: Turn, run: WfRun, spec: WfSpec, place: int, step: int
) -> tuple[dict[str, Value], tuple[str, ...]]:
    """The variables of the entrypoint as they were at a step, as the version declares them, and the
    names of those that were made of something masked. One that the run has had neither there nor
    since is what it is at a start.
    """
    now, then = _entrypoint(turn, run, None), _entrypoint(turn, run, place)
    structs = structs_of(turn)
    values: dict[str, Value] = {}
    masked: list[str] = []
    for declared in spec.body.threads[spec.body.entrypoint].variables:
        if declared.is_inherited:
            continue
        was = now.variable(declared.name) or then.variable(declared.name)
        if was is None:
            values[declared.name] = declared.default
            continue
        value, hidden = _value_at(turn, run, declared.name, step)
        hidden = hidden or was.masked
        masked += [declared.name] if hidden else []
        try:
            values[declared.name] = coerce(value, declared.type, structs)
        except ValueProblem as problem:
            said = f"it is not {declared.type}" if declared.masked or hidden else str(problem)
            refuse(Code.BAD_VALUE, f"variable {declared.name!r}: {said}")
    return values, tuple(masked)


def _entrypoint(turn: Turn, run: WfRun, position: int | None) -> ThreadSpec:
    """What the entrypoint followed at a position; with none, what it follows now."""
    thread = peek_thread(turn, run.wf_run_id, ENTRYPOINT_NUMBER)
    assert thread is not None, "a run has an entrypoint"
    version, name = followed_at(run, thread, thread.position if position is None else position)
    spec = turn.rows.peek(WfSpec, turn.tenant, run.wf_spec, version)
    assert spec is not None, "a run's WfSpec stays while the run does"
    return spec.body.threads[name]


def _value_at(turn: Turn, run: WfRun, name: str, step: int) -> tuple[Value, bool]:
    """What a variable of the entrypoint was when the run had come to a step, and whether that was
    made of something masked.
    """
    of_run = (turn.tenant, run.wf_run_id)
    now = turn.rows.peek(Variable, *of_run, ENTRYPOINT_NUMBER, name)
    if now is not None and now.since <= step:
        return now.value, now.masked
    first, end = OldVariable.key(*of_run, name, step), after_prefix(OldVariable.key(*of_run, name))
    _, old = next(turn.rows.range(OldVariable, first, end), (b"", None))
    if old is None and now is None:
        return None, False
    if old is None or old.since > step:
        refuse(
            Code.OLD_VALUE_GONE,
            f"what variable {name!r} was there is not kept, since the run has changed its"
            " variables too often; replay from a later node, or from the beginning",
        )
    return old.value, old.masked
