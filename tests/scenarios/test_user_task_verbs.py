"""Every verb on a user task in every status: what comes of it, or the code of the refusal. A
refusal changes no row of the run.
"""

from collections.abc import Callable
from typing import Any

import pytest

from penstock.core.command import Command
from penstock.core.commands.assign_user_task_run import AssignUserTaskRun
from penstock.core.commands.cancel_user_task_run import CancelUserTaskRun
from penstock.core.commands.claim_user_task_run import ClaimUserTaskRun
from penstock.core.commands.complete_user_task_run import CompleteUserTaskRun
from penstock.core.commands.delete_user_task_comment import DeleteUserTaskComment
from penstock.core.commands.edit_user_task_comment import EditUserTaskComment
from penstock.core.commands.put_user_task_comment import PutUserTaskComment
from penstock.core.commands.release_user_task_run import ReleaseUserTaskRun
from penstock.core.commands.save_user_task_run import SavePolicy, SaveUserTaskRun
from penstock.core.ids import partition_of_run
from penstock.core.state.keys import PARTITION_PREFIX, after_prefix, run_prefix
from penstock.core.state.transitions import UserTaskStatus
from penstock.core.state.user_task_rows import UserTaskOf
from tests.controls import a_form, chain, user_task
from tests.scenarios.driver import Driver
from tests.scenarios.story import Story, refused, register, run

Verb = Callable[..., Command]

FORM = a_form("agree", agreed="BOOL")
AGREED = {"agreed": True}

VERBS: dict[str, tuple[Verb, dict[str, Any]]] = {
    "assign": (AssignUserTaskRun, {"user_id": "bob"}),
    "assign to a group": (AssignUserTaskRun, {"user_group": "tax"}),
    "assign with override": (AssignUserTaskRun, {"user_id": "bob", "override_claim": True}),
    "claim": (ClaimUserTaskRun, {"user_id": "bob"}),
    "claim by the assignee": (ClaimUserTaskRun, {"user_id": "ada"}),
    "release": (ReleaseUserTaskRun, {}),
    "save": (SaveUserTaskRun, {"user_id": "bob", "results": AGREED}),
    "save anyway": (SaveUserTaskRun, {"user_id": "bob", "policy": SavePolicy.IGNORE_CLAIM}),
    "save by the assignee": (SaveUserTaskRun, {"user_id": "ada"}),
    "complete": (CompleteUserTaskRun, {"user_id": "bob", "results": AGREED}),
    "complete with override": (
        CompleteUserTaskRun,
        {"user_id": "bob", "results": AGREED, "override": True},
    ),
    "complete by the assignee": (CompleteUserTaskRun, {"user_id": "ada", "results": AGREED}),
    "complete without the field": (CompleteUserTaskRun, {"user_id": "ada"}),
    "cancel": (CancelUserTaskRun, {}),
    "comment": (PutUserTaskComment, {"user_id": "bob", "text": "hm"}),
    "edit": (EditUserTaskComment, {"user_id": "bob", "text": "so", "comment": 1}),
    "delete": (DeleteUserTaskComment, {"user_id": "bob", "comment": 1}),
}

STATES = ("group", "user", "user of group", "DONE", "CANCELLED")
"""UNASSIGNED with a group, ASSIGNED without and with one, and the two ends."""

STAYS = ("UNASSIGNED", "ASSIGNED", "ASSIGNED")
CLAIMED = "USER_TASK_CLAIMED"
NOT_ASSIGNED = "USER_TASK_NOT_ASSIGNED"

CELLS: dict[str, tuple[str, str, str]] = {
    "assign": ("ASSIGNED", CLAIMED, CLAIMED),
    "assign to a group": ("UNASSIGNED", CLAIMED, CLAIMED),
    "assign with override": ("ASSIGNED", "ASSIGNED", "ASSIGNED"),
    "claim": ("ASSIGNED", CLAIMED, CLAIMED),
    "claim by the assignee": ("ASSIGNED", "ASSIGNED", "ASSIGNED"),
    "release": (NOT_ASSIGNED, "USER_TASK_NO_GROUP", "UNASSIGNED"),
    "save": ("UNASSIGNED", CLAIMED, CLAIMED),
    "save anyway": STAYS,
    "save by the assignee": STAYS,
    "complete": (NOT_ASSIGNED, CLAIMED, CLAIMED),
    "complete with override": (NOT_ASSIGNED, "DONE", "DONE"),
    "complete by the assignee": (NOT_ASSIGNED, "DONE", "DONE"),
    "complete without the field": (NOT_ASSIGNED, "FIELD_REQUIRED", "FIELD_REQUIRED"),
    "cancel": ("CANCELLED", "CANCELLED", "CANCELLED"),
    "comment": STAYS,
    "edit": STAYS,
    "delete": STAYS,
}
"""For each verb what comes of it while the user task is live; of the ends nothing comes."""

