"""Runs as executions."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any, Final

from penstock.core.definitions.wf_spec import Access, WfSpec
from penstock.core.state.facts import Fact, HistoryChunk
from penstock.core.state.failures import FailureName
from penstock.core.state.history import subject_of
from penstock.core.state.rows import Rows
from penstock.core.state.run import HaltReason, ThreadRun, Variable, WfRun
from penstock.core.state.transitions import ThreadStatus
from penstock.core.views.kestra.states import TERMINAL, Json, State, Timeline, date_text
from penstock.core.views.kestra.task_runs import TaskRuns
from penstock.core.views.shown import shown_variable

TASK_RUNS_MAX: Final = 1_000
"""So many task runs stand in an execution; all of them in the list of task runs."""

CORRELATION: Final = "system.correlationId"


class Execution:
    """One run as an execution, from one snapshot."""

    def __init__(
        self, rows: Rows, run: WfRun, spec: WfSpec, *, partition: int, now_ms: int
    ) -> None:
        self.task_runs = TaskRuns(rows, run, spec, partition=partition, now_ms=now_ms)
        self._rows = rows
        self._run = run
        self._spec = spec
        self._now_ms = now_ms

    def as_json(self) -> Json:
        """The execution with its task runs, in the order in which they began."""
        run = self._run
        visits = list(islice(self.task_runs.all(), TASK_RUNS_MAX + 1))
        shown = sorted(visits[:TASK_RUNS_MAX], key=lambda found: found[0].step)
        lines = [self.task_runs.timeline(found) for found in shown]
        own: dict[str, Any] = {
            "id": run.wf_run_id,
            "namespace": self.task_runs.named.namespace,
            "flowId": self.task_runs.named.flow_id,
            "flowRevision": run.version,
        }
        if shown:
            own["taskRunList"] = [self.task_runs.as_json(found) for found in shown]
        if len(visits) > TASK_RUNS_MAX:
            own["taskRunListTruncated"] = True
        own |= {name: value for name, value in self._values().items() if value}
        own["labels"] = [{"key": key, "value": value} for key, value in self._labels().items()]
        own["state"] = self.timeline(lines).as_json(self._now_ms)
        own |= self._origin()
        return own

    def timeline(self, lines: Iterable[Timeline] = ()) -> Timeline:
        """What the run went through; its task runs tell when it was paused, and when it waited for
        a retry.
        """
        run, first = self._run, self._thread()
        line = Timeline()
        line.come_to(State.CREATED, run.started_ms)
        for fact in self._facts():
            state = _STATES[ThreadStatus(fact.status)]
            if state is State.RUNNING and line.current in TERMINAL:
                line.come_to(State.RESTARTED, fact.at_ms)
            if state is not None:
                line.come_to(state, fact.at_ms)
        failure = None if first is None else first.failure
        if run.status is ThreadStatus.ERROR and failure is not None:
            line.end_as(_ENDS.get(failure.name, State.FAILED))
        elif run.status is ThreadStatus.COMPLETED and run.warned:
            line.end_as(State.WARNING)
        elif run.status is ThreadStatus.HALTING:
            line.end_as(State.KILLING if run.sweep is not None else State.RUNNING)
        elif first is not None and HaltReason.KILLED in first.halt_reasons:
            line.end_as(State.KILLING)
        return _overlaid(line, list(lines))

    def _facts(self) -> list[Fact]:
        run = self._run
        facts: list[Fact] = []
        if run.spilled:
            for chunk in self._rows.scan(HistoryChunk, run.tenant, run.wf_run_id, subject_of(run)):
                facts += chunk.facts
        return [*facts, *run.history]

    def _thread(self) -> ThreadRun | None:
        return self.task_runs.thread(0)

    def _values(self) -> Json:
        """Inputs, and what the run has returned."""
        inputs: Json = {}
        blueprint = self._spec.body.threads[self._spec.body.entrypoint]
        for declared in blueprint.variables:
            if declared.access is Access.PRIVATE_VAR:
                continue
            row = self._rows.peek(Variable, self._run.tenant, self._run.wf_run_id, 0, declared.name)
            if row is not None and row.value is not None:
                inputs[declared.name] = shown_variable(self._rows, self._run, row).value
        first = self._thread()
        output = None if first is None or first.masked else first.output
        if output is not None and not isinstance(output, dict):
            output = {"value": output}
        return {"inputs": inputs, "outputs": output}

    def _labels(self) -> dict[str, str]:
        return {CORRELATION: self._run.wf_run_id, **self._run.labels}

    def _origin(self) -> Json:
        """What it was begun by."""
        run, replay = self._run, self._run.replay
        own: Json = {"originalId": run.wf_run_id if replay is None else replay.original}
        if replay is not None:
            own["parentId"] = replay.of
        above = None if run.parent is None else self._rows.peek(WfRun, run.tenant, run.parent)
        if above is not None:
            own["trigger"] = {
                "type": "subflow",
                "variables": {
                    "executionId": above.wf_run_id,
                    "flowId": above.wf_spec,
                    "flowRevision": above.version,
                },
            }
        own["metadata"] = {
            "attemptNumber": 1 if replay is None else replay.attempt,
            "originalCreatedDate": date_text(
                replay.began_ms if replay is not None and replay.began_ms else run.started_ms
            ),
        }
        return own


def _overlaid(line: Timeline, lines: list[Timeline]) -> Timeline:
    """With the times in which some task run was paused or waited for a retry, as long as the run
    itself was at work.
    """
    changes: list[tuple[int, int, State]] = []
    for state in (State.PAUSED, State.RETRYING):
        for one in lines:
            for began_ms, ended_ms in one.spans(state):
                changes.append((began_ms, 1, state))
                if ended_ms is not None:
                    changes.append((ended_ms, -1, state))
    if not changes:
        return line
    changes.sort(key=lambda change: (change[0], -change[1]))
    made, own = Timeline(), list(line.moments)
    open_: dict[State, int] = {State.PAUSED: 0, State.RETRYING: 0}
    base = State.CREATED
    while own or changes:
        if own and (not changes or own[0].at_ms <= changes[0][0]):
            moment = own.pop(0)
            base = moment.state
            made.come_to(_seen(base, open_), moment.at_ms)
            continue
        at_ms, step, state = changes.pop(0)
        open_[state] += step
        if base in (State.RUNNING, State.RESTARTED):
            made.come_to(_seen(base, open_), at_ms)
    return made


def _seen(base: State, open_: dict[State, int]) -> State:
    if base is not State.RUNNING:
        return base
    return next((state for state in (State.RETRYING, State.PAUSED) if open_[state]), base)


_STATES: Final[dict[ThreadStatus, State | None]] = {
    ThreadStatus.RUNNING: State.RUNNING,
    ThreadStatus.HALTING: None,
    ThreadStatus.HALTED: State.PAUSED,
    ThreadStatus.COMPLETED: State.SUCCESS,
    ThreadStatus.ERROR: State.FAILED,
    ThreadStatus.EXCEPTION: State.FAILED,
}
_ENDS: Final[dict[str, State]] = {
    FailureName.KILLED: State.KILLED,
    FailureName.SUPERSEDED: State.RETRIED,
    FailureName.LIMIT: State.CANCELLED,
}
