"""After the end of a run: the starts that wait for such an end, one run each.

The new run's id is derived from the end and the start, so that it is one run however often it is
asked for; it is begun on the partition of its id, where that is another one by a command (R4). How
many starts there may be for an end is not bounded, what a turn does for them is (R3): the rest goes
on later, and until then the end is a row of its run.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

from penstock.core.command import Command
from penstock.core.definitions.run_starts import RunStart
from penstock.core.definitions.wf_spec import WfSpec, newest_spec
from penstock.core.errors import Code
from penstock.core.flow.load import is_there
from penstock.core.ids import derive_guid, partition_of_run
from penstock.core.limits import INPUTS_BYTES_MAX, START_NODES, STARTS_DEPTH_MAX
from penstock.core.starts.names import EndScope
from penstock.core.state.audit import audit_refusal
from penstock.core.state.keys import after_prefix
from penstock.core.state.outputs import CommandRefused
from penstock.core.state.start_rows import RunEnd, StartedBy, StartWatch
from penstock.core.state.timers import Clock, Timer, TimerKind, clock_ms, set_timer
from penstock.core.state.turn import Turn
from penstock.core.values.types import ValueProblem
from penstock.core.values.value import Value

_encode = msgspec.msgpack.Encoder(order="deterministic").encode
VERB: Final = "StartAfterEnd"


class StartSeed(Struct, array_like=True, frozen=True, gc=False):
    """What a run is begun with; it travels in the bytes of a row rather than in JSON."""

    wf_spec: str
    version: int
    variables: dict[str, Value]
    masked: tuple[str, ...]
    labels: dict[str, str]
    started_by: StartedBy


class StartAfterEnd(Command, frozen=True):
    """The new run's id, and what it begins with; `decided` by partition 0, to which a partition
    turns that does not know the version yet.
    """

    wf_run_id: str
    seed: bytes
    decided: bool = False


def unpacked(data: bytes) -> StartSeed:
    """The seed again."""
    return msgspec.msgpack.decode(data, type=StartSeed)


def start_runs(turn: Turn) -> None:
    """Do the starts that wait for the ends which the turn has noted."""
    while turn.ends:
        _go_on(turn, turn.ends.pop(0))


def starts_due(turn: Turn, timer: Timer) -> None:
    """Go on with the starts after an end."""
    end = turn.rows.get(RunEnd, turn.tenant, timer.wf_run_id, timer.number)
    if end is not None:
        turn.rows.delete(end)
        _go_on(turn, end)


def refuse_start(turn: Turn, wf_run_id: str, code: str, message: str) -> None:
    """A run could not be started after the end of this one, which shows it."""
    refused = CommandRefused(
        command=VERB, command_id=None, code=code, message=message, at_ms=turn.at_ms
    )
    turn.tell(wf_run_id, refused)
    if is_there(turn, wf_run_id):
        audit_refusal(turn, wf_run_id, VERB, code, message, None)


def refusal_text(start: str, wf_spec: str, message: str) -> str:
    """What is said of a start that was refused."""
    return f"start {start!r} of WfSpec {wf_spec!r}: {message}"[:2_000]


def _go_on(turn: Turn, end: RunEnd) -> None:
    """Each spec that watches, from where it stopped; what is too much for this turn waits."""
    first, after = end.after
    for index in range(first, len(end.watched)):
        prefix = StartWatch.key(turn.tenant, end.watched[index])
        begin = StartWatch.key(turn.tenant, end.watched[index], after) if after else prefix
        for _, row in turn.rows.range(StartWatch, begin, after_prefix(prefix)):
            if row.wf_spec == after or row.wf_spec == end.wf_spec:
                continue  # it was done; and none starts itself
            if turn.nodes_left == 0 or turn.is_full():
                _later(turn, end)
                return
            turn.nodes_left -= 1
            _starts_of(turn, end, end.watched[index], row.wf_spec)
            end.after = (index, row.wf_spec)
        after = ""


def _later(turn: Turn, end: RunEnd) -> None:
    turn.rows.put(end)
    kind, due_ms = TimerKind.START_RUNS, clock_ms(turn, Clock.PENDING)
    clock, number = Clock.PENDING, end.number
    set_timer(turn, kind, end.wf_run_id, clock=clock, due_ms=due_ms, detail="", number=number)


def _starts_of(turn: Turn, end: RunEnd, watched: str, wf_spec: str) -> None:
    spec = newest_spec(turn.rows, turn.tenant, wf_spec, None)
    for start in () if spec is None else spec.body.starts:
        if start.watched == watched and start.wants(end.state, end.labels):
            assert spec is not None, "it has starts"
            turn.nodes_left -= min(turn.nodes_left, START_NODES)
            _start(turn, end, spec, start)


def _start(turn: Turn, end: RunEnd, spec: WfSpec, start: RunStart) -> None:
    """Send what the run begins with to the partition of its id, or say why it can not begin."""

    def refused(code: Code, message: str) -> None:
        refuse_start(turn, end.wf_run_id, code, refusal_text(start.id, spec.name, message))

    if end.depth >= STARTS_DEPTH_MAX:
        said = f"{STARTS_DEPTH_MAX} runs have started each other, one after the other: a circle?"
        refused(Code.LIMIT, said)
        return
    try:
        seed = _seed(turn, end, spec, start)
    except ValueProblem as problem:
        refused(Code.BAD_VALUE, str(problem))
        return
    packed = _encode(seed)
    if len(packed) > INPUTS_BYTES_MAX:
        said = f"{len(packed)} bytes to begin with, {INPUTS_BYTES_MAX} are allowed"
        refused(Code.TOO_LARGE, said)
        return
    wf_run_id = _run_id(turn, end, spec.name, start.id)
    turn.output_bytes += len(packed)
    target = partition_of_run(wf_run_id, turn.shard.partitions)
    turn.send(target, StartAfterEnd(wf_run_id=wf_run_id, seed=packed))


def _seed(turn: Turn, end: RunEnd, spec: WfSpec, start: RunStart) -> StartSeed:
    """What the run begins with, or ValueProblem."""
    scope = EndScope(turn, end, start.id, spec.name)
    for name, expression in sorted(start.named.items()):
        scope.name(name, expression)
    entrypoint = spec.body.threads[spec.body.entrypoint]
    variables: dict[str, Value] = {}
    masked: list[str] = []
    for name, expression in sorted(start.inputs.items()):
        declared = entrypoint.variable(name)
        assert declared is not None, "it was registered with its inputs"
        try:
            variables[name] = scope.input(name, expression, declared.type)
        except ValueProblem as problem:
            raise ValueProblem(f"input {name!r}: {problem}") from problem
        masked += [name] if scope.masked else []
    by = StartedBy(end.wf_run_id, end.wf_spec, end.version, end.state, start.id, end.depth + 1)
    return StartSeed(spec.name, spec.version, variables, tuple(masked), start.labels, by)


def _run_id(turn: Turn, end: RunEnd, wf_spec: str, start_id: str) -> str:
    """The id of the run that a start begins after this end (R10)."""
    born = (turn.shard.partition, end.born_offset, end.wf_run_id)
    return derive_guid("start", *born, end.number, wf_spec, start_id)
