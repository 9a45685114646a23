"""W10: queued is to wait for a slot of a worker: slots are bounded, and what waits is seen."""

from __future__ import annotations

from threading import Semaphore

from penstock.core.state.run import TaskRun
from penstock.core.state.transitions import TaskStatus
from penstock.sdk.task import task
from tests.controls import chain
from tests.controls import task as task_node
from tests.dialects.slots import a_worker, wait_until
from tests.dialects.workflows import WorkflowRun
from tests.scenarios.driver import Driver
from tests.scenarios.story import Story, register, run

GATE = Semaphore(0)
SCHEDULED, RUNNING, SUCCESS = (
    TaskStatus.TASK_SCHEDULED,
    TaskStatus.TASK_RUNNING,
    TaskStatus.TASK_SUCCESS,
)


@task
def gated() -> str:
    assert GATE.acquire(timeout=20)
    return "done"


def states(stories: list[Story]) -> list[str]:
    """As the view shows the only task of each run."""
    return sorted(WorkflowRun(story.driver, story.id).states() for story in stories)


def statuses(stories: list[Story]) -> list[TaskStatus]:
    """Of the only task of each run."""
    found: list[TaskStatus] = []
    for story in stories:
        [row] = story.driver.scan(TaskRun, story.id)
        found.append(row.status)
    return sorted(found)


def test_w10_tasks_wait_in_the_queue_until_a_slot_takes_them(driver: Driver) -> None:
    """Two slots and five tasks: two run, three are queued, and each that ends makes room."""
    with a_worker(driver, 2, gated) as worker:
        register(driver, "gated", chain(task_node("gated")), gated.definition)
        stories = [run(driver, "gated") for _ in range(5)]
        assert statuses(stories) == [SCHEDULED] * 5
        worker.takes(5)
        for ended in range(5):
            running = min(2, 5 - ended)
            wait_until(lambda running=running: len(worker.runner.owned(0)) == running)
            worker.says(2 if ended == 0 else int(ended < 4))  # that it has begun
            queued = max(0, 3 - ended)
            wanted = [RUNNING] * running + [SCHEDULED] * queued + [SUCCESS] * ended
            assert statuses(stories) == sorted(wanted)
            seen = ["running"] * running + ["queued"] * queued + ["success"] * ended
            assert states(stories) == sorted(seen)
            worker.says_no_more()
            GATE.release()
            worker.says()  # the report
        assert statuses(stories) == [SUCCESS] * 5
        for story in stories:
            story.completes(None)


def test_w10_where_a_task_was_queued_and_since_when_is_kept(driver: Driver) -> None:
    """Its history tells how long it waited, and who took it."""
    with a_worker(driver, 1, gated) as worker:
        register(driver, "gated", chain(task_node("gated")), gated.definition)
        story = run(driver, "gated")
        driver.pass_ms(50)
        worker.takes(1)
        worker.says()
        [row] = driver.scan(TaskRun, story.id)
        assert [fact.status for fact in row.history] == [SCHEDULED, RUNNING]
        assert row.attempt.started_ms is not None
        assert row.attempt.started_ms - row.attempt.scheduled_ms >= 50
        assert row.attempt.worker == "slots"
        [shown] = WorkflowRun(driver, story.id).task_runs
        assert [one["state"] for one in shown["history"]] == ["pending", "queued", "running"]
        GATE.release()
        worker.says()
        story.completes(None)
