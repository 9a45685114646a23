"""Commands that are sent again: the first answer, marked, and no row changes; another body under a
known id is refused by name (R12).
"""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from penstock.core.command import Command
from penstock.core.commands.change_task_run_state import ChangeTaskRunState
from penstock.core.commands.delete_wf_run import DeleteWfRun
from penstock.core.commands.hand_back_task import HandBackTask
from penstock.core.commands.migrate_wf_run import MigrateWfRun
from penstock.core.commands.put_application import PutApplication
from penstock.core.commands.put_correlated_event import PutCorrelatedEvent
from penstock.core.commands.put_external_event import PutExternalEvent
from penstock.core.commands.put_external_event_def import PutExternalEventDef
from penstock.core.commands.put_struct_def import PutStructDef
from penstock.core.commands.put_task_def import PutTaskDef
from penstock.core.commands.put_user_task_def import PutUserTaskDef
from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.commands.put_workflow_event_def import PutWorkflowEventDef
from penstock.core.commands.replay_wf_run import ReplayWfRun
from penstock.core.commands.run_wf import RunWf
from penstock.core.definitions.defs import Correlation
from penstock.core.limits import ANSWER_WINDOW_MS
from penstock.core.state.outputs import Answer
from penstock.core.state.partition_state import DeletedRun, Deleting
from penstock.core.state.run import WfRun
from penstock.core.state.transitions import TaskStatus
from tests.controls import (
    a_task_def,
    chain,
    declared,
    event,
    literal,
    output_of,
    starts_each,
    task,
    threads,
    waits_for,
)
from tests.scenarios.driver import Driver
from tests.scenarios.migrating import migrates, next_version
from tests.scenarios.story import Story, accepted, refused, register, run

Changes = tuple[dict[str, Any], ...]

FAILED, EXCEPTION, SUCCESS = (
    TaskStatus.TASK_FAILED,
    TaskStatus.TASK_EXCEPTION,
    TaskStatus.TASK_SUCCESS,
)


def repeated(memory: Driver, command: Command, first: Answer, **sent: Any) -> None:
    """Sent again, it gets the first answer, and the stores stay as they are, to the byte."""
    memory.tick()
    before = memory.digests()
    again = accepted(memory, command, **sent)
    assert (again.body, again.repeated, first.repeated) == (first.body, True, False)
    assert memory.digests() == before


def deleted(story: Story) -> Story:
    """An operator deletes the run; whatever turns it takes have passed."""
    accepted(story.driver, DeleteWfRun(wf_run_id=story.id))
    while story.driver.everywhere(Deleting):
        story.driver.tick()
    return story


def test_a_start_again_says_what_was_started_not_what_it_has_become(memory: Driver) -> None:
    """The run is in another version by now, and then in a third."""
    register(memory, "job", chain(event("go")))
    start = RunWf(wf_spec="job", wf_run_id="a")
    first = accepted(memory, start, command_id="start")
    for version in (2, 3):
        next_version(memory, "job", chain(*[event("go")] * version))
        migrates(Story(memory, "a"), version=version)
        repeated(memory, start, first, command_id="start")
    assert first.body["version"] == 1
    repeated(memory, start, first)  # the id is the run's, whatever the command's


def test_a_start_again_starts_no_run_that_was_deleted(memory: Driver) -> None:
    """Until the window of answers is over; then the id is free."""
    register(memory, "job", chain(task("work"), variables=(declared("n", "INT"),)))
    start = RunWf(wf_spec="job", wf_run_id="a", variables={"n": 1})
    first = accepted(memory, start, command_id="start")
    deleted(Story(memory, "a").task("work").succeeds().completes())
    repeated(memory, start, first, command_id="start")
    repeated(memory, start, first)
    other = RunWf(wf_spec="job", wf_run_id="a", variables={"n": 2})
    refused(memory, other, "ALREADY_EXISTS")
    refused(memory, other, "COMMAND_ID_REUSED", command_id="start")
    memory.pass_ms(ANSWER_WINDOW_MS - 1)
    repeated(memory, start, first)
    memory.pass_ms(1)
    assert memory.everywhere(DeletedRun) == []
    assert not accepted(memory, other).repeated
    Story(memory, "a").task("work").succeeds().completes()


