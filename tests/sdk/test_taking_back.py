"""What a worker over Kafka gives back with a partition, and what it says to have begun."""

from __future__ import annotations

import time
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Event, Thread
from typing import Any

import pytest

from penstock import task
from penstock.core.commands.put_checkpoint import PutCheckpoint
from penstock.core.commands.report_task import ReportTask
from penstock.core.state.outputs import ScheduledTask
from penstock.core.values.value import Value
from penstock.sdk.attempt import Attempt
from penstock.sdk.runner import Job, Runner
from penstock.sdk.task import TaskDef
from tests.sdk.test_kafka_worker import wait_until

pytestmark = pytest.mark.timeout(60)


class Listener:
    """Hears what becomes of jobs (runner.Engine), as a reader of a topic does."""

    leases = False

    def __init__(self) -> None:
        self.reported: list[Job] = []

    def report(self, job: Job, report: ReportTask) -> None:
        self.reported.append(job)

    def started(self, job: Job) -> None: ...

    def beat(self, job: Job, progress: Value, with_words: bool) -> None: ...

    def keep(self, job: Job, checkpoint: PutCheckpoint, kept: Future[None]) -> None: ...

    def hand_back(self, job: Job) -> None:
        raise AssertionError("it comes to others by itself")


def job_of(of: TaskDef[..., Any], guid: str, engine: Listener) -> Job:
    scheduled = ScheduledTask(
        tenant="default", wf_run_id="run", guid=guid, task_def=of.name, attempt=1, inputs={},
        wf_spec="wf", version=1, node="1-n", thread=0, scheduled_at_ms=0, timeout_ms=1000,
        max_attempts=3, report_partition=0,
    )  # fmt: skip
    return Job(Attempt(of, scheduled, "me"), engine)


def test_one_that_waits_behind_a_later_one_is_not_said_to_have_begun() -> None:
    """Two readers bring one each, and whoever was first is late at the queue: were it said to have
    begun, and its worker killed, it would wait for its time-out, and nobody has touched it.
    """
    begun, go_on = Event(), Event()

    @task
    def tb_held() -> None:
        begun.set()
        assert go_on.wait(30)

    class LateQueue(SimpleQueue[Job | None]):
        def put(self, item: Job | None, block: bool = True, timeout: float | None = None) -> None:
            if item is first:
                begun.wait(0.3)
            super().put(item)

    runner, engine = Runner(1, started_after_s=600), Listener()
    first, second = job_of(tb_held, "first", engine), job_of(tb_held, "second", engine)
    runner._queue = LateQueue()
    runner.start(with_loop=False, with_threads=True)
    readers = [Thread(target=runner.submit, args=(one,)) for one in (first, second)]
    try:
        readers[0].start()
        wait_until(lambda: runner.unfinished == 1)  # it has its number
        readers[1].start()
        for reader in readers:
            reader.join(30)
        assert begun.wait(30)
        forgotten, runs = runner.take_back(engine, {0})
        assert [one.since_s > 0 for one in runs] == [True]
        assert {one.key for one in forgotten + runs} == {first.key, second.key}
        assert len(forgotten) == 1
    finally:
        go_on.set()
        runner.stop()


@pytest.mark.parametrize("with_loop", [False, True], ids=["sync", "async"])
def test_what_a_worker_that_stops_has_not_begun_is_taken_back(with_loop: bool) -> None:
    """A slot that becomes free meanwhile leaves it where it is: a partition is handed over as soon
    as nothing of it is open.
    """
    go_on = Event()

    @task
    def tb_short() -> None:
        assert go_on.wait(30)

    @task
    async def tb_short_async() -> None:
        assert go_on.wait(30)

    of: TaskDef[..., Any] = tb_short_async if with_loop else tb_short
    runner, engine = Runner(1, started_after_s=600), Listener()
    runner.start(with_loop=with_loop, with_threads=not with_loop)
    jobs = [job_of(of, str(number), engine) for number in range(5)]
    for job in jobs:
        runner.submit(job)
    try:
        wait_until(lambda: jobs[0].since_s > 0)
        runner.drop_waiting()
        go_on.set()
        wait_until(lambda: engine.reported == jobs[:1])
        time.sleep(0.1)  # it has looked for the next by then, or has not: it makes no difference
        assert not runner.wait(0.1)
        assert runner.take_back(engine, {0}) == (jobs[1:], [])
        assert runner.wait(0.0)
    finally:
        go_on.set()
        runner.stop()
    assert engine.reported == jobs[:1]
