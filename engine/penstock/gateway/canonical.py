"""The engine's own view of runs and task runs: what a request gets that names no other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

from penstock.core.state.keys import after_prefix
from penstock.core.state.rows import Rows
from penstock.core.state.run import NodeRun, PastAttempt, TaskAttempt, TaskRun, ThreadRun
from penstock.core.state.task_rows import AttemptLog, Series
from penstock.core.state.transitions import TASK_LIVE, TaskStatus
from penstock.core.views.attempts import ATTEMPTS_SHOWN_MAX, newest_first
from penstock.core.views.filling import Filling
from penstock.core.views.seen import Json, LogLine, Seen, SeenAttempt, SeenTaskRun
from penstock.core.views.shown import shown_attempt, shown_task
from penstock.gateway import render

THREADS_SHOWN_MAX: Final = 1_000
"""So many stand in a run; all of them in the list of its threads."""
ATTEMPTS_BYTES_MAX: Final = 1024 * 1024


class Canonical:
    """Shapes and states of the engine itself."""

    def wf_run(self, seen: Seen) -> Json:
        """A run with its threads; of very many, the first."""
        threads, whole = Filling(THREADS_SHOWN_MAX), True
        for thread in seen.rows.scan(ThreadRun, seen.run.tenant, seen.run.wf_run_id):
            if not threads.left:
                whole = False
                break
            threads.add(render.thread_run(thread))
        return self.brief(seen) | {"threads": threads.items, "threads_truncated": not whole}

    def brief(self, seen: Seen) -> Json:
        """A run without them."""
        first = seen.rows.peek(ThreadRun, seen.run.tenant, seen.run.wf_run_id, 0)
        return render.wf_run(seen.run, first)

    def head(self, seen: Seen) -> Json:
        """A run as it stands in a list."""
        return render.wf_run_head(seen.run)

    def task_runs(self, seen: Seen, after: str | None = None) -> Iterator[SeenTaskRun]:
        """Its task runs, by guid."""
        prefix = TaskRun.key(seen.run.tenant, seen.run.wf_run_id)
        start = prefix if after is None else prefix + after.encode() + b"\x00\x00"
        for _, task in seen.rows.range(TaskRun, start, after_prefix(prefix)):
            yield self._seen(seen, task)

    def task_run(self, seen: Seen, task_run_id: str) -> SeenTaskRun | None:
        """One of them."""
        task = seen.rows.peek(TaskRun, seen.run.tenant, seen.run.wf_run_id, task_run_id)
        return None if task is None else self._seen(seen, task)

    def states(self) -> Iterable[str]:
        """What a task run may be in."""
        return TaskStatus

    def attempts(self, seen: Seen, task_run_id: str | None = None) -> Iterator[SeenAttempt]:
        """The attempts of a task run, or of all."""
        within = () if task_run_id is None else (task_run_id,)
        run = seen.run
        for task in seen.rows.scan(TaskRun, run.tenant, run.wf_run_id, *within):
            name = _node_of(seen.rows, task)
            past = seen.rows.scan(PastAttempt, run.tenant, run.wf_run_id, task.guid)
            for attempt in chain((one.attempt for one in past), (task.attempt,)):
                at_ms = attempt.started_ms or attempt.scheduled_ms
                number = attempt.number
                yield SeenAttempt(task, task.guid, name, number, number, at_ms)

    def log(self, seen: Seen, line: LogLine) -> Json:
        """A line of a log."""
        return {
            "wf_run_id": seen.run.wf_run_id,
            "task_run": line.of.task_run_id,
            "node": line.of.task_id,
            "attempt": line.of.shown_number,
            "at": render.time_text(line.at_ms),
            "level": line.level,
            "message": line.message,
        }

    def metric(self, seen: Seen, of: SeenAttempt, series: Series) -> Json:
        """A series of an attempt; a timer's value is in milliseconds."""
        return {
            "wf_run_id": seen.run.wf_run_id,
            "wf_spec": seen.run.wf_spec,
            "task_run": of.task_run_id,
            "node": of.task_id,
            "task_def": of.task.task_def,
            "attempt": of.shown_number,
            "at": render.time_text(of.at_ms),
            "name": series.name,
            "kind": series.kind,
            "tags": series.tags,
            "value": series.value,
            "count": series.count,
        }

    def _seen(self, seen: Seen, task: TaskRun) -> SeenTaskRun:
        attempt, node = task.attempt, _node_of(seen.rows, task)
        first_ms = task.history[0].at_ms if task.history else attempt.scheduled_ms
        over = task.status not in TASK_LIVE
        return SeenTaskRun(
            place=task.guid,
            id=task.guid,
            task_id=node,
            task_def=task.task_def,
            state=task.status,
            start_ms=first_ms,
            end_ms=attempt.ended_ms if over else None,
            as_json=lambda: _task_run(seen, task, node),
        )


def _node_of(rows: Rows, task: TaskRun) -> str:
    """The node of a task; of one that an action of a user task has made, the user task's."""
    node = rows.peek(NodeRun, task.tenant, task.wf_run_id, task.thread, task.position)
    return "" if node is None else node.node


def attempt_of(rows: Rows, task: TaskRun, attempt: TaskAttempt) -> Json:
    """An attempt of a task, with what it has logged."""
    pieces = rows.scan(AttemptLog, task.tenant, task.wf_run_id, task.guid, attempt.number)
    logs = "".join(piece.text for piece in pieces)
    return render.task_attempt(shown_attempt(rows, task, attempt), logs)


def _task_run(seen: Seen, row: TaskRun, node: str) -> Json:
    rows = seen.rows
    attempts, whole = Filling(ATTEMPTS_SHOWN_MAX, ATTEMPTS_BYTES_MAX), True
    for attempt in newest_first(rows, row):
        if not attempts.left:
            whole = False
            break
        attempts.add(attempt_of(rows, row, attempt))
    whose = {
        "wf_spec": seen.run.wf_spec,
        "namespace": seen.spec.body.namespace,
        "node": node,
    }
    return whose | render.task_run(shown_task(rows, row), attempts.items[::-1], whole=whole)
