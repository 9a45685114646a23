"""A task has ended in an exception, and its thread with it; an operator says that it has succeeded
after all.
"""

from __future__ import annotations

from functools import partial

import pytest

from penstock.core.commands.change_task_run_state import ChangeTaskRunState
from penstock.core.state import turn
from penstock.core.state.run import HaltReason, ThreadRun
from penstock.core.state.transitions import TaskStatus
from tests.controls import (
    chain,
    event,
    handled,
    literal,
    output_of,
    runs,
    starts,
    starts_each,
    task,
    threads,
    waits_for,
)
from tests.scenarios.driver import Driver
from tests.scenarios.story import Story, accepted, refused, register, run


def succeeded(story: Story, output: object = None) -> ChangeTaskRunState:
    """An operator's word on the task taken last."""
    status = TaskStatus.TASK_SUCCESS
    return ChangeTaskRunState(**story.task_id, status=status, output=output)


def _is_halted_for_good(story: Story, number: int) -> bool:
    return HaltReason.HALTED_BY_PARENT in story.thread_run(number).halt_reasons


def test_the_thread_goes_on(driver: Driver) -> None:
    """With the output that the operator gives; the task is not done again."""
    register(driver, "two", chain(task("one"), task("two"), returns=output_of("n1")))
    story = run(driver, "two").task("one").throws("sick").ends_with("sick", "EXCEPTION")
    accepted(driver, succeeded(story, "by hand"))
    story.is_now("RUNNING").no_task("one")
    assert [node.status for node in story.nodes[1:3]] == ["EXCEPTION", "COMPLETED"]
    story.refuses(succeeded(story), "TASK_RUN_ENDED")
    story.task("two").succeeds().completes("by hand")


@pytest.mark.parametrize("waits", ["WAIT_FOR_THREADS", "RUN_THREADS"])
def test_so_do_those_that_waited_for_it(driver: Driver, waits: str) -> None:
    """The exception had gone up to them under its name."""
    if waits == "RUN_THREADS":
        middle = chain(runs("leaf"))
    else:
        middle = chain(starts("leaf"), waits_for(output_of("n1")))
    main = chain(starts("middle"), waits_for(output_of("n1")), task("last"))
    register(driver, "deep", threads(main, middle=middle, leaf=chain(task("work"))))
    story = run(driver, "deep").task("work").throws("sick").ends_with("sick", "EXCEPTION")
    story.thread_is(1, "EXCEPTION").thread_is(2, "EXCEPTION")
    accepted(driver, succeeded(story))
    story.task("last").succeeds().completes()


@pytest.mark.parametrize("at_work", [False, True])
def test_what_it_had_halted_for_good_runs_again(driver: Driver, at_work: bool) -> None:
    """What such a thread was at is begun anew, down to the lowest; a worker may be at it still."""
    main = chain(starts("leaf"), starts("other"), waits_for(output_of("n1"), output_of("n2")))
    other = chain(starts("below"), waits_for(output_of("n1")))
    leaf, below = chain(task("work")), chain(task("slow") if at_work else event("go"))
    register(driver, "wide", threads(main, leaf=leaf, other=other, below=below))
    story = run(driver, "wide")
    slow = story.task("slow").taken.guid if at_work else ""
    story.task("work").throws("sick").ends_with("sick", "EXCEPTION")
    for number in (2, 3):
        story.wait(partial(_is_halted_for_good, story, number), "the halt for good")
    assert story.thread_run(3).is_abandoned is not at_work
    accepted(driver, succeeded(story))
    if at_work:
        assert story.task("slow").taken.guid != slow
        story.succeeds().completes()
    else:
        story.at_node("n1", 3).gets("go").completes()
    assert [node.status for node in story.nodes if node.thread == 3][1:3] == ["ERROR", "COMPLETED"]


def test_they_run_again_over_turns(monkeypatch: pytest.MonkeyPatch, memory: Driver) -> None:
    """There may be thousands (R3)."""
    monkeypatch.setattr(turn, "NODES_PER_TURN_MAX", 6)
    main = chain(starts_each("child", literal([0] * 40)), task("work"), waits_for(output_of("n1")))
    register(memory, "wide", threads(main, child=chain(event("go"))))
    story = run(memory, "wide")
    for _ in range(40):
        memory.tick()
    story.task("work").throws("sick").ends_with("sick", "EXCEPTION")
    for _ in range(40):
        memory.tick()
    assert all(one.is_abandoned for one in memory.scan(ThreadRun, story.id)[1:])
    accepted(memory, succeeded(story))
    for _ in range(80):
        memory.tick()
    children = memory.scan(ThreadRun, story.id)[1:]
    assert {one.status for one in children} == {"RUNNING"}
    assert len(children) == 40


def test_one_that_was_handled_stays_handled(memory: Driver) -> None:
    """Whether its handler is at work still or not."""
    main = chain(handled(runs("leaf"), ("heal", None)), task("after"))
    main["threads"]["main"]["nodes"]["n1"] |= {"handlers": [{"thread": "heal"}]}
    heal = chain(task("medicine"))
    register(memory, "heals", threads(main, leaf=chain(task("work")), heal=heal))
    story = run(memory, "heals").task("work").throws("sick")
    word = succeeded(story)
    story.task("medicine")
    refused(memory, word, "FAILURE_HANDLED")
    story.succeeds().task("after")
    refused(memory, word, "FAILURE_HANDLED")


def test_a_thread_that_ended_by_an_exception_of_its_own_stays_so(memory: Driver) -> None:
    """Though it is called the same: nobody had waited for the one below."""
    main = chain(starts("leaf"), task("own"))
    register(memory, "both", threads(main, leaf=chain(task("work"))))
    story = run(memory, "both").task("work").throws("sick")
    word = succeeded(story)
    story.task("own").throws("sick").ends_with("sick", "EXCEPTION")
    assert "has ended" in refused(memory, word, "FAILURE_HANDLED").message


def test_who_ended_since_nobody_had_waited_goes_on(memory: Driver) -> None:
    """An exception that nobody waited for is a CHILD_FAILURE at the EXIT."""
    main = chain(starts("leaf"), task("own"))
    register(memory, "left", threads(main, leaf=chain(task("work"))))
    story = run(memory, "left").task("work").throws("sick")
    word = succeeded(story)
    story.task("own").succeeds().ends_with("CHILD_FAILURE")
    accepted(memory, word)
    story.completes()
