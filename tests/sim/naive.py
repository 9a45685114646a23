"""A naive model of the engine: dicts and a clock, no rows, no budgets, no counters, no log. It says
what a run must come to, so simply that it can be read beside the documents.

Here are the commands and the time; `naive_visit.py` has what threads do by themselves, and
`naive_nodes.py` a method or two for each node type.
"""

from __future__ import annotations

from typing import Any, Final

from tests.sim.naive_forms import Persons
from tests.sim.naive_nodes import Nodes
from tests.sim.naive_operators import kill, rescue, restart
from tests.sim.naive_thread import IN_FLIGHT, Failure, Refused, Run, Task, Thread, World
from tests.sim.naive_values import Json
from tests.sim.naive_visit import settle, visit

RETRYABLE: Final = ("TASK_FAILED", "TASK_TIMEOUT")
BY_HAND: Final = {"MANUAL_HALT", "PAUSED"}
BACKOFF_MS_MAX: Final = 24 * 3_600_000
FAILURE_OF: Final = {
    "TASK_CANCELLED": "TASK_CANCELLED",
    "TASK_FAILED": "TASK_FAILURE",
    "TASK_TIMEOUT": "TIMEOUT",
    "TASK_OUTPUT_SERIALIZING_ERROR": "VAR_MUTATION_ERROR",
    "TASK_INPUT_VAR_SUB_ERROR": "VAR_SUB_ERROR",
    "TASK_EXCEPTION": "sorry",
}


class Naive:
    """All runs, and the time."""

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms
        self.world = World({})
        self.runs = self.world.runs
        self.early: dict[str, list[tuple[str, Any]]] = {}  # events before their run

    def run_wf(self, name: str, spec: Json) -> None:
        """Start a run."""
        run = self.runs[name] = Run(name, spec, self.world, unclaimed=self.early.pop(name, []))
        nobody: Any = None
        Nodes(run, self.now_ms).begin(nobody, "ENTRYPOINT", spec["entrypoint"], {}, nobody)
        settle(run, self.now_ms)

    def put_event(self, name: str, event_def: str, content: Any) -> None:
        """An event is there, whatever the run does: it interrupts, or is for who has waited for it
        longest and runs."""
        if name not in self.runs:
            self.early.setdefault(name, []).append((event_def, content))
            return
        run = self.runs[name]
        interrupted = [
            (thread, thread.blueprint["interrupts"][event_def])
            for thread in run.threads
            if thread.live and event_def in thread.blueprint.get("interrupts", ())
        ]
        for thread, handler in interrupted:
            thread.interrupts.append((handler, content))
        if not interrupted:
            run.unclaimed.append((event_def, content))
        self._first_served(run, event_def)
        settle(run, self.now_ms)

    def _first_served(self, run: Run, event_def: str) -> None:
        """Of several that wait, the first to come takes the event."""
        waiting = [
            thread
            for thread in run.threads
            if thread.status == "RUNNING"
            and thread.nodes[-1][1] == "RUNNING"
            and thread.node.get("event_def") == event_def
        ]
        if waiting:
            first = min(waiting, key=lambda thread: thread.arrival)
            visit(Nodes(run, self.now_ms), first)

    def stop(self, name: str, number: int, reason: str = "MANUAL_HALT") -> None:
        """Halt by hand, once nothing is in flight."""
        run, thread = self._live(name, number)
        if reason not in thread.reasons:
            thread.reasons.append(reason)
        settle(run, self.now_ms)

    def resume(self, name: str, number: int) -> None:
        """Take the halt away, whether it is a stop, a pause, or both."""
        run, thread = self._live(name, number)
        if not BY_HAND & set(thread.reasons):
            raise Refused("THREAD_NOT_HALTED")
        thread.reasons = [reason for reason in thread.reasons if reason not in BY_HAND]
        settle(run, self.now_ms)

    def kill(self, name: str, deadline_ms: int) -> None:
        """End a run wherever it stands."""
        run = self._known(name)
        kill(run, self.now_ms, deadline_ms)
        for below in run.below():
            if below.threads[0].live:
                kill(below, self.now_ms, deadline_ms)
        settle(self.runs[name], self.now_ms)

    def restart(self, name: str) -> None:
        """A run that has failed, or was killed, goes on."""
        restart(self._known(name))
        settle(self.runs[name], self.now_ms)

    def rescue(self, name: str, number: int, *, skip: bool) -> None:
        """A thread in ERROR goes on, from its node or behind it."""
        run = self._known(name)
        if number >= len(run.threads):
            raise Refused("THREAD_UNKNOWN")
        rescue(run.threads[number], skip=skip)
        settle(run, self.now_ms)

    def form(self, name: str, where: tuple[int, int], verb: str, **given: Any) -> None:
        """A person does something to a user task."""
        run = self.runs[name]
        Persons(run.threads[where[0]].forms[where[1]]).act(verb, **given)
        settle(run, self.now_ms)

    def start_task(self, name: str, where: tuple[int, int], attempt: int, worker: str) -> None:
        """A worker says that it runs an attempt."""
        thread, task = self._attempt(name, where, attempt)
        if task.status not in IN_FLIGHT:
            raise Refused("ATTEMPT_ENDED")
        if task.status == "TASK_RUNNING":
            if task.worker != worker:
                raise Refused("ATTEMPT_TAKEN")
            return
        node = thread.blueprint["nodes"][thread.nodes[where[1]][0]]
        task.status, task.worker = "TASK_RUNNING", worker
        task.due_ms = self.now_ms + node["timeout_ms"]

    def report(
        self,
        name: str,
        where: tuple[int, int],
        attempt: int,
        status: str,
        output: Any,
        *,
        warning: bool = False,
    ) -> None:
        """An attempt has ended; an exception's name is always "sorry"."""
        thread, task = self._attempt(name, where, attempt)
        if task.status not in IN_FLIGHT:
            raise Refused("ATTEMPT_ENDED")
        task.warning = warning
        _end_attempt(thread, task, where[1], status, output, self.now_ms)
        settle(self.runs[name], self.now_ms)

    def pass_ms(self, duration_ms: int) -> None:
        """Time passes; what is due happens, in the order in which it was due."""
        self.now_ms += duration_ms
        for run in list(self.runs.values()):
            if run.killing and run.deadline_ms is not None and run.deadline_ms <= self.now_ms:
                run.forced, run.deadline_ms = True, None
                settle(run, self.now_ms)
            while due := _next_due(run, self.now_ms):
                thread, task = due
                if task is None:
                    thread.due_ms = None
                else:
                    task.due_ms = None
                    if task.status == "TASK_RUNNING":
                        position = next(at for at, one in thread.tasks.items() if one is task)
                        _end_attempt(thread, task, position, "TASK_TIMEOUT", None, self.now_ms)
                settle(run, self.now_ms)

    def _live(self, name: str, number: int) -> tuple[Run, Thread]:
        run = self._known(name)
        if number >= len(run.threads):
            raise Refused("THREAD_UNKNOWN")
        if run.killing:
            raise Refused("WF_RUN_BUSY")
        if not run.threads[number].live:
            raise Refused("WF_RUN_ENDED")
        return run, run.threads[number]

    def _known(self, name: str) -> Run:
        if name not in self.runs:
            raise Refused("WF_RUN_UNKNOWN")
        return self.runs[name]

    def _attempt(self, name: str, where: tuple[int, int], attempt: int) -> tuple[Thread, Task]:
        thread = self.runs[name].threads[where[0]]
        task = thread.tasks[where[1]]
        if attempt != task.attempt:
            raise Refused("ATTEMPT_STALE")
        return thread, task


