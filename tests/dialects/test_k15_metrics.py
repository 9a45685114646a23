"""What an attempt has measured stands in it; a series that is measured again adds up."""

from __future__ import annotations

from penstock.core.state.task_rows import Metric, MetricKind
from penstock.core.state.transitions import TaskStatus
from tests.dialects.works import RETRIED, RETRY_MS, flow, task
from tests.scenarios.driver import Driver
from tests.scenarios.story import accepted

COUNTER, TIMER = MetricKind.COUNTER, MetricKind.TIMER


def test_counters_and_timers_with_tags(driver: Driver) -> None:
    run = task(driver, flow(driver, RETRIED))
    run.beats(metrics=(Metric("rows", COUNTER, 2.0, {"table": "a"}),))
    measured = (
        Metric("rows", COUNTER, 3.0, {"table": "a"}),
        Metric("rows", COUNTER, 7.0, {"table": "b"}),
        Metric("took", TIMER, 7.213673, {}),
    )
    accepted(driver, run.report(TaskStatus.TASK_FAILED, error="no", metrics=measured))
    driver.pass_ms(RETRY_MS)
    run.wait(lambda: run.task_run.status == "TASK_SCHEDULED", "the next attempt")
    task(driver, run).succeeds().completes(None)
    first, second = run.only("work")["attempts"]
    assert first["metrics"] == [
        {"name": "rows", "tags": {"table": "a"}, "value": 5.0, "type": "counter"},
        {"name": "rows", "tags": {"table": "b"}, "value": 7.0, "type": "counter"},
        {"name": "took", "tags": {}, "type": "timer", "value": "PT0.007213673S"},
    ]
    assert second["metrics"] == []
