"""A rate of starts holds for what no request starts: schedules wait for their turn, and bulk jobs
pause between runs that they have begin anew.
"""

from __future__ import annotations

import pytest

from penstock.core.commands.delete_schedule import DeleteSchedule
from penstock.core.commands.pause_schedule import PauseSchedule
from penstock.core.commands.put_quota import PutQuota
from penstock.core.definitions.principals import EVERYWHERE
from penstock.core.definitions.quotas import Quota
from penstock.core.flow.pace import AT_ONCE_MS, after_one, next_turn_ms
from penstock.core.ids import partition_of_run
from penstock.core.state.partition_state import PartitionState, Shard, StartPace
from penstock.core.state.rows import NoRows, Rows
from penstock.core.state.turn import Turn
from tests.controls import chain, task
from tests.scenarios.bulks import bulk
from tests.scenarios.driver import START_MS, Driver
from tests.scenarios.schedules import Plan, schedule
from tests.scenarios.story import accepted, refused, register, run

MINE = "default"
ME = "test"
DUE_MS = START_MS + 60_000
WORK = chain(task("work"))


def a_second(driver: Driver, rate: int | None, principal: str | None = None) -> None:
    """So many starts a second on each partition."""
    share = None if rate is None else rate * driver.topics.partitions
    accepted(driver, PutQuota(of_tenant=MINE, of_principal=principal, runs_per_second=share))


def at_one_moment(driver: Driver, count: int, **settings: object) -> list[Plan]:
    """Schedules of one partition that are all due at once."""
    partitions = driver.topics.partitions
    ids = (f"plan-{number}" for number in range(1_000))
    there = (one for one in ids if partition_of_run(one, partitions) == 1)
    return [schedule(driver, next(there), None, at_ms=DUE_MS, **settings) for _ in range(count)]


def fired(plans: list[Plan]) -> int:
    """How many have started their run."""
    return sum(len(plan.started()) for plan in plans)


def pass_until_due(driver: Driver, more_ms: int = 0) -> None:
    driver.pass_ms(DUE_MS - START_MS + more_ms)


def test_schedules_that_are_due_at_once_wait_for_their_turn(memory: Driver) -> None:
    """A second's worth at once, then as fast as the rate; and all of them, however late."""
    register(memory, "job", WORK)
    a_second(memory, 2)
    plans = at_one_moment(memory, 9, grace_ms=2_000)
    pass_until_due(memory)
    assert fired(plans) == 3
    for wanted in (5, 7, 9):
        memory.pass_ms(AT_ONCE_MS)
        assert fired(plans) == wanted
    memory.pass_ms(60_000)
    assert all(plan.state.status == "ENDED" for plan in plans)
    assert {firing.outcome for plan in plans for firing in plan.firings} <= {"STARTED", "SENT"}


@pytest.mark.parametrize("rate", [1, 3, 7, 999, 1_000, 1_001, 1_500, 2_999, 64_007, 10**9])
@pytest.mark.parametrize("partitions", [1, 3, 64])
def test_turns_lie_as_far_from_each_other_as_the_rate_says(rate: int, partitions: int) -> None:
    """Nothing is rounded: after any number of them all have taken their part of a second each."""
    at = (0, 0)
    for count in range(1, 2_001):
        at = after_one(at, rate, partitions)
        assert at[0] * rate + at[1] == 1_000 * partitions * count
        assert 0 <= at[1] < rate


@pytest.mark.parametrize("rate", [1_000, 1_500, 2_999])
def test_a_rate_of_more_than_a_thousand_a_second_is_held_as_it_is(rate: int) -> None:
    """What begins at once is a second's worth, not a thousand; and so it is in each second."""
    turn = Turn(Rows(NoRows()), Shard(0, 1), 7, PartitionState(log_time_ms=START_MS))
    turn.tenant = MINE
    turn.rows.put(Quota(EVERYWHERE, MINE, "", 1, None, rate, None, 0, 0))
    waits = [next_turn_ms(turn, "") for _ in range(4 * rate)]
    assert waits == sorted(waits)
    assert sum(wait == 0 for wait in waits) == rate + 1
    for second in (1, 2):
        at_once = [wait for wait in waits if 1_000 * (second - 1) < wait <= 1_000 * second]
        assert len(at_once) == rate


