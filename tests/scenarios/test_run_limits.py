"""Limits on how many runs of a spec may be at work at once: who has no place waits, or ends."""

from typing import Any

import pytest

from penstock.core.commands.delete_wf_run import DeleteWfRun
from penstock.core.commands.delete_wf_spec import DeleteWfSpec
from penstock.core.commands.force_wf_run import ForceWfRun
from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.commands.replay_wf_run import ReplayWfRun
from penstock.core.commands.report_task import ReportTask
from penstock.core.commands.rescue_thread_run import RescueThreadRun
from penstock.core.commands.run_wf import RunWf
from penstock.core.commands.skip_node import SkipNode
from penstock.core.ids import partition_of_run
from penstock.core.limits import ANSWER_WINDOW_MS
from penstock.core.state.place_rows import LimitState, PlaceHolder, QueuedRun
from penstock.core.state.run import TaskRun, WfRun
from penstock.core.state.thread_rows import ChildRun
from penstock.core.state.transitions import TaskStatus
from tests.controls import (
    Json,
    chain,
    declared,
    handled,
    interrupted,
    literal,
    output_of,
    task,
    threads,
    variable,
)
from tests.scenarios.driver import Driver
from tests.scenarios.story import Story, accepted, refused, register, run
from tests.scenarios.test_child_runs import runs, waits_for_run

WORK = chain(task("work"))


def at_most(most: int, made: Json, **settings: Any) -> Json:
    """The spec, of which so many runs may be at work at once."""
    return made | {"limit": {"most": most, **settings}}


def several(driver: Driver, count: int, wf_spec: str = "few") -> list[Story]:
    """So many runs, one started after the other."""
    return [run(driver, wf_spec) for _ in range(count)]


def held(stories: list[Story]) -> list[bool]:
    """Which of them wait for a place."""
    return [story.run.held for story in stories]


def report(story: Story, status: TaskStatus = TaskStatus.TASK_SUCCESS) -> Story:
    """The run has a place, or comes to have it, and its task ends so."""
    sent = TaskStatus.TASK_SCHEDULED
    story.wait(
        lambda: any(one.status is sent for one in story.driver.scan(TaskRun, story.id)),
        f"{story.id} to have a task",
    )
    done = next(one for one in story.driver.scan(TaskRun, story.id) if one.status is sent)
    attempt = done.attempt.number
    command = ReportTask(wf_run_id=story.id, guid=done.guid, attempt=attempt, status=status)
    accepted(story.driver, command)
    return story


def works(story: Story) -> Story:
    """The run has a place, or comes to have it; its task succeeds, and it ends."""
    return report(story).completes()


def nobody_is_left(driver: Driver) -> None:
    """Every place was given back."""
    for kind in (LimitState, PlaceHolder, QueuedRun):
        assert driver.everywhere(kind) == []


def test_a_run_waits_until_another_has_ended(driver: Driver) -> None:
    """On whichever partitions they live; it is RUNNING and held, and they come in order."""
    register(driver, "few", at_most(1, WORK))
    first, second, third = several(driver, 3)
    first.wait(lambda: not first.run.held, "a place")
    second.wait(lambda: len(driver.everywhere(PlaceHolder)) == 3, "the limit to know")
    assert held([first, second, third]) == [False, True, True]
    assert (second.run.status, second.thread.node) == ("RUNNING", "0-entrypoint")
    works(first)
    second.wait(lambda: not second.run.held, "a place")
    assert third.run.held
    works(second)
    works(third)
    third.wait(lambda: driver.everywhere(LimitState) == [], "the places")
    nobody_is_left(driver)


def test_as_many_as_may_are_at_work(memory: Driver) -> None:
    """And each that ends is followed by one, whatever the end."""
    register(memory, "few", at_most(2, WORK))
    stories = several(memory, 6)
    assert held(stories) == [False, False, True, True, True, True]
    works(stories[1])
    assert held(stories[2:]) == [False, True, True, True]
    report(stories[0], TaskStatus.TASK_FAILED).ends_with("TASK_FAILURE")
    assert held(stories[3:]) == [False, True, True]
    stories[2].is_killed(0).ends_with("KILLED")
    assert held(stories[4:]) == [False, True]
    works(stories[3])
    assert held(stories) == [False] * 6
    [state] = memory.everywhere(LimitState)
    assert (state.granted, state.last) == (2, 6)
    for story in stories[4:]:
        works(story)
    nobody_is_left(memory)


