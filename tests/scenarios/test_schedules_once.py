"""Schedules of one moment: one run, and then they have ended."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.core.commands.delete_schedule import DeleteSchedule
from penstock.core.commands.pause_schedule import PauseSchedule
from penstock.core.commands.schedule_wf import ScheduleWf
from penstock.core.schedules.schedules import CronAsk, Misfire
from penstock.core.state.timers import Timer
from tests.controls import chain
from tests.scenarios.driver import Driver
from tests.scenarios.schedules import Plan, come_to, live_through, moments, ms, schedule
from tests.scenarios.story import Story, accepted, refused, register

NOON = "2024-01-01 12:00"


@pytest.fixture
def memory(memory: Driver) -> Driver:
    """An engine that knows the spec `job`, one January midnight."""
    register(memory, "job", chain())
    come_to(memory, "2024-01-01 00:00")
    return memory


def test_it_starts_one_run(memory: Driver) -> None:
    """At its moment, and nobody is asked when that is."""
    plan = schedule(memory, "once", at_ms=ms(NOON))
    assert plan.state.status == "ACTIVE"
    assert moments(plan.state.due) == [NOON]
    assert list(plan.rows.scan(CronAsk)) == []
    come_to(memory, "2024-01-01 11:59")
    assert plan.firings == ()
    come_to(memory, NOON)
    assert plan.is_now("ENDED").started() == [NOON]
    Story(memory, plan.firings[0].wf_run_id or "").completes()
    live_through(memory, "2024-01-01 12:01", "2025-01-01 12:00")
    assert plan.started() == [NOON]
    assert list(plan.rows.scan(Timer)) == []
    refused(memory, PauseSchedule(schedule_id="once", paused=False), "SCHEDULE_ENDED")


def test_one_that_is_far_ahead(memory: Driver) -> None:
    """It is looked at again on the way, and starts its run once."""
    plan = schedule(memory, "far", at_ms=ms("2026-07-01 12:00"))
    live_through(memory, "2024-06-01 00:00", "2026-06-30 00:00")
    assert (plan.firings, moments(plan.state.due)) == ((), ["2026-07-01 12:00"])
    live_through(memory, "2026-07-01 12:00", "2026-07-01 12:00")
    assert plan.is_now("ENDED").started() == ["2026-07-01 12:00"]


@pytest.mark.parametrize(
    ("misfire", "missed"),
    [(Misfire.SKIP, True), (Misfire.RUN_ONCE, False), (Misfire.RUN_ALL, False)],
)
@pytest.mark.parametrize("when", ["it was made", "the engine was up"])
def test_what_is_past(memory: Driver, misfire: Misfire, missed: bool, when: str) -> None:
    """The policy says, whether it is past when it is made or passes in an outage."""
    if when == "it was made":
        come_to(memory, "2024-01-01 18:00")
        plan = schedule(memory, "late", at_ms=ms(NOON), misfire=misfire)
        memory.tick()
    else:
        plan = schedule(memory, "late", at_ms=ms(NOON), misfire=misfire)
        come_to(memory, "2024-01-01 18:00")
    assert plan.is_now("ENDED").outcomes() == [(NOON, missed)]
    plan.started()


def test_within_its_grace_it_is_not_late(memory: Driver) -> None:
    come_to(memory, "2024-01-01 12:05")
    plan = schedule(memory, "hurried", at_ms=ms(NOON), grace_ms=600_000)
    memory.tick()
    assert plan.is_now("ENDED").started() == [NOON]


def test_one_that_passes_while_it_is_paused_was_not_wanted(memory: Driver) -> None:
    plan = schedule(memory, "held", at_ms=ms(NOON), misfire=Misfire.RUN_ALL)
    accepted(memory, PauseSchedule(schedule_id="held"))
    assert plan.state.due == ()
    come_to(memory, "2024-01-01 11:00")
    accepted(memory, PauseSchedule(schedule_id="held", paused=False))
    assert moments(plan.state.due) == [NOON]
    accepted(memory, PauseSchedule(schedule_id="held"))
    come_to(memory, "2024-01-01 13:00")
    answer = accepted(memory, PauseSchedule(schedule_id="held", paused=False))
    assert answer.body == {"status": "ENDED"}
    assert plan.is_now("ENDED").firings == ()


def test_on_any_log_it_is_started_and_can_be_deleted(driver: Driver) -> None:
    register(driver, "job", chain())
    past = schedule(driver, "past", at_ms=ms("2001-01-01 00:00"), misfire=Misfire.RUN_ONCE)
    [firing] = past.is_now("ENDED").firings
    Story(driver, firing.wf_run_id or "").wait_until_there().completes()
    ahead = schedule(driver, "ahead", at_ms=ms("2999-01-01 00:00")).is_now("ACTIVE")
    for plan in (past, ahead):
        accepted(driver, DeleteSchedule(schedule_id=plan.id))
        plan.leaves_nothing()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({}, "give `cron`, or `at_ms`"),
        ({"cron": "0 * * * *", "at_ms": 1}, "both `cron` and `at_ms`"),
        ({"at_ms": 1, "start_at_ms": 1}, "are for `cron`"),
        ({"at_ms": 1, "end_at_ms": 1}, "are for `cron`"),
        ({"at_ms": 0}, "at_ms is 0"),
        ({"at_ms": 2**62}, "at_ms is"),
    ],
)
def test_a_wrong_one_is_refused(memory: Driver, wrong: dict[str, Any], says: str) -> None:
    command = ScheduleWf(schedule_id="wrong", wf_spec="job", **wrong)
    assert says in refused(memory, command, "BAD_SCHEDULE").message
    Plan(memory, "wrong").leaves_nothing()
