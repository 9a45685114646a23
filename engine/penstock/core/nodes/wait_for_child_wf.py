"""WAIT_FOR_CHILD_WF: waits until a run of the same family has ended. Its output is that run's; a
business exception goes on under its name, any technical failure is a CHILD_FAILURE; or it is how
the run ended, whatever the end.
"""

from collections.abc import Iterator
from typing import cast

from penstock.core.definitions.fault_kinds import FaultKind
from penstock.core.definitions.graph import NodeConfig
from penstock.core.definitions.node_check import NodeCheck
from penstock.core.definitions.nodes import EntrypointNode, WaitForChildWfNode
from penstock.core.flow.at import At, peek_thread
from penstock.core.flow.node import GoesOn, NodeType, any_exceptions
from penstock.core.flow.outcomes import WAIT, Done, Failed, Outcome
from penstock.core.flow.rests import rest, rests
from penstock.core.flow.standing import speaks_for_step
from penstock.core.flow.waiters import wait_for_run, wait_for_run_no_more
from penstock.core.flow.warned import warn
from penstock.core.ids import is_wf_run_id, root_of
from penstock.core.state.failures import Failure, FailureName, seen_from_above
from penstock.core.state.rest_rows import Rest
from penstock.core.state.run import ThreadRun, WfRun
from penstock.core.state.thread_rows import FailedWait
from penstock.core.state.transitions import THREAD_FAILED, THREAD_LIVE, ThreadStatus
from penstock.core.values.expressions import Expression
from penstock.core.values.types import ValueProblem, ValueType
from penstock.core.values.value import Value, type_name


def arrive(at: At) -> Outcome:
    """Have the run tell of its end, unless it has ended."""
    run_id = at.evaluate(cast(WaitForChildWfNode, at.config).wf_run_id)
    if not isinstance(run_id, str):
        raise ValueProblem(f"wf_run_id: {type_name(run_id)} is no id of a run")
    if not is_wf_run_id(run_id):
        raise ValueProblem(f"wf_run_id: {run_id[:100]!r} is no id of a run")
    if root_of(run_id) != root_of(at.run.wf_run_id) or run_id == at.run.wf_run_id:
        raise ValueProblem(f"wf_run_id: {run_id!r} is no other run of this family")
    run = at.turn.rows.get(WfRun, at.turn.tenant, run_id)
    if run is None:
        return Failed(Failure(FailureName.CHILD_FAILURE, f"there is no WfRun {run_id!r}"))
    if run.status in THREAD_LIVE:
        wait_for_run(at.turn, run, at.run.wf_run_id, at.thread.number)
    at.node_run.progress = {"wf_run_id": run_id}
    return look(at)


def look(at: At) -> Outcome:
    """How the run has ended, if it has."""
    run_id: str = at.node_run.progress["wf_run_id"]
    run = at.turn.rows.peek(WfRun, at.turn.tenant, run_id)
    if run is None:
        return Failed(Failure(FailureName.CHILD_FAILURE, f"WfRun {run_id!r} was deleted"))
    if run.status in THREAD_LIVE:
        if _shares_its_fate(at):
            rest(at, Rest.WAIT if rests(at.turn, run) else None)
        return WAIT
    thread = peek_thread(at.turn, run_id, 0)
    assert thread is not None, "a run has an entrypoint thread"
    if run.warned:
        warn(at)
    if cast(WaitForChildWfNode, at.config).gives_end:
        return Done(_end(run, thread), thread.masked)
    if thread.status is ThreadStatus.COMPLETED:
        return Done(thread.output, thread.masked)
    assert thread.failure is not None, "a thread fails with a failure"
    if thread.failure.technical:
        here = (at.run.wf_run_id, at.thread.number, at.node_run.position)
        at.turn.rows.put(FailedWait(at.turn.tenant, run_id, *here))
    return Failed(seen_from_above(thread.failure, f"run {run_id}"))


def _shares_its_fate(at: At) -> bool:
    """Whether the run below is what a step does: then the step waits for what that waits for."""
    config = cast(WaitForChildWfNode, at.config)
    return config.gives_end and not config.allow_failure and speaks_for_step(at)


def _end(run: WfRun, thread: ThreadRun) -> Value:
    failure = thread.failure
    name, cause = (None, None) if failure is None else (failure.name, failure.cause)
    ended: dict[str, Value] = {"status": thread.status, "warned": run.warned}
    return ended | {"failure": name, "cause": cause or name, "output": thread.output}


def leave(at: At) -> None:
    """The run need not tell any more."""
    run = at.turn.rows.get(WfRun, at.turn.tenant, at.node_run.progress["wf_run_id"])
    if run is not None:
        wait_for_run_no_more(at.turn, run, at.run.wf_run_id, at.thread.number)


def restart(at: At) -> GoesOn:
    """As the node says, if the run that it has waited for has failed: one that goes on, or has come
    to a good end since, is waited for here.
    """
    config = cast(WaitForChildWfNode, at.config)
    if at.node_run.progress is None:
        return GoesOn()
    run_id: str = at.node_run.progress["wf_run_id"]
    run = at.turn.rows.peek(WfRun, at.turn.tenant, run_id)
    if run is None or run.status not in THREAD_FAILED:
        return GoesOn()
    return GoesOn(config.restart_from, run_id if config.restarts_run else None)


def check(check: NodeCheck) -> None:
    """The id is text; what a restart goes on from lies before."""
    config = cast(WaitForChildWfNode, check.config)
    check.fits(config.wf_run_id, ValueType.WF_RUN_ID, "wf_run_id")
    if config.restart_from is not None and not _leads_here(check, config.restart_from):
        check.fault(
            FaultKind.BAD_RESTART,
            f"restart_from names {config.restart_from!r}: it wants a node, not the ENTRYPOINT, from"
            " which a way leads here",
        )


def _leads_here(check: NodeCheck, first: str) -> bool:
    nodes, seen = check.thread.nodes, {first}
    pending = [] if isinstance(nodes.get(first), EntrypointNode) else [first]
    while pending:
        config = nodes.get(pending.pop())
        for edge in () if config is None else config.edges:
            if edge.to == check.node_name:
                return True
            if edge.to not in seen:
                seen.add(edge.to)
                pending.append(edge.to)
    return False


def expressions(config: NodeConfig) -> Iterator[Expression]:
    """The run's id."""
    yield cast(WaitForChildWfNode, config).wf_run_id


NODE = NodeType(
    "WAIT_FOR_CHILD_WF",
    WaitForChildWfNode,
    arrive,
    look=look,
    leave=leave,
    restart=restart,
    check=check,
    expressions=expressions,
    exceptions=any_exceptions,
    waits=True,
)
