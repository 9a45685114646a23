"""User tasks: a form that a person fills in, and what becomes of its run."""

from dataclasses import replace

import pytest

from penstock.core.commands import TYPE_OF
from penstock.core.commands.assign_user_task_run import AssignUserTaskRun
from penstock.core.commands.cancel_user_task_run import CancelUserTaskRun
from penstock.core.commands.complete_user_task_run import CompleteUserTaskRun
from penstock.core.commands.delete_user_task_comment import DeleteUserTaskComment
from penstock.core.commands.edit_user_task_comment import EditUserTaskComment
from penstock.core.commands.put_user_task_comment import PutUserTaskComment
from penstock.core.commands.release_user_task_run import ReleaseUserTaskRun
from penstock.core.commands.save_user_task_run import SavePolicy, SaveUserTaskRun
from penstock.core.commands.stop_wf_run import StopWfRun
from penstock.core.ids import partition_of_run
from penstock.core.state.keys import after_prefix
from penstock.core.state.turn import Turn
from penstock.core.state.user_task_rows import UserTaskComment, UserTaskEvent, UserTaskOf
from tests.controls import (
    a_form,
    chain,
    declared,
    handled,
    interrupted,
    literal,
    output_of,
    starts,
    task,
    threads,
    throws,
    user_task,
    variable,
    waits_for,
)
from tests.scenarios.driver import Driver
from tests.scenarios.story import Story, accepted, refused, register, run

FORM = a_form("approve", "note", approved="BOOL", amount="DOUBLE", note="STR")
FILLED = {"approved": True, "amount": 3}


def audit(story: Story) -> list[str]:
    """The kinds of all that has happened to the user task."""
    rows = story.driver.scan(UserTaskEvent, story.id, story.user_task.guid)
    assert [row.number for row in rows] == list(range(story.user_task.events))
    return [row.kind.value for row in rows]


def found(story: Story, by: str, of: str, status: str = "") -> list[str]:
    """The user tasks that the index finds on the partition of the run."""
    driver = story.driver
    view = driver.processor.view(partition_of_run(story.id, driver.topics.partitions))
    assert view is not None
    prefix = UserTaskOf.key("default", by, of, *([status] if status else []))
    return [row.guid for _, row in view.scan(UserTaskOf, prefix, after_prefix(prefix))]


def test_a_user_completes_a_form(driver: Driver) -> None:
    """The node's output has a key for each field; one that is left out is null."""
    register(driver, "ask", chain(user_task("approve", user="ada"), returns=output_of("n1")), FORM)
    story = run(driver, "ask").is_now("RUNNING").is_assigned("ada").completes_form(FILLED)
    story.completes({"approved": True, "amount": 3.0, "note": None})
    assert story.user_task.status == "DONE"
    assert story.user_task.ended_ms is not None
    assert audit(story) == ["ASSIGNED", "COMPLETED"]
    assert [fact.status for fact in story.user_task.history] == ["ASSIGNED", "DONE"]


def test_one_of_a_group_claims_it(driver: Driver) -> None:
    """It can be released to the group again; the group stays all the time."""
    register(driver, "ask", chain(user_task("approve", group="sales")), FORM)
    story = run(driver, "ask").is_assigned(group="sales")
    story.is_claimed_by("ada").is_assigned("ada", "sales")
    story.does(ReleaseUserTaskRun).is_assigned(None, "sales")
    story.is_claimed_by("bob").is_assigned("bob", "sales").completes_form(FILLED).completes()
    assert audit(story) == ["ASSIGNED"] * 4 + ["COMPLETED"]
    assert story.user_task.epoch == 4


def test_who_is_to_have_it_is_evaluated(memory: Driver) -> None:
    """As are the notes."""
    who = declared("who", "STR")
    node = user_task("approve", group="sales") | {"user_id": variable("who")}
    register(memory, "ask", chain(node | {"notes": literal("soon")}, variables=(who,)), FORM)
    assert run(memory, "ask", who="ada").is_assigned("ada", "sales").user_task.notes == "soon"
    run(memory, "ask").is_assigned(None, "sales")


