"""A restart of a run that has failed with a run below it: the node at which it had waited says
whether that one is restarted with it, or another takes its place. A rescue does neither.
"""

from __future__ import annotations

import pytest

from penstock.core.commands.kill_wf_run import KillWfRun
from penstock.core.commands.replay_wf_run import ReplayWfRun
from penstock.core.state import turn
from penstock.core.state.facts import AuditEntry
from penstock.core.state.run import TaskRun
from penstock.core.state.thread_rows import ChildRun
from penstock.core.state.timers import Clock, Timer
from penstock.core.state.transitions import TaskStatus, ThreadStatus
from tests.controls import (
    Json,
    chain,
    declared,
    handled,
    literal,
    output_of,
    runs_each,
    starts,
    task,
    threads,
    variable,
    waits_for,
)
from tests.scenarios.bulks import bulk
from tests.scenarios.driver import Driver
from tests.scenarios.story import Story, accepted, register, run
from tests.scenarios.test_child_runs import runs, waits_for_run

CHILD = chain(task("work"), returns=output_of("n1"))
ANOTHER: Json = {"restart_from": "n1"}
THE_SAME: Json = {"restarts_run": True}
EITHER = pytest.mark.parametrize("restart", [ANOTHER, THE_SAME], ids=["another", "the-same"])


def waiting(restart: Json, child: str = "child") -> Json:
    """A thread that runs another run, and gives what that gives."""
    wait = waits_for_run(output_of("n1")) | restart
    return chain(runs(child), wait, returns=output_of("n2"))


def a_family(driver: Driver, restart: Json) -> tuple[Story, Story]:
    """A run, and the one below it."""
    register(driver, "child", CHILD)
    register(driver, "parent", waiting(restart))
    story = run(driver, "parent")
    return story, newest_below(driver, story)


def newest_below(driver: Driver, story: Story, but: tuple[Story, ...] = ()) -> Story:
    """The one that is not among these."""
    known = {one.id for one in but}

    def others() -> list[str]:
        return [row.child for row in driver.scan(ChildRun, story.id) if row.child not in known]

    story.wait(lambda: len(others()) == 1, "one more run below")
    return Story(driver, others()[0])


def audited(driver: Driver, story: Story) -> list[tuple[str, str]]:
    """What was done to a run, and by whom."""
    return [(entry.verb, entry.principal) for entry in driver.scan(AuditEntry, story.id)]


@pytest.mark.parametrize("end", ["fails", "throws", "is killed", "all are killed"])
def test_another_run_takes_its_place(driver: Driver, end: str) -> None:
    """However the one before has ended; that one stays as it is."""
    story, child = a_family(driver, ANOTHER)
    end_of(story, child, end)
    status = child.run.status
    story.is_begun_again().is_now("RUNNING").at_node("n2")
    other = newest_below(driver, story, (child,))
    work(driver, other).succeeds(7).completes(7)
    story.completes(7)
    assert child.run.status is status
    assert (story.run.restarts, child.run.restarts) == (1, 0)


@pytest.mark.parametrize("end", ["fails", "throws", "is killed", "all are killed"])
def test_the_same_run_is_restarted(driver: Driver, end: str) -> None:
    """It goes on from where it has failed, and its audit says with which one."""
    story, child = a_family(driver, THE_SAME)
    end_of(story, child, end)
    story.is_begun_again().is_now("RUNNING").at_node("n2")
    child.is_now("RUNNING")
    work(driver, child).succeeds(7).completes(7)
    story.completes(7)
    assert len(driver.scan(ChildRun, story.id)) == 1
    assert (story.run.restarts, child.run.restarts) == (1, 1)
    assert audited(driver, child)[-1] == ("RestartBelow", "engine")
    assert audited(driver, story)[-1] == ("RestartWfRun", "test")


def end_of(story: Story, child: Story, how: str) -> None:
    """The run below does not come to a good end, nor does the one above."""
    match how:
        case "fails":
            child.task("work").fails()
            story.ends_with("CHILD_FAILURE")
        case "throws":
            child.task("work").throws("no-book")
            story.ends_with("no-book", "EXCEPTION")
        case "is killed":
            child.is_killed(0)
            story.ends_with("CHILD_FAILURE")
        case _:
            story.is_killed(0).ends_with("KILLED")
            child.ends_with("KILLED")


def work(driver: Driver, story: Story) -> Story:
    """The run's newest task; what an earlier attempt had in the queue is passed over."""
    while True:
        [found] = driver.tasks("work")
        row = driver.get(TaskRun, found.wf_run_id, found.guid)
        if row is not None and row.status is TaskStatus.TASK_SCHEDULED:
            return story.has(found)


