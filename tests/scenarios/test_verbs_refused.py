"""What verbs refuse in places that are hard to come to; a refusal changes no row of the run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from penstock.core import nodes
from penstock.core.commands.cancel_user_task_run import CancelUserTaskRun
from penstock.core.commands.change_task_run_state import ChangeTaskRunState
from penstock.core.commands.claim_user_task_run import ClaimUserTaskRun
from penstock.core.commands.delete_wf_run import DeleteWfRun
from penstock.core.commands.edit_user_task_comment import EditUserTaskComment
from penstock.core.commands.pause_wf_run import PauseWfRun
from penstock.core.commands.put_user_task_comment import PutUserTaskComment
from penstock.core.commands.rescue_thread_run import RescueThreadRun
from penstock.core.commands.resume_wf_run import ResumeWfRun
from penstock.core.commands.skip_node import SkipNode
from penstock.core.commands.stop_wf_run import StopWfRun
from penstock.core.definitions.nodes import UserTaskNode
from penstock.core.fold import TYPE_OF
from penstock.core.state.thread_rows import ChildRun
from penstock.core.state.transitions import TaskStatus
from tests.controls import chain, output_of, starts, task, threads, user_task, waits_for
from tests.scenarios.driver import Driver
from tests.scenarios.story import Story, accepted, refused, register, run
from tests.scenarios.test_user_task_verbs import FORM, VERBS, rows_of

BY_HAND = sorted({TaskStatus.TASK_OUTPUT_SERIALIZING_ERROR, TaskStatus.TASK_INPUT_VAR_SUB_ERROR})


def changed(story: Story, status: TaskStatus, **result: object) -> ChangeTaskRunState:
    """An operator's word on the task taken last."""
    return ChangeTaskRunState(wf_run_id=story.id, guid=story.taken.guid, status=status, **result)


# --- an operator's word on a task -----------------------------------------------------------------


@pytest.mark.parametrize("status", BY_HAND)
def test_a_task_that_could_not_be_done_has_succeeded_after_all(
    memory: Driver, status: TaskStatus
) -> None:
    """Its worker could not read the inputs, or not write the output."""
    register(memory, "one", chain(task("one"), returns=output_of("n1")))
    story = run(memory, "one").task("one").starts()
    accepted(memory, story.report(status, error="no way"))
    story.is_now("ERROR")
    accepted(memory, changed(story, TaskStatus.TASK_SUCCESS, output="by hand"))
    story.completes("by hand")


def test_a_task_that_ran_too_long_has_succeeded_after_all(memory: Driver) -> None:
    """The operator has seen what it did."""
    register(memory, "one", chain(task("one", timeout_ms=1_000), returns=output_of("n1")))
    story = run(memory, "one").task("one").starts()
    memory.pass_ms(1_000)
    story.ends_with("TIMEOUT")
    accepted(memory, changed(story, TaskStatus.TASK_SUCCESS, output="by hand"))
    story.completes("by hand")


@pytest.mark.parametrize("status", BY_HAND)
def test_a_task_in_backoff_can_not_be_done_at_all(memory: Driver, status: TaskStatus) -> None:
    """The operator spares it the attempts that are left."""
    settings = {"max_attempts": 5, "backoff": {"base_ms": 60_000}}
    register(memory, "shaky", chain(task("shaky", **settings)))
    story = run(memory, "shaky").task("shaky").fails()
    accepted(memory, changed(story, status, error="no way"))
    story.is_now("ERROR").no_task("shaky")
    assert (story.task_run.status, story.task_run.timer) == (status, None)


# --- rescues --------------------------------------------------------------------------------------


def test_a_failure_that_went_too_far_up_is_not_taken_back(
    monkeypatch: pytest.MonkeyPatch, memory: Driver
) -> None:
    """Neither by a rescue nor by an operator's word on the task."""
    monkeypatch.setattr("penstock.core.operators.rescue_above.LEVELS_MAX", 1)
    main = chain(starts("middle"), waits_for(output_of("n1")))
    middle = chain(starts("leaf"), waits_for(output_of("n1")))
    register(memory, "deep", threads(main, middle=middle, leaf=chain(task("work"))))
    story = run(memory, "deep").task("work").fails().ends_with("CHILD_FAILURE")
    story.refuses(RescueThreadRun(wf_run_id=story.id, thread=2), "LIMIT")
    story.refuses(changed(story, TaskStatus.TASK_SUCCESS), "LIMIT")


# --- runs -----------------------------------------------------------------------------------------


