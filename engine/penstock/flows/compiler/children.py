"""Tasks that run other flows: a run of each, and the wait for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from penstock.core.definitions.graph import Mutation, NodeConfig, Publish
from penstock.core.definitions.nodes import (
    NopNode,
    RunChildWfNode,
    RunThreadsNode,
    SleepNode,
    Tally,
    WaitForChildWfNode,
)
from penstock.core.definitions.wf_spec import VariableDef
from penstock.core.ids import is_definition_name
from penstock.core.state.failures import FailureName
from penstock.core.state.transitions import ThreadStatus
from penstock.core.values.comparing import Comparator
from penstock.core.values.forms import Comparison, Literal, Operated, OutputRef, VariableRef
from penstock.core.values.operations import Operation
from penstock.core.values.timestamps import timestamp_ms
from penstock.core.values.types import ValueProblem
from penstock.flows.checked import is_template
from penstock.flows.compiler import forms, retries
from penstock.flows.compiler.again import CHILD, DUE, FIRST, WAIT, Again, tries_again
from penstock.flows.compiler.graph import Graph
from penstock.flows.compiler.inputs import private
from penstock.flows.model import FlowTask, Retry

if TYPE_CHECKING:
    from penstock.flows.compiler.blocks import Blocks

_NEW_EXECUTION: Final = "NEW_EXECUTION"
_STATES: Final = Tally(
    part="iterations",
    words=("CREATED", "FAILED", "KILLED", "SUCCESS", "WARNING"),
    live="RUNNING",
    failed="FAILED",
    killed="KILLED",
)
"""Of the runs for batches."""


def subflow(blocks: Blocks, task: FlowTask, retry: Retry | None) -> NodeConfig:
    """A run of another flow: its outputs are the run's id, its state and its outputs."""
    graph = Graph()
    result = _child(blocks, graph, task, retry)
    thread = blocks.put(f"{task.id}.run", graph, returns=VariableRef(result))
    return RunThreadsNode(threads=(thread,), gives_output=True, publish=True)


def each_item(blocks: Blocks, task: FlowTask, retry: Retry | None) -> NodeConfig:
    """A run of another flow for each batch of items."""
    batch: dict[str, int] = task.given.get("batch") or {}
    values = forms.batches(task.given["items"], batch.get("rows", 1))
    if values is None:
        message = "items is one {{ expression }} that gives a list"
        blocks.wrong(task, "items", message)
        values = Literal([])
    graph = Graph([VariableDef("INPUT", "JSON_ARR"), VariableDef("INDEX", "INT")])
    result = _child(blocks, graph, task, retry)
    if task.given.get("wait", True):
        _tell(graph, task, result)
    state = VariableRef(result, "$.state")
    name = blocks.put(f"{task.id}.each", graph, returns=state)
    more = {"values": values, "publish": Publish(part="numberOfBatches"), "tally": _STATES}
    return blocks.run(task, retry, (name,), **more)


def _tell(graph: Graph, task: FlowTask, result: str) -> None:
    """What the run of a batch has given out can be read by the number of the batch. Of one that has
    given nothing there is nothing to keep.
    """
    output = VariableRef(result, "$.outputs")
    told = Publish(task.id, part="subflowOutputs", numbered=True)
    graph.add("at.ended", NopNode())
    graph.branch("at.ended", Comparison(output, Comparator.NOT_EQUALS, Literal(None)))
    graph.add("at.told", NopNode(gives=output, publish=told))
    graph.merge(graph.branch("at.ended"))


def _child(blocks: Blocks, graph: Graph, task: FlowTask, retry: Retry | None) -> str:
    """A run of another flow, and the wait for it; the variable that has what came of it."""
    given, anew = task.given, retries.of_node(retry)
    waits = given.get("wait", True)
    result = f"{task.id}.result"
    # What did not come to a good end is noted before, for a failure that is allowed changes no
    # variable.
    graph.variables.append(private(result, "JSON_OBJ", {}))
    begun = (
        Mutation(result, OutputRef(CHILD), path="$.executionId"),
        Mutation(result, Literal("FAILED" if waits else "CREATED"), path="$.state"),
    )
    if given.get("scheduleDate"):
        graph.add(DUE, replace(_sleep(blocks, task), **anew))
    again, first = None, CHILD
    if waits and retry is not None and tries_again(retry):
        graph.add(first := FIRST, NopNode())
        again = Again(graph, retry)
    graph.add(CHILD, replace(_run(blocks, task), **anew))
    graph.branch(CHILD, None, begun)
    if waits:
        _wait(graph, task, result, again, anew, first)
    return result


