"""The same state again is no news; a history only grows."""

from __future__ import annotations

from tests.dialects.works import RETRIED, RETRY_MS, flow, task
from tests.scenarios.driver import Driver


def test_k03_the_same_again_is_no_news(driver: Driver) -> None:
    run = task(driver, flow(driver))
    before = run.states("work")
    run.beats()
    run.beats()
    assert run.states("work") == before == ["CREATED", "RUNNING"]
    assert run.states() == ["CREATED", "RUNNING"]
    run.is_paused()
    run.succeeds()
    run.is_now("HALTED")
    run.is_paused()
    assert run.states() == ["CREATED", "RUNNING", "PAUSED"]


def test_k03_a_history_only_grows(driver: Driver) -> None:
    """Whatever was seen stays as it was seen."""
    run = flow(driver, RETRIED)
    seen: list[dict[str, str]] = []

    def grows() -> None:
        now = run.only("work")["state"]["histories"]
        assert now[: len(seen)] == seen
        seen[:] = now

    for _ in range(2):
        grows()
        task(driver, run)
        grows()
        run.fails()
        grows()
        driver.pass_ms(RETRY_MS)
        run.wait(lambda: run.task_run.status == "TASK_SCHEDULED", "the next attempt")
        grows()
    task(driver, run).succeeds().completes(None)
    grows()
    assert [one["state"] for one in seen] == [
        *("CREATED", "RUNNING", "FAILED", "RETRYING") * 2,
        *("CREATED", "RUNNING", "SUCCESS"),
    ]
