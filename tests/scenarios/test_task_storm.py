"""Anything, in any order, to one task: no defect, no second result, no attempt too many."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.core.errors import Code
from penstock.core.state.run import PastAttempt
from penstock.core.state.task_rows import Checkpoint
from penstock.core.state.transitions import TASK_LIVE, TaskStatus
from tests.controls import a_task_def, chain, task
from tests.scenarios.driver import memory_driver
from tests.scenarios.story import Story, register, run
from tests.scenarios.test_task_cells import COMMANDS, ENGINE
from tests.scenarios.unchanged import unchanged

ATTEMPTS = 3
TAKE = "take"
THREAD = ("stop", "resume")
AGAIN = ("report FAILED", "RetryNow", TAKE)
ON = (TAKE, "again", "Restart now", "HandBack", "TaskHeartbeat", "Restart")
STEPS = st.lists(
    st.one_of(st.sampled_from(ON), st.sampled_from([TAKE, *THREAD, *COMMANDS, *ENGINE])),
    min_size=5,
    max_size=40,
)
"""Every other step is one that keeps the task going; else most stories would be short."""
ENDS = {"TASK_SUCCESS": "COMPLETED", "TASK_EXCEPTION": "EXCEPTION"}


def happens(story: Story, step: str) -> None:
    """One step; whatever is refused changes nothing."""
    driver = story.driver
    if step == "again":
        for one in AGAIN:
            happens(story, one)
    elif step == TAKE:
        for taken in driver.tasks("work", 10):
            story._task = taken
    elif step in ENGINE:
        ENGINE[step](story)
    elif step in THREAD:
        if story.run.status in ("RUNNING", "HALTING", "HALTED"):
            stopped = bool(story.thread.halt_reasons)
            if stopped and step == "resume":
                story.is_resumed()
            elif step == "stop":
                story.is_stopped()
    else:
        before = driver.rows_of_run(story.id)
        answer = driver.send(COMMANDS[step](story))
        assert answer.code is not Code.ENGINE_DEFECT
        if answer.code is not None:
            assert driver.rows_of_run(story.id) == before


def holds(story: Story) -> None:
    """What is true of a task at any time."""
    row = story.task_run
    assert row.attempt.number - row.uncounted <= ATTEMPTS
    past = story.driver.scan(PastAttempt, story.id, row.guid)
    assert [one.number for one in past] == list(range(1, row.attempt.number))
    assert all(one.attempt.status not in TASK_LIVE for one in past)
    assert (row.attempt.timer is not None) == (row.status is TaskStatus.TASK_RUNNING)
    assert row.stop is None or row.status is TaskStatus.TASK_RUNNING
    assert row.timer is None or row.status is TaskStatus.TASK_PENDING
    if row.status not in TASK_LIVE:
        halted = story.run.status == "HALTED"
        assert halted or story.run.status == ENDS.get(row.status, "ERROR")
    numbers = [one.number for one in story.driver.scan(Checkpoint, story.id, row.guid)]
    assert numbers == list(range(len(numbers)))


@given(STEPS, st.booleans())
@settings(max_examples=60)
def test_anything_in_any_order(steps: list[str], idempotent: bool) -> None:
    """On the memory log; the log is folded again at the end (I1)."""
    backoff = {"base_ms": 30_000, "jitter": 0.5}
    node = task("work", max_attempts=ATTEMPTS, timeout_ms=50_000, backoff=backoff)
    with TemporaryDirectory() as directory, memory_driver(Path(directory), 1) as driver:
        register(driver, "storm", chain(node), a_task_def("work", idempotent=idempotent))
        story = run(driver, "storm", "storm").task("work")
        for step in steps:
            ended = story.run.ended_ms is not None
            if ended:
                with unchanged(driver, story.id):
                    happens(story, step)
            else:
                happens(story, step)
            holds(story)
        assert not driver.processor.stopped
        assert driver.dead_letters() == []
        assert driver.digests_and_refolds_agree()