def test_many_specs_and_partitions(memory: Driver) -> None:
    """Each spec has a limit of its own; who waits is served in the order of asking."""
    for name in ("few", "fewer"):
        register(memory, name, at_most(3, WORK))
    stories = several(memory, 12) + several(memory, 4, "fewer")
    assert len({partition_of_run(story.id, 3) for story in stories}) == 3
    assert held(stories) == [False] * 3 + [True] * 9 + [False] * 3 + [True]
    for number, story in enumerate(stories[:12]):
        assert held(stories[: number + 3]) == [False] * len(stories[: number + 3])
        assert held(stories[number + 3 : 12]) == [True] * len(stories[number + 3 : 12])
        works(story)


@pytest.mark.parametrize("behavior", ["CANCEL", "FAIL"])
def test_a_run_without_a_place_ends_if_the_limit_says_so(driver: Driver, behavior: str) -> None:
    """With LIMIT; as what it is refused is told. It may be rescued when there is a place."""
    register(driver, "few", at_most(1, WORK, behavior=behavior))
    [first] = several(driver, 1)
    first.wait(lambda: not first.run.held, "a place")
    [second] = several(driver, 1)
    second.ends_with("LIMIT")
    assert second.run.place is not None
    assert (second.run.place.refusal, second.run.held) == (behavior, False)
    works(first)
    first.wait(lambda: driver.everywhere(LimitState) == [], "its place to be free")
    works(second.is_rescued())


def test_a_refusal_is_not_handled_nor_passed_by(memory: Driver) -> None:
    """Nobody comes behind the ENTRYPOINT without a place."""
    register(memory, "few", at_most(1, WORK, behavior="FAIL"))
    first, second = several(memory, 2)
    command = RescueThreadRun(wf_run_id=second.id, skip_current_node=True)
    second.ends_with("LIMIT").refuses(command, "NODE_NOT_SKIPPABLE")
    second.is_begun_again().ends_with("LIMIT")
    register(memory, "queue", at_most(1, WORK))
    one, other = several(memory, 2, "queue")
    other.refuses(SkipNode(wf_run_id=other.id), "NODE_NOT_SKIPPABLE")
    assert held([first, one, other]) == [False, False, True]


@pytest.mark.parametrize("how", ["killed", "deleted", "stopped", "paused"])
def test_a_run_that_is_taken_out_of_the_queue_keeps_nobody_waiting(
    memory: Driver, how: str
) -> None:
    """The next one is served in its stead."""
    register(memory, "few", at_most(1, WORK))
    first, second, third = several(memory, 3)
    if how == "stopped":
        second.is_stopped().is_now("HALTED")
    elif how == "paused":
        second.is_paused().is_now("HALTED")
    else:
        second.is_killed().ends_with("KILLED")
    if how == "deleted":
        accepted(memory, DeleteWfRun(wf_run_id=second.id))
        assert memory.get(WfRun, second.id) is None
    assert len(memory.everywhere(QueuedRun)) == 1
    works(first)
    assert not third.run.held
    if how in ("stopped", "paused"):
        assert second.is_resumed().run.held
        works(third)
        works(second)
    elif how == "killed":
        assert second.is_begun_again().run.held
        works(third)
        works(second)
    else:
        works(third)
    nobody_is_left(memory)


def test_a_run_that_is_stopped_at_work_keeps_its_place(memory: Driver) -> None:
    """It may go on at any time."""
    register(memory, "few", at_most(1, chain(task("work"), task("work"))))
    first, second = several(memory, 2)
    report(first.is_stopped()).is_now("HALTED")
    assert second.run.held
    works(first.is_resumed())
    report(second)
    works(second)


