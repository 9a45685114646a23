"""W12: whether an attempt that failed is `failed` or `pending_retry` is decided by the attempts
that remain.
"""

from typing import Any

import pytest

from penstock.core.state.transitions import TaskStatus
from penstock.stepped.definition import Retry, Step
from tests.dialects.workflows import AT_ONCE, define, start
from tests.scenarios.driver import Driver
from tests.scenarios.story import accepted

TWICE = Retry(max_attempts=2, backoff=AT_ONCE)


def test_w12_five_attempts_with_growing_delays(memory: Driver) -> None:
    """Unless the workflow says otherwise."""
    run = start(memory, define(memory, "tell", "a"), {})
    for delay_ms in (5_000, 20_000, 80_000, 320_000):
        run.task("a").fails()
        assert run.states() == "pending_retry"
        memory.pass_ms(delay_ms * 8 // 10 - 1)
        assert run.states() == "pending_retry"
        memory.pass_ms(delay_ms // 5 + 1)
        assert run.states() == "queued"
    run.task("a").fails().ends_with("TASK_FAILURE")
    assert run.states() == "failed"
    assert [one["state"] for one in run.one("a")["attempts"]] == ["failed"] * 5


def test_w12_a_step_may_say_how_often_it_is_tried(driver: Driver) -> None:
    """Its own word counts, not the workflow's."""
    name = define(driver, "tell", Step("a", retry=Retry(max_attempts=1)), "b", retry=TWICE)
    run = start(driver, name, {})
    assert [one["max_attempts"] for one in run.task_runs] == [1, 2]
    run.task("a").succeeds({})
    run.task("b").fails()
    run.task("b").fails().ends_with("TASK_FAILURE")
    assert run.states() == "success failed"
    only = start(driver, name, {})
    only.task("a").fails().ends_with("TASK_FAILURE")
    assert only.states() == "failed none"


@pytest.mark.parametrize("output", [None, [], "{}", 1, {"a": "x" * 300_000}])
def test_w12_what_is_no_context_is_tried_again(memory: Driver, output: Any) -> None:
    """The context before it stays, and the worker may do better."""
    run = start(memory, define(memory, "tell", "a", retry=TWICE), {"n": 1})
    run.task("a").starts()
    report = run.report(TaskStatus.TASK_SUCCESS, output=output)
    accepted(memory, report)
    assert "running pending_retry" in run.went("a")
    run.task("a", context={"n": 1}).succeeds({"n": 2}).completes({"n": 2})


def test_w12_what_is_no_context_the_last_time_fails(driver: Driver) -> None:
    run = start(driver, define(driver, "tell", "a", retry=TWICE), {"n": 1})
    run.task("a").succeeds("nothing much")
    run.task("a").succeeds(None).ends_with("TASK_FAILURE")
    shown = run.one("a")
    assert shown["state"] == "failed"
    assert [one["error"]["name"] for one in shown["attempts"]] == ["TASK_FAILURE"] * 2
    assert "is not JSON_OBJ" in shown["attempts"][0]["error"]["message"]
    assert run.shown["context"] == {"n": 1}


def test_w12_an_error_by_name_is_an_answer(driver: Driver) -> None:
    """It is not tried again."""
    run = start(driver, define(driver, "tell", "a"), {})
    run.task("a").throws("SOLD_OUT").is_now("EXCEPTION")
    assert run.states() == "failed"
    assert run.one("a")["attempts"][0]["error"]["name"] == "SOLD_OUT"


def test_w12_no_answer_in_time_is_tried_again(memory: Driver) -> None:
    name = define(memory, "tell", Step("a", timeout_ms=1_000, retry=TWICE))
    run = start(memory, name, {})
    run.task("a").starts()
    memory.pass_ms(1_001)
    run.task("a").starts()
    memory.pass_ms(1_001)
    run.ends_with("TIMEOUT")
    assert run.went("a") == "pending queued running pending_retry pending queued running failed"
