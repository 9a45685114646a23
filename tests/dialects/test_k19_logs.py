"""Logs are of an attempt, and each line has a level and a time."""

from __future__ import annotations

from penstock.core.state.transitions import TaskStatus
from tests.dialects.works import RETRIED, RETRY_MS, flow, task
from tests.scenarios.driver import Driver
from tests.scenarios.story import accepted


def test_k19_lines_are_of_an_attempt(driver: Driver) -> None:
    run = task(driver, flow(driver, RETRIED))
    run.beats(logs="DEBUG one\nERROR two")
    driver.pass_ms(20)
    accepted(driver, run.report(TaskStatus.TASK_FAILED, error="no", logs="three"))
    driver.pass_ms(RETRY_MS)
    run.wait(lambda: run.task_run.status == "TASK_SCHEDULED", "the next attempt")
    task(driver, run)
    report = run.report(TaskStatus.TASK_SUCCESS, logs="WARN four")
    accepted(driver, report)
    run.completes(None)
    told = [(one["attemptNumber"], one["level"], one["message"]) for one in run.lines()]
    assert told == [
        *((0, "DEBUG", "one"), (0, "ERROR", "two"), (0, "INFO", "three")),
        (1, "WARN", "four"),
    ]
    assert [one["message"] for one in run.lines(attempt=0)] == ["one", "two", "three"]
    assert [one["message"] for one in run.lines(min_level="WARN")] == ["two", "four"]
    assert run.lines(task_run=run.only("work")["id"]) == run.lines()
    assert run.lines(task_run="another") == []
    times = [one["timestamp"] for one in run.lines()]
    assert times[0] == times[1] < times[2] < times[3]
    assert {one["executionId"] for one in run.lines()} == {run.id}
