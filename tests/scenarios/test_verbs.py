"""Operator verbs on a live run: pause, skip, edit, change the state of a task, labels; their audit,
and the history that they make.
"""

import pytest

from penstock.core.commands.change_task_run_state import ChangeTaskRunState
from penstock.core.commands.change_wf_run_state import ChangeWfRunState
from penstock.core.commands.edit_variable import EditVariable
from penstock.core.commands.pause_wf_run import PauseWfRun
from penstock.core.commands.run_wf import RunWf
from penstock.core.commands.set_labels import SetLabels
from penstock.core.commands.skip_node import SkipNode
from penstock.core.commands.stop_wf_run import StopWfRun
from penstock.core.definitions.defs import HeldTask
from penstock.core.state.event_rows import EventWaiter
from penstock.core.state.facts import AuditEntry, HistoryChunk
from penstock.core.state.run import PastAttempt
from penstock.core.state.start_rows import EndState
from penstock.core.state.timers import Timer
from penstock.core.state.transitions import TaskStatus
from tests.controls import (
    a_task_def,
    chain,
    compare,
    declared,
    edge,
    ends,
    event,
    handled,
    holds,
    literal,
    output_of,
    sleeps,
    spec,
    starts,
    task,
    threads,
    variable,
    waits_for,
)
from tests.scenarios.driver import Driver
from tests.scenarios.story import Story, accepted, refused, register, run


def changed(story: Story, status: TaskStatus, **result: object) -> ChangeTaskRunState:
    """An operator's word on the task taken last."""
    return ChangeTaskRunState(wf_run_id=story.id, guid=story.taken.guid, status=status, **result)


def test_a_paused_run_goes_on_when_it_is_resumed(driver: Driver) -> None:
    """It is held as by a stop, but says why."""
    register(driver, "waits", chain(event("go"), task("work")))
    story = run(driver, "waits").is_paused().is_paused().is_now("HALTED")
    assert story.thread.halt_reasons == ("PAUSED",)
    story.gets("go").is_now("HALTED").is_resumed().task("work").succeeds().completes()


def test_one_resume_takes_a_stop_and_a_pause_away(memory: Driver) -> None:
    """The operator wants it to run."""
    register(memory, "waits", chain(event("go")))
    story = run(memory, "waits").is_paused().is_stopped()
    assert story.thread.halt_reasons == ("PAUSED", "MANUAL_HALT")
    story.is_resumed().is_now("RUNNING").gets("go").completes()
    story.refuses(PauseWfRun(wf_run_id=story.id), "WF_RUN_ENDED")


def test_a_skipped_task_is_cancelled_and_its_edges_are_followed(driver: Driver) -> None:
    """With the output that the operator gives, and the mutations."""
    nodes = {
        "ask": task("ask", edge("end", total=output_of("ask"))),
        "end": ends(variable("total")),
    }
    made = spec("ask", nodes, declared("total", "INT"))
    register(driver, "asks", made, a_task_def("ask", returns="INT"))
    story = run(driver, "asks").task("ask").is_skipped(7).completes(7)
    assert story.nodes[1].skipped
    assert story.task_run.status is TaskStatus.TASK_CANCELLED
    refused(driver, story.report(TaskStatus.TASK_SUCCESS, output=8), "ATTEMPT_ENDED")


def test_whatever_waits_can_be_skipped(memory: Driver) -> None:
    """Its timer and its waiter go."""
    nodes = chain(
        event("go", timeout_ms=9_000),
        sleeps(99),
        starts("child"),
        waits_for(output_of("n3")),
        returns=output_of("n1"),
    )
    register(memory, "much", threads(nodes, child=chain(task("work"))))
    story = run(memory, "much").is_skipped("content").at_node("n2").is_skipped().at_node("n4")
    assert memory.scan(EventWaiter, story.id) == []
    assert memory.everywhere(Timer) == []
    story.is_skipped().at_node("exit").task("work").succeeds().completes("content")


def test_a_skip_while_halted_takes_effect_on_resume(memory: Driver) -> None:
    """As if the node had ended meanwhile."""
    register(memory, "waits", chain(event("go"), task("work")))
    story = run(memory, "waits").is_stopped().is_skipped().is_now("HALTED").no_task("work")
    story.is_resumed().task("work").succeeds().completes()