TABLE = [
    (verb, state, (*cells, "USER_TASK_ENDED", "USER_TASK_ENDED")[number])
    for verb, cells in CELLS.items()
    for number, state in enumerate(STATES)
]


def brought_to(driver: Driver, state: str) -> Story:
    """A run whose user task, with one comment, is in this state."""
    owner = {"group": "sales"} if state == "group" else {"user": "ada"}
    owner |= {"group": "sales"} if state == "user of group" else {}
    register(driver, "ask", chain(user_task("agree", **owner)), FORM)
    story = run(driver, "ask").does(PutUserTaskComment, user_id="ada", text="well")
    if state == "DONE":
        story.completes_form(AGREED).completes()
    if state == "CANCELLED":
        story.does(CancelUserTaskRun).ends_with("USER_TASK_CANCELLED")
    return story


def rows_of(story: Story) -> list[tuple[bytes, bytes]]:
    """The rows of the run and the index of user tasks, as bytes."""
    driver = story.driver
    view = driver.processor.view(partition_of_run(story.id, driver.topics.partitions))
    assert view is not None
    prefixes = (run_prefix("default", story.id), PARTITION_PREFIX + UserTaskOf.KIND)
    reader = view._view
    return [row for prefix in prefixes for row in reader.scan(prefix, after_prefix(prefix))]


@pytest.mark.parametrize(("verb", "state", "outcome"), TABLE)
def test_every_verb_in_every_status(memory: Driver, verb: str, state: str, outcome: str) -> None:
    """The new status, or the code of a refusal that changes nothing."""
    kind, fields = VERBS[verb]
    story = brought_to(memory, state)
    if outcome in set(UserTaskStatus):
        story.does(kind, **fields)
        assert story.user_task.status == outcome
    else:
        before = rows_of(story)
        story.does_not(outcome, kind, **fields)
        assert rows_of(story) == before


@pytest.mark.parametrize("verb", VERBS)
def test_what_is_not_there_is_refused(memory: Driver, verb: str) -> None:
    """A run, or a user task of it."""
    kind, fields = VERBS[verb]
    story = brought_to(memory, "user")
    refused(memory, kind(wf_run_id="nothing", guid="g", **fields), "WF_RUN_UNKNOWN")
    refused(memory, kind(wf_run_id=story.id, guid="g", **fields), "USER_TASK_UNKNOWN")


@pytest.mark.parametrize(
    "verb", [verb for verb, (_, fields) in VERBS.items() if "user_id" in fields]
)
def test_a_user_that_can_be_none_is_refused(memory: Driver, verb: str) -> None:
    """Blank, too long, or with control characters."""
    kind, fields = VERBS[verb]
    story = brought_to(memory, "user of group")
    before = rows_of(story)
    for user_id in ("", " ", "a\tb", "ü" * 129):
        story.does_not("BAD_ID", kind, **fields | {"user_id": user_id})
    assert rows_of(story) == before


@pytest.mark.parametrize(
    "verb", [verb for verb, cells in CELLS.items() if cells[2] in set(UserTaskStatus)]
)
def test_a_full_audit_takes_no_more(
    monkeypatch: pytest.MonkeyPatch, memory: Driver, verb: str
) -> None:
    """Taken is still what ends the user task, and what changes nothing."""
    monkeypatch.setattr("penstock.core.user_tasks.user_tasks.USER_TASK_EVENTS_MAX", 2)
    kind, fields = VERBS[verb]
    story = brought_to(memory, "user of group")
    if kind in (CompleteUserTaskRun, CancelUserTaskRun) or verb == "claim by the assignee":
        story.does(kind, **fields)
    else:
        story.does_not("LIMIT", kind, **fields)


def test_the_table_is_total() -> None:
    """Each verb has a cell for each state."""
    assert set(VERBS) == set(CELLS)
    assert len(TABLE) == len(VERBS) * len(STATES)
