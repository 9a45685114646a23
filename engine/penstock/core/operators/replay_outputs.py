"""Outputs of nodes as they were when a node of a thread was reached; but not the id of a run
that was started below, if it is still to be waited for: it belongs to the old run.
"""

from __future__ import annotations

from penstock.core.definitions.nodes import RunChildWfNode, WaitForChildWfNode
from penstock.core.definitions.wf_spec import ThreadSpec, WfSpec
from penstock.core.errors import Code, refuse
from penstock.core.flow.at import peek_thread
from penstock.core.flow.load import find
from penstock.core.flow.published import publishes_at, tells_at
from penstock.core.flow.tally import tally_of
from penstock.core.limits import (
    REPLAY_BYTES_MAX,
    REPLAY_PUBLISHED_MAX,
    REPLAY_VISITS_SEEN_MAX,
)
from penstock.core.operators.replay_variables import Stand
from penstock.core.state.published import PastPublished, PublishedOutput
from penstock.core.state.replay_rows import PastOutput
from penstock.core.state.run import NodeOutput, NodeRun, WfRun
from penstock.core.state.transitions import NodeStatus
from penstock.core.state.turn import Turn
from penstock.core.values.forms import Expression, OutputRef, parts_of
from penstock.core.values.value import value_bytes


def outputs_before(
    turn: Turn, run: WfRun, spec: WfSpec, thread_spec: str, stand: Stand
) -> dict[str, PastOutput]:
    """The newest output, before a position, of each node to which others of the version refer. One
    that has been visited since is looked for, backwards, as far as nodes have had their names.
    """
    of_thread, position = (turn.tenant, run.wf_run_id, stand.thread), stand.position
    carried = {} if stand.begun is None else stand.begun.outputs
    kept_outputs = spec.kept_outputs.get(thread_spec, ())
    if position == 0:
        return {node: past for node, past in carried.items() if node in kept_outputs}
    found: dict[str, PastOutput] = {}
    wanted: set[str] = set()
    for node in kept_outputs:
        kept = turn.rows.peek(NodeOutput, *of_thread, node)
        if kept is not None and kept.position < position:
            found[node] = PastOutput(kept.value, kept.masked)
        elif kept is not None or spec.version != run.version:
            wanted.add(node)
    end = max(stand.until - 1, position - 1 - REPLAY_VISITS_SEEN_MAX)
    for before in range(position - 1, end, -1):
        if not wanted:
            break
        visit = turn.rows.peek(NodeRun, *of_thread, before)
        assert visit is not None, "positions follow each other"
        if visit.node in wanted and _was_completed(visit):
            found[visit.node] = PastOutput(visit.output, visit.masked)
            wanted.discard(visit.node)
    if wanted and end >= 0:
        refuse(
            Code.LIMIT,
            f"the output of {sorted(wanted)} lies more than {REPLAY_VISITS_SEEN_MAX} node runs"
            " back, or before a migration; replay from a node before, or a later one",
        )
    return found | {node: carried[node] for node in sorted(wanted & carried.keys())}


def published_before(
    turn: Turn, run: WfRun, spec: WfSpec, way: tuple[Stand, ...]
) -> tuple[PastPublished, ...]:
    """What nodes of the run had published when threads stood there. What has been published anew
    since is not kept as it was; but what threads publish as they begin, those on the way do once
    more, and others that were at work publish all of theirs anew.
    """
    step = max(stand.step for stand in way)
    again = _published_as_begun(turn, run, spec, way) | _tallies(turn, run, way)
    on_way = {stand.thread for stand in way}
    found: list[PastPublished] = []
    size, first = 0, max(step, 1)
    for row in turn.rows.scan(PublishedOutput, turn.tenant, run.wf_run_id):
        if row.since >= first or (row.node, row.path) in again:
            continue
        if row.step >= first and _is_of_one_at_work(turn, row, on_way):
            continue
        if row.step >= first:
            refuse(
                Code.OLD_VALUE_GONE,
                f"what node {row.node!r} had published there is not kept, since it has published"
                " again; replay from a later node, or from the beginning",
            )
        found.append(PastPublished(row.node, row.path, row.values, row.value, row.masked))
        size += value_bytes(row.value)
        if len(found) > REPLAY_PUBLISHED_MAX or size > REPLAY_BYTES_MAX:
            refuse(
                Code.LIMIT,
                f"more than {REPLAY_PUBLISHED_MAX} published outputs, or {REPLAY_BYTES_MAX} bytes,"
                " are to be carried over; replay from an earlier node",
            )
    return tuple(found)


