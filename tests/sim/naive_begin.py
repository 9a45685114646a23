"""What begins a thread or a run in the naive model, with the nodes that start runs and wait for
them.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from tests.sim.naive_thread import Failure, Run, Thread
from tests.sim.naive_values import Json, Problem, fitted, value

WAITS = object()
WAITING = ("STARTING", "RUNNING", "HALTED")


class Failed(Exception):
    """A node has failed."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure)
        self.failure = failure


class Begins:
    """Values and beginnings, for one run at one time."""

    def __init__(self, run: Run, now_ms: int) -> None:
        self.run = run
        self.now_ms = now_ms

    def value(self, at: Thread, expression: Json) -> Any:
        """The value of an expression here."""
        return value(expression, self.run.seen(at), at.outputs)

    def begin(self, at: Thread, kind: str, name: str, given: Json, parent: Thread) -> Thread:
        """A thread that `at` holds."""
        blueprint = self.run.spec["threads"][name]
        variables = {one["name"]: one.get("default") for one in blueprint.get("variables", ())}
        variables |= given
        thread = Thread(self.run, len(self.run.threads), kind, blueprint, variables, parent, at)
        first = [node for node, one in blueprint["nodes"].items() if one["type"] == "ENTRYPOINT"]
        thread.nodes.append([first[0], "STARTING"])
        self.run.threads.append(thread)
        return thread

    def begin_handler(
        self, at: Thread, kind: str, name: str, content: Any, parent: Thread
    ) -> Thread:
        """A thread that handles something, with its content if that fits."""
        given: Json = {}
        declared = self.run.spec["threads"][name].get("variables", ())
        with suppress(Problem):
            given = {one["name"]: fitted(content, "INT") for one in declared}
        return self.begin(at, kind, name, given, parent)

    def arrive_RUN_CHILD_WF(self, at: Thread) -> Any:
        inputs = {name: self.value(at, one) for name, one in at.node["inputs"].items()}
        given = {name: one for name, one in inputs.items() if one is not None}
        name, world = f"{self.run.name}.{at.number}.{len(at.nodes) - 1}", self.run.world
        child = world.runs[name] = Run(name, world.leaf, world)
        nobody: Any = None
        Begins(child, self.now_ms).begin(
            nobody, "ENTRYPOINT", world.leaf["entrypoint"], given, nobody
        )
        return name

    def arrive_WAIT_FOR_CHILD_WF(self, at: Thread) -> Any:
        name = self.value(at, at.node["wf_run_id"])
        if not isinstance(name, str):
            raise Problem("no run")
        at.child_run = name
        return self.look_WAIT_FOR_CHILD_WF(at)

    def look_WAIT_FOR_CHILD_WF(self, at: Thread) -> Any:
        child = self.run.world.runs[at.child_run]
        ended = child.threads[0]
        if ended.live:
            return WAITS
        if ended.warned:
            at.warn()
        if ended.failure is None:
            return ended.output
        if ended.failure.status == "ERROR":
            child.failed_waits[self.run.name, at.number] = len(at.nodes) - 1
        raise Failed(ended.failure.from_above())
