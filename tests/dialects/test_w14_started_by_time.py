"""Triggers by time: a moment, and cron; and what an operator may say to a workflow's run."""

from __future__ import annotations

from penstock.core.commands.replay_wf_run import ReplayWfRun
from penstock.core.commands.retry_now import RetryNow
from penstock.core.schedules.schedules import Misfire
from penstock.stepped.definition import Retry
from tests.dialects.workflows import WorkflowRun, define, start
from tests.scenarios.driver import Driver
from tests.scenarios.schedules import come_to, ms, schedule
from tests.scenarios.story import accepted


def test_w14_at_a_moment(driver: Driver) -> None:
    """Here one that is past, and made up for."""
    name = define(driver, "tell", "a")
    settings = {"wf_spec": name, "variables": {"context": {"n": 1}}, "labels": {"by": "time"}}
    past = {"at_ms": ms("2001-01-01 00:00"), "misfire": Misfire.RUN_ONCE}
    [firing] = schedule(driver, "once", **past, **settings).is_now("ENDED").firings
    run = WorkflowRun(driver, firing.wf_run_id or "")
    run.wait_until_there()
    run.task("a", context={"n": 1}).succeeds({"n": 2}).completes({"n": 2})
    assert run.run.labels == {"by": "time"}
    assert run.shown["state"] == "success"


def test_w14_by_cron(memory: Driver) -> None:
    name = define(memory, "tell", "a")
    come_to(memory, "2024-01-01 00:00")
    plan = schedule(memory, "daily", "30 6 * * *", wf_spec=name)
    come_to(memory, "2024-01-01 06:30")
    run = WorkflowRun(memory, plan.firings[0].wf_run_id or "")
    run.task("a", context={}).succeeds({"n": 2}).completes({"n": 2})


def test_w14_one_goes_on_where_it_failed(driver: Driver) -> None:
    name = define(driver, "tell", "a", "b", retry=Retry(max_attempts=1))
    run = start(driver, name, {"n": 1})
    run.task("a").succeeds({"n": 2})
    run.task("b").fails().ends_with("TASK_FAILURE")
    run.is_begun_again().task("b", context={"n": 2}).succeeds({"n": 3}).completes({"n": 3})
    assert run.went("b").startswith("none pending queued failed restarting pending")


def test_w14_another_run_begins_at_a_task(driver: Driver) -> None:
    """By the id that the view shows, with the context that the task was given."""
    run = start(driver, define(driver, "tell", "a", "b"), {"n": 1})
    run.task("a").succeeds({"n": 2}).task("b").succeeds({"n": 3}).completes({"n": 3})
    replay = ReplayWfRun(run.id, guid=run.one("b")["id"].removeprefix("task_"))
    other = WorkflowRun(driver, accepted(driver, replay).body["wf_run_id"])
    other.wait_until_there()
    other.task("b", context={"n": 2}).succeeds({"n": 4}).completes({"n": 4})
    assert run.shown["context"] == {"n": 3}


def test_w14_a_retry_that_is_not_waited_for(driver: Driver) -> None:
    run = start(driver, define(driver, "tell", "a"), {"n": 1})
    run.task("a").fails()
    assert run.one("a")["state"] == "pending_retry"
    accepted(driver, RetryNow(**run.task_id))
    run.task("a").succeeds({"n": 2}).completes({"n": 2})
