"""A child run that goes on after all, and the runs that waited for it."""

import pytest

from penstock.core.commands.delete_wf_run import DeleteWfRun
from penstock.core.commands.kill_wf_run import KillWfRun
from penstock.core.commands.rescue_thread_run import RescueThreadRun
from penstock.core.commands.restart_wf_run import RestartWfRun
from penstock.core.commands.run_wf import RunWf
from penstock.core.state.run import TaskRun
from penstock.core.state.thread_rows import ChildRun, FailedWait
from tests.controls import (
    Json,
    chain,
    declared,
    event,
    handled,
    output_of,
    starts,
    task,
    threads,
    variable,
    waits_for,
)
from tests.scenarios.driver import Driver
from tests.scenarios.story import Story, accepted, refused, register, run
from tests.scenarios.test_child_runs import runs, waits_for_run

CHILD = chain(task("work"), returns=output_of("n1"))
WAITING = chain(runs("child"), waits_for_run(output_of("n1")), returns=output_of("n2"))


def _family(driver: Driver, parent: Json = WAITING, child: Json = CHILD) -> tuple[Story, Story]:
    """A run, and the one below it."""
    register(driver, "child", child)
    register(driver, "parent", parent)
    story = run(driver, "parent")
    return story, _below(driver, story)


def _below(driver: Driver, story: Story) -> Story:
    [row] = driver.scan(ChildRun, story.id)
    return Story(driver, row.child)


@pytest.mark.parametrize("how", ["rescued", "restarted"])
def test_a_child_run_that_goes_on_takes_its_parent_along(driver: Driver, how: str) -> None:
    """The parent had failed at its WAIT_FOR_CHILD_WF; it waits anew."""
    story, child = _family(driver)
    child.task("work").fails().ends_with("TASK_FAILURE")
    story.ends_with("CHILD_FAILURE")
    if how == "rescued":
        child.is_rescued()
    else:
        child.is_begun_again()
    story.is_now("RUNNING")
    child.is_now("RUNNING").task("work").succeeds(5).completes(5)
    story.completes(5)
    waits = [node for node in story.nodes if node.node_type == "WAIT_FOR_CHILD_WF"]
    assert [(node.status, node.retries) for node in waits] == [("ERROR", None), ("COMPLETED", 2)]
    assert driver.scan(FailedWait, child.id) == []


def test_it_goes_up_through_threads_and_runs(memory: Driver) -> None:
    """A thread of the child had failed it, a thread of the parent waited, and above them all is one
    more run.
    """
    inner = threads(chain(starts("leaf"), waits_for(output_of("n1"))), leaf=chain(task("work")))
    middle = threads(chain(starts("waiting"), waits_for(output_of("n1"))), waiting=WAITING)
    register(memory, "child", inner)
    register(memory, "parent", middle)
    register(memory, "top", chain(runs("parent"), waits_for_run(output_of("n1"))))
    top = run(memory, "top")
    parent = _below(memory, top)
    child = _below(memory, parent)
    child.task("work").fails().ends_with("CHILD_FAILURE")
    for story in (parent, top):
        story.ends_with("CHILD_FAILURE")
    child.is_rescued(1)
    for story in (child, parent, top):
        story.is_now("RUNNING")
    child.task("work").succeeds().completes()
    for story in (parent, top):
        story.completes()


def test_a_failure_that_the_parent_has_handled_is_not_rescued(memory: Driver) -> None:
    """Neither while its handler is at work, nor after it. A restart has the child go on by itself,
    and the parent does not wait for it any more.
    """
    wait = handled(waits_for_run(output_of("n1")), ("heal", None))
    parent = threads(chain(runs("child"), wait, task("after")), heal=chain(task("medicine")))
    story, child = _family(memory, parent)
    child.task("work").fails()
    story.task("medicine")
    rescue = RescueThreadRun(wf_run_id=child.id)
    child.refuses(rescue, "FAILURE_HANDLED")
    story.succeeds().at_node("n3")
    answer = refused(memory, rescue, "FAILURE_HANDLED")
    assert story.id in answer.message and "has gone on without it" in answer.message
    child.is_begun_again().task("work").fails().ends_with("TASK_FAILURE").is_rescued()
    story.at_node("n3").task("after").succeeds().completes()
    child.task("work").succeeds().completes()