@pytest.mark.parametrize("who", [None, "", "  ", "a\tb", "a" * 257])
def test_a_user_task_without_an_owner_fails_its_node(memory: Driver, who) -> None:
    """No user task is made; a handler of VAR_ERROR sees it."""
    node = {"type": "USER_TASK", "user_task_def": "approve", "user_id": variable("who")}
    asks = chain(handled(node, ("mend", "VAR_ERROR")), variables=(declared("who", "STR"),))
    register(memory, "ask", threads(asks, mend=chain(task("mend"))), FORM)
    story = run(memory, "ask", **({} if who is None else {"who": who}))
    story.task("mend").succeeds().completes()
    failure = story.nodes[1].failure
    assert failure is not None
    assert failure.name == "VAR_SUB_ERROR"
    assert failure.message.startswith("Invalid user task assignment")
    assert story.user_tasks == []


def test_a_cancelled_user_task_fails_its_node(driver: Driver) -> None:
    """With USER_TASK_CANCELLED, or with the exception that the node names."""
    register(driver, "ask", chain(user_task("approve", user="ada")), FORM)
    run(driver, "ask").is_assigned("ada").does(CancelUserTaskRun).ends_with("USER_TASK_CANCELLED")
    named = user_task("approve", user="ada", on_cancellation_exception_name="not-wanted")
    register(driver, "name", chain(named), FORM)
    story = run(driver, "name").is_assigned("ada").does(CancelUserTaskRun)
    story.ends_with("not-wanted", "EXCEPTION")
    assert audit(story) == ["ASSIGNED", "CANCELLED"]


def test_a_cancelled_user_task_can_be_handled(memory: Driver) -> None:
    """By name."""
    node = handled(user_task("approve", user="ada"), ("mend", "USER_TASK_CANCELLED"))
    register(memory, "ask", threads(chain(node), mend=chain(task("mend"))), FORM)
    story = run(memory, "ask").does(CancelUserTaskRun).is_now("RUNNING")
    story.task("mend").succeeds().completes()


def test_a_form_is_completed_while_the_run_is_halted(driver: Driver) -> None:
    """Halting is immediate; what was filled in takes effect on resume."""
    register(driver, "ask", chain(user_task("approve", user="ada")), FORM)
    story = run(driver, "ask").is_assigned("ada").is_stopped().is_now("HALTED")
    story.completes_form(FILLED).is_now("HALTED")
    assert story.user_task.status == "DONE"
    story.is_resumed().completes()


def test_a_user_task_is_cancelled_while_the_run_is_halted(memory: Driver) -> None:
    """The node fails on resume."""
    register(memory, "ask", chain(user_task("approve", user="ada")), FORM)
    story = run(memory, "ask").is_stopped().does(CancelUserTaskRun).is_now("HALTED")
    story.is_resumed().ends_with("USER_TASK_CANCELLED")


def test_an_interrupt_leaves_the_user_task_alone(memory: Driver) -> None:
    """The form can be filled in while the interrupt is handled."""
    asks = chain(user_task("approve", user="ada"))
    spec = interrupted(threads(asks, busy=chain(task("busy"))), knock="busy")
    register(memory, "ask", spec, FORM)
    story = run(memory, "ask").is_assigned("ada").gets("knock").thread_is(0, "HALTED")
    story.completes_form(FILLED).is_now("RUNNING").task("busy").succeeds().completes()