def test_what_can_not_be_skipped(memory: Driver) -> None:
    """An EXIT, a node whose failure is being handled, another node, an output that does not fit."""
    broken = threads(chain(handled(task("work"), ("heal", None))), heal=chain(task("medicine")))
    register(memory, "broken", broken, a_task_def("work", returns="INT"))
    story = run(memory, "broken").task("work")
    story.refuses(SkipNode(wf_run_id=story.id, node="other"), "NODE_NOT_SKIPPABLE")
    story.refuses(SkipNode(wf_run_id=story.id, output="text"), "BAD_VALUE")
    story.fails().refuses(SkipNode(wf_run_id=story.id), "NODE_NOT_SKIPPABLE")
    story.task("medicine").succeeds().completes()
    story.refuses(SkipNode(wf_run_id=story.id), "WF_RUN_ENDED")
    register(memory, "loose", threads(chain(starts("child")), child=chain(task("slow"))))
    waits = run(memory, "loose").at_node("exit")
    waits.refuses(SkipNode(wf_run_id=waits.id), "NODE_NOT_SKIPPABLE")


def test_an_edited_variable_wakes_who_waits_for_it(driver: Driver) -> None:
    """A condition that holds now."""
    enough = compare(variable("n"), "GREATER_THAN", literal(5))
    made = chain(holds(enough), returns=variable("n"), variables=(declared("n", "INT", default=0),))
    register(driver, "watches", made)
    story = run(driver, "watches").is_now("RUNNING")
    accepted(driver, EditVariable(wf_run_id=story.id, name="n", value=6))
    story.completes(6)


def test_what_is_wrong_is_put_right_before_a_rescue(driver: Driver) -> None:
    """Of a run that has failed: the node that is begun anew gets the new value."""
    number = variable("n")
    inputs, outcome = {"n": number}, declared("n", "INT", default=0)
    made = chain(task("divide", inputs=inputs), returns=number, variables=(outcome,))
    register(driver, "divides", made, a_task_def("divide", n="INT"))
    story = run(driver, "divides").task("divide", n=0).fails().is_now("ERROR")
    accepted(driver, EditVariable(wf_run_id=story.id, name="n", value=2))
    assert story.run.status == "ERROR"
    story.is_rescued().task("divide", n=2).succeeds().completes(2)


def test_a_run_that_may_go_on_can_be_edited(memory: Driver) -> None:
    """Whether it ended with a business exception, or was killed."""
    made = chain(task("one"), returns=variable("n"), variables=(declared("n", "INT", default=0),))
    register(memory, "one", made)
    thrown = run(memory, "one").task("one").throws("no-luck").is_now("EXCEPTION")
    killed = run(memory, "one").task("one").is_killed(0).ends_with("KILLED")
    for story in (thrown, killed):
        accepted(memory, EditVariable(wf_run_id=story.id, name="n", value=3))
        story.is_begun_again().task("one").succeeds().completes(3)


def test_an_edit_of_a_failed_run_wakes_nobody_in_it(memory: Driver) -> None:
    """A child that waits for the variable is halted, too, and looks when its parent goes on."""
    enough = compare(variable("n"), "GREATER_THAN", literal(5))
    main = chain(starts("child"), task("one"), waits_for(output_of("n1")))
    main["threads"]["main"]["variables"] = [declared("n", "INT", default=0)]
    register(memory, "watches", threads(main, child=chain(holds(enough))))
    story = run(memory, "watches").task("one").fails().is_now("ERROR").thread_is(1, "HALTED")
    accepted(memory, EditVariable(wf_run_id=story.id, name="n", value=6))
    story.thread_is(1, "HALTED").is_now("ERROR")
    story.is_rescued().task("one").succeeds().completes()
    story.thread_is(1, "COMPLETED")


def test_what_can_not_be_edited(memory: Driver) -> None:
    """An unknown variable, a value of another type, a run that has ended."""
    register(memory, "one", chain(task("one"), variables=(declared("n", "INT", default=0),)))
    story = run(memory, "one").task("one")
    story.refuses(EditVariable(wf_run_id=story.id, name="m", value=1), "VARIABLE_UNKNOWN")
    story.refuses(EditVariable(wf_run_id=story.id, name="n", value="x"), "BAD_VALUE")
    story.refuses(EditVariable(wf_run_id=story.id, name="n", thread=1), "THREAD_UNKNOWN")
    story.succeeds().completes()
    story.refuses(EditVariable(wf_run_id=story.id, name="n", value=1), "WF_RUN_ENDED")


