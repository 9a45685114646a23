"""Tasks: inputs, attempts, retries, time-outs, results (seed 000)."""

import pytest

from penstock.core.commands.report_task import ReportTask
from penstock.core.commands.task_started import TaskStarted
from penstock.core.state.run import PastAttempt, TaskRun
from penstock.core.state.task_rows import AttemptLog
from penstock.core.state.transitions import TaskStatus
from tests.controls import a_task_def, chain, declared, literal, output_of, task, variable
from tests.scenarios.driver import Driver
from tests.scenarios.story import accepted, refused, register, run

NAME = (declared("name", "STR", required=True),)


def test_a_task_gets_its_inputs_and_its_output_is_the_runs(driver: Driver) -> None:
    """The task run has the id that its node run carries; node runs mirror it."""
    hello = chain(
        task("greet", inputs={"name": variable("name")}), returns=output_of("n1"), variables=NAME
    )
    register(driver, "hello", hello, a_task_def("greet", name="STR"))
    story = run(driver, "hello", name="Ada").task("greet", name="Ada")
    assert story.nodes[1].task == story.taken.guid
    assert [node.status for node in story.nodes] == ["COMPLETED", "RUNNING"]
    story.succeeds("hi Ada").completes("hi Ada")
    assert [node.node_type for node in story.nodes] == ["ENTRYPOINT", "TASK", "EXIT"]
    assert [fact.status for fact in story.task_run.history] == [
        "TASK_PENDING",
        "TASK_SCHEDULED",
        "TASK_SUCCESS",
    ][1:]


def test_tasks_follow_each_other_and_outputs_reach_later_ones(driver: Driver) -> None:
    """Three in a row, the third with outputs of both others."""
    sums = chain(
        task("one"),
        task("two", inputs={"first": output_of("n1")}),
        task("three", inputs={"first": output_of("n1"), "key": output_of("n2", "$.list[1]")}),
        returns=output_of("n3"),
    )
    register(
        driver,
        "sums",
        sums,
        a_task_def("two", first="INT"),
        a_task_def("three", first="INT", key="STR"),
    )
    story = run(driver, "sums").task("one").succeeds(7)
    story.task("two", first=7).succeeds({"list": ["a", "b"]})
    story.task("three", first=7, key="b").succeeds([1]).completes([1])


def test_a_failed_attempt_is_tried_again_at_once_in_the_same_task_run(driver: Driver) -> None:
    """Attempts have their own rows; the task run keeps its id."""
    register(driver, "retried", chain(task("shaky", max_attempts=3), returns=output_of("n1")))
    story = run(driver, "retried").task("shaky").fails("first")
    guid = story.taken.guid
    story.task("shaky").fails("second").task("shaky")
    assert (story.taken.guid, story.taken.attempt) == (guid, 3)
    story.succeeds("third time").completes("third time")
    past = driver.scan(PastAttempt, story.id, guid)
    assert [row.attempt.failure and row.attempt.failure.message for row in past] == [
        "first",
        "second",
    ]


def test_when_attempts_are_used_up_the_run_fails(driver: Driver) -> None:
    """max_attempts is the total."""
    register(driver, "tried", chain(task("broken", max_attempts=2)))
    story = run(driver, "tried").task("broken").fails("a").task("broken").fails("b")
    story.ends_with("TASK_FAILURE")
    assert story.task_run.status is TaskStatus.TASK_FAILED
    assert story.nodes[-1].status == "ERROR"


def test_backoff_waits_longer_each_time(memory: Driver) -> None:
    """base * multiplier^(n-1), at most max; in between the task is pending."""
    backoff = {"base_ms": 1_000, "multiplier": 3.0, "max_ms": 5_000}
    register(memory, "patient", chain(task("shaky", max_attempts=4, backoff=backoff)))
    story = run(memory, "patient")
    for wait_ms in (1_000, 3_000, 5_000):
        story.task("shaky").fails()
        assert story.task_run.status is TaskStatus.TASK_PENDING
        memory.pass_ms(wait_ms - 1)
        assert story.task_run.status is TaskStatus.TASK_PENDING
        memory.pass_ms(1)
    story.task("shaky").succeeds().completes()


def test_backoff_on_a_real_log(driver: Driver) -> None:
    """The ticker lets the time pass."""
    register(driver, "soon", chain(task("shaky", max_attempts=2, backoff={"base_ms": 50})))
    story = run(driver, "soon").task("shaky").fails()
    driver.pass_ms(60)
    story.task("shaky").succeeds().completes()


