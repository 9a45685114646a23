"""Beginning a replay, on the partition of the new run."""

from __future__ import annotations

from penstock.core.definitions.wf_spec import WfSpec
from penstock.core.flow.moves import ENTRYPOINT_NUMBER
from penstock.core.flow.search_index import index_variable
from penstock.core.flow.starting import Start, begin_run, start_run, wanted_spec
from penstock.core.operators.replay import Seed
from penstock.core.operators.replay_threads import PastThread
from penstock.core.state.facts import AuditEntry
from penstock.core.state.published import PublishedOutput
from penstock.core.state.replay_rows import Replayed
from penstock.core.state.run import NodeOutput, NodeRun, ThreadRun, Variable, WfRun
from penstock.core.state.turn import Turn

VERB = "ReplayWfRun"
FIRST_POSITION = 0


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
    )
    if seed.node is None:
        run = start_run(turn, start, wf_run_id, seed.request_hash)
    else:
        run = _begin_at(turn, wf_run_id, seed, start, seed.node)
    run.replay, run.labels = seed.replay, seed.labels
    turn.rows.put(run)
    detail = {"replay_of": seed.replay.of, "position": seed.replay.position}
    turn.rows.put(
        AuditEntry(turn.tenant, wf_run_id, turn.offset, VERB, seed.principal, turn.at_ms, detail)
    )
    return run


def _begin_at(turn: Turn, wf_run_id: str, seed: Seed, start: Start, node: str) -> WfRun:
    """The run goes from its ENTRYPOINT to the node, with what it would have had there."""
    spec = wanted_spec(turn, start)
    run = begin_run(turn, spec, start, wf_run_id, seed.variables, seed.request_hash)
    run_id = (turn.tenant, wf_run_id)
    entrypoint = turn.rows.get(NodeRun, *run_id, ENTRYPOINT_NUMBER, FIRST_POSITION)
    assert entrypoint is not None, "a run begins at a node"
    entrypoint.leads_to = node
    turn.rows.put(entrypoint)
    _take_defaults_back(turn, spec, wf_run_id, seed)
    for name, past in seed.outputs.items():
        place = (*run_id, ENTRYPOINT_NUMBER, name)
        turn.rows.put(NodeOutput(*place, past.value, FIRST_POSITION, masked=past.masked))
    for past in seed.published:
        key = (*run_id, past.node, past.path)
        turn.rows.put(PublishedOutput(*key, past.values, past.value, masked=past.masked))
    turn.rows.put(Replayed(*run_id, node, seed.outputs))
    first = turn.rows.get(ThreadRun, *run_id, ENTRYPOINT_NUMBER)
    assert first is not None, "a run has an entrypoint thread"
    for past in seed.threads:
        turn.rows.put(_thread(*run_id, past))
        first.warned_children += past.unnoticed and past.parent == ENTRYPOINT_NUMBER
    turn.rows.put(first)
    run.threads += len(seed.threads)
    run.ends = max((past.end_number for past in seed.threads), default=0)
    return run


def _take_defaults_back(turn: Turn, spec: WfSpec, wf_run_id: str, seed: Seed) -> None:
    """A variable that was null there is null, whatever its default."""
    for declared in spec.body.threads[spec.body.entrypoint].variables:
        if declared.default is not None and seed.variables.get(declared.name) is None:
            where = (turn.tenant, wf_run_id, ENTRYPOINT_NUMBER, declared.name)
            gone = Variable(*where, None)
            turn.rows.delete(gone)
            index_variable(turn, spec.name, declared, gone)


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