def test_an_operator_says_how_a_task_has_ended(driver: Driver) -> None:
    """For good: it is not tried again."""
    register(driver, "two", chain(task("one"), task("two", max_attempts=5)))
    story = run(driver, "two").task("one")
    accepted(driver, changed(story, TaskStatus.TASK_SUCCESS, output=1))
    story.task("two").starts()
    accepted(driver, changed(story, TaskStatus.TASK_FAILED, error="the disk is gone"))
    story.ends_with("TASK_FAILURE")
    assert story.thread.failure is not None
    assert story.thread.failure.message == "the disk is gone"
    assert driver.scan(PastAttempt, story.id) == []


@pytest.mark.parametrize(
    ("status", "result", "failure"),
    [
        (TaskStatus.TASK_SUCCESS, {}, None),
        (TaskStatus.TASK_CANCELLED, {}, "TASK_CANCELLED"),
        (TaskStatus.TASK_EXCEPTION, {"exception": "sick"}, "sick"),
    ],
)
def test_a_task_in_backoff_is_ended_by_hand(memory: Driver, status, result, failure) -> None:
    """Its timer goes."""
    settings = {"max_attempts": 5, "backoff": {"base_ms": 60_000}}
    register(memory, "shaky", chain(task("shaky", **settings)))
    story = run(memory, "shaky").task("shaky").fails()
    accepted(memory, changed(story, status, **result))
    if failure is None:
        story.completes()
    else:
        story.ends_with(failure, "EXCEPTION" if failure == "sick" else "ERROR")
    assert memory.everywhere(Timer) == []
    assert memory.everywhere(HeldTask) == []


def test_a_failed_task_is_said_to_have_succeeded(memory: Driver) -> None:
    """While the thread stands there in ERROR; it goes on with the output, and the task is not done
    again.
    """
    register(memory, "two", chain(task("one"), task("two"), returns=output_of("n1")))
    story = run(memory, "two").task("one").fails().ends_with("TASK_FAILURE")
    story.refuses(changed(story, TaskStatus.TASK_CANCELLED), "TASK_RUN_ENDED")
    accepted(memory, changed(story, TaskStatus.TASK_SUCCESS, output="by hand"))
    story.is_now("RUNNING").no_task("one")
    assert [node.status for node in story.nodes[1:3]] == ["ERROR", "COMPLETED"]
    story.refuses(changed(story, TaskStatus.TASK_SUCCESS), "TASK_RUN_ENDED")
    story.task("two").succeeds().completes("by hand")


def test_what_is_no_end_of_a_task(memory: Driver) -> None:
    """A live status, an output of the wrong type, an exception without a name."""
    register(memory, "one", chain(task("one")), a_task_def("one", returns="INT"))
    story = run(memory, "one").task("one")
    story.refuses(changed(story, TaskStatus.TASK_RUNNING), "STATUS_NOT_REPORTABLE")
    story.refuses(changed(story, TaskStatus.TASK_TIMEOUT), "STATUS_NOT_REPORTABLE")
    story.refuses(changed(story, TaskStatus.TASK_SUCCESS, output="x"), "BAD_VALUE")
    story.refuses(changed(story, TaskStatus.TASK_EXCEPTION), "BAD_NAME")
    unknown = ChangeTaskRunState(
        wf_run_id=story.id, guid="no-such-task", status=TaskStatus.TASK_SUCCESS
    )
    story.refuses(unknown, "TASK_RUN_UNKNOWN")


@pytest.mark.parametrize("asked", ["is_restarted", "is_shut_down"])
def test_what_was_asked_of_a_task_before_is_not_how_it_has_ended(
    memory: Driver, asked: str
) -> None:
    """An operator's last word is."""
    register(memory, "one", chain(task("one", max_attempts=3)))
    story = run(memory, "one").task("one").starts()
    getattr(story, asked)(grace_ms=3_600_000)
    accepted(memory, changed(story, TaskStatus.TASK_FAILED, error="it is over"))
    story.no_task("one").ends_with("TASK_FAILURE")
    assert memory.everywhere(Timer) == []