def test_a_started_attempt_times_out(driver: Driver) -> None:
    """From the start on, not from the hand-out."""
    register(driver, "slow", chain(task("slow", timeout_ms=80)))
    story = run(driver, "slow").task("slow").starts()
    assert story.task_run.status is TaskStatus.TASK_RUNNING
    driver.pass_ms(90)
    story.ends_with("TIMEOUT")
    refused(driver, story.report(TaskStatus.TASK_SUCCESS), "ATTEMPT_ENDED")


def test_a_time_out_is_tried_again_and_the_late_report_is_stale(memory: Driver) -> None:
    """TASK_TIMEOUT is retryable."""
    register(memory, "slow", chain(task("slow", timeout_ms=500, max_attempts=2)))
    story = run(memory, "slow").task("slow").starts()
    late = story.report(TaskStatus.TASK_SUCCESS, output="late")
    memory.pass_ms(500)
    story.task("slow")
    refused(memory, late, "ATTEMPT_STALE")
    story.succeeds().completes()


def test_a_task_that_nobody_started_does_not_time_out(memory: Driver) -> None:
    """It waits in its queue for as long as it takes."""
    register(memory, "queued", chain(task("queued", timeout_ms=100)))
    story = run(memory, "queued")
    memory.pass_ms(10_000_000)
    story.task("queued").succeeds().completes()


def test_an_outage_times_nobody_out(memory: Driver) -> None:
    """At most a minute of awake time passes between two ticks (R1)."""
    register(memory, "outage", chain(task("work", timeout_ms=90_000)))
    story = run(memory, "outage").task("work").starts()
    memory.pass_ms(3_600_000)
    assert story.task_run.status is TaskStatus.TASK_RUNNING
    memory.pass_ms(40_000)
    story.ends_with("TIMEOUT")


@pytest.mark.fault(30)
def test_the_same_report_again_is_answered_again(driver: Driver) -> None:
    """And another one for the same attempt is refused (I4)."""
    register(driver, "twice", chain(task("once"), returns=output_of("n1")))
    story = run(driver, "twice").task("once").succeeds({"a": 1}).completes({"a": 1})
    again = accepted(driver, story.report(TaskStatus.TASK_SUCCESS, output={"a": 1}))
    assert again.repeated
    refused(driver, story.report(TaskStatus.TASK_SUCCESS, output={"a": 2}), "ATTEMPT_ENDED")
    refused(driver, story.report(TaskStatus.TASK_FAILED), "ATTEMPT_ENDED")


def test_one_worker_has_an_attempt(driver: Driver) -> None:
    """A second worker that got the same record is told so; the first may repeat itself."""
    register(driver, "taken", chain(task("work")))
    story = run(driver, "taken").task("work").starts("a").starts("a")
    task_id = {"wf_run_id": story.id, "guid": story.taken.guid, "attempt": 1}
    refused(driver, TaskStarted(**task_id, worker="b"), "ATTEMPT_TAKEN")
    story.succeeds().completes()
    refused(driver, TaskStarted(**task_id, worker="a"), "ATTEMPT_ENDED")


def test_a_business_exception_ends_the_run_in_exception(driver: Driver) -> None:
    """With the name and the content that the worker gave."""
    register(driver, "declined", chain(task("charge", max_attempts=5)))
    story = run(driver, "declined").task("charge").throws("card-declined", {"left": 3})
    story.ends_with("card-declined", status="EXCEPTION")
    assert story.thread.failure is not None
    assert story.thread.failure.content == {"left": 3}


@pytest.mark.parametrize("name", ["", "TASK_FAILURE", "x" * 200, "out of stock", "a\nb", "no..way"])
def test_a_business_exception_needs_a_name_of_its_own(memory: Driver, name: str) -> None:
    """Nothing changes when it has none."""
    register(memory, "declined", chain(task("charge")))
    story = run(memory, "declined").task("charge")
    refused(memory, story.report(TaskStatus.TASK_EXCEPTION, exception=name), "BAD_NAME")
    story.succeeds().completes()