def _sleep(blocks: Blocks, task: FlowTask) -> SleepNode:
    """Until the moment at which the run is to begin."""
    date: str = task.given["scheduleDate"]
    if not is_template(date):
        try:
            timestamp_ms(date)
        except ValueProblem:
            message = f"scheduleDate {date[:60]!r} is no moment; write it as 2026-01-31T12:00:00Z"
            blocks.wrong(task, "scheduleDate", message)
    return SleepNode(until=forms.value(date))


def _wait(
    graph: Graph,
    task: FlowTask,
    result: str,
    again: Again | None,
    anew: dict[str, Any],
    first: str,
) -> None:
    """Wait for the run's end, and have another one take its place, or fail as it did. A restart of
    the execution restarts a run that has failed, and waits for it as before, or goes back to
    `first`, for another one.
    """
    quiet = not task.given.get("transmitFailed", True)
    renews = task.given.get("restartBehavior") == _NEW_EXECUTION
    wait = WaitForChildWfNode(
        wf_run_id=OutputRef(CHILD),
        gives_end=True,
        allow_failure=quiet,
        allow_warning=quiet,
        restart_from=first if renews else None,
        restarts_run=not renews,
    )
    graph.add(WAIT, wait)
    good = Comparison(_end("status"), Comparator.EQUALS, Literal(ThreadStatus.COMPLETED))
    warned = Operated(good, Operation.AND, _end("warned"))
    graph.branch(WAIT, warned, _ended(result, "WARNING", _end("output")))
    done = graph.branch(WAIT, good, _ended(result, "SUCCESS", _end("output")))
    if again is not None:
        done += again.goes_back(graph)
    killed = Comparison(_end("cause"), Comparator.EQUALS, Literal(FailureName.KILLED))
    done += graph.branch(WAIT, killed, (Mutation(result, Literal("KILLED"), path="$.state"),))
    graph.merge(graph.branch(WAIT))
    if not quiet:
        failed = WaitForChildWfNode(
            wf_run_id=OutputRef(CHILD),
            allow_failure=task.allow_failure,
            restart_from=first if renews else WAIT,
            restarts_run=not renews,
            **anew,
        )
        graph.add("at.failed", failed)
        rescued = _ended(result, "SUCCESS", OutputRef("at.failed"))
        graph.branch("at.failed", None, rescued)
    graph.merge(done)


def _end(part: str) -> OutputRef:
    return OutputRef(WAIT, f"$.{part}")


def _ended(result: str, state: str, output: OutputRef) -> tuple[Mutation, ...]:
    return (
        Mutation(result, output, path="$.outputs"),
        Mutation(result, Literal(state), path="$.state"),
    )


def _run(blocks: Blocks, task: FlowTask) -> RunChildWfNode:
    given = task.given
    if given.get("revision") == 0:
        blocks.wrong(task, "revision", "revisions count from 1; without one it is the newest")
    target = f"{given['namespace']}.{given['flowId']}"
    static = "{{" not in target
    if target == blocks.spec_name:
        blocks.wrong(task, "flowId", "a flow may not run itself")
    elif static and not is_definition_name(target):
        blocks.wrong(task, "flowId", f"{target[:100]!r} is no name of a flow")
    inputs: dict[str, Any] = given.get("inputs") or {}
    labels: dict[str, str] = given.get("labels") or {}
    # Of several runs the last one would stand for all: a helping node publishes for its step.
    alone = task.kind.name == "subflow"
    return RunChildWfNode(
        wf_spec=target if static else None,
        dynamic_wf_spec=None if static else forms.text(target),
        version=given.get("revision"),
        inputs={name: forms.value(one) for name, one in inputs.items()},
        labels={name: forms.text(one) for name, one in labels.items()},
        inherit_labels=given.get("inheritLabels", False),
        publish=Publish(task.id, part="executionId") if alone else False,
    )