def test_a_failure_that_was_handled_further_up_is_not_rescued(memory: Driver) -> None:
    """The thread that waited has failed, and its own parent has handled that."""
    main = chain(
        starts("waiting"), handled(waits_for(output_of("n1")), ("heal", None)), event("go")
    )
    story, child = _family(memory, threads(main, waiting=WAITING, heal=chain()))
    child.task("work").fails()
    story.thread_is(1, "ERROR").at_node("n3")
    child.refuses(RescueThreadRun(wf_run_id=child.id), "FAILURE_HANDLED")
    child.is_begun_again().is_now("RUNNING")
    story.thread_is(1, "ERROR").gets("go").completes()


def test_an_exception_is_the_end_of_the_parent(memory: Driver) -> None:
    """A restart of the child leaves the parent, which may be restarted itself."""
    story, child = _family(memory)
    child.task("work").throws("no-book")
    story.ends_with("no-book", "EXCEPTION")
    child.is_begun_again().is_now("RUNNING")
    story.is_now("EXCEPTION").is_begun_again().is_now("RUNNING")
    child.task("work").succeeds(1).completes(1)
    story.completes(1)


def test_who_does_not_wait_any_more_is_left_alone(memory: Driver) -> None:
    """An operator has skipped the wait, or the parent never waited."""
    story, child = _family(memory, chain(runs("child"), waits_for_run(output_of("n1")), task("on")))
    child.task("work").fails()
    story.ends_with("CHILD_FAILURE").is_rescued(skip=True).at_node("n3")
    child.is_rescued().task("work").succeeds().completes()
    story.at_node("n3").task("on").succeeds().completes()
    register(memory, "starts", chain(runs("child")))
    lone = run(memory, "starts").is_now("COMPLETED")
    _below(memory, lone).task("work").fails().is_rescued().task("work").succeeds().completes()


def test_several_runs_wait_for_one(memory: Driver) -> None:
    """Each of them goes on."""
    story, child = _family(memory)
    other = chain(waits_for_run(variable("of")), variables=(declared("of", "WF_RUN_ID"),))
    register(memory, "other", other)
    waiting = []
    for number in range(3):
        command = RunWf(
            wf_spec="other", wf_run_id=f"w{number}", parent=story.id, variables={"of": child.id}
        )
        waiting.append(Story(memory, accepted(memory, command).body["wf_run_id"]))
    child.task("work").fails()
    for one in (story, *waiting):
        one.ends_with("CHILD_FAILURE")
    child.is_rescued()
    for one in (story, *waiting):
        one.is_now("RUNNING")
    child.task("work").succeeds().completes()
    for one in (story, *waiting):
        one.is_now("COMPLETED")


def test_a_parent_that_is_being_killed_is_not_taken_along(memory: Driver) -> None:
    """The rescue is to wait for the end of the kill."""
    main = chain(starts("waiting"), task("own"))
    story, child = _family(memory, threads(main, waiting=WAITING))
    story.task("own").starts()
    child.task("work").fails()
    story.thread_is(1, "ERROR")
    accepted(memory, KillWfRun(wf_run_id=story.id, cascade=False))
    child.refuses(RescueThreadRun(wf_run_id=child.id), "WF_RUN_BUSY")
    story.succeeds().ends_with("KILLED")


def test_a_family_that_was_killed_is_restarted_run_by_run(memory: Driver) -> None:
    """In any order: a parent that comes first fails once more, and is taken along by its child."""
    story, child = _family(memory)
    story.is_killed(0).ends_with("KILLED")
    child.ends_with("KILLED")
    story.is_begun_again().ends_with("CHILD_FAILURE")
    accepted(memory, RestartWfRun(wf_run_id=child.id))
    story.is_now("RUNNING")
    story.is_killed(0).ends_with("KILLED")
    child.ends_with("KILLED").is_begun_again().is_now("RUNNING")
    story.ends_with("KILLED").is_begun_again().is_now("RUNNING")
    while child.task("work").taken.guid not in _live_tasks(memory, child):
        pass
    child.succeeds(3).completes(3)
    story.completes(3)


def _live_tasks(driver: Driver, story: Story) -> list[str]:
    return [row.guid for row in driver.scan(TaskRun, story.id) if row.status == "TASK_SCHEDULED"]


def test_nothing_of_a_failed_wait_is_left_by_a_deletion(memory: Driver) -> None:
    """With the run that was waited for."""
    story, child = _family(memory)
    child.task("work").fails()
    story.ends_with("CHILD_FAILURE")
    assert len(memory.scan(FailedWait, child.id)) == 1
    accepted(memory, DeleteWfRun(wf_run_id=story.id))
    memory.tick()
    assert memory.rows_of_run(child.id) == {}
