"""What every history that a view shows must hold, whatever has happened to the run."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

from penstock.core.definitions.wf_spec import WfSpec
from penstock.core.flow.rests import is_retry
from penstock.core.state.rest_rows import AT_WORK, Rest, RunRests
from penstock.core.state.rows import Rows
from penstock.core.state.run import NodeRun, TaskRun, ThreadRun, WfRun
from penstock.core.state.transitions import THREAD_LIVE
from penstock.core.views.kestra.executions import Execution
from penstock.core.views.kestra.states import EXECUTION_MOVES, TASK_RUN_MOVES, TERMINAL, State
from penstock.core.views.kestra.task_runs import TaskRuns
from penstock.core.views.seen import Seen
from penstock.core.views.waits import waits_of
from penstock.core.views.waits_for import WaitsFor
from penstock.gateway.run_scan import next_run_id
from tests.scenarios.driver import Driver

Moves = dict[State, frozenset[State]]
_S = State
ATTEMPT_MOVES: Final[Moves] = {
    _S.CREATED: frozenset({_S.RUNNING}),
    _S.RUNNING: frozenset({_S.SUCCESS, _S.WARNING, _S.FAILED, _S.KILLED}),
}


def seen_of(driver: Driver, wf_run_id: str, number: int, tenant: str = "default") -> Seen | None:
    """A run as its partition knows it; None while it does not."""
    view = driver.processor.view(number)
    if view is None:
        return None
    rows = Rows(view)
    run = rows.peek(WfRun, tenant, wf_run_id)
    if run is None:
        return None
    spec = rows.peek(WfSpec, tenant, run.wf_spec, run.version)
    assert spec is not None
    return Seen(rows, run, spec, number, driver.clock.now_ms if driver.clock else 0)


def assert_histories(driver: Driver, tenant: str = "default") -> None:
    """The histories of all runs obey the tables."""
    for number in range(driver.topics.partitions):
        view, after = driver.processor.view(number), ""
        while view is not None and (found := next_run_id(view, tenant, after)) is not None:
            after = found
            seen = seen_of(driver, found, number, tenant)
            if seen is not None:
                shown = Execution(seen).as_json()
                assert_execution(shown)
                assert Execution(seen).head()["state"] == shown["state"]
                assert_ids_are_unique(seen)
                assert_rests(seen)
                assert_waits(seen)


def assert_waits(seen: Seen) -> None:
    """Of each thread that has not ended is told what it waits for."""
    told = {wait.thread.number: wait.reason for wait in waits_of(seen)}
    if seen.run.status not in THREAD_LIVE:
        assert all(reason.what is WaitsFor.FAILED for reason in told.values())
        return
    for thread in seen.rows.scan(ThreadRun, seen.run.tenant, seen.run.wf_run_id):
        if thread.status in THREAD_LIVE and not thread.is_abandoned:
            assert told[thread.number].text


def assert_rests(seen: Seen) -> None:
    """What is counted of a run is what its rows are; of threads that are not kept, none waits."""
    of_run = (seen.run.tenant, seen.run.wf_run_id)
    kinds = [node.rests for node in seen.rows.scan(NodeRun, *of_run)]
    retries = sum(is_retry(task) for task in seen.rows.scan(TaskRun, *of_run))
    counted = seen.rows.peek(RunRests, *of_run) or RunRests(*of_run)
    assert counted.waits == kinds.count(Rest.WAIT)
    assert counted.retries == kinds.count(Rest.RETRY) + retries
    assert (counted.history[-1].status if counted.history else AT_WORK) == counted.status


def assert_execution(execution: dict[str, Any]) -> None:
    """The histories of an execution, its task runs and their attempts obey the tables."""
    assert_moves(execution["state"], EXECUTION_MOVES)
    for task_run in execution.get("taskRunList", ()):
        assert_moves(task_run["state"], TASK_RUN_MOVES)
        for attempt in task_run.get("attempts", ()):
            assert_moves(attempt["state"], ATTEMPT_MOVES)


def assert_ids_are_unique(seen: Seen) -> None:
    """Each task run has an id of its own, and a parent that is one."""
    shown: list[dict[str, Any]] = Execution(seen).as_json().get("taskRunList", [])
    ids = [one["id"] for one in shown]
    assert len(ids) == len(set(ids))
    runs = TaskRuns(seen)
    if all(thread is None or not thread.gone for thread in map(runs.lines.thread, range(50))):
        assert {one.get("parentTaskRunId", ids[0]) for one in shown} <= set(ids)


def assert_moves(state: dict[str, Any], moves: Moves) -> None:
    """A state object is what its history says, and its history goes no way that is not there."""
    history = state["histories"]
    states = [State(one["state"]) for one in history]
    assert states[0] in (State.CREATED, State.RESTARTED), states
    for before, after in pairwise(states):
        assert after in moves[before], f"{before} -> {after}: {states}"
    dates = [one["date"] for one in history]
    assert dates == sorted(dates)
    over = states[-1] in TERMINAL or states[-1] is State.PAUSED
    assert state["current"] == states[-1]
    assert state["startDate"] == dates[0]
    assert state.get("endDate") == (dates[-1] if over else None)
    assert state["duration"].startswith("PT")