def test_the_window_begins_with_the_start(memory: Driver) -> None:
    """Of a run that is older nothing is kept: who started it has long been answered."""
    register(memory, "job", chain(task("work")))
    start = RunWf(wf_spec="job", wf_run_id="a")
    accepted(memory, start)
    story = Story(memory, "a").task("work").succeeds().completes()
    memory.pass_ms(ANSWER_WINDOW_MS)
    deleted(story)
    assert memory.everywhere(DeletedRun) == []
    assert not accepted(memory, start).repeated


def test_a_start_again_while_the_run_is_being_deleted(memory: Driver) -> None:
    """It is known all the time; another one is told to wait."""
    child = chain(event("go"))
    main = chain(starts_each("child", literal([0] * 800)), waits_for(output_of("n1")))
    register(memory, "many", threads(main, child=child))
    story = run(memory, "many", "big").is_killed()
    for _ in range(5):
        memory.tick()
    story.ends_with("KILLED")
    same, other = RunWf(wf_spec="many", wf_run_id="big"), RunWf(wf_spec="x", wf_run_id="big")
    answers = memory.send_together(DeleteWfRun(wf_run_id="big"), same, other)
    assert [answer.code for answer in answers] == [None, None, "WF_RUN_DELETING"]
    assert answers[1].repeated
    assert memory.get(WfRun, "big") is None


