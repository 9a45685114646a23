"""Breakers: tasks are held when too many attempts fail, until somebody, or time, says otherwise."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.core.commands.change_task_run_state import ChangeTaskRunState
from penstock.core.commands.close_breaker import CloseBreaker
from penstock.core.commands.delete_task_def import DeleteTaskDef
from penstock.core.commands.put_task_def import PutTaskDef
from penstock.core.commands.resume_wf_run import ResumeWfRun
from penstock.core.commands.shutdown_task_run import ShutdownTaskRun
from penstock.core.commands.stop_wf_run import StopWfRun
from penstock.core.definitions.defs import BreakerSettings
from penstock.core.ids import partition_of_run
from penstock.core.state.breaker_rows import Breaker, BreakerStatus, HeldByBreaker
from penstock.core.state.run import TaskRun
from penstock.core.state.timers import Timer
from penstock.core.state.transitions import TaskStatus
from penstock.core.tasks.breakers import TRIALS
from tests.controls import chain, task
from tests.scenarios.driver import Driver
from tests.scenarios.story import Story, accepted, refused, register, run

COOL_MS = 60_000


def guarded(name: str = "work", **settings: Any) -> PutTaskDef:
    """A TaskDef with a breaker: two failures among four ends are too many."""
    return PutTaskDef(name=name, breaker=BreakerSettings(**{"level": 0.3, "window": 4, **settings}))


def start(driver: Driver, name: str = "flow") -> Story:
    """A run on partition 0, where the tests look at breakers."""
    while True:
        wf_run_id = driver.new_id()
        if partition_of_run(wf_run_id, driver.topics.partitions) == 0:
            return run(driver, name, wf_run_id)


def breaker(driver: Driver, task_def: str = "work") -> Breaker:
    """Of partition 0."""
    row = driver.get(Breaker, "default", task_def)
    assert row is not None
    return row


def ends(driver: Driver, *good: bool) -> list[Story]:
    """So many runs, each of which ends well or not."""
    stories: list[Story] = []
    for one in good:
        story = start(driver).task("work")
        stories.append(story.succeeds() if one else story.fails())
    return stories


def is_held(story: Story) -> None:
    """Its task is in no queue, and its run waits."""
    story.no_task("work")
    [row] = story.driver.scan(TaskRun, story.id)
    assert row.status is row.attempt.status is TaskStatus.TASK_PENDING
    assert row.history[-1].status == "TASK_PENDING"
    story.is_now("RUNNING")


def test_above_its_level_new_tasks_and_retries_are_held(driver: Driver) -> None:
    """Runs wait; an operator closes the breaker, and all go on."""
    register(driver, "flow", chain(task("work", max_attempts=3)), guarded())
    for good in (True, True, False):
        story = start(driver).task("work")
        story = story.succeeds() if good else story.fails()
        assert breaker(driver).status is BreakerStatus.CLOSED
    story.task("work")  # one of three: it is tried again at once
    before = start(driver).task("work")
    story.fails()
    assert breaker(driver).status is BreakerStatus.OPEN
    is_held(story)
    late = start(driver)
    is_held(late)
    before.succeeds().completes(None)  # what is with a worker goes on
    assert len(driver.everywhere(HeldByBreaker)) == 2
    accepted(driver, CloseBreaker(task_def="work"))
    assert breaker(driver).status is BreakerStatus.CLOSED
    for one in driver.tasks("work", 2):
        (story if one.wf_run_id == story.id else late).takes(one)
    assert (story.taken.attempt, late.taken.attempt) == (3, 1)
    story.succeeds().completes(None)
    late.succeeds().completes(None)
    assert driver.everywhere(HeldByBreaker) == []


def test_a_share_that_is_not_above_the_level_opens_nothing(memory: Driver) -> None:
    """Only the newest ends count, and only when there are as many as the window has."""
    register(memory, "flow", chain(task("work")), guarded(level=0.5))
    ends(memory, False, False, True, True)
    assert breaker(memory).status is BreakerStatus.CLOSED
    ends(memory, True, True, False, False)
    row = breaker(memory)
    assert (row.status, row.failed, row.ends) == (BreakerStatus.CLOSED, 2, 4)
    ends(memory, False)  # in the place of a success
    assert breaker(memory).status is BreakerStatus.OPEN


def test_business_exceptions_and_stops_are_no_failures(memory: Driver) -> None:
    register(memory, "flow", chain(task("work")), guarded())
    for _ in range(4):
        start(memory).task("work").throws("no-money")
        start(memory).task("work").starts().is_shut_down(grace_ms=0)
    assert (breaker(memory).failed, breaker(memory).ends) == (0, 4)


def test_after_its_time_some_are_tried_and_close_it(memory: Driver) -> None:
    register(memory, "flow", chain(task("work")), guarded(cool_down_ms=COOL_MS))
    ends(memory, False, False, True, True)
    held = [start(memory) for _ in range(TRIALS + 3)]
    memory.pass_ms(COOL_MS - 1)
    assert memory.tasks("work", 20) == []
    memory.pass_ms(1)
    tried = memory.tasks("work", 20)
    assert len(tried) == TRIALS
    assert breaker(memory).status is BreakerStatus.TRYING
    is_held(start(memory))
    by_id = {story.id: story for story in held}
    for one in tried:
        by_id[one.wf_run_id].takes(one).succeeds().completes(None)
    assert breaker(memory).status is BreakerStatus.CLOSED
    assert len(memory.tasks("work", 20)) == 4
    memory.pass_ms(COOL_MS)
    assert [timer for timer in memory.everywhere(Timer) if timer.detail == "work"] == []


def test_a_trial_that_fails_opens_it_again(memory: Driver) -> None:
    """And one that nobody takes is followed by another, when the time has come round."""
    register(memory, "flow", chain(task("work")), guarded(cool_down_ms=COOL_MS))
    ends(memory, False, False, True, True)
    held = [start(memory) for _ in range(3 * TRIALS)]
    memory.pass_ms(COOL_MS)
    tried = memory.tasks("work", 20)
    by_id = {story.id: story for story in held}
    bad = by_id[tried[0].wf_run_id]
    bad.takes(tried[0]).fails()
    assert breaker(memory).status is BreakerStatus.OPEN
    memory.pass_ms(COOL_MS)
    assert len(memory.tasks("work", 20)) == TRIALS
    memory.pass_ms(COOL_MS)
    assert len(memory.tasks("work", 20)) == TRIALS


def test_a_halted_thread_sends_what_was_held_when_it_runs_again(memory: Driver) -> None:
    """If it may."""
    register(memory, "flow", chain(task("work")), guarded())
    ends(memory, False, False, True, True)
    story, other = start(memory), start(memory)
    accepted(memory, StopWfRun(wf_run_id=story.id))
    story.is_now("HALTED")
    accepted(memory, ResumeWfRun(wf_run_id=story.id))
    is_held(story)
    accepted(memory, StopWfRun(wf_run_id=story.id))
    accepted(memory, CloseBreaker(task_def="work"))
    assert [one.wf_run_id for one in memory.tasks("work", 5)] == [other.id]
    accepted(memory, ResumeWfRun(wf_run_id=story.id))
    story.task("work").succeeds().completes(None)


@pytest.mark.parametrize("how", ["kill", "shutdown"])
def test_what_is_held_can_be_ended(memory: Driver, how: str) -> None:
    register(memory, "flow", chain(task("work")), guarded())
    ends(memory, False, False, True, True)
    story = start(memory)
    if how == "kill":
        story.is_killed().ends_with("KILLED")
    else:
        [row] = memory.scan(TaskRun, story.id)
        accepted(memory, ShutdownTaskRun(wf_run_id=story.id, guid=row.guid))
        story.ends_with("TASK_CANCELLED")
    assert memory.everywhere(HeldByBreaker) == []


def test_every_partition_has_its_own_and_all_are_closed_together(memory: Driver) -> None:
    register(memory, "flow", chain(task("work")), guarded(window=2, level=0.0))
    for _ in range(40):
        story = run(memory, "flow")
        for one in memory.tasks("work", 1):
            story.takes(one).fails()
    rows = memory.everywhere(Breaker)
    assert [row.status for row in rows] == [BreakerStatus.OPEN] * 3
    held = len(memory.everywhere(HeldByBreaker))
    assert held > 20
    assert accepted(memory, CloseBreaker(task_def="work")).body == {"task_def": "work"}
    assert [row.status for row in memory.everywhere(Breaker)] == [BreakerStatus.CLOSED] * 3
    assert len(memory.tasks("work", 100)) == held


@pytest.mark.parametrize("memory", ["memory"], indirect=True)  # hundreds of runs
def test_many_are_let_out_in_rounds(memory: Driver) -> None:
    register(memory, "flow", chain(task("work")), guarded())
    ends(memory, False, False, True, True)
    for _ in range(450):
        start(memory)
    assert len(memory.everywhere(HeldByBreaker)) == 450
    accepted(memory, CloseBreaker(task_def="work"))
    assert len(memory.tasks("work", 1_000)) == 450
    assert memory.everywhere(HeldByBreaker) == []
    assert memory.digests_and_refolds_agree()


@pytest.mark.parametrize("settings", [{}, {"cool_down_ms": COOL_MS}])
def test_what_is_held_goes_out_when_nobody_guards_it_any_more(
    memory: Driver, settings: dict[str, int]
) -> None:
    """Its TaskDef was deleted: what has its task already does it."""
    register(memory, "flow", chain(task("work")), guarded(**settings))
    ends(memory, False, False, True, True)
    story = start(memory)
    accepted(memory, DeleteTaskDef(name="work"))
    story.task("work").succeeds().completes(None)


@pytest.mark.parametrize(("before", "after"), [(8, 100), (100, 8)])
def test_a_task_def_that_is_put_again_has_a_breaker_of_its_own(
    memory: Driver, before: int, after: int
) -> None:
    """Nothing is left of what the other one has counted, in a window of another size."""
    register(memory, "flow", chain(task("work")), guarded(window=before, level=0.5))
    ends(memory, *[False] * 4)
    accepted(memory, DeleteTaskDef(name="work"))
    accepted(memory, guarded(window=after, level=0.5))
    ends(memory, *[True] * 20)
    row = breaker(memory)
    assert (row.status, row.failed, row.ends) == (BreakerStatus.CLOSED, 0, min(after, 20))


def test_what_is_said_of_an_attempt_counts_once(memory: Driver) -> None:
    """Not when an operator says otherwise of one that has ended, or ends what was never sent."""
    register(memory, "flow", chain(task("work")), guarded(cool_down_ms=COOL_MS))

    def is_said_to_succeed(story: Story, guid: str) -> None:
        success = TaskStatus.TASK_SUCCESS
        accepted(memory, ChangeTaskRunState(wf_run_id=story.id, guid=guid, status=success))

    [story] = ends(memory, False)
    is_said_to_succeed(story, story.taken.guid)
    story.completes(None)
    assert (breaker(memory).failed, breaker(memory).ends) == (1, 1)
    ends(memory, False, True, True)
    held = [start(memory) for _ in range(3 * TRIALS)]
    memory.pass_ms(COOL_MS)
    tried = {one.wf_run_id for one in memory.tasks("work", 20)}
    for story in [one for one in held if one.id not in tried][:TRIALS]:
        [row] = memory.scan(TaskRun, story.id)
        is_said_to_succeed(story, row.guid)
        story.completes(None)
    assert breaker(memory).status is BreakerStatus.TRYING


def test_what_can_be_no_breaker_is_refused(memory: Driver) -> None:
    for wrong in (
        *({"level": -0.1}, {"level": 1.0}, {"window": 0}, {"window": 1_001}),
        *({"cool_down_ms": 0}, {"cool_down_ms": 2**62}),
    ):
        refused(memory, guarded("odd", **wrong), "BAD_VALUE")
    accepted(memory, guarded("one"))
    assert accepted(memory, guarded("one")).repeated
    refused(memory, guarded("one", level=0.4), "ALREADY_EXISTS")
    refused(memory, PutTaskDef(name="one"), "ALREADY_EXISTS")


def test_a_breaker_that_is_not_there_can_not_be_closed(memory: Driver) -> None:
    accepted(memory, PutTaskDef(name="plain"))
    accepted(memory, guarded("one"))
    refused(memory, CloseBreaker(task_def="nothing"), "TASK_DEF_UNKNOWN")
    refused(memory, CloseBreaker(task_def="plain"), "BREAKER_UNKNOWN")
    accepted(memory, CloseBreaker(task_def="one"))  # it is closed already
