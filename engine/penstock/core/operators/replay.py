"""Replay: a new run that begins as another one began, or as that one was when one of its threads
reached a node. Here is what is taken from the old run; replay_start.py begins the new one with it.

It can be the entrypoint, or a thread that blocks have run (replay_blocks.py), and only where
nothing was at work but what these blocks can do again: what other threads were in the middle of is
not kept. Threads that had ended are carried over as rows that say how, for nodes that wait for
them.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from penstock.core.errors import Code, refuse
from penstock.core.flow.anew import attempt_of, began_ms
from penstock.core.flow.moves import ENTRYPOINT_NUMBER
from penstock.core.flow.starting import Start, check_start, wanted_spec
from penstock.core.ids import derive_guid, partition_of_run
from penstock.core.limits import REPLAY_BYTES_MAX, REPLAY_SENT_BYTES_MAX
from penstock.core.operators.replay_blocks import PastBlock, blocks_on, place_at, way_to
from penstock.core.operators.replay_outputs import published_before
from penstock.core.operators.replay_threads import PastThread, threads_before
from penstock.core.state.first_answer import request_hash
from penstock.core.state.published import PastPublished
from penstock.core.state.replay_rows import PastOutput, ReplayOf
from penstock.core.state.run import WfRun
from penstock.core.state.start_rows import StartedBy
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value

START: Final = 0
"""The step, and the position, of a run's beginning."""
_encode = msgspec.msgpack.Encoder(order="deterministic").encode


class Seed(Struct, array_like=True, frozen=True, gc=False):
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
    blocks: tuple[PastBlock, ...] = ()
    started_by: StartedBy | None = None
    charged_to: str = ""


def seed_of(
    turn: Turn,
    run: WfRun,
    *,
    thread: int = ENTRYPOINT_NUMBER,
    position: int | None,
    version: int | None,
    request: Any,
    asked: WfRun | None = None,
) -> Seed:
    """What the replay of a run begins with; refused is one that can not be had. `asked` is a replay
    of it that has it as its own past, if it is that which is to be replayed.
    """
    asked = run if asked is None else asked
    start = Start(wf_spec=run.wf_spec, version=run.version if version is None else version)
    spec = wanted_spec(turn, start)
    if spec.body.parent is not None:
        refuse(Code.PARENT_REQUIRED, f"a run of {spec.name!r} must stand below another one")
    way = way_to(turn, run, thread, START if position is None else position)
    place = place_at(turn, run, spec, way[0], spec.body.entrypoint)
    threads: tuple[PastThread, ...] = ()
    published: tuple[PastPublished, ...] = ()
    blocks: tuple[PastBlock, ...] = ()
    if place.node is None:
        check_start(turn, replace(start, variables=place.variables))
    else:
        step = max(stand.step for stand in way)
        threads = threads_before(turn, run, {one.thread: one.position for one in way}, step)
        published = published_before(turn, run, spec, way)
        blocks = blocks_on(turn, run, spec, way, place, threads)
    return Seed(
        spec.name,
        spec.version,
        place.variables,
        asked.labels,
        _replay_of(run, thread, position, asked),
        turn.principal,
        request_hash(request),
        place.node,
        place.outputs,
        threads,
        place.masked,
        published,
        blocks,
        run.started_by,
        run.charged_to,
    )


def _replay_of(run: WfRun, thread: int, position: int | None, asked: WfRun) -> ReplayOf:
    first = asked.replay
    return ReplayOf(
        run.wf_run_id,
        run.wf_run_id if first is None else first.original,
        attempt_of(asked) + 1,
        None if (thread, position) == (ENTRYPOINT_NUMBER, START) else position,
        began_ms(asked),
        thread,
        asked.restarts + (0 if first is None else first.restarts),
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
