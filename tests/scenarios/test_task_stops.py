"""Tasks that are stopped from outside: shut down, restarted, handed back, sent again."""

import pytest

from penstock.core.commands.hand_back_task import HandBackTask
from penstock.core.commands.requeue_task import RequeueTask
from penstock.core.commands.restart_task_run import RestartTaskRun
from penstock.core.commands.retry_now import RetryNow
from penstock.core.commands.shutdown_task_run import ShutdownTaskRun
from penstock.core.definitions.defs import HeldTask
from penstock.core.state.run import PastAttempt
from penstock.core.state.transitions import TaskStatus
from tests.controls import a_task_def, chain, output_of, task
from tests.scenarios.driver import Driver
from tests.scenarios.story import accepted, refused, register, run
from tests.scenarios.test_task_cells import output_failed, queue_passed
from tests.scenarios.unchanged import unchanged

UNKNOWN = {"wf_run_id": "nobody", "guid": "nothing"}


def test_a_worker_is_asked_to_stop_and_the_task_is_cancelled_when_it_does(driver: Driver) -> None:
    """The request is in the TaskRun, in a signal and in every answer to the worker."""
    register(driver, "stopped", chain(task("work", max_attempts=5)))
    story = run(driver, "stopped").task("work").starts().is_shut_down()
    assert story.task_run.status is TaskStatus.TASK_RUNNING
    assert story.beats().body == {"cancel": True, "stop": "shutdown"}
    story.checkpoints("so far", flow="STOP_TASK")
    [signal] = driver.signals()
    assert (signal.guid, signal.attempt, signal.worker, signal.stop) == (
        *(story.taken.guid, 1),
        *("worker-1", "shutdown"),
    )
    story.fails("stopping as asked").ends_with("TASK_CANCELLED")
    assert story.task_run.status is TaskStatus.TASK_CANCELLED
    again = accepted(driver, story.report(TaskStatus.TASK_FAILED, error="stopping as asked"))
    assert again.repeated


def test_a_worker_that_does_not_stop_has_its_task_taken(memory: Driver) -> None:
    """After the time it was granted; its report comes too late."""
    register(memory, "stopped", chain(task("work", timeout_ms=1_000_000)))
    story = run(memory, "stopped").task("work").starts().is_shut_down(grace_ms=5_000)
    memory.pass_ms(4_999)
    story.beats()
    assert story.task_run.status is TaskStatus.TASK_RUNNING
    memory.pass_ms(1)
    story.ends_with("TASK_CANCELLED")
    assert story.thread.failure is not None
    assert "did not stop in time" in story.thread.failure.message
    refused(memory, story.report(TaskStatus.TASK_SUCCESS), "ATTEMPT_ENDED")


def test_what_is_done_before_it_stops_counts(memory: Driver) -> None:
    """A success, or a business exception, is the task's end, whatever was asked."""
    register(memory, "stopped", chain(task("work"), returns=output_of("n1")))
    story = run(memory, "stopped").task("work").starts().is_shut_down()
    story.succeeds("done").completes("done")
    assert story.task_run.stop is None
    thrown = run(memory, "stopped").task("work").starts().is_shut_down()
    thrown.throws("no-money").ends_with("no-money", status="EXCEPTION")
    memory.pass_ms(60_000)
    memory.pass_ms(60_000)
    assert story.task_run.status is TaskStatus.TASK_SUCCESS


def test_what_nobody_runs_is_cancelled_at_once(memory: Driver) -> None:
    """In its queue, in its backoff, or held. Who has begun what is queued, and not said so yet, is
    signalled.
    """
    spec = chain(task("work", max_attempts=2, backoff={"base_ms": 1_000}))
    register(memory, "stopped", spec)
    queued = run(memory, "stopped").task("work").is_shut_down().ends_with("TASK_CANCELLED")
    refused(memory, queued.report(TaskStatus.TASK_SUCCESS), "ATTEMPT_ENDED")
    waiting = run(memory, "stopped").task("work").fails().is_shut_down()
    waiting.ends_with("TASK_CANCELLED")
    assert waiting.task_run.attempt.status is TaskStatus.TASK_FAILED
    held = run(memory, "stopped").task("work")
    output_failed(held, "NO_TOPIC")
    held.is_shut_down().ends_with("TASK_CANCELLED")
    assert memory.get(HeldTask, "default", "work", held.id, held.taken.guid) is None
    [signal] = memory.signals()
    assert (signal.guid, signal.attempt, signal.stop) == (queued.taken.guid, 1, "shutdown")
    assert signal.worker == ""
    memory.pass_ms(60_000)
    waiting.no_task("work")