def test_without_a_rate_nobody_waits(memory: Driver) -> None:
    register(memory, "job", WORK)
    plans = at_one_moment(memory, 9)
    pass_until_due(memory)
    assert fired(plans) == 9
    assert memory.everywhere(StartPace) == []


def test_the_rate_of_who_has_made_a_schedule_holds_beside_the_tenant_s(memory: Driver) -> None:
    register(memory, "job", WORK)
    a_second(memory, 100)
    a_second(memory, 1, ME)
    plans = at_one_moment(memory, 3)
    pass_until_due(memory)
    assert fired(plans) == 2
    memory.pass_ms(2 * AT_ONCE_MS)
    assert fired(plans) == 3


def test_a_rate_of_none_refuses_what_is_due(memory: Driver) -> None:
    """And tells it among the firings; later ones are started when there is a rate."""
    register(memory, "job", WORK)
    a_second(memory, 0)
    [plan] = at_one_moment(memory, 1)
    pass_until_due(memory)
    [firing] = plan.firings
    assert firing.outcome == "REFUSED"
    assert firing.message.startswith("QUOTA_EXCEEDED: ")


def test_one_that_waits_may_be_paused_and_deleted(memory: Driver) -> None:
    register(memory, "job", WORK)
    a_second(memory, 1)
    plans = at_one_moment(memory, 4)
    pass_until_due(memory)
    third, fourth = [plan for plan in plans if not plan.firings]
    accepted(memory, PauseSchedule(schedule_id=third.id))
    accepted(memory, DeleteSchedule(schedule_id=fourth.id))
    memory.pass_ms(10 * AT_ONCE_MS)
    assert fired(plans[:3]) == 2
    assert third.state.status == "PAUSED"
    fourth.leaves_nothing()
    accepted(memory, PauseSchedule(schedule_id=third.id, paused=False))
    assert third.is_now("ENDED").firings == ()


def test_one_that_was_missed_takes_no_turn(memory: Driver) -> None:
    register(memory, "job", WORK)
    a_second(memory, 1)
    plans = at_one_moment(memory, 2, grace_ms=10)
    assert memory.clock is not None
    memory.clock.now_ms = DUE_MS + 5_000
    memory.tick()
    assert [plan.outcomes()[0][1] for plan in plans] == [True, True]
    assert memory.everywhere(StartPace) == []


def failed(driver: Driver, count: int) -> list[str]:
    """Runs of one partition that have failed."""
    register(driver, "job", WORK)
    partitions = driver.topics.partitions
    ids = (f"run-{number}" for number in range(1_000))
    there = [one for one in ids if partition_of_run(one, partitions) == 1][:count]
    for one in there:
        run(driver, "job", one).task("work").fails().ends_with("TASK_FAILURE")
    return there


@pytest.mark.parametrize("verb", ["restart", "replay"])
def test_a_bulk_job_has_runs_begin_anew_as_fast_as_the_rate(memory: Driver, verb: str) -> None:
    ids = failed(memory, 6)
    a_second(memory, 2, ME)
    assert memory.clock is not None
    begun_ms = memory.clock.now_ms
    job = bulk(memory, verb, wf_run_ids=tuple(ids))
    memory.pass_ms(AT_ONCE_MS // 2)
    assert job.state.status == "RUNNING"
    job.completes(done=6)
    assert AT_ONCE_MS <= memory.clock.now_ms - begun_ms <= 5 * AT_ONCE_MS


def test_what_starts_nothing_goes_on_at_once(memory: Driver) -> None:
    ids = failed(memory, 6)
    a_second(memory, 1)
    bulk(memory, "set-labels", wf_run_ids=tuple(ids), arguments={"labels": {"a": "b"}}).completes(
        done=6
    )
    assert memory.everywhere(StartPace) == []


def test_a_bulk_job_that_may_start_nothing_is_refused_each(memory: Driver) -> None:
    ids = failed(memory, 3)
    a_second(memory, 0)
    bulk(memory, "restart", wf_run_ids=tuple(ids)).completes(done=0, QUOTA_EXCEEDED=3)
    refused(memory, PutQuota(of_tenant=MINE, runs_per_second=-1), "BAD_VALUE")