def _is_of_one_at_work(turn: Turn, row: PublishedOutput, on_way: set[int]) -> bool:
    """Whether all that was published there is of a thread that was at work, and not on the way: it
    has published since, and nothing was published before it began. Blocks begin such threads anew.
    """
    if row.thread is None or row.thread in on_way:
        return False
    thread = peek_thread(turn, row.wf_run_id, row.thread)
    return thread is not None and thread.began <= row.since


def _published_as_begun(
    turn: Turn, run: WfRun, spec: WfSpec, way: tuple[Stand, ...]
) -> set[tuple[str, str]]:
    """The names and paths under which threads publish at their ENTRYPOINT, which they pass in the
    replay, too, with the variables that they had.
    """
    found: set[tuple[str, str]] = set()
    for stand in way:
        first = turn.rows.get(NodeRun, turn.tenant, run.wf_run_id, stand.thread, 0)
        at = None if first is None else find(turn, run.wf_run_id, stand.thread)
        if first is None or at is None:
            continue  # it has not begun, so it has published nothing
        blueprint = spec.body.threads.get(at.thread.thread_spec)
        begins = None if blueprint is None else blueprint.nodes.get(first.node)
        began = at.thread_spec.nodes.get(first.node)
        if began is not None and begins is not None and began.publish == begins.publish:
            at.node_run = first
            found |= {publishes_at(at)} if began.publish else set()
    return found


def _tallies(turn: Turn, run: WfRun, way: tuple[Stand, ...]) -> set[tuple[str, str]]:
    """Where blocks on the way count their threads: in the replay each of them counts its own."""
    found: set[tuple[str, str]] = set()
    for stand in way:
        visit = turn.rows.get(NodeRun, turn.tenant, run.wf_run_id, stand.thread, stand.position)
        at = None if visit is None else find(turn, run.wf_run_id, stand.thread)
        if visit is not None and at is not None:
            at.node_run = visit
            tally = tally_of(at)
            found |= set() if tally is None else {tells_at(at, tally.part)}
    return found


def check_child_runs(blueprint: ThreadSpec, node: str, outputs: dict[str, PastOutput]) -> None:
    """Refuse a beginning from which a wait for a run can be reached, and not the node that starts
    it.
    """
    nodes = blueprint.nodes
    for starter in outputs:
        if not isinstance(nodes.get(starter), RunChildWfNode) or node == starter:
            continue
        seen, pending = {node, starter}, [node]
        while pending:
            config = nodes[pending.pop()]
            if isinstance(config, WaitForChildWfNode) and _refers(config.wf_run_id, starter):
                refuse(
                    Code.NOT_REPLAYABLE,
                    f"the run that node {starter!r} has started is to be waited for, and belongs"
                    f" to the old run; replay from a node run of {starter!r}, or from before",
                )
            for edge in config.edges:
                if edge.to not in seen:
                    seen.add(edge.to)
                    pending.append(edge.to)


def _refers(expression: Expression, node: str) -> bool:
    return any(isinstance(part, OutputRef) and part.node == node for part in parts_of(expression))


def _was_completed(visit: NodeRun) -> bool:
    """Whether it had an output; if no way led on, it has failed after that."""
    return any(fact.status == NodeStatus.COMPLETED for fact in visit.history)