@EITHER
def test_it_fails_again_as_often_as_it_does(driver: Driver, restart: Json) -> None:
    """Each restart is one more chance."""
    story, child = a_family(driver, restart)
    seen = [child]
    for number in range(1, 4):
        seen[-1].task("work").fails()
        story.ends_with("CHILD_FAILURE").is_begun_again().is_now("RUNNING")
        if restart is ANOTHER:
            seen.append(newest_below(driver, story, tuple(seen)))
        assert story.run.restarts == number
    seen[-1].task("work").succeeds(1)
    story.completes(1)
    assert len(driver.scan(ChildRun, story.id)) == len(seen)


@EITHER
def test_a_rescue_looks_at_the_same_run(memory: Driver, restart: Json) -> None:
    """Which has ended: nothing of it is begun."""
    story, child = a_family(memory, restart)
    child.task("work").fails()
    story.ends_with("CHILD_FAILURE").is_rescued().ends_with("CHILD_FAILURE")
    assert len(memory.scan(ChildRun, story.id)) == 1
    assert child.run.restarts == 0
    assert memory.tasks("work") == []


@EITHER
def test_one_that_goes_on_by_itself_is_waited_for(memory: Driver, restart: Json) -> None:
    """It was restarted first, while the run above stayed as it was: killed; then there is nothing
    to begin.
    """
    story, child = a_family(memory, restart)
    story.is_killed(0).ends_with("KILLED")
    child.ends_with("KILLED").is_begun_again().is_now("RUNNING")
    story.ends_with("KILLED").is_begun_again().is_now("RUNNING")
    work(memory, child).succeeds(3).completes(3)
    story.completes(3)
    assert len(memory.scan(ChildRun, story.id)) == 1
    assert child.run.restarts == 1


@EITHER
def test_one_that_has_come_to_a_good_end_since_is_not_run_again(
    memory: Driver, restart: Json
) -> None:
    story, child = a_family(memory, restart)
    story.is_killed(0).ends_with("KILLED")
    child.ends_with("KILLED").is_begun_again()
    work(memory, child).succeeds(3).completes(3)
    story.ends_with("KILLED").is_begun_again().completes(3)
    assert len(memory.scan(ChildRun, story.id)) == 1


@EITHER
def test_a_restart_of_the_run_below_takes_the_one_above_along(
    memory: Driver, restart: Json
) -> None:
    """As ever: it waits for that one, and begins no other."""
    story, child = a_family(memory, restart)
    child.task("work").fails()
    story.ends_with("CHILD_FAILURE")
    child.is_begun_again().is_now("RUNNING")
    story.is_now("RUNNING")
    child.task("work").succeeds(5).completes(5)
    story.completes(5)
    assert story.run.restarts == 0


def test_through_as_many_runs_as_there_are_between(driver: Driver) -> None:
    """Killed together; the restart of the highest goes down to the lowest."""
    register(driver, "child", CHILD)
    register(driver, "middle", waiting(THE_SAME))
    register(driver, "parent", waiting(THE_SAME, "middle"))
    story = run(driver, "parent")
    middle = newest_below(driver, story)
    lowest = newest_below(driver, middle)
    story.is_killed(0).ends_with("KILLED")
    lowest.ends_with("KILLED")
    middle.ends_with("KILLED")
    story.is_begun_again().is_now("RUNNING")
    middle.is_now("RUNNING")
    work(driver, lowest).succeeds(2).completes(2)
    story.completes(2)
    assert [one.run.restarts for one in (story, middle, lowest)] == [1, 1, 1]


def test_two_threads_that_wait_for_one(memory: Driver) -> None:
    """It is restarted once, and both wait for it."""
    wait = waits_for_run(variable("of")) | THE_SAME
    other = chain(wait, variables=(declared("of", "WF_RUN_ID"),))
    main = chain(
        runs("child"),
        starts("other", of=output_of("n1")),
        waits_for_run(output_of("n1")) | THE_SAME,
        waits_for(output_of("n2")),
    )
    register(memory, "child", CHILD)
    register(memory, "parent", threads(main, other=other))
    story = run(memory, "parent")
    child = newest_below(memory, story)
    child.task("work").fails()
    story.ends_with("CHILD_FAILURE")
    story.is_begun_again().is_now("RUNNING").thread_is(1, "RUNNING")
    assert child.run.restarts == 1
    child.task("work").succeeds().completes()
    story.completes()