def test_labels_are_merged_and_bounded(memory: Driver) -> None:
    """Also those of a run that has ended."""
    register(memory, "one", chain(task("one")))
    story = run(memory, "one").task("one").succeeds().completes()
    accepted(memory, SetLabels(wf_run_id=story.id, labels={"team": "a", "env": "test"}))
    answer = accepted(memory, SetLabels(wf_run_id=story.id, labels={"team": "b"}, remove=("env",)))
    assert answer.body == {"labels": {"team": "b"}}
    assert story.run.labels == {"team": "b"}
    many = {f"label-{number}": "x" for number in range(65)}
    story.refuses(SetLabels(wf_run_id=story.id, labels=many), "LIMIT")
    story.refuses(SetLabels(wf_run_id=story.id, labels={"": "x"}), "BAD_NAME")
    refused(memory, RunWf(wf_spec="one", wf_run_id="new", labels={"": "x"}), "BAD_NAME")
    story.refuses(SetLabels(wf_run_id=story.id, labels={"big": "x" * 20_000}), "LIMIT")
    refused(memory, SetLabels(wf_run_id="no-such-run", labels={}), "WF_RUN_UNKNOWN")


def test_a_run_that_has_ended_counts_as_an_operator_says(memory: Driver) -> None:
    """Its own status stays, until it goes on nothing else changes; then it is what it is."""
    register(memory, "one", chain(task("one")))
    story = run(memory, "one").task("one").fails().ends_with("TASK_FAILURE")
    before = memory.rows_of_run(story.id)
    said = ChangeWfRunState(wf_run_id=story.id, state=EndState.COMPLETED)
    assert accepted(memory, said).body == {"status": "ERROR", "counts_as": "COMPLETED"}
    changed_rows = {
        key for key, row in memory.rows_of_run(story.id).items() if before.get(key) != row
    }
    assert len(changed_rows) == 2  # the run, and the audit
    assert (story.run.status, story.run.counts_as) == ("ERROR", "COMPLETED")
    accepted(memory, ChangeWfRunState(wf_run_id=story.id, state=EndState.WARNED))
    assert story.run.counts_as == "WARNED"
    story.is_begun_again()
    assert story.run.counts_as is None
    story.refuses(said, "WF_RUN_LIVE")
    story.task("one").succeeds().completes()
    limit = ChangeWfRunState(wf_run_id=story.id, state=EndState.LIMIT_FAIL)
    story.refuses(limit, "BAD_VALUE")
    refused(memory, ChangeWfRunState("no-such-run", EndState.ERROR), "WF_RUN_UNKNOWN")


def test_every_verb_is_audited_once(memory: Driver) -> None:
    """Who did what, and when; not what was refused, nor the same command once more."""
    made = chain(event("go"), variables=(declared("text", "STR"),))
    register(memory, "waits", made)
    story = run(memory, "waits")
    accepted(memory, StopWfRun(wf_run_id=story.id), command_id="stop")
    accepted(memory, StopWfRun(wf_run_id=story.id), command_id="stop")
    refused(memory, StopWfRun(wf_run_id=story.id, thread=9), "THREAD_UNKNOWN")
    edit = EditVariable(wf_run_id=story.id, name="text", value="x" * 10_000)
    accepted(memory, edit)
    story.is_resumed().gets("go").completes()
    entries = memory.scan(AuditEntry, story.id)
    assert [(row.verb, row.principal) for row in entries] == [
        ("StopWfRun", "test"),
        ("EditVariable", "test"),
        ("ResumeWfRun", "test"),
    ]
    assert entries[0].detail == {"thread": 0} or entries[0].detail is None
    assert entries[1].detail["value"] == {"bytes": 10_003}
    assert entries[0].at_ms > 0


def test_nothing_of_a_long_history_is_lost(memory: Driver) -> None:
    """Older facts lie in chunks, in order; the row stays small."""
    register(memory, "waits", chain(event("go")))
    story = run(memory, "waits")
    for _ in range(60):
        story.is_stopped().is_resumed()
    run_row = story.run
    assert len(run_row.history) < 64
    chunks = memory.scan(HistoryChunk, story.id, "w")
    older = [fact for chunk in chunks for fact in chunk.facts]
    told = [fact.status for fact in (*older, *run_row.history)]
    assert told == ["RUNNING"] + ["HALTING", "HALTED", "RUNNING"] * 60
    subjects = {chunk.subject for chunk in memory.scan(HistoryChunk, story.id)}
    assert subjects == {"w", "t:0", "n:0:1"}
