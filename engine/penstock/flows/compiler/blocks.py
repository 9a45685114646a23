"""Tasks that have others below them, or take several nodes: a RUN_THREADS node and its threads."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from penstock.core.command import Command
from penstock.core.commands.put_external_event_def import PutExternalEventDef
from penstock.core.definitions.defs import EventRetention
from penstock.core.definitions.graph import NodeConfig, Publish
from penstock.core.definitions.nodes import ExternalEventNode, RunThreadsNode
from penstock.core.definitions.wf_spec import ThreadSpec, VariableDef
from penstock.core.ids import is_definition_name
from penstock.core.state.failures import FailureHandler
from penstock.core.values.expressions import Expression
from penstock.core.values.forms import Operated
from penstock.core.values.operations import Operation
from penstock.flows.compiler import children, forms, ways
from penstock.flows.compiler.graph import Graph
from penstock.flows.compiler.inputs import struct_of
from penstock.flows.compiler.leaves import node_of
from penstock.flows.document import Mark, Mistake
from penstock.flows.kinds import Kind
from penstock.flows.model import FlowTask, Retry

RESUME: Final = "flow.resume"
"""The event that resumes a pause without inputs, in any flow of a tenant. Such a name has nobody by
accident: an event that a user calls `resume` is another one. What it stands for is registered once;
another retention needs another name.
"""

_AT_ONCE: Final = EventRetention(after_put_s=0)
"""Whoever resumes acts on the pauses at which the flow stands, and on no later one."""

_RESUME_DEF: Final = PutExternalEventDef(RESUME, retention=_AT_ONCE)
_TIMED: Final = frozenset(
    {"task", "return", "log", "fail", "http-request", "send-webhook", "pause"}
)
"""Kinds that a time-out ends."""

_NOT_RETRIED: Final = frozenset({"sleep", "pause"})


class Blocks:
    """Makes the threads of a flow; `definitions` is what must be registered before it."""

    def __init__(self, spec_name: str) -> None:
        self.threads: dict[str, ThreadSpec] = {}
        self.definitions: list[Command] = []
        self.mistakes: list[Mistake] = []
        self.places: dict[str, Mark] = {}  # of the tasks, by their ids
        self.spec_name = spec_name

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
        assert name not in self.threads, "a task has a thread for each of some words"
        self.threads[name] = graph.thread(returns)
        return name

    def chain(self, graph: Graph, tasks: tuple[FlowTask, ...], retry: Retry | None) -> None:
        """These tasks, one after another. Each is retried as it says itself, else as the nearest
        around it does.
        """
        for task in tasks:
            self._check(task)
            self.places[task.id] = task.mark
            node = node_of(task, retry) or self._block(task, task.retry or retry)
            graph.add(task.id, self._common(task, node))

    def _check(self, task: FlowTask) -> None:
        """What can be read, but not be done."""
        if task.retry is not None and task.kind.name in _NOT_RETRIED:
            self.wrong(task, "retry", f"a {task.kind.name} is not tried again: leave retry out")
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
        soft = task.allow_failure or task.kind.name == "allow-failure"
        return replace(
            node,
            run_if=run_if,
            allow_failure=soft or node.allow_failure,
            allow_warning=task.allow_warning or node.allow_warning,
            publish=node.publish or not isinstance(node, RunThreadsNode),
        )

    def _block(self, task: FlowTask, retry: Retry | None) -> NodeConfig:
        match task.kind.name:
            case "sequential" | "allow-failure":
                return self.run(task, retry, (self._thread_of(task, "tasks", retry),))
            case "parallel":
                concurrency = task.given.get("concurrent") or 0
                return self.run(task, retry, self._alone(task, retry), concurrency=concurrency)
            case "dag":
                return self._dag(task, retry)
            case "for-each" | "each-sequential" | "each-parallel":
                return self._each(task, retry)
            case "if" | "switch":
                return ways.choice(self, task, retry)
            case "loop-until":
                return ways.loop(self, task, retry)
            case "pause":
                return self._pause(task)
            case "subflow":
                return children.subflow(self, task, retry)
            case "for-each-item":
                return children.each_item(self, task, retry)
            case unknown:
                raise AssertionError(f"a kind {unknown!r} that nobody compiles")

    def run(
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

    def _alone(self, task: FlowTask, retry: Retry | None) -> tuple[str, ...]:
        """A thread for each task of the body; an empty one if there is none."""
        tasks = task.bodies["tasks"]
        names = tuple(self.thread(f"{child.id}.alone", (child,), retry) for child in tasks)
        return names or (self.thread(f"{task.id}.tasks", (), retry),)

    def _dag(self, task: FlowTask, retry: Retry | None) -> NodeConfig:
        names = self._alone(task, retry)
        threads = {child.id: name for child, name in zip(task.bodies["tasks"], names, strict=False)}
        after = {
            threads[name]: tuple(threads[other] for other in others)
            for name, others in task.depends_on.items()
            if others
        }
        concurrency = task.given.get("concurrent") or 0
        return self.run(task, retry, names, after=after, concurrency=concurrency)

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
            graph.add("at.tasks", RunThreadsNode(threads=self._alone(task, retry)))
            self.put(name, graph)
        else:
            self.thread(name, tasks, retry, variables)
        return self.run(task, retry, (name,), values=values, concurrency=concurrency)

    def _pause(self, task: FlowTask) -> NodeConfig:
        """An event that somebody puts; with a delay its being late is well."""
        event = RESUME
        if task.inputs:
            event = f"{self.spec_name}.{task.id}"
            if not is_definition_name(event):
                self.wrong(task, "id", f"the event {event!r} that resumes it can have no such name")
            asks = any(one.required for one in task.inputs)
            content = struct_of(task.inputs)
            resume = PutExternalEventDef(event, content, retention=_AT_ONCE, content_required=asks)
            self.definitions.append(resume)
        elif _RESUME_DEF not in self.definitions:
            self.definitions.append(_RESUME_DEF)
        delay_ms = task.given.get("delay") or task.given.get("pauseDuration")
        late_is_well = delay_ms is not None and (
            task.timeout_ms is None or delay_ms < task.timeout_ms
        )
        return ExternalEventNode(
            event_def=event,
            timeout_ms=delay_ms if late_is_well else task.timeout_ms,
            allow_failure=late_is_well,
            allow_warning=late_is_well,
            publish=Publish(part="onResume"),
            resumable=True,
        )
