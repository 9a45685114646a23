"""Each state can be reached, of an execution and of a task run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from penstock.core.views.kestra.states import State
from tests.dialects.bench import FlowRun
from tests.dialects.works import RETRIED, WORK, flow, task
from tests.scenarios.driver import Driver, memory_driver

FEW: Final = WORK + "concurrency: {limit: 1, behavior: %s}\n"
PAUSE: Final = "tasks: [{id: work, type: pause}]\n"


def created(driver: Driver) -> FlowRun:
    """Sent to the queue."""
    return flow(driver)


def running(driver: Driver) -> FlowRun:
    """A worker runs it."""
    return task(driver, flow(driver))


def succeeded(driver: Driver) -> FlowRun:
    """It is done."""
    return running(driver).succeeds().completes(None)


def failed(driver: Driver) -> FlowRun:
    """It has failed."""
    return running(driver).fails().ends_with("TASK_FAILURE")


def warned(driver: Driver) -> FlowRun:
    """It may fail."""
    text = "tasks: [{id: work, type: task, taskDef: hand, allowFailure: true}]\n"
    return task(driver, flow(driver, text)).fails().completes(None)


def retrying(driver: Driver) -> FlowRun:
    """It waits for its next attempt."""
    long = RETRIED.replace("PT0.2S", "PT1H")
    return task(driver, flow(driver, long)).fails()


def killing(driver: Driver) -> FlowRun:
    """Its worker has not ended it yet."""
    return running(driver).is_killed()


def killed(driver: Driver) -> FlowRun:
    """Its worker has."""
    return killing(driver).fails().ends_with("KILLED")


def killed_early(driver: Driver) -> FlowRun:
    """No worker has begun it."""
    return flow(driver).is_killed().ends_with("KILLED")


def restarted(driver: Driver) -> FlowRun:
    """It is begun again, and has not been begun by a worker."""
    return failed(driver).is_begun_again()


def paused(driver: Driver) -> FlowRun:
    """It waits for somebody."""
    return flow(driver, PAUSE)


def skipped(driver: Driver) -> FlowRun:
    """Its condition does not hold."""
    text = "tasks: [{id: work, type: task, taskDef: hand, runIf: '{{ false }}'}]\n"
    return flow(driver, text).completes(None)


def operators_pause(driver: Driver) -> FlowRun:
    """An operator has paused it, and its task has ended."""
    run = running(driver)
    run.is_paused()
    return run.succeeds().is_now("HALTED")


def superseded(driver: Driver) -> FlowRun:
    """It has failed, and is to be begun anew in an hour."""
    retry = "{type: constant, interval: PT1H, maxAttempts: 2, behavior: CREATE_NEW_EXECUTION}"
    text = f"tasks: [{{id: work, type: task, taskDef: hand, retry: {retry}}}]\n"
    return task(driver, flow(driver, text)).fails().ends_with("SUPERSEDED")


def second(behavior: str) -> Callable[[Driver], FlowRun]:
    """A second run where one may be at work."""

    def make(driver: Driver) -> FlowRun:
        first = flow(driver, FEW % behavior)
        run = flow(driver, FEW % behavior)
        assert first.run.status == "RUNNING"
        if behavior != "QUEUE":
            run.ends_with("LIMIT")
        else:
            run.wait(lambda: run.run.place is not None and run.run.place.waited, "the queue")
        return run

    return make


TASK_RUNS: Final = [
    (State.CREATED, created, ["CREATED"]),
    (State.RUNNING, running, ["CREATED", "RUNNING"]),
    (State.SUCCESS, succeeded, ["CREATED", "RUNNING", "SUCCESS"]),
    (State.FAILED, failed, ["CREATED", "RUNNING", "FAILED"]),
    (State.WARNING, warned, ["CREATED", "RUNNING", "WARNING"]),
    (State.RETRYING, retrying, ["CREATED", "RUNNING", "FAILED", "RETRYING"]),
    (State.KILLING, killing, ["CREATED", "RUNNING", "KILLING"]),
    (State.KILLED, killed, ["CREATED", "RUNNING", "KILLING", "KILLED"]),
    (State.KILLED, killed_early, ["CREATED", "KILLED"]),
    (State.RESTARTED, restarted, ["CREATED", "RUNNING", "FAILED", "RESTARTED"]),
    (State.PAUSED, paused, ["CREATED", "RUNNING", "PAUSED"]),
    (State.SKIPPED, skipped, ["CREATED", "SKIPPED"]),
    (State.RETRIED, superseded, ["CREATED", "RUNNING", "FAILED", "RETRIED"]),
]
EXECUTIONS: Final = [
    (State.RUNNING, created, ["CREATED", "RUNNING"]),
    (State.SUCCESS, succeeded, ["CREATED", "RUNNING", "SUCCESS"]),
    (State.FAILED, failed, ["CREATED", "RUNNING", "FAILED"]),
    (State.WARNING, warned, ["CREATED", "RUNNING", "WARNING"]),
    (State.RETRYING, retrying, ["CREATED", "RUNNING", "RETRYING"]),
    (State.KILLING, killing, ["CREATED", "RUNNING", "KILLING"]),
    (State.KILLED, killed, ["CREATED", "RUNNING", "KILLING", "KILLED"]),
    (State.RUNNING, restarted, ["CREATED", "RUNNING", "FAILED", "RESTARTED", "RUNNING"]),
    (State.PAUSED, paused, ["CREATED", "RUNNING", "PAUSED"]),
    (State.PAUSED, operators_pause, ["CREATED", "RUNNING", "PAUSED"]),
    (State.QUEUED, second("QUEUE"), ["CREATED", "QUEUED"]),
    (State.CANCELLED, second("CANCEL"), ["CREATED", "CANCELLED"]),
    (State.FAILED, second("FAIL"), ["CREATED", "FAILED"]),
    (State.RETRIED, superseded, ["CREATED", "RUNNING", "RETRIED"]),
]


@pytest.mark.parametrize(("state", "make", "history"), TASK_RUNS)
def test_k04_a_task_run_comes_to(
    driver: Driver, state: State, make: Callable[[Driver], FlowRun], history: list[str]
) -> None:
    run = make(driver)
    assert run.only("work")["state"]["current"] == state
    assert run.states("work") == history


@pytest.mark.parametrize(("state", "make", "history"), EXECUTIONS)
def test_k04_an_execution_comes_to(
    driver: Driver, state: State, make: Callable[[Driver], FlowRun], history: list[str]
) -> None:
    run = make(driver)
    assert run.execution["state"]["current"] == state
    assert run.states() == history


def test_k04_no_state_is_missing_here() -> None:
    reached = {state for state, _, _ in (*TASK_RUNS, *EXECUTIONS)}
    assert reached == set(State)


def test_k04_a_run_in_the_queue_goes_on(driver: Driver) -> None:
    """When there is a place for it."""
    first, run = flow(driver, FEW % "QUEUE"), flow(driver, FEW % "QUEUE")
    driver.pass_ms(20)
    task(driver, first).succeeds().completes(None)
    run.wait(lambda: not run.run.held, "the place")
    task(driver, run).succeeds().completes(None)
    assert run.states() == ["CREATED", "QUEUED", "RUNNING", "SUCCESS"]
    assert first.states() == ["CREATED", "RUNNING", "SUCCESS"]


class Slow(Driver):
    """Between partitions, nothing is told at once."""

    def step(self) -> None:
        """The next one, later."""
        if self.clock is not None:
            self.clock.now_ms += 3
        super().step()


def test_k04_only_a_run_without_a_free_place_is_queued(tmp_path: Path) -> None:
    """However long the answer takes that there is one."""
    with memory_driver(tmp_path, kind=Slow) as slow:
        runs = [flow(slow, WORK + "concurrency: {limit: 4, behavior: QUEUE}\n") for _ in range(4)]
        slow.settle()
        assert [run.states() for run in runs] == [["CREATED", "RUNNING"]] * 4
        more = flow(slow, WORK + "concurrency: {limit: 4, behavior: QUEUE}\n")
        slow.settle()
        assert more.states() == ["CREATED", "QUEUED"]