def test_the_end_of_the_run_cancels_what_nobody_waits_for(memory: Driver) -> None:
    """The child that asks is halted for good when its parent has ended with an exception."""
    main = chain(starts("asks"), task("work"), throws("enough"))
    main["threads"]["main"]["nodes"].pop("exit")
    main["threads"]["main"]["nodes"]["n3"].pop("edges")
    register(memory, "both", threads(main, asks=chain(user_task("approve", user="ada"))), FORM)
    story = run(memory, "both").is_assigned("ada").task("work").succeeds()
    story.ends_with("enough", "EXCEPTION")
    assert story.user_task.status == "CANCELLED"
    assert found(story, "u", "ada", "ASSIGNED") == []
    assert found(story, "u", "ada", "CANCELLED") == [story.user_task.guid]


def test_a_failed_interrupt_cancels_the_user_task(memory: Driver) -> None:
    """The thread fails without another chance."""
    asks = chain(user_task("approve", user="ada"))
    spec = interrupted(threads(asks, busy=chain(task("busy"))), knock="busy")
    register(memory, "ask", spec, FORM)
    story = run(memory, "ask").gets("knock").task("busy").fails().ends_with("CHILD_FAILURE")
    assert story.user_task.status == "CANCELLED"


def test_a_child_that_waits_with_others(memory: Driver) -> None:
    """WAIT_FOR_ANY ends with the first; the other's user task is cancelled."""
    main = chain(
        starts("asks"),
        starts("asks"),
        waits_for(output_of("n1"), output_of("n2"), strategy="WAIT_FOR_ANY"),
    )
    register(memory, "any", threads(main, asks=chain(user_task("approve", user="ada"))), FORM)
    story = run(memory, "any")
    assert [row.status for row in story.user_tasks] == ["ASSIGNED", "ASSIGNED"]
    story.completes_form(FILLED).completes()
    assert sorted(row.status for row in story.user_tasks) == ["CANCELLED", "DONE"]


def test_fields_are_checked_by_name_and_type(memory: Driver) -> None:
    """A refusal names the field, and the form can be sent again."""
    register(memory, "ask", chain(user_task("approve", user="ada")), FORM)
    story = run(memory, "ask")

    def sent(**results: object) -> dict[str, object]:
        return {"user_id": "ada", "results": results}

    story.does_not("FIELD_REQUIRED", CompleteUserTaskRun, **sent(approved=True))
    story.does_not("FIELD_REQUIRED", CompleteUserTaskRun, **sent(approved=None, amount=1))
    story.does_not("FIELD_UNKNOWN", CompleteUserTaskRun, **sent(**FILLED, colour="red"))
    story.does_not("BAD_VALUE", CompleteUserTaskRun, **sent(approved="yes", amount=1))
    story.does_not("BAD_VALUE", CompleteUserTaskRun, **sent(approved=True, amount=True))
    story.does_not("BAD_VALUE", CompleteUserTaskRun, **sent(**FILLED, note=7))
    story.does_not("TOO_LARGE", CompleteUserTaskRun, **sent(**FILLED, note="x" * 262_120))
    assert story.user_task.events == 1
    story.completes_form({**FILLED, "note": "fine"}).completes()


def test_another_user_completes_it_only_with_override(memory: Driver) -> None:
    """Then it is his."""
    register(memory, "ask", chain(user_task("approve", user="ada", group="sales")), FORM)
    story = run(memory, "ask")
    sent = {"user_id": "bob", "results": FILLED}
    story.does_not("USER_TASK_CLAIMED", CompleteUserTaskRun, **sent)
    story.does(CompleteUserTaskRun, **sent, override=True).completes()
    assert (story.user_task.user_id, story.user_task.user_group) == ("bob", "sales")
    assert audit(story) == ["ASSIGNED", "ASSIGNED", "COMPLETED"]


