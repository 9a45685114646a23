"""How long a task is tried again, and what is said of a success that took more than one attempt."""

from __future__ import annotations

import pytest

from penstock.core.limits import RETRY_AFTER_MS_MAX
from penstock.core.state.transitions import TaskStatus
from tests.controls import chain, task
from tests.scenarios.driver import Driver
from tests.scenarios.story import accepted, register, run

RETRIES = {"max_attempts": 10, "backoff": {"base_ms": 1_000}}


def test_no_retry_begins_too_late(memory: Driver) -> None:
    """Counted from the first attempt's start to the start of the retry."""
    register(memory, "brief", chain(task("shaky", **RETRIES, retry_within_ms=2_500)))
    story = run(memory, "brief").task("shaky")
    memory.pass_ms(5_000)  # in the queue: this does not count
    story.starts()
    for _ in range(2):
        story.fails()
        memory.pass_ms(1_000)
        story.task("shaky").starts()
    story.fails("for good")
    story.ends_with("TASK_FAILURE")
    assert story.task_run.attempt.number == 3


def test_a_retry_may_begin_at_the_very_end(memory: Driver) -> None:
    register(memory, "brief", chain(task("shaky", **RETRIES, retry_within_ms=1_000)))
    story = run(memory, "brief").task("shaky").starts().fails()
    memory.pass_ms(1_000)
    story.task("shaky").succeeds().completes()


def test_a_success_after_a_retry_may_be_one_with_a_warning(memory: Driver) -> None:
    register(memory, "warned", chain(task("shaky", max_attempts=3, warn_on_retry=True)))
    story = run(memory, "warned").task("shaky").fails().task("shaky").succeeds().completes()
    assert story.task_run.attempt.warning

    story = run(memory, "warned", "at-once").task("shaky").succeeds().completes()
    assert not story.task_run.attempt.warning


@pytest.mark.parametrize(
    ("asked_ms", "waits_ms"),
    [(5_000, 5_000), (10, 1_000), (10**15, RETRY_AFTER_MS_MAX), (-1, 1_000)],
)
def test_a_worker_may_ask_for_a_later_retry(memory: Driver, asked_ms: int, waits_ms: int) -> None:
    """Not for a sooner one, and not for one next year."""
    register(memory, "later", chain(task("shaky", **RETRIES)))
    story = run(memory, "later").task("shaky").starts()
    accepted(memory, story.report(TaskStatus.TASK_FAILED, error="busy", retry_after_ms=asked_ms))
    memory.pass_ms(waits_ms - 1)
    assert story.task_run.status is TaskStatus.TASK_PENDING
    memory.pass_ms(1)
    story.task("shaky").succeeds().completes()


def test_a_later_retry_counts_towards_the_time_that_is_granted(memory: Driver) -> None:
    register(memory, "later", chain(task("shaky", **RETRIES, retry_within_ms=60_000)))
    story = run(memory, "later").task("shaky").starts()
    accepted(memory, story.report(TaskStatus.TASK_FAILED, error="busy", retry_after_ms=61_000))
    story.ends_with("TASK_FAILURE")


def test_a_business_exception_is_tried_again_if_that_is_said(memory: Driver) -> None:
    """Else it is what the worker means to say; with no attempt left it is so here, too."""
    register(memory, "again", chain(task("shaky", max_attempts=2, retry_exceptions=True)))
    story = run(memory, "again").task("shaky").throws("no-funds").is_now("RUNNING")
    story.task("shaky").throws("no-funds").ends_with("no-funds", "EXCEPTION")
    run(memory, "again", "better").task("shaky").throws("no-funds").task("shaky").succeeds()

    register(memory, "once", chain(task("shaky", max_attempts=2)))
    run(memory, "once").task("shaky").throws("no-funds").ends_with("no-funds", "EXCEPTION")
