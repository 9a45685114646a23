"""A naive model of the engine: dicts and a clock, no rows, no budgets, no log. It says what a run
of one thread must come to, so simply that it can be read beside the documents.

A node type is two methods: `_arrive_<TYPE>` and, if it waits, `_look_<TYPE>` (level-triggered: has
what it waits for come?). Statuses are the texts of the wire.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from tests.sim.naive_values import Json, Problem, fitted, value

LIVE: Final = ("RUNNING", "HALTING", "HALTED")
IN_FLIGHT: Final = ("TASK_SCHEDULED", "TASK_RUNNING")
RETRYABLE: Final = ("TASK_FAILED", "TASK_TIMEOUT")
BACKOFF_MS_MAX: Final = 24 * 3_600_000
FAILURE_OF: Final = {
    "TASK_FAILED": "TASK_FAILURE",
    "TASK_TIMEOUT": "TIMEOUT",
    "TASK_OUTPUT_SERIALIZING_ERROR": "VAR_MUTATION_ERROR",
    "TASK_INPUT_VAR_SUB_ERROR": "VAR_SUB_ERROR",
}


class Refused(Exception):
    """A command is refused with this code."""


@dataclass
class Task:
    """The work of a TASK node."""

    status: str = "TASK_SCHEDULED"
    attempt: int = 1
    worker: str = ""
    due_ms: int | None = None  # of the time-out, or of the backoff


@dataclass
class Run:
    """A run of one thread."""

    thread_spec: Json
    variables: Json
    status: str = "RUNNING"
    stopped: bool = False
    failure: str | None = None
    output: Any = None
    nodes: list[list[str]] = field(default_factory=list)  # [name, status], in order
    tasks: dict[int, Task] = field(default_factory=dict)  # by the position of their node
    outputs: Json = field(default_factory=dict)  # the newest of each node
    due_ms: int | None = None  # of the node's own time-out
    timed_out: bool = False
    unclaimed: list[tuple[str, Any]] = field(default_factory=list)

    @property
    def node(self) -> Json:
        """What the spec says of the current node."""
        return self.thread_spec["nodes"][self.nodes[-1][0]]

    @property
    def task(self) -> Task | None:
        """The task of the current node."""
        return self.tasks.get(len(self.nodes) - 1)


class Naive:
    """All runs, and the time."""

    def __init__(self) -> None:
        self.now_ms = 0
        self.runs: dict[str, Run] = {}
        self.early: dict[str, list[tuple[str, Any]]] = {}  # events before their run

    # Commands.

    def run_wf(self, name: str, spec: Json) -> None:
        """Start a run."""
        thread_spec = spec["threads"][spec["entrypoint"]]
        variables = {one["name"]: one.get("default") for one in thread_spec["variables"]}
        run = self.runs[name] = Run(thread_spec, variables)
        run.unclaimed = self.early.pop(name, [])
        first = next(
            node for node, config in thread_spec["nodes"].items() if config["type"] == "ENTRYPOINT"
        )
        self._enter(run, first)
        self._go_on(run)

    def put_event(self, name: str, event_def: str, content: Any) -> None:
        """An event is there, whatever the run does."""
        if name not in self.runs:
            self.early.setdefault(name, []).append((event_def, content))
            return
        run = self.runs[name]
        run.unclaimed.append((event_def, content))
        self._go_on(run)

    def stop(self, name: str) -> None:
        """Halt by hand, once nothing is in flight."""
        run = self._live(name)
        run.stopped = True
        if run.status == "RUNNING":
            run.status = "HALTING"
        self._go_on(run)

    def resume(self, name: str) -> None:
        """Take the halt away."""
        run = self._live(name)
        if not run.stopped:
            raise Refused("THREAD_NOT_HALTED")
        run.stopped = False
        run.status = "RUNNING"
        if run.nodes[-1][1] == "HALTED":
            run.nodes[-1][1] = "RUNNING"
        self._go_on(run)

    def start_task(self, name: str, position: int, attempt: int, worker: str) -> None:
        """A worker says that it runs an attempt."""
        task = self._attempt(name, position, attempt)
        if task.status not in IN_FLIGHT:
            raise Refused("ATTEMPT_ENDED")
        if task.status == "TASK_RUNNING":
            if task.worker != worker:
                raise Refused("ATTEMPT_TAKEN")
            return
        node = self.runs[name].thread_spec["nodes"][self.runs[name].nodes[position][0]]
        task.status, task.worker = "TASK_RUNNING", worker
        task.due_ms = self.now_ms + node["timeout_ms"]

    def report(self, name: str, position: int, attempt: int, status: str, output: Any) -> None:
        """An attempt has ended; an exception's name is always "sorry"."""
        task = self._attempt(name, position, attempt)
        if task.status not in IN_FLIGHT:
            raise Refused("ATTEMPT_ENDED")
        self._end_attempt(self.runs[name], task, status, output)

    def pass_ms(self, duration_ms: int) -> None:
        """Time passes; what is due happens."""
        self.now_ms += duration_ms
        for run in self.runs.values():
            task = run.task
            if task is not None and task.due_ms is not None and task.due_ms <= self.now_ms:
                task.due_ms = None
                if task.status == "TASK_RUNNING":
                    self._end_attempt(run, task, "TASK_TIMEOUT", None)
                else:
                    self._go_on(run)
            if run.due_ms is not None and run.due_ms <= self.now_ms and run.status in LIVE:
                run.due_ms, run.timed_out = None, True
                self._go_on(run)

    # What a run does by itself.

    def _go_on(self, run: Run) -> None:
        """Move as far as it goes."""
        while run.status == "RUNNING":
            node_status = run.nodes[-1][1]
            if node_status == "STARTING":
                getattr(self, "_arrive_" + run.node["type"])(run)
            elif node_status == "COMPLETED":
                self._leave(run)
            elif node_status == "RUNNING":
                if not getattr(self, "_look_" + run.node["type"])(run):
                    return
            else:
                return
        if run.status == "HALTING" and not (run.task and run.task.status in IN_FLIGHT):
            run.status = "HALTED"
            if run.nodes[-1][1] == "RUNNING" and run.node["type"] != "TASK":
                run.nodes[-1][1] = "HALTED"

    def _enter(self, run: Run, node: str) -> None:
        run.nodes.append([node, "STARTING"])
        run.due_ms, run.timed_out = None, False

    def _done(self, run: Run, output: Any = None) -> None:
        run.nodes[-1][1] = "COMPLETED"
        run.outputs[run.nodes[-1][0]] = output
        run.due_ms = None

    def _fail(self, run: Run, name: str, *, at_node: bool = True) -> None:
        status = "EXCEPTION" if name == "sorry" else "ERROR"
        if at_node:
            run.nodes[-1][1] = status
        run.status, run.failure = status, name
        run.due_ms = None

    def _leave(self, run: Run) -> None:
        """Take the first edge that is open, with all its mutations or none."""
        try:
            edge = next(
                edge
                for edge in run.node["edges"]
                if "condition" not in edge or value(edge["condition"], run.variables, run.outputs)
            )
        except Problem:
            self._fail(run, "VAR_SUB_ERROR", at_node=False)
            return
        variables = dict(run.variables)
        kinds = {one["name"]: one["type"] for one in run.thread_spec["variables"]}
        try:
            for mutation in edge.get("mutations", ()):
                name = mutation["variable"]
                variables[name] = fitted(
                    value(mutation["value"], variables, run.outputs), kinds[name]
                )
        except Problem:
            self._fail(run, "VAR_MUTATION_ERROR", at_node=False)
            return
        run.variables = variables
        self._enter(run, edge["to"])

    # Node types.

    def _arrive_ENTRYPOINT(self, run: Run) -> None:
        self._done(run)

    def _arrive_EXIT(self, run: Run) -> None:
        try:
            run.output = value(run.node["returns"], run.variables, run.outputs)
        except Problem:
            self._fail(run, "VAR_SUB_ERROR")
            return
        run.nodes[-1][1], run.status = "COMPLETED", "COMPLETED"

    def _arrive_TASK(self, run: Run) -> None:
        run.tasks[len(run.nodes) - 1] = Task()
        run.nodes[-1][1] = "RUNNING"

    def _look_TASK(self, run: Run) -> bool:
        task = run.task
        assert task is not None
        if task.status == "TASK_PENDING" and task.due_ms is None:
            task.status, task.attempt, task.worker = "TASK_SCHEDULED", task.attempt + 1, ""
        return False

    def _arrive_EXTERNAL_EVENT(self, run: Run) -> None:
        if self._take_event(run):
            return
        run.nodes[-1][1] = "RUNNING"
        if "timeout_ms" in run.node:
            run.due_ms = self.now_ms + run.node["timeout_ms"]

    def _look_EXTERNAL_EVENT(self, run: Run) -> bool:
        if self._take_event(run):
            return True
        if run.timed_out:
            self._fail(run, "TIMEOUT")
        return False

    def _take_event(self, run: Run) -> bool:
        for event in run.unclaimed:
            if event[0] == run.node["event_def"]:
                run.unclaimed.remove(event)
                self._done(run, event[1])
                return True
        return False

    def _end_attempt(self, run: Run, task: Task, status: str, output: Any) -> None:
        task.status, task.due_ms = status, None
        node = run.node
        if status == "TASK_SUCCESS":
            self._done(run, output)
        elif status in RETRYABLE and task.attempt < node.get("max_attempts", 1):
            task.status = "TASK_PENDING"
            if backoff := node.get("backoff"):
                delay_ms = backoff["base_ms"] * backoff["multiplier"] ** (task.attempt - 1)
                task.due_ms = self.now_ms + min(int(delay_ms), BACKOFF_MS_MAX)
        else:
            self._fail(run, "sorry" if status == "TASK_EXCEPTION" else FAILURE_OF[status])
        self._go_on(run)

    def _live(self, name: str) -> Run:
        run = self.runs.get(name)
        if run is None:
            raise Refused("WF_RUN_UNKNOWN")
        if run.status not in LIVE:
            raise Refused("WF_RUN_ENDED")
        return run

    def _attempt(self, name: str, position: int, attempt: int) -> Task:
        task = self.runs[name].tasks[position]
        if attempt != task.attempt:
            raise Refused("ATTEMPT_STALE")
        return task
