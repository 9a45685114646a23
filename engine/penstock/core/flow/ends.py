"""A run has ended: if a spec watches such ends, it is noted in the turn, with all that its starts
may want to know. What they do is in `starts/`.
"""

from __future__ import annotations

from penstock.core.definitions.run_starts import watched_keys
from penstock.core.definitions.structs import structs_of
from penstock.core.definitions.wf_spec import WfSpec
from penstock.core.ids import root_of
from penstock.core.state.ends import end_state
from penstock.core.state.run import ThreadRun, WfRun
from penstock.core.state.start_rows import RunEnd, WatchCount
from penstock.core.state.turn import Turn
from penstock.core.values.masking import may_have_masked


def note_end(turn: Turn, run: WfRun, thread: ThreadRun) -> None:
    """The run has ended with its entrypoint; the run is to be put. Where nothing is watched at all,
    no row is read.
    """
    if not turn.state.watches:
        return
    spec = turn.rows.peek(WfSpec, turn.tenant, run.wf_spec, run.version)
    assert spec is not None, "a run's WfSpec stays while the run does"
    watched = tuple(
        key
        for key in watched_keys(spec.name, spec.body.namespace)
        if turn.rows.peek(WatchCount, turn.tenant, key) is not None
    )
    if not watched:
        return
    run.told_ends += 1
    failure = thread.failure
    end = RunEnd(
        turn.tenant,
        run.wf_run_id,
        run.told_ends,
        run.born_offset,
        run.wf_spec,
        run.version,
        end_state(run, thread),
        turn.at_ms,
        _depth(turn, run),
        watched,
        thread.output,
        thread.masked or _has_masked_parts(turn, spec),
        None if failure is None else failure.name,
        None if failure is None else failure.message,
        run.labels,
        spec.body.namespace,
    )
    turn.ends.append(end)


def _depth(turn: Turn, run: WfRun) -> int:
    """How many starts have led to the run, or to the root of its family."""
    root = run
    if run.parent is not None:
        above = turn.rows.peek(WfRun, turn.tenant, root_of(run.wf_run_id))
        root = run if above is None else above
    return 0 if root.started_by is None else root.started_by.depth


def _has_masked_parts(turn: Turn, spec: WfSpec) -> bool:
    """Whether what such runs return has masked fields, or may have them."""
    kinds = (kind for kind in spec.interface.returns if "STRUCT<" in kind)
    return any(may_have_masked(kind, structs_of(turn)) for kind in kinds)