def _next_due(run: Run, now_ms: int) -> tuple[Thread, Task | None] | None:
    """What is due first: what lasts, then time-outs of tasks, then instants."""
    due: list[tuple[int, int, str, Thread, Task | None]] = []
    for thread in run.threads:
        if thread.due_ms is not None:
            instant = 2 if "until" in thread.node else 0
            due.append((instant, thread.due_ms, str(thread.number), thread, None))
        for task in thread.tasks.values():
            if task.due_ms is not None:
                running = task.status == "TASK_RUNNING"
                due.append((int(running), task.due_ms, str(thread.number), thread, task))
    due = sorted((one for one in due if one[1] <= now_ms), key=lambda one: one[:3])
    return due[0][3:] if due else None


def _end_attempt(
    thread: Thread, task: Task, position: int, status: str, output: Any, now_ms: int
) -> None:
    if task.stopping and status in RETRYABLE:
        status = "TASK_CANCELLED"
    task.status, task.due_ms, task.stopping = status, None, False
    node = thread.blueprint["nodes"][thread.nodes[position][0]]
    if status == "TASK_SUCCESS":
        task.output = output
        task.warning = task.warning or (node.get("warn_on_retry", False) and task.attempt > 1)
    elif status in RETRYABLE and task.attempt < node.get("max_attempts", 1) and thread.live:
        task.status = "TASK_PENDING"
        if backoff := node.get("backoff"):
            delay_ms = backoff["base_ms"] * backoff["multiplier"] ** (task.attempt - 1)
            task.due_ms = now_ms + min(int(delay_ms), BACKOFF_MS_MAX)
    else:
        content = output if status == "TASK_EXCEPTION" else None
        task.failure = Failure(FAILURE_OF[status], content)