def test_what_is_saved_is_shown_and_is_not_the_output(memory: Driver) -> None:
    """Fields are saved one by one; who completes sends the whole form."""
    asks = chain(user_task("approve", user="ada"), returns=output_of("n1", "$.note"))
    register(memory, "ask", asks, FORM)
    story = run(memory, "ask")
    story.does(SaveUserTaskRun, user_id="ada", results={"note": "draft"})
    story.does(SaveUserTaskRun, user_id="ada", results={"amount": 2})
    assert story.user_task.results == {"note": "draft", "amount": 2.0}
    by_bob = {"user_id": "bob", "results": {"amount": 3}}
    story.does_not("USER_TASK_CLAIMED", SaveUserTaskRun, **by_bob)
    story.does(SaveUserTaskRun, **by_bob, policy=SavePolicy.IGNORE_CLAIM)
    story.does_not("FIELD_UNKNOWN", SaveUserTaskRun, user_id="ada", results={"colour": 1})
    story.does_not("BAD_VALUE", SaveUserTaskRun, user_id="ada", results={"amount": "much"})
    story.does_not("TOO_LARGE", SaveUserTaskRun, user_id="ada", results={"note": "x" * 262_125})
    assert audit(story) == ["ASSIGNED", "SAVED", "SAVED", "SAVED"]
    story.completes_form(FILLED).completes(None)


def test_an_assignment_is_taken_only_with_override(memory: Driver) -> None:
    """What is not named, it has no more."""
    register(memory, "ask", chain(user_task("approve", user="ada")), FORM)
    story = run(memory, "ask")
    story.does_not("BAD_VALUE", AssignUserTaskRun)
    story.does_not("BAD_ID", AssignUserTaskRun, user_id=" ")
    story.does_not("BAD_ID", AssignUserTaskRun, user_group="a\nb")
    story.does_not("USER_TASK_CLAIMED", AssignUserTaskRun, user_id="bob")
    story.does_not("USER_TASK_CLAIMED", AssignUserTaskRun, user_group="sales")
    story.does(AssignUserTaskRun, user_id="ada", user_group="sales").is_assigned("ada", "sales")
    story.does(AssignUserTaskRun, user_id="bob", override_claim=True).is_assigned("bob")
    story.does_not("USER_TASK_NO_GROUP", ReleaseUserTaskRun)
    story.does(AssignUserTaskRun, user_group="tax", override_claim=True).is_assigned(None, "tax")


def test_the_same_assignment_again_changes_nothing(memory: Driver) -> None:
    """It is answered as a repeat."""
    register(memory, "ask", chain(user_task("approve", user="ada")), FORM)
    story = run(memory, "ask")
    again = AssignUserTaskRun(wf_run_id=story.id, guid=story.user_task.guid, user_id="ada")
    assert accepted(memory, again).repeated
    assert story.is_claimed_by("ada").user_task.epoch == 1


def test_a_command_that_is_sent_again_is_answered_again(memory: Driver) -> None:
    """Even when the user task has ended meanwhile (R12)."""
    register(memory, "ask", chain(user_task("approve", user="ada")), FORM)
    story = run(memory, "ask")
    command = CompleteUserTaskRun(
        wf_run_id=story.id, guid=story.user_task.guid, user_id="ada", results=FILLED
    )
    first = accepted(memory, command, command_id="once")
    again = accepted(memory, command, command_id="once")
    assert (again.body, again.repeated) == (first.body, True)
    story.completes()


def test_comments_have_numbers_and_can_be_edited_and_deleted(memory: Driver) -> None:
    """A deleted one keeps its number."""
    register(memory, "ask", chain(user_task("approve", user="ada")), FORM)
    story = run(memory, "ask")
    for text in ("first", "second"):
        story.does(PutUserTaskComment, user_id="bob", text=text)
    story.does(EditUserTaskComment, comment=1, user_id="bob", text="better")
    story.does(DeleteUserTaskComment, comment=2, user_id="bob")
    for number, code in ((0, "COMMENT_UNKNOWN"), (3, "COMMENT_UNKNOWN"), (2, "COMMENT_DELETED")):
        story.does_not(code, EditUserTaskComment, comment=number, user_id="bob", text="x")
        story.does_not(code, DeleteUserTaskComment, comment=number, user_id="bob")
    story.does_not("COMMENT_UNKNOWN", DeleteUserTaskComment, comment=-1, user_id="bob")
    story.does_not("BAD_VALUE", PutUserTaskComment, user_id="bob", text=" ")
    story.does_not("LIMIT", PutUserTaskComment, user_id="bob", text="x" * 4_097)
    comments = memory.scan(UserTaskComment, story.id, story.user_task.guid)
    assert [(row.number, row.text, row.deleted) for row in comments] == [
        (1, "better", False),
        (2, "", True),
    ]
    kinds = ["COMMENT_ADDED", "COMMENT_ADDED", "COMMENT_EDITED", "COMMENT_DELETED"]
    assert audit(story) == ["ASSIGNED", *kinds]