def test_one_whose_failure_was_handled_is_not_begun_again(memory: Driver) -> None:
    """What has failed since is another node's."""
    main = chain(
        runs("child"),
        handled(waits_for_run(output_of("n1")) | THE_SAME, ("heal", None)),
        task("later"),
    )
    register(memory, "child", CHILD)
    register(memory, "parent", threads(main, heal=chain()))
    story = run(memory, "parent")
    child = newest_below(memory, story)
    child.task("work").fails()
    story.task("later").fails().ends_with("TASK_FAILURE")
    story.is_begun_again().task("later").succeeds().completes()
    assert child.run.restarts == 0
    child.is_now("ERROR")


def test_one_that_is_being_killed_is_left_to_its_kill(memory: Driver) -> None:
    """It has not ended: the run above, which goes on, waits for that."""
    story, child = a_family(memory, THE_SAME)
    child.task("work").starts()
    accepted(memory, KillWfRun(wf_run_id=story.id, cascade=False, deadline_ms=0))
    story.ends_with("KILLED")
    accepted(memory, KillWfRun(wf_run_id=child.id))
    story.is_begun_again().is_now("RUNNING").at_node("n2")
    assert child.run.restarts == 0
    child.succeeds().ends_with("KILLED")
    story.ends_with("CHILD_FAILURE")


@pytest.fixture(params=[None, 8], ids=["long", "short"])
def turns(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn does as much as ever, or so little; also when the log is folded again at the end."""
    if request.param is not None:
        monkeypatch.setattr(turn, "NODES_PER_TURN_MAX", request.param)


@EITHER
def test_of_many_each_is_seen_to(turns: None, memory: Driver, restart: Json) -> None:
    """In whatever turns: those that have failed or were killed; what has ended well stays."""
    many = 7
    register(memory, "child", CHILD)
    main = chain(runs_each("one", literal([*range(many)])))
    register(memory, "parent", threads(main, one=waiting(restart)))
    story = run(memory, "parent")
    settle(memory)
    first, *others = memory.tasks("work", many)
    Story(memory, first.wf_run_id).has(first).succeeds().completes()
    for one in others[:3]:
        Story(memory, one.wf_run_id).has(one).fails()
    story.is_killed(0)
    settle(memory)
    story.ends_with("KILLED").is_begun_again()
    settle(memory)
    story.is_now("RUNNING")
    again = memory.tasks("work", 99)
    assert len(again) == many - 1
    same = {one.wf_run_id for one in again} == {one.wf_run_id for one in others}
    assert same is (restart is THE_SAME)
    for one in again:
        Story(memory, one.wf_run_id).has(one).succeeds().completes()
    settle(memory)
    story.completes()


def settle(driver: Driver) -> None:
    """All that was put off is done."""
    for _ in range(500):
        if all(timer.clock != Clock.PENDING for timer in driver.everywhere(Timer)):
            return
        driver.tick()
    raise AssertionError("it goes on and on")


@EITHER
def test_a_job_restarts_runs_above_and_below(memory: Driver, restart: Json) -> None:
    """One that went on with the one above is none that has failed, when it is its turn."""
    pairs = [a_family(memory, restart) for _ in range(4)]
    stories = {child.id: child for _, child in pairs}
    for one in memory.tasks("work", 4):
        stories[one.wf_run_id].has(one).fails()
    for story, _ in pairs:
        story.ends_with("CHILD_FAILURE")
    if restart is THE_SAME:
        bulk(memory, "restart", status=(ThreadStatus.ERROR,)).completes(done=4)
    else:
        ids = tuple(story.id for story, _ in pairs)
        bulk(memory, "restart", wf_run_ids=ids).completes(done=4)
    for story, child in pairs:
        story.is_now("RUNNING")
        child.is_now("RUNNING" if restart is THE_SAME else "ERROR")
    assert len(memory.tasks("work", 99)) == 4


@EITHER
def test_a_replay_begins_another_one(memory: Driver, restart: Json) -> None:
    """From the node that runs it; from the wait it is refused, for that run is the old one's."""
    story, child = a_family(memory, restart)
    child.task("work").fails()
    story.ends_with("CHILD_FAILURE")
    story.refuses(ReplayWfRun(wf_run_id=story.id, position=2), "NOT_REPLAYABLE")
    answer = accepted(memory, ReplayWfRun(wf_run_id=story.id, position=1))
    again = Story(memory, answer.body["wf_run_id"])
    other = newest_below(memory, again)
    assert other.id != child.id
    other.task("work").succeeds(4).completes(4)
    again.completes(4)
    child.is_now("ERROR")
