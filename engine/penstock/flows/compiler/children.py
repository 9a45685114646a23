"""Tasks that run other flows: a run of each, and the wait for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from penstock.core.definitions.graph import Mutation, NodeConfig, Publish
from penstock.core.definitions.nodes import RunChildWfNode, RunThreadsNode, WaitForChildWfNode
from penstock.core.definitions.wf_spec import VariableDef
from penstock.core.ids import is_definition_name
from penstock.core.values.forms import Literal, OutputRef, VariableRef
from penstock.flows.compiler import forms, retries
from penstock.flows.compiler.graph import Graph
from penstock.flows.compiler.inputs import private
from penstock.flows.model import FlowTask, Retry

if TYPE_CHECKING:
    from penstock.flows.compiler.blocks import Blocks


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
    _child(blocks, graph, task, retry)
    name = blocks.put(f"{task.id}.each", graph)
    more = {"values": values, "publish": Publish(part="numberOfBatches")}
    return blocks.run(task, retry, (name,), **more)


def _child(blocks: Blocks, graph: Graph, task: FlowTask, retry: Retry | None) -> str:
    """A run of another flow, and the wait for it; the variable that has what came of it."""
    given, anew = task.given, retries.of_node(retry)
    waits = given.get("wait", True)
    result = f"{task.id}.result"
    # What did not come to a good end is noted before, for a failure that is allowed changes no
    # variable.
    graph.variables.append(private(result, "JSON_OBJ", {}))
    begun = (
        Mutation(result, OutputRef("at.child"), path="$.executionId"),
        Mutation(result, Literal("FAILED" if waits else "CREATED"), path="$.state"),
    )
    graph.add("at.child", replace(_run(blocks, task), **anew))
    graph.branch("at.child", None, begun)
    if waits:
        quiet = not given.get("transmitFailed", True)
        wait = WaitForChildWfNode(
            wf_run_id=OutputRef("at.child"),
            allow_failure=quiet,
            allow_warning=quiet,
            **({} if quiet else anew),
        )
        graph.add("at.wait", wait)
        ended = (
            Mutation(result, OutputRef("at.wait"), path="$.outputs"),
            Mutation(result, Literal("SUCCESS"), path="$.state"),
        )
        graph.branch("at.wait", None, ended)
    return result


def _run(blocks: Blocks, task: FlowTask) -> RunChildWfNode:
    given = task.given
    if given.get("revision") is not None:
        blocks.wrong(task, "revision", "a subflow is its flow's newest: leave revision out")
    target = f"{given['namespace']}.{given['flowId']}"
    static = "{{" not in target
    if target == blocks.spec_name:
        blocks.wrong(task, "flowId", "a flow may not run itself")
    elif static and not is_definition_name(target):
        blocks.wrong(task, "flowId", f"{target[:100]!r} is no name of a flow")
    inputs: dict[str, Any] = given.get("inputs") or {}
    labels: dict[str, str] = given.get("labels") or {}
    return RunChildWfNode(
        wf_spec=target if static else None,
        dynamic_wf_spec=None if static else forms.text(target),
        inputs={name: forms.value(one) for name, one in inputs.items()},
        labels={name: forms.text(one) for name, one in labels.items()},
        inherit_labels=given.get("inheritLabels", False),
        publish=Publish(task.id, part="executionId"),
    )
