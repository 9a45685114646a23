"""Tasks that go one way or another, or round and round: what decides is worked out once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from penstock.core.definitions.graph import Mutation, NodeConfig, Publish
from penstock.core.definitions.nodes import EntrypointNode, ExitNode, NopNode, SleepNode, Throw
from penstock.core.values.expressions import Comparator, Comparison, Expression
from penstock.core.values.forms import Built, Literal, Operated, VariableRef
from penstock.core.values.operations import Operation
from penstock.flows.compiler import forms
from penstock.flows.compiler.graph import START, End, Graph
from penstock.flows.compiler.inputs import private
from penstock.flows.model import FlowTask, Retry

if TYPE_CHECKING:
    from penstock.flows.compiler.blocks import Blocks

Way = tuple[Expression, tuple[FlowTask, ...]]
"""When it is taken, and what is done."""

_LOOPS_MAX: Final = 100
_LOOP_MS_MAX: Final = 3_600_000
_LOOP_EVERY_MS: Final = 1_000
_MORE_LOOPS: Final = "LOOPS_EXCEEDED"


def choice(blocks: Blocks, task: FlowTask, retry: Retry | None) -> NodeConfig:
    """If, and Switch. What was decided is published before anything is done, and at the end."""
    name = f"{task.id}.decides"
    decided = VariableRef(name)
    if task.kind.name == "if":
        kind, decides = "BOOL", forms.truth(task.given["condition"])
        found: list[Way] = [(decided, task.bodies["then"])]
        default = task.bodies.get("else", ())
        said = Built("{evaluationResult:BOOL}", {"evaluationResult": decided})
    else:
        kind, decides = "STR", forms.text(task.given["value"])
        found = [
            (Comparison(decided, Comparator.EQUALS, Literal(case)), tasks)
            for case, tasks in task.cases.items()
        ]
        default = task.bodies.get("defaults", ())
        other = Comparison(decided, Comparator.NOT_IN, Literal([*task.cases]))
        said = Built("{defaults:BOOL,value:STR}", {"defaults": other, "value": decided})
    graph = Graph([private(name, kind)], EntrypointNode(gives=said, publish=Publish(task.id)))
    _part(blocks, graph, found, default, retry)
    thread = blocks.put(f"{task.id}.way", graph, returns=said)
    more = {"variables": {name: decides}, "gives_output": True, "publish": True}
    return blocks.run(task, retry, (thread,), **more)


def _part(
    blocks: Blocks,
    graph: Graph,
    found: list[Way],
    default: tuple[FlowTask, ...],
    retry: Retry | None,
) -> None:
    """A way for each condition, and one for none of them."""
    ends: list[End] = []
    for index, (condition, tasks) in enumerate(found):
        before = graph.branch(START, condition)
        ends += before if index else []
        blocks.chain(graph, tasks, retry)
    before = graph.branch(START)
    ends += before if found else []
    blocks.chain(graph, default, retry)
    graph.merge(ends)


def loop(blocks: Blocks, task: FlowTask, retry: Retry | None) -> NodeConfig:
    """The body, the condition, a sleep, and back. The number of the round is published before each:
    in the first, and where a replay begins, by the thread's beginning.
    """
    often: dict[str, int] = task.given.get("checkFrequency") or {}
    until = f"{task.id}.until"
    most = often.get("maxIterations", _LOOPS_MAX)
    within_ms = often.get("maxDuration", _LOOP_MS_MAX)
    count = Built("{iterationCount:INT}", {"iterationCount": VariableRef("INDEX")})
    told = Publish(task.id)
    variables = [private("INDEX", "INT", 1), private(until, "INT")]
    graph = Graph(variables, EntrypointNode(gives=count, publish=told))
    graph.add("at.body", NopNode(gives=count, publish=told))
    blocks.chain(graph, task.bodies["tasks"], retry)
    graph.add("at.check", NopNode())
    graph.branch("at.check", forms.truth(task.given["condition"]))
    now = forms.value("{{ now() | timestampMilli }}")
    spent = Operated(
        Comparison(VariableRef("INDEX"), Comparator.GREATER_THAN_EQ, Literal(most)),
        Operation.OR,
        Comparison(now, Comparator.GREATER_THAN_EQ, VariableRef(until)),
    )
    done = graph.branch("at.check", spent)
    if task.given.get("failOnMaxReached"):
        message = f"task {task.id!r}: the condition does not hold after {most} times"
        graph.stop("at.full", ExitNode(throws=Throw(_MORE_LOOPS, message)))
    done += graph.branch("at.check")
    graph.add("at.sleep", SleepNode(seconds=Literal(often.get("interval", _LOOP_EVERY_MS) / 1_000)))
    one_more = Mutation("INDEX", Literal(1), Operation.ADD)
    graph.branch("at.sleep", None, (one_more,))
    graph.back_to("at.body")
    graph.merge(done)
    thread = blocks.put(f"{task.id}.loop", graph, returns=count)
    end = forms.value(f"{{{{ (now() | timestampMilli) + {within_ms} }}}}")
    more = {"variables": {until: end}, "gives_output": True, "publish": True}
    return blocks.run(task, retry, (thread,), **more)