def test_the_content_of_a_business_exception_is_bounded(memory: Driver) -> None:
    """As every value is; the attempt fails by name, and is not tried again."""
    register(memory, "declined", chain(task("charge", max_attempts=5)))
    story = run(memory, "declined").task("charge").throws("card-declined", "x" * 300_000)
    story.ends_with("VAR_MUTATION_ERROR")
    assert story.task_run.status is TaskStatus.TASK_OUTPUT_SERIALIZING_ERROR


def test_an_output_of_the_wrong_type_fails_the_attempt_by_name(driver: Driver) -> None:
    """And is not tried again."""
    typed = chain(task("typed", max_attempts=3))
    register(driver, "typed", typed, a_task_def("typed", returns="INT"))
    story = run(driver, "typed").task("typed").succeeds("seven")
    story.ends_with("VAR_MUTATION_ERROR")
    assert story.task_run.status is TaskStatus.TASK_OUTPUT_SERIALIZING_ERROR


def test_inputs_that_do_not_fit_fail_the_node_without_a_task_run(driver: Driver) -> None:
    """A path leads to text where a number is wanted."""
    wrong = chain(task("one"), task("wants-int", inputs={"n": output_of("n1", "$.n")}))
    register(driver, "wrong", wrong, a_task_def("wants-int", n="INT"))
    story = run(driver, "wrong").task("one").succeeds({"n": "seven"}).ends_with("VAR_SUB_ERROR")
    assert len(driver.scan(TaskRun, story.id)) == 1


@pytest.mark.parametrize("status", ["TASK_RUNNING", "TASK_TIMEOUT", "TASK_CANCELLED"])
def test_some_statuses_are_not_a_workers_to_report(memory: Driver, status: str) -> None:
    """They are the engine's."""
    register(memory, "hello", chain(task("greet")))
    story = run(memory, "hello").task("greet")
    refused(memory, story.report(TaskStatus(status)), "STATUS_NOT_REPORTABLE")


@pytest.mark.fault(31)
def test_reports_on_what_does_not_exist(memory: Driver) -> None:
    """Refused, with a code."""
    register(memory, "hello", chain(task("greet")))
    story = run(memory, "hello").task("greet")
    unknown = ReportTask(wf_run_id=story.id, guid="nope", attempt=1, status=TaskStatus.TASK_SUCCESS)
    refused(memory, unknown, "TASK_RUN_UNKNOWN")
    stale = ReportTask(
        wf_run_id=story.id, guid=story.taken.guid, attempt=2, status=TaskStatus.TASK_SUCCESS
    )
    refused(memory, stale, "ATTEMPT_STALE")


def test_an_attempt_says_which_version_of_a_worker_had_it(driver: Driver) -> None:
    """Said with the start or with the report; each attempt has its own."""
    register(driver, "two", chain(task("work", max_attempts=3)))
    story = run(driver, "two").task("work")
    accepted(driver, TaskStarted(**story.attempt, worker="a", worker_version="1.0"))
    failed = story.report(TaskStatus.TASK_FAILED, worker="a", worker_version="1.0")
    accepted(driver, failed)
    story.task("work")
    accepted(driver, story.report(TaskStatus.TASK_FAILED, worker="b", worker_version="v" * 300))
    story.task("work").starts("c").succeeds().completes()
    past = [row.attempt.worker_version for row in driver.scan(PastAttempt, story.id)]
    assert past == ["1.0", "v" * 256]
    assert story.task_run.attempt.worker_version == ""


def test_a_workers_times_are_clamped(memory: Driver) -> None:
    """Between handed out and reported; its logs are cut."""
    register(memory, "clamped", chain(task("work")))
    story = run(memory, "clamped").task("work")
    handed_out_ms = story.task_run.attempt.scheduled_ms
    accepted(memory, story.report(TaskStatus.TASK_SUCCESS, started_at_ms=5, logs="x" * 100_000))
    assert story.task_run.attempt.started_ms == handed_out_ms
    [piece] = memory.scan(AttemptLog, story.id)
    assert (len(piece.text), piece.chars_dropped) == (64 * 1024, 100_000 - 64 * 1024)


def test_literals_are_inputs_too(memory: Driver) -> None:
    """An INT may be given to a DOUBLE."""
    register(
        memory,
        "literal",
        chain(task("half", inputs={"of": literal(3), "how": literal({"b": [1], "a": None})})),
        a_task_def("half", of="DOUBLE", how="JSON_OBJ"),
    )
    run(memory, "literal").task("half", of=3.0, how={"a": None, "b": [1]}).succeeds().completes()
