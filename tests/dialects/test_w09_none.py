"""W9: `none` is a task that is not ready: one before it is pending still, or has failed."""

from penstock.stepped.definition import Retry
from tests.dialects.workflows import define, start
from tests.scenarios.driver import Driver

ONCE = Retry(max_attempts=1)


def test_w09_what_comes_later_is_none(driver: Driver) -> None:
    """It has an id and a place, and nothing more."""
    run = start(driver, define(driver, "tell", "a", "b", "c"), {"n": 1})
    assert run.states() == "queued none none"
    shown = run.one("c")
    assert shown["attempts"] == []
    assert shown["max_attempts"] == 5
    assert [moment["state"] for moment in shown["history"]] == ["none"]
    assert shown["history"][0]["at"] == run.shown["created_at"]
    assert (shown["context_in"], shown["context_out"], shown["diff"]) == (None, None, None)
    run.task("a").succeeds({})
    assert run.states() == "success queued none"


def test_w09_while_one_before_it_is_to_be_tried_again(driver: Driver) -> None:
    """That is still pending, though it has failed once."""
    run = start(driver, define(driver, "tell", "a", "b"), {})
    run.task("a").fails()
    assert run.states() == "pending_retry none"


def test_w09_after_a_failure_it_stays_none(driver: Driver) -> None:
    run = start(driver, define(driver, "tell", "a", "b", "c", retry=ONCE), {})
    run.task("a").succeeds({})
    run.task("b").fails().ends_with("TASK_FAILURE")
    assert run.states() == "success failed none"
    assert run.shown["state"] == "failed"


def test_w09_after_a_shutdown_it_stays_none(driver: Driver) -> None:
    run = start(driver, define(driver, "tell", "a", "b"), {})
    run.is_killed().is_now("ERROR")
    assert run.states() == "shutdown none"


def test_w09_a_run_without_end_has_no_none(driver: Driver) -> None:
    run = start(driver, define(driver, "tell", "a"), {})
    run.task("a").succeeds({}).completes({})
    assert run.states() == "success"
