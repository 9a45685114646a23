"""W11: shutdown and restarting follow a signal from outside that comes while the task runs; an
operator's, or that the worker goes away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from threading import Event
from typing import Any

import pytest

from penstock.core.commands.kill_wf_run import KillWfRun
from penstock.core.commands.restart_task_run import RestartTaskRun
from penstock.core.commands.shutdown_task_run import ShutdownTaskRun
from penstock.core.state.run import PastAttempt, TaskRun
from penstock.core.state.transitions import TaskStatus
from penstock.sdk.context import TaskContext
from penstock.sdk.task import TaskDef, task
from tests.controls import chain, output_of
from tests.controls import task as task_node
from tests.dialects.slots import SlotWorker, a_worker
from tests.dialects.workflows import WorkflowRun
from tests.scenarios.driver import Driver
from tests.scenarios.story import Story, accepted, register, run

OVER = Event()


@task
def listens(ctx: TaskContext) -> int:
    """The first attempt goes on until it is asked to stop."""
    if ctx.attempt == 1 and ctx.wait(20):
        raise RuntimeError(f"stops: {ctx.stop}")
    return ctx.attempt


@task(name="listens")
async def is_cancelled(ctx: TaskContext) -> int:
    """The same, as asyncio has it."""
    if ctx.attempt == 1:
        await asyncio.sleep(20)
    return ctx.attempt


@task
def deaf() -> None:
    """Done twice it does no harm, and it does not listen."""
    OVER.wait(20)


@task(name="deaf", idempotent=False)
def deaf_once() -> None:
    """What it has begun must not be begun again."""
    OVER.wait(20)


@contextmanager
def a_deaf_worker(driver: Driver, of: TaskDef[..., Any]) -> Generator[SlotWorker]:
    """A worker of a task that does not listen, and is let go when the test is over."""
    OVER.clear()
    with a_worker(driver, 1, of) as worker:
        try:
            yield worker
        finally:
            OVER.set()


@pytest.fixture(params=[listens, is_cancelled], ids=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> TaskDef[..., int]:
    return request.param


def at_work(driver: Driver, worker: SlotWorker, of: TaskDef[..., Any]) -> Story:
    """A run whose task has begun, two attempts at most."""
    node = task_node(of.name, max_attempts=1)
    register(driver, "one", chain(node, returns=output_of("n1")), of.definition)
    story = run(driver, "one")
    worker.takes(1)
    worker.says()
    assert task_of(story).status is TaskStatus.TASK_RUNNING
    return story


def task_of(story: Story) -> TaskRun:
    """The run's only task."""
    [row] = story.driver.scan(TaskRun, story.id)
    return row


def went(story: Story) -> str:
    """What the view shows that it went through."""
    return WorkflowRun(story.driver, story.id).went("n1")


def named(story: Story) -> dict[str, Any]:
    """As operators name it."""
    return {"wf_run_id": story.id, "guid": task_of(story).guid}


def test_w11_shutdown_by_an_operator(driver: Driver, kind: TaskDef[..., int]) -> None:
    """The task stops, is shut down, and nothing follows it."""
    with a_worker(driver, 1, kind) as worker:
        story = at_work(driver, worker, kind)
        accepted(driver, ShutdownTaskRun(**named(story)))
        assert task_of(story).status is TaskStatus.TASK_RUNNING
        worker.hears()
        worker.says()
        story.ends_with("TASK_CANCELLED")
        assert task_of(story).status is TaskStatus.TASK_CANCELLED
        assert went(story) == "pending queued running shutdown"


def test_w11_shutdown_by_the_kill_of_its_run(driver: Driver, kind: TaskDef[..., int]) -> None:
    with a_worker(driver, 1, kind) as worker:
        story = at_work(driver, worker, kind)
        accepted(driver, KillWfRun(wf_run_id=story.id))
        story.is_now("HALTING")
        worker.hears()
        worker.says()
        story.ends_with("KILLED")
        assert task_of(story).status is TaskStatus.TASK_CANCELLED
        assert went(story) == "pending queued running shutdown"


def test_w11_restarting_by_an_operator(driver: Driver, kind: TaskDef[..., int]) -> None:
    """The only attempt that it has is given up, and another one made all the same."""
    with a_worker(driver, 1, kind) as worker:
        story = at_work(driver, worker, kind)
        accepted(driver, RestartTaskRun(**named(story)))
        worker.hears()
        worker.says()
        is_begun_anew(story)
        worker.takes(1)
        worker.says()
        story.completes(2)


def is_begun_anew(story: Story) -> None:
    """A second attempt is on its way, and the first was given up."""
    now = task_of(story)
    assert (now.status, now.attempt.number) == (TaskStatus.TASK_SCHEDULED, 2)
    assert (now.uncounted, now.max_attempts) == (1, 1)
    [past] = story.driver.scan(PastAttempt, story.id, now.guid)
    assert past.attempt.status is TaskStatus.TASK_CANCELLED
    assert past.attempt.started_ms is not None
    assert went(story) == "pending queued running restarting pending queued"


def test_w11_restarting_by_a_worker_that_goes(driver: Driver, kind: TaskDef[..., int]) -> None:
    """It asks the task to stop, and hands it back: what that raises is no failure of the task."""
    with a_worker(driver, 1, kind) as worker:
        story = at_work(driver, worker, kind)
        worker.runner.leave(5)
        worker.says()
        is_begun_anew(story)
    with a_worker(driver, 1, kind) as worker:
        worker.takes(1)
        worker.says()
        story.completes(2)


def test_w11_a_task_that_does_not_listen_is_handed_back_too(driver: Driver) -> None:
    with a_deaf_worker(driver, deaf) as worker:
        story = at_work(driver, worker, deaf)
        worker.runner.leave(0.05)
        worker.says()
        is_begun_anew(story)


def test_w11_shutdown_by_a_worker_that_goes(driver: Driver) -> None:
    """What may not be begun twice is shut down."""
    with a_deaf_worker(driver, deaf_once) as worker:
        story = at_work(driver, worker, deaf_once)
        worker.runner.leave(0.05)
        worker.says()
        story.ends_with("TASK_CANCELLED")
        assert task_of(story).status is TaskStatus.TASK_CANCELLED
        assert went(story) == "pending queued running shutdown"


def test_w11_what_ends_well_after_all_counts(driver: Driver) -> None:
    """A signal is a wish: a task that comes to its end is a success."""

    @task(name="stubborn")
    def stubborn(ctx: TaskContext) -> str:
        ctx.wait(20)
        return "done"

    with a_worker(driver, 1, stubborn) as worker:
        story = at_work(driver, worker, stubborn)
        accepted(driver, ShutdownTaskRun(**named(story)))
        worker.hears()
        worker.says()
        story.completes("done")
        assert went(story) == "pending queued running success"
