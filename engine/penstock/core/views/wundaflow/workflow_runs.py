"""Runs as workflow runs."""

from __future__ import annotations

from itertools import islice
from typing import Final

from penstock.core.state.failures import FailureName
from penstock.core.state.rows import Rows
from penstock.core.state.run import ThreadRun, Variable, WfRun
from penstock.core.state.transitions import ThreadStatus
from penstock.core.values.timestamps import timestamp_text
from penstock.core.values.value import Value
from penstock.core.views.seen import Json, Seen
from penstock.core.views.shown import shown_variable
from penstock.core.views.wundaflow.states import State
from penstock.core.views.wundaflow.task_runs import CONTEXT, TaskRuns

TASK_RUNS_MAX: Final = 1_000
"""So many task runs stand in a workflow run; all of them in the list of task runs."""


def workflow_run(seen: Seen) -> Json:
    """The run with its task runs, those too that it has not come to; their contexts stand in the
    list of task runs only.
    """
    task_runs = TaskRuns(seen)
    found = list(islice(task_runs.all(), TASK_RUNS_MAX + 1))
    shown = [task_runs.as_json(one, contexts=False) for one in found[:TASK_RUNS_MAX]]
    return {
        **head(seen),
        "context": _context(seen.rows, seen.run),
        "task_runs": shown,
        **({"task_runs_truncated": True} if len(found) > TASK_RUNS_MAX else {}),
    }


def head(seen: Seen) -> Json:
    """The run without them."""
    run, namespace, whole = seen.run, seen.spec.body.namespace, seen.spec.name
    return {
        "id": f"flow_{run.wf_run_id}",
        "application": namespace or None,
        "workflow_name": whole.removeprefix(f"{namespace}.") if namespace else whole,
        "workflow_version": run.version,
        "state": _state(seen.rows, run),
        "created_at": timestamp_text(run.started_ms),
        "ended_at": None if run.ended_ms is None else timestamp_text(run.ended_ms),
    }


def _state(rows: Rows, run: WfRun) -> State:
    """In the words for tasks. One that may not go on by itself is pending."""
    if run.status is ThreadStatus.COMPLETED:
        return State.SUCCESS
    if run.status in (ThreadStatus.ERROR, ThreadStatus.EXCEPTION):
        first = rows.peek(ThreadRun, run.tenant, run.wf_run_id, 0)
        failure = None if first is None else first.failure
        stopped = failure is not None and failure.name in _STOPS
        return State.SHUTDOWN if stopped else State.FAILED
    waits = run.held or run.status is ThreadStatus.HALTED
    return State.PENDING if waits else State.RUNNING


def _context(rows: Rows, run: WfRun) -> Value:
    row = rows.peek(Variable, run.tenant, run.wf_run_id, 0, CONTEXT)
    return None if row is None else shown_variable(rows, run, row).value


_STOPS: Final = frozenset({FailureName.KILLED, FailureName.TASK_CANCELLED})
