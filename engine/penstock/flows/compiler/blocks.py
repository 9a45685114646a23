"""Tasks that have others below them, or take several nodes: a RUN_THREADS node and its threads."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from penstock.core.command import Command
from penstock.core.commands.put_external_event_def import PutExternalEventDef
from penstock.core.definitions.graph import Mutation, NodeConfig, Publish
from penstock.core.definitions.nodes import (
    ExitNode,
    ExternalEventNode,
    NopNode,
    RunChildWfNode,
    RunThreadsNode,
    SleepNode,
    Throw,
    WaitForChildWfNode,
)
from penstock.core.definitions.wf_spec import Access, ThreadSpec, VariableDef
from penstock.core.state.failures import FailureHandler, FailureName
from penstock.core.values.expressions import Comparator, Comparison, Expression
from penstock.core.values.forms import Literal, Operated, OutputRef, VariableRef
from penstock.core.values.operations import Operation
from penstock.flows.compiler import forms, retries
from penstock.flows.compiler.graph import START, Graph
from penstock.flows.compiler.inputs import struct_of
from penstock.flows.compiler.leaves import node_of
from penstock.flows.document import Mistake
from penstock.flows.kinds import Kind
from penstock.flows.model import FlowTask, Retry

RESUME: Final = "resume"
"""The event that resumes a pause whose inputs have no types."""

_RESUME_DEF: Final = PutExternalEventDef(RESUME)
_LOOPS_MAX: Final = 100
_LOOP_MS_MAX: Final = 3_600_000
_LOOP_EVERY_MS: Final = 1_000
_MORE_LOOPS: Final = "LOOPS_EXCEEDED"
_TIMED: Final = frozenset(
    {"task", "return", "log", "fail", "http-request", "send-webhook", "pause"}
)
"""Kinds that a time-out ends."""


def private(name: str, kind: str, default: Any = None) -> VariableDef:
    """A variable of the flow's own machinery."""
    return VariableDef(name, kind, default=default, access=Access.PRIVATE_VAR)


