"""Stopping and resuming, and what is interruptible (seeds 000 and 004)."""

from penstock.core.commands.resume_wf_run import ResumeWfRun
from penstock.core.commands.stop_wf_run import StopWfRun
from penstock.core.state.transitions import TaskStatus
from tests.controls import chain, event, output_of, task
from tests.scenarios.driver import Driver
from tests.scenarios.story import refused, register, run


def test_a_task_in_flight_keeps_the_thread_halting(driver: Driver) -> None:
    """Until it is reported; the run goes on from there when it is resumed."""
    register(driver, "two", chain(task("one"), task("two"), returns=output_of("n1")))
    story = run(driver, "two").task("one").is_stopped().is_now("HALTING")
    story.succeeds("kept").is_now("HALTED").no_task("two")
    assert story.nodes[1].status == "COMPLETED"
    story.is_resumed().is_now("RUNNING").task("two").succeeds().completes("kept")
    assert [fact.status for fact in story.run.history] == [
        "RUNNING",
        "HALTING",
        "HALTED",
        "RUNNING",
        "COMPLETED",
    ]


def test_a_resume_while_halting_takes_the_stop_back(driver: Driver) -> None:
    """Nothing was lost."""
    register(driver, "one", chain(task("one")))
    story = run(driver, "one").task("one").is_stopped().is_now("HALTING").is_resumed()
    story.is_now("RUNNING").succeeds().completes()


def test_a_thread_that_waits_for_an_event_halts_at_once(driver: Driver) -> None:
    """What comes meanwhile takes effect on resume."""
    register(driver, "waits", chain(event("paid"), returns=output_of("n1")))
    story = run(driver, "waits").is_stopped().is_now("HALTED")
    assert story.nodes[1].status == "HALTED"
    story.gets("paid", 12).is_now("HALTED").is_resumed().completes(12)


def test_a_time_out_during_a_halt_takes_effect_on_resume(memory: Driver) -> None:
    """The clock of an event's time-out runs on."""
    register(memory, "waits", chain(event("paid", timeout_ms=1_000)))
    story = run(memory, "waits").is_stopped()
    memory.pass_ms(5_000)
    story.is_now("HALTED").is_resumed().ends_with("TIMEOUT")


def test_an_event_during_a_halt_wins_over_a_time_out(memory: Driver) -> None:
    """It came; that it was late is not its fault alone."""
    register(memory, "waits", chain(event("paid", timeout_ms=1_000), returns=output_of("n1")))
    story = run(memory, "waits").is_stopped()
    memory.pass_ms(5_000)
    story.gets("paid", "late").is_resumed().completes("late")


def test_a_backoff_is_interruptible_and_the_retry_waits_for_the_resume(memory: Driver) -> None:
    """The last attempt has ended."""
    register(memory, "patient", chain(task("shaky", max_attempts=2, backoff={"base_ms": 1_000})))
    story = run(memory, "patient").task("shaky").fails().is_stopped().is_now("HALTED")
    memory.pass_ms(10_000)
    assert story.task_run.status is TaskStatus.TASK_PENDING
    story.no_task("shaky").is_resumed().task("shaky").succeeds().completes()


def test_a_resume_before_the_backoff_is_over_still_waits_for_it(memory: Driver) -> None:
    """The timer is the same one."""
    register(memory, "patient", chain(task("shaky", max_attempts=2, backoff={"base_ms": 1_000})))
    story = run(memory, "patient").task("shaky").fails().is_stopped().is_resumed()
    assert story.task_run.status is TaskStatus.TASK_PENDING
    memory.pass_ms(1_000)
    story.task("shaky").succeeds().completes()


def test_an_attempt_that_fails_while_halting_is_not_tried_again_before_the_resume(
    driver: Driver,
) -> None:
    """HALTING becomes HALTED, with the retry planned."""
    register(driver, "shaky", chain(task("shaky", max_attempts=2)))
    story = run(driver, "shaky").task("shaky").is_stopped().fails().is_now("HALTED")
    story.no_task("shaky").is_resumed().task("shaky").succeeds().completes()


def test_a_last_attempt_that_fails_while_halting_ends_the_run(driver: Driver) -> None:
    """There is nothing to go on with."""
    register(driver, "broken", chain(task("broken")))
    run(driver, "broken").task("broken").is_stopped().fails().ends_with("TASK_FAILURE")


def test_stop_and_resume_are_refused_where_they_mean_nothing(driver: Driver) -> None:
    """Unknown run, unknown thread, ended run, run that was not stopped."""
    register(driver, "one", chain(task("one")))
    refused(driver, StopWfRun(wf_run_id="no-such-run"), "WF_RUN_UNKNOWN")
    story = run(driver, "one").task("one")
    refused(driver, StopWfRun(wf_run_id=story.id, thread=3), "THREAD_UNKNOWN")
    refused(driver, ResumeWfRun(wf_run_id=story.id), "THREAD_NOT_HALTED")
    story.succeeds().completes()
    refused(driver, StopWfRun(wf_run_id=story.id), "WF_RUN_ENDED")
    refused(driver, ResumeWfRun(wf_run_id=story.id), "WF_RUN_ENDED")


def test_a_second_stop_changes_nothing(driver: Driver) -> None:
    """One resume is enough."""
    register(driver, "waits", chain(event("go")))
    story = run(driver, "waits").is_stopped().is_stopped().is_resumed().is_now("RUNNING")
    story.gets("go").completes()