def test_a_stronger_request_takes_the_place_of_a_weaker_one(memory: Driver) -> None:
    """A shutdown that of a restart, never the other way round."""
    register(memory, "stopped", chain(task("work", timeout_ms=1_000_000)))
    story = run(memory, "stopped").task("work").starts()
    story.is_restarted(grace_ms=1_000).is_shut_down(grace_ms=9_000)
    refused(memory, RestartTaskRun(**story.task_id), "STOP_REQUESTED")
    memory.pass_ms(1_000)
    assert story.task_run.status is TaskStatus.TASK_RUNNING
    memory.pass_ms(8_000)
    story.ends_with("TASK_CANCELLED")
    assert [signal.stop for signal in memory.signals()] == ["restart", "shutdown"]


@pytest.mark.parametrize("how", ["fails", "hands back", "is silent", "times out"])
def test_a_restarted_task_has_a_new_attempt_that_does_not_count(memory: Driver, how: str) -> None:
    """Whichever way the old one ends; then it may fail as often as ever."""
    register(memory, "again", chain(task("work", max_attempts=2, timeout_ms=20_000)))
    story = run(memory, "again").task("work").starts()
    story.is_restarted(grace_ms=5_000 if how == "is silent" else 500_000)
    if how == "fails":
        story.fails()
    elif how == "hands back":
        story.is_handed_back()
    else:
        memory.pass_ms(5_000 if how == "is silent" else 20_000)
    story.task("work")
    assert (story.taken.attempt, story.taken.max_attempts) == (2, 3)
    story.fails().task("work").fails().ends_with("TASK_FAILURE")
    past = memory.scan(PastAttempt, story.id, story.taken.guid)
    assert [row.attempt.status for row in past] == ["TASK_CANCELLED", "TASK_FAILED"]


def test_a_restart_at_once_leaves_the_old_worker_behind(driver: Driver) -> None:
    """Its report is stale: one result an attempt, one attempt at a time."""
    register(driver, "again", chain(task("work"), returns=output_of("n1")))
    story = run(driver, "again").task("work").starts()
    late = story.report(TaskStatus.TASK_SUCCESS, output="old")
    story.is_restarted(grace_ms=0).task("work")
    refused(driver, late, "ATTEMPT_STALE")
    story.succeeds("new").completes("new")


def test_a_restarted_task_keeps_its_checkpoints(memory: Driver) -> None:
    """It goes on where it was."""
    register(memory, "again", chain(task("work")))
    story = run(memory, "again").task("work").starts().checkpoints("a", "b")
    story.is_restarted(grace_ms=0).task("work")
    assert story.taken.total_checkpoints == 2
    story.succeeds().completes()


def test_a_restart_of_a_halted_thread_waits_for_the_resume(memory: Driver) -> None:
    """The old attempt is over, so the thread can halt; the new one is made when it runs."""
    register(memory, "again", chain(task("work")))
    story = run(memory, "again").task("work").starts().is_stopped().is_now("HALTING")
    story.is_restarted(grace_ms=0).is_now("HALTED").no_task("work")
    story.is_resumed().task("work").succeeds().completes()


def test_backoff_after_a_restart_is_that_of_the_attempts_that_count(memory: Driver) -> None:
    """A restart is no failure."""
    backoff = {"base_ms": 1_000, "multiplier": 10.0}
    register(memory, "again", chain(task("work", max_attempts=3, backoff=backoff)))
    story = run(memory, "again").task("work").starts().is_restarted(grace_ms=0)
    story.task("work").fails()
    memory.pass_ms(1_000)
    story.task("work").succeeds().completes()


def test_a_task_that_is_handed_back_is_begun_anew_if_that_does_no_harm(driver: Driver) -> None:
    """TaskDef.idempotent decides; and it may be said twice."""
    register(driver, "drained", chain(task("work")))
    story = run(driver, "drained").task("work").starts("a")
    back = HandBackTask(**story.attempt, worker="a")
    accepted(driver, back)
    assert accepted(driver, back).repeated
    story.task("work")
    assert story.taken.attempt == 2
    story.succeeds().completes()


def test_a_task_that_may_not_be_done_twice_is_cancelled(driver: Driver) -> None:
    """The run learns of it as of a shutdown."""
    once = a_task_def("once", idempotent=False)
    register(driver, "drained", chain(task("once", max_attempts=9)), once)
    story = run(driver, "drained").task("once").starts("a")
    back = HandBackTask(**story.attempt, worker="a")
    accepted(driver, back)
    story.ends_with("TASK_CANCELLED")
    assert accepted(driver, back).repeated


