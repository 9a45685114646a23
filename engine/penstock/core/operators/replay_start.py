"""Beginning a replay, on the partition of the new run."""

from __future__ import annotations

from penstock.core.flow.beginnings import FIRST_POSITION, begin_in_its_middle
from penstock.core.flow.moves import ENTRYPOINT_NUMBER
from penstock.core.flow.starting import Start, begin_run, start_run, wanted_spec
from penstock.core.limits import THREADS_PER_CHUNK
from penstock.core.operators.replay import Seed
from penstock.core.operators.replay_blocks import PastBlock
from penstock.core.operators.replay_threads import PastThread
from penstock.core.state.facts import AuditEntry
from penstock.core.state.published import PublishedOutput
from penstock.core.state.replay_rows import Replayed
from penstock.core.state.run import ThreadRun, WfRun
from penstock.core.state.thread_rows import EachChunk, EachPlan, EachThread
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value

VERB = "ReplayWfRun"


def start_replay(turn: Turn, wf_run_id: str, seed: Seed) -> WfRun:
    """Begin a replay under an id that is free: it says of which run it is one, and who wanted
    it.
    """
    start = Start(
        wf_spec=seed.wf_spec,
        version=seed.version,
        variables=seed.variables,
        labels=seed.labels,
        masked=seed.masked,
        charged_to=seed.charged_to,
    )
    if seed.node is None:
        run = start_run(turn, start, wf_run_id, seed.request_hash)
    else:
        run = _begin_at(turn, wf_run_id, seed, start, seed.node)
    run.replay, run.labels, run.started_by = seed.replay, seed.labels, seed.started_by
    turn.rows.put(run)
    detail: dict[str, Value] = {"replay_of": seed.replay.of, "position": seed.replay.position}
    if seed.replay.thread:
        detail["thread"] = seed.replay.thread
    turn.rows.put(
        AuditEntry(turn.tenant, wf_run_id, turn.offset, VERB, seed.principal, turn.at_ms, detail)
    )
    return run


def _begin_at(turn: Turn, wf_run_id: str, seed: Seed, start: Start, node: str) -> WfRun:
    """The run goes from its ENTRYPOINT to the node, with what it would have had there; so do the
    threads below that begin in their middle, in their time.
    """
    spec = wanted_spec(turn, start)
    run = begin_run(turn, spec, start, wf_run_id, seed.variables, seed.request_hash)
    run_id = (turn.tenant, wf_run_id)
    for past in seed.published:
        key = (*run_id, past.node, past.path)
        turn.rows.put(PublishedOutput(*key, past.values, past.value, masked=past.masked))
    first = turn.rows.get(ThreadRun, *run_id, ENTRYPOINT_NUMBER)
    assert first is not None, "a run has an entrypoint thread"
    for past in seed.threads:
        turn.rows.put(_thread(*run_id, past))
    begun = _write_beginnings(turn, wf_run_id, seed, Replayed(*run_id, 0, node, seed.outputs))
    begin_in_its_middle(turn, spec, first, begun, seed.variables)
    turn.rows.put(first)
    run.threads += len(seed.threads)
    run.ends = max((past.end_number for past in seed.threads), default=0)
    return run


def _write_beginnings(turn: Turn, wf_run_id: str, seed: Seed, first: Replayed) -> Replayed:
    """Where threads begin, the entrypoint first, and what the blocks in which they stand go on
    with.
    """
    run_id, begins = (turn.tenant, wf_run_id), [first]
    first.threads = 1 + len(seed.threads)
    for block in seed.blocks:
        place = block.below
        begins[-1].into, begins[-1].begun = place.thread, block.begun
        here = (place.thread, place.node, place.outputs, place.variables, place.masked)
        begins.append(Replayed(*run_id, *here))
        _write_block(turn, run_id, block)
    for begun in begins:
        begun.warned = sum(past.unnoticed for past in seed.threads if past.parent == begun.thread)
        turn.rows.put(begun)
    return first


def _write_block(turn: Turn, run_id: tuple[str, str], block: PastBlock) -> None:
    """At the first position of its thread lies what it goes on with."""
    here = (*run_id, block.thread, FIRST_POSITION)
    told = (FIRST_POSITION, block.count, block.given, block.masked, block.names)
    turn.rows.put(EachPlan(*here, *told))
    for first in range(0, len(block.values), THREADS_PER_CHUNK):
        chunk = block.values[first : first + THREADS_PER_CHUNK]
        turn.rows.put(EachChunk(*here, first // THREADS_PER_CHUNK, chunk))
    for element, child in block.begun:
        turn.rows.put(EachThread(*here, element, child))


def _thread(tenant: str, wf_run_id: str, past: PastThread) -> ThreadRun:
    return ThreadRun(
        tenant,
        wf_run_id,
        past.number,
        past.kind,
        past.thread_spec,
        past.status,
        parent=past.parent,
        holder=past.holder,
        output=past.output,
        failure=past.failure,
        gone=True,
        masked=past.masked,
        warned=past.warned,
        unnoticed=past.unnoticed,
        end_number=past.end_number,
    )