def test_a_child_that_a_client_has_started_is_not_started_anew(memory: Driver) -> None:
    """It was deleted with its root, which another command has started since."""
    register(memory, "job", chain(task("work")))
    run(memory, "job", "a").task("work").succeeds().completes()
    memory.pass_ms(ANSWER_WINDOW_MS // 2)
    start = RunWf(wf_spec="job", wf_run_id="child", parent="a")
    first = accepted(memory, start)
    Story(memory, "a.child").task("work").succeeds().completes()
    deleted(Story(memory, "a"))
    repeated(memory, start, first)
    memory.pass_ms(ANSWER_WINDOW_MS // 2)
    run(memory, "job", "a").task("work")
    repeated(memory, start, first)
    assert memory.get(WfRun, "a.child") is None


def test_a_replay_does_not_take_the_id_of_a_deleted_run(memory: Driver) -> None:
    """And one that was begun under an id is not begun anew when its run was deleted."""
    register(memory, "job", chain(task("work")))
    story = run(memory, "job", "a").task("work").succeeds().completes()
    deleted(run(memory, "job", "b").task("work").succeeds().completes())
    accepted(memory, ReplayWfRun(wf_run_id="a", new_wf_run_id="c"))
    deleted(Story(memory, "c").task("work").succeeds().completes())
    for wf_run_id in ("b", "c"):
        memory.send(ReplayWfRun(wf_run_id=story.id, new_wf_run_id=wf_run_id))
        assert memory.get(WfRun, wf_run_id) is None
    refused(memory, RunWf(wf_spec="job", wf_run_id="c"), "ALREADY_EXISTS")


def test_a_start_again_that_comes_too_late_is_answered(memory: Driver) -> None:
    """It was done in time."""
    register(memory, "job", chain(event("go")))
    assert memory.clock is not None
    start, until_ms = RunWf(wf_spec="job", wf_run_id="a"), memory.clock.now_ms
    first = accepted(memory, start, not_after_ms=until_ms)
    memory.pass_ms(1)
    repeated(memory, start, first, not_after_ms=until_ms)
    refused(memory, RunWf(wf_spec="job", wf_run_id="b"), "EXPIRED", not_after_ms=until_ms)


def test_a_report_again_says_what_came_of_it_not_what_is_now(memory: Driver) -> None:
    """The next attempt has been made, and the task has ended, meanwhile."""
    register(memory, "shaky", chain(task("work", max_attempts=2, backoff={"base_ms": 50})))
    story = run(memory, "shaky").task("work")
    report = story.report(FAILED, error="no luck")
    first = accepted(memory, report, command_id="report")
    assert first.body == {"status": "TASK_PENDING"}
    repeated(memory, report, first, command_id="report")
    memory.pass_ms(50)
    story.task("work")
    repeated(memory, report, first, command_id="report")
    story.succeeds().completes()
    repeated(memory, report, first)


@pytest.mark.parametrize(
    "changed",
    [
        {"error": "another"},
        {"output": 2},
        {"exception": "another"},
        {"status": SUCCESS},
        {"worker": "w2"},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_report_that_says_something_else_is_no_repeat(
    memory: Driver, changed: dict[str, Any]
) -> None:
    """Whatever it is that differs."""
    register(memory, "shaky", chain(task("work", max_attempts=2)))
    story = run(memory, "shaky").task("work")
    report = story.report(EXCEPTION, exception="declined", error="no", output=1)
    accepted(memory, report, command_id="report")
    other = replace(report, **changed)
    story.refuses(other, "ATTEMPT_ENDED")
    refused(memory, other, "COMMAND_ID_REUSED", command_id="report")
    story.ends_with("declined", status="EXCEPTION")


def test_a_report_that_is_like_an_operators_word_is_no_repeat(memory: Driver) -> None:
    """Nobody has reported: an operator has ended the task as the worker would have."""
    register(memory, "slow", chain(task("work"), returns=output_of("n1")))
    story = run(memory, "slow").task("work").starts()
    change = ChangeTaskRunState(**story.task_id, status=SUCCESS, output=1)
    accepted(memory, change)
    story.completes(1).refuses(story.report(SUCCESS, output=1), "ATTEMPT_ENDED")


def test_a_result_that_was_not_kept_is_known_again(memory: Driver) -> None:
    """What the worker said is compared, not what became of it."""
    register(memory, "typed", chain(task("typed")), a_task_def("typed", returns="INT"))
    story = run(memory, "typed").task("typed")
    report = story.report(SUCCESS, output="seven")
    first = accepted(memory, report)
    assert first.body == {"status": "TASK_OUTPUT_SERIALIZING_ERROR"}
    repeated(memory, report, first)
    story.refuses(story.report(SUCCESS, output="eight"), "ATTEMPT_ENDED")


def test_a_task_handed_back_again_says_what_came_of_it(memory: Driver) -> None:
    """The next attempt runs by now, and ends."""
    register(memory, "drained", chain(task("work")))
    story = run(memory, "drained").task("work").starts("w")
    back = HandBackTask(**story.attempt, worker="w")
    first = accepted(memory, back, command_id="back")
    assert first.body == {"status": "TASK_PENDING", "attempt": 1}
    other = HandBackTask(**story.attempt, worker="v")
    story.task("work")
    repeated(memory, back, first, command_id="back")
    refused(memory, other, "COMMAND_ID_REUSED", command_id="back")
    story.refuses(other, "ATTEMPT_STALE").succeeds().completes()
    repeated(memory, back, first)


def test_an_attempt_that_an_operator_has_ended_was_not_handed_back(memory: Driver) -> None:
    """Its worker is told so, be it the same worker."""
    once = a_task_def("once", idempotent=False)
    register(memory, "drained", chain(task("once")), once)
    story = run(memory, "drained").task("once").starts("w").is_shut_down(grace_ms=0)
    story.refuses(HandBackTask(**story.attempt, worker="w"), "ATTEMPT_ENDED")


def test_an_event_for_somebody_else_is_another_event(memory: Driver) -> None:
    """Thread and node are a part of what is compared."""
    register(memory, "waits", chain(event("go"), event("paid")))
    story = run(memory, "waits")
    put = PutExternalEvent(wf_run_id=story.id, event_def="paid", guid="g", content=1, thread=0)
    first = accepted(memory, put, command_id="put")
    repeated(memory, put, first, command_id="put")
    repeated(memory, put, first)
    changes: Changes = ({"thread": 1}, {"thread": None}, {"node": "n2"}, {"content": 2})
    for changed in changes:
        other = replace(put, **changed)
        story.refuses(other, "ALREADY_EXISTS")
        refused(memory, other, "COMMAND_ID_REUSED", command_id="put")
    story.gets("go").completes()
    repeated(memory, put, first)


def test_a_command_id_without_a_guid_is_for_one_event_of_a_run(memory: Driver) -> None:
    """The guid is derived from it."""
    register(memory, "waits", chain(event("paid"), event("paid")))
    story = run(memory, "waits")
    put = PutExternalEvent(wf_run_id=story.id, event_def="paid", content=1)
    first = accepted(memory, put, command_id="put")
    repeated(memory, put, first, command_id="put")
    other = PutExternalEvent(wf_run_id=story.id, event_def="paid", content=2)
    refused(memory, other, "COMMAND_ID_REUSED", command_id="put")
    assert not accepted(memory, put).repeated
    story.completes()


def test_an_event_under_a_key_with_another_time_to_live_is_another_event(memory: Driver) -> None:
    """As is one with another guid, or none."""
    accepted(memory, PutExternalEventDef(name="paid", correlation=Correlation(ttl_seconds=60)))
    put = PutCorrelatedEvent(event_def="paid", key="k", content=1, guid="g", ttl_seconds=30)
    first = accepted(memory, put, command_id="put")
    repeated(memory, put, first, command_id="put")
    again = accepted(memory, put, command_id="once-more")
    assert (again.body, again.repeated) == (first.body, True)
    changes: Changes = ({"ttl_seconds": 31}, {"ttl_seconds": None}, {"guid": None}, {"content": 2})
    for changed in changes:
        other = replace(put, **changed)
        refused(memory, other, "ALREADY_EXISTS")
        refused(memory, other, "COMMAND_ID_REUSED", command_id="put")


@pytest.mark.parametrize(
    "put",
    [
        PutTaskDef(name="one"),
        PutStructDef(name="one", fields=[{"name": "n", "type": "INT"}]),
        PutUserTaskDef(name="one"),
        PutExternalEventDef(name="one"),
        PutWorkflowEventDef(name="one"),
        PutApplication(name="one", webhook_url="https://example.com/hooks"),
        PutWfSpec(name="one", spec=chain()),
    ],
    ids=lambda put: type(put).__name__,
)
def test_a_definition_put_again_is_a_repeat(driver: Driver, put: Command) -> None:
    """Under the same command id, and under another."""
    first = accepted(driver, put, command_id="first")
    for command_id in ("first", "second", "second"):
        again = accepted(driver, put, command_id=command_id)
        assert (again.body, again.repeated, first.repeated) == (first.body, True, False)


def test_a_version_put_again_after_another_is_new(memory: Driver) -> None:
    """A repeat is of the newest version only."""
    specs = [chain(), chain(event("go"))]
    accepted(memory, PutExternalEventDef(name="go"))
    puts = [PutWfSpec(name="one", spec=specs[number]) for number in (0, 1, 0, 0)]
    answers = [accepted(memory, put) for put in puts]
    assert [answer.body["version"] for answer in answers] == [1, 2, 3, 3]
    assert [answer.repeated for answer in answers] == [False, False, False, True]


def test_a_remembered_command_again_changes_nothing(memory: Driver) -> None:
    """Also when it has been undone since."""
    register(memory, "job", chain(event("go")))
    story = run(memory, "job", "a")
    for version in (2, 3):
        next_version(memory, "job", chain(*[event("go")] * version))
    migrate = MigrateWfRun(wf_run_id=story.id, version=2)
    first = accepted(memory, migrate, command_id="migrate")
    migrates(story, version=3)
    repeated(memory, migrate, first, command_id="migrate")
    other = MigrateWfRun(wf_run_id=story.id, version=1)
    refused(memory, other, "COMMAND_ID_REUSED", command_id="migrate")