class Blocks:
    """Makes the threads of a flow; `definitions` is what must be registered before it."""

    def __init__(self, spec_name: str) -> None:
        self.threads: dict[str, ThreadSpec] = {}
        self.definitions: list[Command] = []
        self.mistakes: list[Mistake] = []
        self._spec_name = spec_name

    def wrong(self, task: FlowTask, key: str, message: str) -> None:
        """Something of a task can not be."""
        self.mistakes.append(Mistake(task.places.get(key, task.mark), message))

    def thread(
        self,
        name: str,
        tasks: tuple[FlowTask, ...],
        retry: Retry | None,
        variables: tuple[VariableDef, ...] = (),
    ) -> str:
        """A thread that does these tasks; its name."""
        graph = Graph(variables)
        self.chain(graph, tasks, retry)
        return self.put(name, graph)

    def put(self, name: str, graph: Graph, returns: Expression | None = None) -> str:
        """Keep a thread; its name."""
        self.threads[name] = graph.thread(returns)
        return name

    def chain(self, graph: Graph, tasks: tuple[FlowTask, ...], retry: Retry | None) -> None:
        """These tasks, one after another. Each is retried as it says itself, else as the nearest
        around it does.
        """
        for task in tasks:
            self._check(task)
            node = node_of(task, retry) or self._block(task, task.retry or retry)
            graph.add(task.id, self._common(task, node))

    def _check(self, task: FlowTask) -> None:
        """What can be read, but not be done."""
        if task.timeout_ms is not None and task.kind.name not in _TIMED:
            self.wrong(task, "timeout", f"a {task.kind.name} has no timeout; its tasks may")
        for key, value in task.given.items():
            if task.kind.properties[key].kind is Kind.DURATION and not isinstance(value, int):
                self.wrong(task, key, f"{key} is a duration such as PT5M, and no template")

    def _common(self, task: FlowTask, node: NodeConfig) -> NodeConfig:
        """What any task may say of itself."""
        conditions = [
            task.run_if,
            task.given.get("condition") if task.kind.name == "fail" else None,
        ]
        run_if: Expression | None = None
        for text in conditions:
            if text is not None:
                one = forms.truth(text)
                run_if = one if run_if is None else Operated(run_if, Operation.AND, one)
        return replace(
            node,
            run_if=run_if,
            allow_failure=task.allow_failure or task.kind.name == "allow-failure",
            allow_warning=task.allow_warning,
            publish=node.publish or not isinstance(node, RunThreadsNode),
        )

    def _block(self, task: FlowTask, retry: Retry | None) -> NodeConfig:
        match task.kind.name:
            case "sequential" | "allow-failure":
                return self._run(task, retry, (self._thread_of(task, "tasks", retry),))
            case "parallel":
                threads = tuple(self._alone(task, child, retry) for child in task.bodies["tasks"])
                return self._run(
                    task, retry, threads, concurrency=task.given.get("concurrent") or 0
                )
            case "dag":
                return self._dag(task, retry)
            case "for-each" | "each-sequential" | "each-parallel":
                return self._each(task, retry)
            case "if" | "switch":
                return self._choice(task, retry)
            case "loop-until":
                return self._loop(task, retry)
            case "pause":
                return self._pause(task)
            case "subflow":
                return self._subflow(task, retry)
            case "for-each-item":
                return self._each_item(task, retry)
            case unknown:
                raise AssertionError(f"a kind {unknown!r} that nobody compiles")

    def _run(
        self, task: FlowTask, retry: Retry | None, threads: tuple[str, ...], **more: Any
    ) -> RunThreadsNode:
        """The node of a block: its threads, and what is run when one of them has failed."""
        handlers: tuple[FailureHandler, ...] = ()
        if task.errors:
            errors = self.thread(f"{task.id}.errors", task.errors, retry)
            handlers = (FailureHandler(errors, rethrow=True),)
        return RunThreadsNode(threads=threads, handlers=handlers, **more)

    def _thread_of(self, task: FlowTask, body: str, retry: Retry | None) -> str:
        return self.thread(f"{task.id}.{body}", task.bodies[body], retry)

    def _alone(self, task: FlowTask, child: FlowTask, retry: Retry | None) -> str:
        return self.thread(f"{task.id}.{child.id}", (child,), retry)

    def _dag(self, task: FlowTask, retry: Retry | None) -> NodeConfig:
        threads = {child.id: self._alone(task, child, retry) for child in task.bodies["tasks"]}
        after = {
            threads[name]: tuple(threads[other] for other in others if other in threads)
            for name, others in task.depends_on.items()
            if others
        }
        concurrency = task.given.get("concurrent") or 0
        return self._run(task, retry, tuple(threads.values()), after=after, concurrency=concurrency)

    def _each(self, task: FlowTask, retry: Retry | None) -> NodeConfig:
        given = task.given
        values = forms.texts(given["values"] if "values" in given else given["value"])
        if task.kind.name == "for-each":
            concurrency = given.get("concurrencyLimit", 1)
        else:
            concurrency = 1 if task.kind.name == "each-sequential" else given.get("concurrent", 0)
        variables = (VariableDef("INPUT", "STR"), VariableDef("INDEX", "INT"))
        tasks = task.bodies["tasks"]
        name = f"{task.id}.each"
        if task.kind.name == "each-parallel" and len(tasks) > 1:
            graph = Graph(variables)
            alone = tuple(self._alone(task, child, retry) for child in tasks)
            graph.add("at.tasks", RunThreadsNode(threads=alone))
            self.put(name, graph)
        else:
            self.thread(name, tasks, retry, variables)
        return self._run(task, retry, (name,), values=values, concurrency=concurrency)

    def _choice(self, task: FlowTask, retry: Retry | None) -> NodeConfig:
        """What decides is worked out once, where the task stands."""
        name = f"{task.id}.decides"
        if task.kind.name == "if":
            kind, decides = "BOOL", forms.truth(task.given["condition"])
            ways = [(VariableRef(name), task.bodies["then"])]
            default = task.bodies.get("else", ())
        else:
            kind, decides = "STR", forms.text(task.given["value"])
            ways = [
                (Comparison(VariableRef(name), Comparator.EQUALS, Literal(case)), tasks)
                for case, tasks in task.cases.items()
            ]
            default = task.bodies.get("defaults", ())
        graph = Graph([private(name, kind)])
        ends: list[Any] = []
        for index, (condition, tasks) in enumerate(ways):
            before = graph.branch(START, condition)
            ends += before if index else []
            self.chain(graph, tasks, retry)
        ends += graph.branch(START)
        self.chain(graph, default, retry)
        graph.merge(ends)
        thread = self.put(f"{task.id}.way", graph)
        return self._run(task, retry, (thread,), variables={name: decides})

    def _loop(self, task: FlowTask, retry: Retry | None) -> NodeConfig:
        """The body, the condition, a sleep, and back."""
        often: dict[str, int] = task.given.get("checkFrequency") or {}
        until = f"{task.id}.until"
        most = often.get("maxIterations", _LOOPS_MAX)
        within_ms = often.get("maxDuration", _LOOP_MS_MAX)
        graph = Graph([private("INDEX", "INT", 1), private(until, "INT")])
        graph.add("at.body", NopNode())
        self.chain(graph, task.bodies["tasks"], retry)
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
        graph.add(
            "at.sleep", SleepNode(seconds=Literal(often.get("interval", _LOOP_EVERY_MS) / 1_000))
        )
        one_more = Mutation("INDEX", Literal(1), Operation.ADD)
        graph.branch("at.sleep", None, (one_more,))
        graph.back_to("at.body")
        graph.merge(done)
        thread = self.put(f"{task.id}.loop", graph)
        end = forms.value(f"{{{{ (now() | timestampMilli) + {within_ms} }}}}")
        return self._run(task, retry, (thread,), variables={until: end})

    def _pause(self, task: FlowTask) -> NodeConfig:
        """An event that somebody puts; with a delay its being late is well."""
        event = RESUME
        if task.inputs:
            event = f"{self._spec_name}.{task.id}"
            self.definitions.append(PutExternalEventDef(event, struct_of(task.inputs)))
        elif _RESUME_DEF not in self.definitions:
            self.definitions.append(_RESUME_DEF)
        delay_ms = task.given.get("delay") or task.given.get("pauseDuration")
        timeout_ms = task.timeout_ms
        handlers: tuple[FailureHandler, ...] = ()
        if delay_ms is not None and (timeout_ms is None or delay_ms < timeout_ms):
            timeout_ms = delay_ms
            handlers = (
                FailureHandler(self.thread(f"{task.id}.delayed", (), None), FailureName.TIMEOUT),
            )
        return ExternalEventNode(
            event_def=event,
            timeout_ms=timeout_ms,
            handlers=handlers,
            publish=Publish(part="onResume"),
        )

    def _subflow(self, task: FlowTask, retry: Retry | None) -> NodeConfig:
        graph = Graph()
        self._child(graph, task, retry)
        return RunThreadsNode(threads=(self.put(f"{task.id}.run", graph),))

    def _child(self, graph: Graph, task: FlowTask, retry: Retry | None) -> None:
        """A run of another flow, and the wait for it."""
        given, anew = task.given, retries.of_node(retry)
        if task.retry is not None and not anew:
            message = f"a run of another flow is not tried again: use {retries.NEW_EXECUTION}"
            self.wrong(task, "retry", message)
        if given.get("revision") is not None:
            self.wrong(task, "revision", "a subflow is its flow's newest: leave revision out")
        target = f"{given['namespace']}.{given['flowId']}"
        static = "{{" not in target
        wanted: dict[str, Any] = given.get("inputs") or {}
        inputs = {name: forms.value(one) for name, one in wanted.items()}
        graph.add(
            "at.child",
            RunChildWfNode(
                wf_spec=target if static else None,
                dynamic_wf_spec=None if static else forms.text(target),
                inputs=inputs,
                publish=Publish(task.id, part="executionId"),
                **anew,
            ),
        )
        if given.get("wait", True):
            quiet = not given.get("transmitFailed", True)
            graph.add(
                "at.wait",
                WaitForChildWfNode(
                    wf_run_id=OutputRef("at.child"),
                    allow_failure=quiet,
                    allow_warning=quiet,
                    publish=Publish(task.id, part="outputs"),
                    **({} if quiet else anew),
                ),
            )

    def _each_item(self, task: FlowTask, retry: Retry | None) -> NodeConfig:
        """A run of another flow for each batch of items."""
        batch: dict[str, int] = task.given.get("batch") or {}
        values = forms.batches(task.given["items"], batch.get("rows", 1))
        if values is None:
            message = "items is one {{ expression }} that gives a list"
            self.wrong(task, "items", message)
            values = Literal([])
        graph = Graph([VariableDef("INPUT", "STR"), VariableDef("INDEX", "INT")])
        self._child(graph, task, retry)
        name = self.put(f"{task.id}.each", graph)
        return self._run(task, retry, (name,), values=values)