def test_the_index_follows_every_change(memory: Driver) -> None:
    """By user, by group, by form and by status; nothing is found where it was before."""
    register(memory, "ask", chain(user_task("approve", group="sales")), FORM)
    story = run(memory, "ask")
    guid = [story.user_task.guid]
    assert found(story, "g", "sales", "UNASSIGNED") == found(story, "s", "", "UNASSIGNED") == guid
    story.is_claimed_by("ada")
    assert found(story, "g", "sales", "UNASSIGNED") == found(story, "s", "", "UNASSIGNED") == []
    assert found(story, "u", "ada") == found(story, "g", "sales") == guid
    assert found(story, "d", "approve", "ASSIGNED") == guid
    story.does(AssignUserTaskRun, user_id="bob", override_claim=True)
    assert found(story, "u", "ada") == found(story, "g", "sales") == []
    story.completes_form(FILLED)
    assert found(story, "u", "bob", "DONE") == found(story, "d", "approve") == guid
    assert found(story, "u", "bob", "ASSIGNED") == []


def test_ids_are_any_text(driver: Driver) -> None:
    """Whatever the letters."""
    user = "Ærøskøbing 東京 😀"
    register(driver, "ask", chain(user_task("approve", user=user)), FORM)
    story = run(driver, "ask").is_assigned(user).completes_form(FILLED).completes()
    assert found(story, "u", user, "DONE") == [story.user_task.guid]


def test_a_run_may_ask_again_and_again(memory: Driver) -> None:
    """Each visit of a node is a user task of its own."""
    register(memory, "ask", chain(*[user_task("approve", user="ada")] * 3), FORM)
    story = run(memory, "ask")
    for _ in range(3):
        story.completes_form(FILLED)
    story.completes()
    assert len({row.guid for row in story.user_tasks}) == 3


def test_a_user_task_of_a_run_that_hit_a_defect_is_cancelled(monkeypatch, memory: Driver) -> None:
    """Its node is left (R6); nobody fills in a form for it."""

    def broken(turn: Turn, command: StopWfRun) -> None:
        raise ZeroDivisionError

    register(memory, "ask", chain(user_task("approve", user="ada", group="tax")), FORM)
    story = run(memory, "ask")
    monkeypatch.setitem(TYPE_OF, StopWfRun, replace(TYPE_OF[StopWfRun], handle=broken))
    refused(memory, StopWfRun(wf_run_id=story.id), "ENGINE_DEFECT")
    story.ends_with("ENGINE_DEFECT")
    assert story.user_task.status == "CANCELLED"
    story.does_not("USER_TASK_ENDED", CompleteUserTaskRun, user_id="ada", results=FILLED)
    assert story.is_now("ERROR").nodes[1].status == "ERROR"


def test_a_wrong_guid_is_refused(memory: Driver) -> None:
    """As is a run that does not exist."""
    register(memory, "ask", chain(user_task("approve", user="ada")), FORM)
    story = run(memory, "ask")
    for wf_run_id, code in ((story.id, "USER_TASK_UNKNOWN"), ("nothing", "WF_RUN_UNKNOWN")):
        command = CancelUserTaskRun(wf_run_id=wf_run_id, guid="g")
        assert memory.send(command).code == code
