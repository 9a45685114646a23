"""Logs are of an attempt, and each line has a level and a time."""

from __future__ import annotations

from typing import Any

from penstock.core.ids import partition_of_run
from penstock.core.state.transitions import TaskStatus
from penstock.core.views.kestra.dialect import Kestra
from penstock.gateway.run_words import Asked, lines_of
from tests.dialects.bench import FlowRun
from tests.dialects.histories import seen_of
from tests.dialects.works import RETRIED, RETRY_MS, flow, task
from tests.scenarios.driver import Driver
from tests.scenarios.story import accepted


def lines(run: FlowRun, **asked: Any) -> list[dict[str, Any]]:
    """The lines that are asked for."""
    seen = seen_of(run.driver, run.id, partition_of_run(run.id, run.driver.topics.partitions))
    assert seen is not None
    found, whole = lines_of(Kestra(), seen, Asked(**asked))
    assert whole
    return [Kestra().log(seen, line) for line in found]


def test_lines_are_of_an_attempt(driver: Driver) -> None:
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
    told = [(one["attemptNumber"], one["level"], one["message"]) for one in lines(run)]
    assert told == [
        *((0, "DEBUG", "one"), (0, "ERROR", "two"), (0, "INFO", "three")),
        (1, "WARN", "four"),
    ]
    assert [one["message"] for one in lines(run, attempt=0)] == ["one", "two", "three"]
    assert [one["message"] for one in lines(run, min_level="WARN")] == ["two", "four"]
    assert lines(run, task_run=run.only("work")["id"]) == lines(run)
    assert lines(run, task_run="another") == []
    times = [one["timestamp"] for one in lines(run)]
    assert times[0] == times[1] < times[2] < times[3]
    assert {one["executionId"] for one in lines(run)} == {run.id}
