"""Runs as executions."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import islice
from typing import Final, cast

from penstock.core.definitions.webhooks import TRIGGER
from penstock.core.definitions.wf_spec import Access, WfSpec
from penstock.core.state.facts import Fact
from penstock.core.state.failures import FailureName
from penstock.core.state.history import whole_history
from penstock.core.state.place_rows import LimitBehavior, PlaceStatus
from penstock.core.state.rest_rows import Rest, RunRests
from penstock.core.state.run import NodeRun, ThreadRun, Variable, WfRun
from penstock.core.state.start_rows import StartedBy
from penstock.core.state.transitions import THREAD_LIVE, NodeStatus, ThreadStatus
from penstock.core.values.timestamps import date_text
from penstock.core.views.filling import fitting
from penstock.core.views.kestra.before import TaskRunsBefore
from penstock.core.views.kestra.states import (
    STATE_OF_END,
    TERMINAL,
    Moment,
    State,
    Timeline,
)
from penstock.core.views.kestra.task_runs import Named, TaskRuns
from penstock.core.views.seen import Json, Seen
from penstock.core.views.shown import shown_variable

TASK_RUNS_MAX: Final = 1_000
"""So many task runs stand in an execution; all of them in the list of task runs."""
VISITS_OF_A_MOMENT_MAX: Final = 10
"""So many visits are looked at that began, or began anew, in one millisecond."""

CORRELATION: Final = "system.correlationId"


class Execution:
    """One run as an execution."""

    def __init__(self, seen: Seen) -> None:
        self.task_runs = TaskRuns(seen)
        self._seen = seen
        self._rows = seen.rows
        self._run = seen.run
        self._spec = seen.spec
        self._now_ms = seen.now_ms
        self._of_entrypoint = (seen.run.tenant, seen.run.wf_run_id, 0)

    def as_json(self) -> Json:
        """The execution with its task runs, in the order in which they began: those before the
        place at which it begins, if it is a replay from its middle, and its own.
        """
        visits = list(islice(self.task_runs.all(), TASK_RUNS_MAX + 1))
        shown = sorted(visits[:TASK_RUNS_MAX], key=lambda found: found[0].step)
        before = TaskRunsBefore(self._seen, self.task_runs)
        listed, whole = before.newest(TASK_RUNS_MAX - len(shown))
        fit, all_fit = fitting(self.task_runs.as_json(found) for found in shown)
        listed += fit
        own = self._named()
        if listed:
            own["taskRunList"] = listed
        if len(visits) > TASK_RUNS_MAX or not whole or not all_fit:
            own["taskRunListTruncated"] = True
        own |= {name: value for name, value in self._values().items() if value}
        return own | self._common()

    def head(self) -> Json:
        """The execution as it stands in a list; none of its task runs is looked at."""
        return self._named() | self._common()

    def _named(self) -> Json:
        return {
            "id": self._run.wf_run_id,
            "namespace": self.task_runs.named.namespace,
            "flowId": self.task_runs.named.flow_id,
            "flowRevision": self._run.version,
        }

    def _common(self) -> Json:
        labels = [{"key": key, "value": value} for key, value in self._labels().items()]
        state = self.timeline().as_json(self._now_ms)
        return {"labels": labels, "state": state, **self._origin()}

    def timeline(self) -> Timeline:
        """What the run went through; its rests tell when it was paused, and when it waited for a
        retry.
        """
        run = self._run
        line = Timeline()
        again = run.replay is not None and run.replay.position is not None
        line.come_to(State.RESTARTED if again else State.CREATED, run.started_ms)
        said = [(STATE_OF_END[state], at_ms) for state, at_ms in self.task_runs.lines.said()]
        for state, at_ms in self._moments():
            while line.current in TERMINAL and said and said[0][1] <= at_ms:
                line.come_to(*said.pop(0))
            if line.current is State.KILLING and state not in TERMINAL:
                continue
            if line.current in TERMINAL and state in _ON:
                line.come_to(State.RESTARTED, at_ms)
            if state is State.CREATED:
                continue
            if state is State.FAILED and (
                line.current is State.KILLING or self._had_been_killed(at_ms)
            ):
                state = State.KILLED
            line.come_to(state, at_ms)
        if run.status not in THREAD_LIVE:
            line.end_as(self._end())
            for state, at_ms in said:
                line.come_to(state, at_ms)
        rests = self._rows.peek(RunRests, run.tenant, run.wf_run_id)
        return _overlaid(line, [] if rests is None else whole_history(self._rows, rests))

    def _had_been_killed(self, at_ms: int) -> bool:
        """Whether the node at which the entrypoint failed then, had failed by a kill. Visits of a
        thread follow each other in time.
        """
        first = self._thread()
        begun = range(0 if first is None else first.position + 1)
        last = bisect_right(begun, at_ms, key=self._began_ms)
        for position in reversed(begun[max(0, last - VISITS_OF_A_MOMENT_MAX) : last]):
            node = self._rows.peek(NodeRun, *self._of_entrypoint, position)
            if node is not None and node.failure is not None and node.history[-1].at_ms <= at_ms:
                return node.failure.by_kill
        return False

    def _began_ms(self, position: int) -> int:
        node = self._rows.peek(NodeRun, *self._of_entrypoint, position)
        return 0 if node is None else self.task_runs.lines.facts(node)[0].at_ms

    def _moments(self) -> list[tuple[State, int]]:
        """The run's own facts as states, with the kills between them. What is done for a run that
        has no place yet is to wait for it: QUEUED if there was none when it asked; if there was
        one, it is not begun until it is told so.
        """
        lines, placed_ms = self.task_runs.lines, self._placed_ms()
        place = self._run.place
        refused = place is not None and place.status is PlaceStatus.REFUSED
        without = State.QUEUED if place is not None and place.waited else State.CREATED
        moments: list[tuple[State, int]] = []
        kills = list(lines.kills())
        for fact in lines.facts(self._run):
            status = ThreadStatus(fact.status)
            state = _STATES[status]
            ends = status not in THREAD_LIVE
            while kills and (kills[0] < fact.at_ms or (kills[0] == fact.at_ms and ends)):
                moments.append((State.KILLING, kills.pop(0)))
            if state is None or (refused and state is State.RUNNING):
                continue
            if state is State.RUNNING and (placed_ms is None or fact.at_ms < placed_ms):
                state = without
            moments.append((state, fact.at_ms))
        moments += [(State.KILLING, at_ms) for at_ms in kills]
        if placed_ms is None or all(state is not without for state, _ in moments):
            return moments
        behind = [at for at, one in enumerate(moments) if one[1] <= placed_ms]
        at = 1 + max(at for at in behind if moments[at][0] not in TERMINAL)
        return [*moments[:at], (State.RUNNING, placed_ms), *moments[at:]]

    def _placed_ms(self) -> int | None:
        """When the run could go on from its beginning; None: it can not yet."""
        run = self._run
        if run.place is None or run.place.status is PlaceStatus.REFUSED:
            return run.started_ms
        first = self._rows.peek(NodeRun, run.tenant, run.wf_run_id, 0, 0)
        if first is None or first.status is NodeStatus.COMPLETED:
            return run.started_ms if first is None else first.history[-1].at_ms
        return None

    def _end(self) -> State:
        run, first = self._run, self._thread()
        if run.status is ThreadStatus.COMPLETED:
            return State.WARNING if run.warned else State.SUCCESS
        failure = None if first is None else first.failure
        if failure is None:
            return State.FAILED
        if failure.by_kill:
            return State.KILLED
        if failure.name == FailureName.LIMIT and run.place is not None:
            return _REFUSALS.get(run.place.refusal, State.CANCELLED)
        return _ENDS.get(failure.name, State.FAILED)

    def _thread(self) -> ThreadRun | None:
        return self.task_runs.lines.thread(0)

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
        """What it was begun by, and the how manieth attempt it is: each replay and each restart is
        one, of those that it replays, too.
        """
        run, replay = self._run, self._run.replay
        own: Json = {"originalId": run.wf_run_id if replay is None else replay.original}
        if replay is not None:
            own["parentId"] = replay.of
        above = None if run.parent is None else self._rows.peek(WfRun, run.tenant, run.parent)
        if above is not None:
            own["trigger"] = {"type": "subflow", "variables": self._caller(above)}
        elif run.started_by is not None:
            own["trigger"] = self._started_by(run.started_by)
        elif told := self._told():
            own["trigger"] = told
        attempt = 1 if replay is None else replay.attempt + replay.restarts
        metadata: Json = {"attemptNumber": attempt + run.restarts}
        began_ms = run.started_ms if replay is None else replay.began_ms
        if began_ms:  # replays of former times do not tell
            metadata["originalCreatedDate"] = date_text(began_ms)
        return own | {"metadata": metadata}

    def _told(self) -> Json | None:
        """What the run was told of its trigger."""
        row = self._rows.peek(Variable, self._run.tenant, self._run.wf_run_id, 0, TRIGGER)
        value = None if row is None else shown_variable(self._rows, self._run, row).value
        if not isinstance(value, dict):
            return None
        rest = dict(cast("Json", value))
        if not {"id", "type"} <= rest.keys():
            return None
        return {"id": rest.pop("id"), "type": rest.pop("type"), "variables": rest}

    def _caller(self, above: WfRun | StartedBy) -> Json:
        spec = self._rows.peek(WfSpec, self._run.tenant, above.wf_spec, above.version)
        named = Named("", above.wf_spec) if spec is None else Named.of(spec)
        return {
            "executionId": above.wf_run_id,
            "namespace": named.namespace,
            "flowId": named.flow_id,
            "flowRevision": above.version,
        }

    def _started_by(self, by: StartedBy) -> Json:
        state = {"state": STATE_OF_END[by.state]}
        return {"id": by.start, "type": "flow", "variables": self._caller(by) | state}


def _overlaid(line: Timeline, rests: Sequence[Fact]) -> Timeline:
    """With the times in which something of the run rested, as long as the run itself was at
    work.
    """
    made, own, changes = Timeline(), list(line.moments), list(rests)
    base, resting = State.CREATED, None
    while own or changes:
        if own and (not changes or _is_first(own[0], changes[0])):
            moment = own.pop(0)
            base = moment.state
            made.come_to(_seen(base, resting), moment.at_ms)
            continue
        change = changes.pop(0)
        resting = _RESTING.get(change.status)
        if base in (State.RUNNING, State.RESTARTED):
            made.come_to(_seen(base, resting), change.at_ms)
    return made


def _is_first(own: Moment, change: Fact) -> bool:
    """Whether a moment of the run comes before one of its rests. At the same time what it ends
    comes first, unless it was the run that ended it.
    """
    if own.at_ms != change.at_ms:
        return own.at_ms < change.at_ms
    return change.status in _RESTING or own.state in (State.KILLING, State.KILLED)


def _seen(base: State, resting: State | None) -> State:
    return resting if resting is not None and base is State.RUNNING else base


_ON: Final = (State.RUNNING, State.QUEUED, State.CREATED)
"""A run that had ended and comes to one of these goes on."""
_RESTING: Final[dict[str, State]] = {Rest.WAIT: State.PAUSED, Rest.RETRY: State.RETRYING}
_STATES: Final[dict[ThreadStatus, State | None]] = {
    ThreadStatus.RUNNING: State.RUNNING,
    ThreadStatus.HALTING: None,
    ThreadStatus.HALTED: State.PAUSED,
    ThreadStatus.COMPLETED: State.SUCCESS,
    ThreadStatus.ERROR: State.FAILED,
    ThreadStatus.EXCEPTION: State.FAILED,
}
_ENDS: Final[dict[str, State]] = {
    FailureName.SUPERSEDED: State.RETRIED,
    FailureName.LIMIT: State.CANCELLED,
}
_REFUSALS: Final[dict[LimitBehavior | None, State]] = {LimitBehavior.FAIL: State.FAILED}