def test_a_task_is_handed_back_by_its_own_worker_only(memory: Driver) -> None:
    """Another one does not have it."""
    register(memory, "drained", chain(task("work")))
    story = run(memory, "drained").task("work").starts("a")
    refused(memory, HandBackTask(**story.attempt, worker="b"), "ATTEMPT_TAKEN")
    unknown = HandBackTask(**UNKNOWN, attempt=1)
    assert memory.send(unknown).code in ("TASK_RUN_UNKNOWN", "WRONG_PARTITION")


def test_a_task_is_sent_again_as_the_same_attempt(driver: Driver) -> None:
    """The first worker that takes one of both has it."""
    register(driver, "lost", chain(task("work"), returns=output_of("n1")))
    story = run(driver, "lost").task("work")
    first = story.taken
    accepted(driver, RequeueTask(**story.task_id))
    story.task("work")
    assert story.taken == first
    story.starts("a")
    refused(driver, RequeueTask(**story.task_id), "TASK_NOT_QUEUED")
    story.succeeds(1).completes(1)
    refused(driver, RequeueTask(**story.task_id), "TASK_RUN_ENDED")


def test_a_task_that_was_lost_on_the_way_is_sent_again(driver: Driver) -> None:
    """R19: its record is behind the workers, and nobody has started it. A record that came before
    the one that was sent last says nothing."""
    register(driver, "lost", chain(task("work"), returns=output_of("n1")))
    story = run(driver, "lost").task("work")
    first, sent_offset = story.taken, story.task_run.attempt.sent_offset
    queue_passed(story, sent_offset - 1)
    queue_passed(story, sent_offset)
    story.wait(lambda: story.task_run.attempt.sent_offset > sent_offset, "another record")
    queue_passed(story, sent_offset)
    assert story.task("work").taken == first
    story.starts("a")
    queue_passed(story)
    story.succeeds(1).completes(1)
    topic = driver.topics.task("default", "work")
    partitions = range(driver.topics.partitions)
    assert sum(len(driver.log.read_all(topic, number)) for number in partitions) == 2


def test_a_backoff_can_be_cut_short(memory: Driver) -> None:
    """The timer goes; the retry comes once."""
    spec = chain(task("work", max_attempts=3, backoff={"base_ms": 60_000}))
    register(memory, "patient", spec)
    story = run(memory, "patient").task("work").fails()
    answer = accepted(memory, RetryNow(**story.task_id))
    assert answer.body == {"status": "TASK_SCHEDULED", "attempt": 2}
    refused(memory, RetryNow(**story.task_id), "TASK_NOT_IN_BACKOFF")
    story.task("work")
    for _ in range(3):
        memory.pass_ms(60_000)
    assert memory.tasks("work") == []
    story.succeeds().completes()
    refused(memory, RetryNow(**story.task_id), "TASK_RUN_ENDED")


def test_a_retry_now_of_a_halted_thread_waits_for_the_resume(memory: Driver) -> None:
    """A halt holds everything."""
    spec = chain(task("work", max_attempts=3, backoff={"base_ms": 60_000}))
    register(memory, "patient", spec)
    story = run(memory, "patient").task("work").fails().is_stopped().is_now("HALTED")
    accepted(memory, RetryNow(**story.task_id))
    story.no_task("work").is_resumed().task("work").succeeds().completes()


@pytest.mark.parametrize("grace_ms", [-1, 2**62])
def test_a_grace_that_can_not_be_meant_is_refused(memory: Driver, grace_ms: int) -> None:
    """Nothing changes."""
    register(memory, "some", chain(task("work")))
    story = run(memory, "some").task("work").starts()
    with unchanged(memory, story.id):
        refused(memory, ShutdownTaskRun(**story.task_id, grace_ms=grace_ms), "BAD_VALUE")
    story.succeeds().completes()


def test_what_does_not_exist_can_not_be_stopped(memory: Driver) -> None:
    """With a code."""
    register(memory, "some", chain(task("work")))
    story = run(memory, "some").task("work")
    nothing = {"wf_run_id": story.id, "guid": "nothing"}
    for kind in (ShutdownTaskRun, RestartTaskRun, RequeueTask, RetryNow):
        refused(memory, kind(**nothing), "TASK_RUN_UNKNOWN")
    refused(memory, HandBackTask(**nothing, attempt=1), "TASK_RUN_UNKNOWN")
    story.succeeds().completes()
