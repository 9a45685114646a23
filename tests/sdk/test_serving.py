"""What goes wrong in telling of one attempt: the threads that serve the others go on."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Event

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
GOES_ON = Event()


class Engine:
    """It can not tell of the attempt `odd`, whatever there is to tell."""

    leases = True

    def __init__(self) -> None:
        self.heard: SimpleQueue[tuple[str, str]] = SimpleQueue()

    def report(self, job: Job, report: ReportTask) -> None:
        self._hear("report", job)

    def started(self, job: Job) -> None:
        self._hear("started", job)

    def beat(self, job: Job, progress: Value, with_words: bool) -> None:
        self._hear("beat", job)

    def keep(self, job: Job, checkpoint: PutCheckpoint, kept: Future[None]) -> None: ...

    def hand_back(self, job: Job) -> None:
        self._hear("hand back", job)

    def _hear(self, what: str, job: Job) -> None:
        if job.key[0] == "odd":
            raise LookupError(what)
        self.heard.put((what, job.key[0]))


@task
def sv_sync() -> None:
    assert GOES_ON.wait(30)


@task
async def sv_async() -> None: ...


@pytest.fixture
def runner() -> Iterator[Runner]:
    GOES_ON.clear()
    made = Runner(2, started_after_s=0.05)
    made.start(with_loop=True, with_threads=True)
    yield made
    GOES_ON.set()
    made.stop()


def job_of(of: TaskDef[..., None], guid: str, engine: Engine) -> Job:
    scheduled = ScheduledTask(
        tenant="default", wf_run_id="run", guid=guid, task_def=of.name, attempt=1, inputs={},
        wf_spec="wf", version=1, node="1-n", thread=0, scheduled_at_ms=0, timeout_ms=60_000,
        max_attempts=3, report_partition=0, heartbeat_timeout_ms=300,
    )  # fmt: skip
    return Job(Attempt(of, scheduled, "me"), engine)


def test_heartbeats_of_others_go_on(runner: Runner) -> None:
    engine = Engine()
    for guid in ("odd", "even"):
        runner.submit(job_of(sv_sync, guid, engine))
    heard = [engine.heard.get(timeout=20) for _ in range(3)]
    assert heard == [("started", "even"), ("beat", "even"), ("beat", "even")]


@pytest.mark.parametrize("of", [sv_sync, sv_async])
def test_slots_go_on(runner: Runner, of: TaskDef[..., None]) -> None:
    engine = Engine()
    GOES_ON.set()
    for guid in [*["odd"] * runner.slots, "even"]:
        runner.submit(job_of(of, guid, engine))
    assert engine.heard.get(timeout=20) == ("report", "even")
    wait_until(lambda: runner.unfinished == 0)
