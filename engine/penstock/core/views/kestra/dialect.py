"""Executions and task runs, as whoever asks for a view of runs gets them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from penstock.core.state.run import NodeRun
from penstock.core.state.task_rows import MetricKind, Series
from penstock.core.values.timestamps import date_text
from penstock.core.views.kestra.before import TaskRunsBefore
from penstock.core.views.kestra.executions import Execution
from penstock.core.views.kestra.states import State
from penstock.core.views.kestra.task_runs import TaskRuns, metric
from penstock.core.views.seen import Json, LogLine, Seen, SeenAttempt, SeenTaskRun


class Kestra:
    """Shapes, ids and states of seed 003."""

    def wf_run(self, seen: Seen) -> Json:
        """An execution with its task runs."""
        return Execution(seen).as_json()

    def brief(self, seen: Seen) -> Json:
        """An execution without them."""
        return self.head(seen)

    def head(self, seen: Seen) -> Json:
        """An execution as it stands in a list."""
        return Execution(seen).head()

    def task_runs(self, seen: Seen, after: str | None = None) -> Iterator[SeenTaskRun]:
        """Its task runs, by thread and position of the node run in which they began."""
        runs = TaskRuns(seen)
        for visits in runs.all(after=None if after is None else place_of(after)):
            yield _seen(runs, visits)

    def task_run(self, seen: Seen, task_run_id: str) -> SeenTaskRun | None:
        """One of them, or one that lies before the place of a replay."""
        runs = TaskRuns(seen)
        found = (visits for visits in runs.all() if runs.id_of(visits[0]) == task_run_id)
        visits = next(found, None)
        if visits is not None:
            return _seen(runs, visits)
        before = TaskRunsBefore(seen, runs).find(task_run_id)
        if before is None:
            return None
        runs, visits, as_json = before
        return replace(_seen(runs, visits), id=task_run_id, as_json=as_json)

    def states(self) -> Iterable[str]:
        """What a task run may be in."""
        return State

    def attempts(self, seen: Seen, task_run_id: str | None = None) -> Iterator[SeenAttempt]:
        """The attempts that have begun; the first of a task run is number 0."""
        runs = TaskRuns(seen)
        for visits in runs.all():
            own_id = runs.id_of(visits[0])
            if task_run_id not in (None, own_id):
                continue
            for number, (task, attempt) in enumerate(runs.begun_attempts(visits)):
                at_ms = attempt.started_ms or attempt.scheduled_ms
                name = visits[0].node
                yield SeenAttempt(task, own_id, name, attempt.number, number, at_ms)

    def log(self, seen: Seen, line: LogLine) -> Json:
        """A log entry."""
        return self._of(seen, line.of) | {
            "timestamp": date_text(line.at_ms),
            "level": line.level,
            "thread": line.of.task.attempt.worker,
            "message": line.message,
        }

    def metric(self, seen: Seen, of: SeenAttempt, series: Series) -> Json:
        """A metric in a list of its own: the value of a timer is in milliseconds."""
        flat = {"value": float(series.value), "timestamp": date_text(of.at_ms)}
        kind = "timer" if series.kind is MetricKind.TIMER else "counter"
        return self._of(seen, of) | metric(series) | flat | {"type": kind}

    def _of(self, seen: Seen, of: SeenAttempt) -> Json:
        named = TaskRuns(seen).named
        return {
            "namespace": named.namespace,
            "flowId": named.flow_id,
            "taskId": of.task_id,
            "executionId": seen.run.wf_run_id,
            "taskRunId": of.task_run_id,
            "attemptNumber": of.shown_number,
        }


def place_of(text: str) -> tuple[int, int]:
    """Where a list goes on; the beginning, if the text says no place."""
    thread, _, position = text.partition(":")
    if not (thread.isdecimal() and position.isdecimal() and len(text) < 40):
        return 0, 0
    return int(thread), int(position)


def _seen(runs: TaskRuns, visits: list[NodeRun]) -> SeenTaskRun:
    first, last = visits[0], visits[-1]
    line = runs.lines.of(visits)
    end = line.end
    return SeenTaskRun(
        place=f"{last.thread}:{last.position}",
        id=runs.id_of(first),
        task_id=first.node,
        task_def=runs.task_def_of(last),
        state=line.moments[-1].state,
        start_ms=line.moments[0].at_ms,
        end_ms=None if end is None else end.at_ms,
        as_json=lambda: runs.as_json(visits),
    )