def test_a_run_that_is_being_killed_is_neither_halted_nor_resumed(memory: Driver) -> None:
    """It has to wait for nobody but its tasks."""
    register(memory, "one", chain(task("one")))
    story = run(memory, "one").task("one").starts().is_killed()
    for verb in (StopWfRun, PauseWfRun, ResumeWfRun):
        story.refuses(verb(wf_run_id=story.id), "WF_RUN_BUSY")
    story.succeeds().ends_with("KILLED")


def test_a_child_run_is_deleted_with_its_root_only(memory: Driver) -> None:
    """The message says which one that is."""
    register(memory, "child", chain())
    register(memory, "parent", chain({"type": "RUN_CHILD_WF", "wf_spec": "child"}))
    parent = run(memory, "parent").completes()
    [row] = memory.scan(ChildRun, parent.id)
    child = Story(memory, row.child).wait_until_there()
    child.refuses(DeleteWfRun(wf_run_id=child.id), "WF_RUN_IS_CHILD")
    said = refused(memory, DeleteWfRun(wf_run_id=child.id), "WF_RUN_IS_CHILD").message
    assert parent.id in said


# --- user tasks -----------------------------------------------------------------------------------


def _left_behind(memory: Driver, monkeypatch: pytest.MonkeyPatch) -> Story:
    """A user task, with a comment, whose run hit a defect, and another as its node was left."""

    def broken(*_: object) -> Any:
        raise ZeroDivisionError

    owner = {"user": "ada", "group": "sales"}
    register(memory, "ask", chain(user_task("agree", **owner)), FORM)
    story = run(memory, "ask").does(PutUserTaskComment, user_id="ada", text="well")
    sound = nodes.TYPE_OF[UserTaskNode]
    monkeypatch.setitem(nodes.TYPE_OF, UserTaskNode, replace(sound, leave=broken))
    monkeypatch.setitem(TYPE_OF, StopWfRun, replace(TYPE_OF[StopWfRun], handle=broken))
    refused(memory, StopWfRun(wf_run_id=story.id), "ENGINE_DEFECT")
    return story.ends_with("ENGINE_DEFECT")


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb != "cancel"])
def test_a_user_task_that_was_left_behind_is_not_worked_at(
    monkeypatch: pytest.MonkeyPatch, memory: Driver, verb: str
) -> None:
    """Nobody would take what comes of it."""
    story = _left_behind(memory, monkeypatch)
    kind, fields = VERBS[verb]
    before = rows_of(story)
    story.does_not("WF_RUN_ENDED", kind, **fields)
    assert rows_of(story) == before


def test_a_user_task_that_was_left_behind_can_be_cancelled(
    monkeypatch: pytest.MonkeyPatch, memory: Driver
) -> None:
    """So that nobody finds it any more."""
    story = _left_behind(memory, monkeypatch).does(CancelUserTaskRun)
    assert story.user_task.status == "CANCELLED"
    story.ends_with("ENGINE_DEFECT")


def test_a_user_task_that_too_much_has_happened_to_is_not_claimed(
    monkeypatch: pytest.MonkeyPatch, memory: Driver
) -> None:
    """It can be completed by who has it, or cancelled."""
    monkeypatch.setattr("penstock.core.user_tasks.user_tasks.USER_TASK_EVENTS_MAX", 1)
    register(memory, "ask", chain(user_task("agree", group="sales")), FORM)
    story = run(memory, "ask")
    before = rows_of(story)
    story.does_not("LIMIT", ClaimUserTaskRun, user_id="bob")
    assert rows_of(story) == before


def test_a_comment_is_not_changed_to_nothing(memory: Driver) -> None:
    """It can be deleted."""
    register(memory, "ask", chain(user_task("agree", user="ada")), FORM)
    story = run(memory, "ask").does(PutUserTaskComment, user_id="ada", text="well")
    before = rows_of(story)
    for text in ("", " \t"):
        story.does_not("BAD_VALUE", EditUserTaskComment, user_id="ada", text=text, comment=1)
    assert rows_of(story) == before


@pytest.mark.parametrize(
    "verb",
    [StopWfRun, PauseWfRun, ResumeWfRun, RescueThreadRun, SkipNode],
    ids=lambda it: it.__name__,
)
def test_a_verb_names_a_run_and_a_thread_that_are_there(memory: Driver, verb: type[Any]) -> None:
    """Or it changes nothing."""
    register(memory, "one", chain(task("one")))
    story = run(memory, "one")
    story.refuses(verb(wf_run_id=story.id, thread=1), "THREAD_UNKNOWN")
    story.refuses(verb(wf_run_id=story.id, thread=-1), "THREAD_UNKNOWN")
    refused(memory, verb(wf_run_id=f"{story.id}x"), "WF_RUN_UNKNOWN")