def test_the_id_of_a_deleted_run_asks_anew(memory: Driver) -> None:
    """What was said to the one before is not meant for it."""
    register(memory, "few", at_most(1, WORK))
    [first] = several(memory, 1)
    second = run(memory, "few", "again").is_killed().ends_with("KILLED")
    accepted(memory, DeleteWfRun(wf_run_id="again"))
    memory.pass_ms(ANSWER_WINDOW_MS)
    assert run(memory, "few", "again").run.held
    works(first)
    works(second)
    nobody_is_left(memory)


def test_a_run_that_goes_on_after_its_end_takes_a_place(memory: Driver) -> None:
    """Whether there is one or not: an operator wants it. Those who wait have to wait longer."""
    register(memory, "few", at_most(1, WORK))
    first, second, third = several(memory, 3)
    report(first, TaskStatus.TASK_FAILED).ends_with("TASK_FAILURE")
    assert held([second, third]) == [False, True]
    first.is_rescued()
    [state] = memory.everywhere(LimitState)
    assert state.granted == 2
    works(second)
    assert third.run.held
    works(first)
    works(third)
    nobody_is_left(memory)


def test_a_run_that_is_refused_while_it_is_forced_stays_refused(memory: Driver) -> None:
    """Nobody keeps a place for it."""
    register(memory, "few", at_most(1, WORK, behavior="CANCEL"))
    [first] = several(memory, 1)
    start = RunWf(wf_spec="few", wf_run_id="second")
    answers = memory.send_together(start, ForceWfRun(wf_run_id="second"))
    assert [answer.code for answer in answers] == [None, None]
    Story(memory, "second").ends_with("LIMIT")
    assert [holder.wf_run_id for holder in memory.everywhere(PlaceHolder)] == [first.id]
    works(first)
    assert memory.everywhere(LimitState) == []


def test_an_operator_forces_a_run_out_of_the_queue(driver: Driver) -> None:
    """It counts among those at work."""
    register(driver, "few", at_most(1, WORK))
    [first] = several(driver, 1)
    first.wait(lambda: not first.run.held, "a place")
    second, third = several(driver, 2)
    accepted(driver, ForceWfRun(wf_run_id=third.id))
    third.wait(lambda: not third.run.held, "a place")
    refused(driver, ForceWfRun(wf_run_id=third.id), "WF_RUN_NOT_HELD")
    works(first)
    first.wait(lambda: driver.everywhere(LimitState)[0].granted == 1, "its place")
    assert second.run.held
    works(third)
    works(second)
    third.wait(lambda: driver.everywhere(LimitState) == [], "the places")


def test_a_new_version_says_how_many(driver: Driver) -> None:
    """The newest one counts, also for runs that follow older ones; with none, all go on."""
    register(driver, "few", at_most(1, WORK))
    stories = several(driver, 6)
    stories[5].wait(lambda: len(driver.everywhere(PlaceHolder)) == 6, "all to have asked")
    stories[0].wait(lambda: sum(held(stories)) == 5, "a place")
    accepted(driver, PutWfSpec(name="few", spec=at_most(3, WORK)))
    stories[0].wait(lambda: sum(held(stories)) == 3, "three places")
    accepted(driver, PutWfSpec(name="few", spec=at_most(2, WORK)))
    works(next(story for story in stories if not story.run.held))
    stories[0].wait(lambda: driver.everywhere(LimitState)[0].granted == 2, "two to be left")
    assert sum(held(stories)) == 3
    accepted(driver, PutWfSpec(name="few", spec=WORK))
    stories[0].wait(lambda: not any(held(stories)), "all to go on")


def test_a_spec_that_is_deleted_holds_nobody(memory: Driver) -> None:
    """Runs of it go on."""
    register(memory, "few", at_most(1, WORK))
    stories = several(memory, 3)
    accepted(memory, DeleteWfSpec(name="few", version=1))
    assert held(stories) == [False] * 3
    for story in stories:
        works(story)
    nobody_is_left(memory)


