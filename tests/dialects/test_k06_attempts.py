"""A retry adds an attempt to the same task run."""

from __future__ import annotations

from tests.dialects.works import RETRIED, RETRY_MS, flow, task
from tests.scenarios.driver import Driver


def test_k06_attempts_are_of_one_task_run(driver: Driver) -> None:
    run = task(driver, flow(driver, RETRIED))
    first_id = run.only("work")["id"]
    run.fails()
    driver.pass_ms(RETRY_MS)
    run.wait(lambda: run.task_run.status == "TASK_SCHEDULED", "the next attempt")
    task(driver, run).succeeds("well").completes(None)
    shown = run.only("work")
    assert shown["id"] == first_id
    assert [one["state"]["current"] for one in shown["attempts"]] == ["FAILED", "SUCCESS"]
    for attempt in shown["attempts"]:
        assert [one["state"] for one in attempt["state"]["histories"]][:2] == [
            *("CREATED", "RUNNING"),
        ]
    assert run.states() == ["CREATED", "RUNNING", "RETRYING", "RUNNING", "SUCCESS"]


def test_k06_there_is_none_before_a_worker_has_begun_it(driver: Driver) -> None:
    run = flow(driver)
    assert "attempts" not in run.only("work")