@pytest.mark.parametrize("memory", ["memory"], indirect=True)  # 1,000 runs, and no new path
def test_a_thousand_places_are_given_over_turns(memory: Driver) -> None:
    """A turn has a budget (R3)."""
    register(memory, "few", at_most(1, WORK))
    starts = [RunWf(wf_spec="few", wf_run_id=f"run-{number}") for number in range(1_100)]
    assert all(answer.ok for answer in memory.send_together(*starts))
    assert len(memory.everywhere(QueuedRun)) == 1_099
    accepted(memory, PutWfSpec(name="few", spec=at_most(1_090, WORK)))
    memory.tick()
    assert len(memory.everywhere(QueuedRun)) == 10
    [state] = memory.everywhere(LimitState)
    assert state.granted == 1_090


def test_a_key_parts_the_runs(memory: Driver) -> None:
    """Those that have the same are counted together; one that has none fails by name."""
    made = chain(task("work"), variables=(declared("who", "STR"),))
    register(memory, "few", at_most(1, made, key=variable("who")))
    ada, bob, again = (run(memory, "few", who=who) for who in ("ada", "bob", "ada"))
    assert held([ada, bob, again]) == [False, False, True]
    run(memory, "few").ends_with("VAR_SUB_ERROR")
    works(ada)
    assert not again.run.held
    works(bob)
    works(again)
    nobody_is_left(memory)


def test_a_child_run_has_to_wait_too(memory: Driver) -> None:
    """Its parent waits for it; when the parent is killed, it leaves the queue."""
    register(memory, "few", at_most(1, WORK))
    register(memory, "above", chain(runs("few"), waits_for_run(output_of("n1"))))
    [first] = several(memory, 1)
    one, other = run(memory, "above"), run(memory, "above")
    below = [Story(memory, memory.scan(ChildRun, story.id)[0].child) for story in (one, other)]
    assert held(below) == [True, True]
    one.is_killed().ends_with("KILLED")
    works(first)
    works(below[1])
    other.completes()
    nobody_is_left(memory)


def test_an_interrupt_waits_for_the_place(memory: Driver) -> None:
    """What handles it is work, too."""
    made = threads(interrupted(WORK, stop="mend"), mend=chain(task("mend")))
    register(memory, "few", at_most(1, made))
    first, second = several(memory, 2)
    second.gets("stop").no_task("mend")
    assert second.run.held
    works(first)
    second.task("mend").succeeds()
    works(second)


def test_a_replay_asks_for_a_place(memory: Driver) -> None:
    """It is a run like any other."""
    register(memory, "few", at_most(1, WORK))
    [first] = several(memory, 1)
    works(first)
    [second] = several(memory, 1)
    answer = accepted(memory, ReplayWfRun(wf_run_id=first.id))
    again = Story(memory, answer.body["wf_run_id"])
    assert held([second, again]) == [False, True]
    works(second)
    works(again)


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ({"most": 0}, "most"),
        ({"most": 1, "behavior": "WAIT"}, "behavior"),
        ({"most": 1, "key": literal([1])}, "key of the limit"),
        ({"most": 1, "key": variable("gone")}, "no variable 'gone'"),
        ({"most": 1, "key": output_of("n1")}, "no node has an output"),
    ],
)
def test_a_limit_is_checked(memory: Driver, limit: Json, said: str) -> None:
    """Its number, and what is counted."""
    command = PutWfSpec(name="bad", spec=chain() | {"limit": limit})
    assert said in refused(memory, command, "BAD_SPEC").message


def test_an_entrypoint_with_a_limit_handles_nothing(memory: Driver) -> None:
    """A run that was refused would go on."""
    made = threads(chain(), mend=chain())
    nodes = made["threads"]["main"]["nodes"]
    nodes["0-entrypoint"] = handled(nodes["0-entrypoint"], ("mend", None))
    accepted(memory, PutWfSpec(name="good", spec=made))
    answer = refused(memory, PutWfSpec(name="bad", spec=at_most(1, made)), "BAD_SPEC")
    assert "remove the handlers" in answer.message
