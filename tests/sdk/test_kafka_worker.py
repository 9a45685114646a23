"""Worker over Kafka and CommandSender, with `penstock server` on real Kafka."""

import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from threading import Event, Semaphore
from typing import Any

import pytest

from penstock import (
    Client,
    CommandSender,
    RunHandle,
    TaskContext,
    Worker,
    task,
    wait_for_event,
    workflow,
)
from penstock.contracts.topics import task_topic
from penstock.core.state.task_rows import Metric, MetricKind
from penstock.log.kafka import KafkaProducer
from penstock.log.port import LogError, Message, Position
from penstock.sdk.context import Words
from tests.sdk.servers import exists, running_server
from tests.sdk.test_examples import greeting, run_examples

pytestmark = pytest.mark.timeout(120)


@task
def double(x: int) -> int:
    return 2 * x


@task
async def add_one(x: int) -> int:
    return x + 1


@workflow
def arithmetic(x: int) -> int:
    return add_one(double(x))


@task(max_attempts=2)
def slow(ctx: TaskContext, name: str, seconds: float) -> str:
    time.sleep(seconds)
    return f"{name} {ctx.attempt}"


@workflow
def slowly(name: str, seconds: float) -> str:
    return slow(name, seconds)


SEEN = Event()


@task
def held() -> str:
    assert SEEN.wait(60)
    return "held"


@workflow
def holding() -> str:
    return held()


@task(heartbeat=3.0)
def measures(ctx: TaskContext, seconds: float) -> str:
    ctx.give_back(Words("", (Metric("half a \ud800", MetricKind.COUNTER, 1.0, {}),)))
    ctx.wait(seconds)
    return "measured"


@workflow
def measuring(seconds: float) -> str:
    return measures(seconds)


TURNS = Semaphore(1)


@task
def in_turn(ctx: TaskContext, name: str) -> str:
    assert TURNS.acquire(timeout=60)
    return f"{name} {ctx.attempt}"


@workflow
def by_turns(name: str) -> str:
    return in_turn(name)


@workflow
def approval() -> str:
    return wait_for_event("approved", type=str)


class Cluster:
    """A server on Kafka, and how to reach both."""

    def __init__(self, bootstrap: str, name: str, url: str) -> None:
        self.bootstrap = bootstrap
        self.name = name
        self.url = url
        self.kafka_url = f"kafka://{bootstrap}/{name}"


@pytest.fixture(scope="module")
def cluster(kafka_bootstrap: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    name = f"t{secrets.token_hex(6)}"
    arguments = ("server", "--kafka", kafka_bootstrap, "--cluster", name)
    with running_server(tmp_path_factory.mktemp("server") / "data", *arguments) as url:
        yield Cluster(kafka_bootstrap, name, url)


@pytest.fixture
def client(cluster: Cluster) -> Iterator[Client]:
    with Client(cluster.url) as made:
        yield made


def wait_until(holds: Callable[[], bool], timeout_s: float = 30.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_example_of_the_command_sender_is_true(client: Client, cluster: Cluster) -> None:
    client.register(greeting)
    run_examples("CommandSender", {"bootstrap": cluster.bootstrap, "cluster": cluster.name})
    with Worker(greeting, url=cluster.kafka_url):
        run = client.handle("greeting-4")
        wait_until(lambda: exists(run.status))
        assert run.result(timeout=60) == "Hello, Ada"


def test_workflows_run_over_kafka(client: Client, cluster: Cluster) -> None:
    client.register(arithmetic, approval)
    with (
        Worker(arithmetic, url=cluster.kafka_url, slots=4),
        CommandSender(cluster.bootstrap, cluster=cluster.name) as sender,
    ):
        assert client.run(arithmetic, x=20).result(timeout=60) == 41
        acks: list[Position | LogError] = []
        ids = [sender.run_wf("arithmetic", {"x": x}, on_ack=acks.append) for x in range(300)]
        sender.flush()
        assert len(acks) == 300
        assert all(isinstance(ack, Position) for ack in acks)
        for x, wf_run_id in enumerate(ids):
            run = client.handle(wf_run_id)
            wait_until(lambda run=run: exists(run.status))
            assert run.result(timeout=60) == 2 * x + 1

        run = client.run(approval)
        sender.stop(run.id)
        wait_until(lambda: run.status() == "HALTED")
        sender.put_event(run.id, "approved", "yes")
        sender.resume(run.id)
        assert run.result(timeout=30) == "yes"


def test_a_long_task_is_said_to_be_started(client: Client, cluster: Cluster) -> None:
    client.register(holding)
    with Worker(holding, url=cluster.kafka_url, name="w7", started_after_s=0.2):
        run = client.run(holding)
        wait_until(lambda: _attempt(run) is not None and _attempt(run).started_at)
        assert _attempt(run).worker == "w7"
        assert _attempt(run).status == "TASK_RUNNING"
        SEEN.set()
        assert run.result(timeout=30) == "held"


def _attempt(run: RunHandle[Any]) -> Any:
    """The newest attempt of its only task; None before there is one."""
    runs = run.task_runs()
    return runs[0].attempts[-1] if runs else None


def test_what_a_worker_leaves_comes_to_the_next(client: Client, cluster: Cluster) -> None:
    client.register(by_turns)
    worker = Worker(by_turns, url=cluster.kafka_url, slots=1)
    worker.start()
    runs = [client.run(by_turns, name=f"r{number}") for number in range(4)]
    wait_until(lambda: any(run.status() == "COMPLETED" for run in runs))

    def let_go() -> bool:  # asked while it stops: it takes nothing more by now
        TURNS.release(len(runs))
        return False

    assert worker.stop(hurry=let_go)
    assert sum(run.status() == "COMPLETED" for run in runs) <= 2
    with Worker(by_turns, url=cluster.kafka_url, slots=4):
        assert [run.result(timeout=60) for run in runs] == [f"r{number} 1" for number in range(4)]


@pytest.mark.parametrize("seconds", [0.0, 8.0])
def test_what_can_not_be_written_says_less(
    client: Client, cluster: Cluster, seconds: float
) -> None:
    """As over HTTP; and the only slot goes on."""
    client.register(measuring, arithmetic)
    with Worker(measuring, arithmetic, url=cluster.kafka_url, slots=1):
        assert client.run(measuring, seconds=seconds).result(timeout=40) == "measured"
        assert client.run(arithmetic, x=2).result(timeout=30) == 5


def test_http_and_kafka_workers_share_a_task(client: Client, cluster: Cluster) -> None:
    client.register(arithmetic)
    with Worker(arithmetic, url=cluster.url), Worker(arithmetic, url=cluster.kafka_url):
        runs = [client.run(arithmetic, x=x) for x in range(50)]
        assert [run.result(timeout=60) for run in runs] == [2 * x + 1 for x in range(50)]


def test_records_that_are_no_tasks_are_passed(client: Client, cluster: Cluster) -> None:
    client.register(arithmetic)
    producer = KafkaProducer(cluster.bootstrap)
    with Worker(arithmetic, url=cluster.kafka_url):
        assert client.run(arithmetic, x=1).result(timeout=60) == 3
        for value in (b"", b"rubbish", None, b"\xc3\x01" + b"x" * 30):
            topic = task_topic(cluster.name, "default", "double")
            producer.append_and_wait(Message(topic, b"key", value))
        runs = [client.run(arithmetic, x=x) for x in range(20)]
        assert [run.result(timeout=60) for run in runs] == [2 * x + 1 for x in range(20)]
    producer.close()


WORKER = """
import os, sys, time
from penstock import Worker, task

@task(max_attempts=2)
def slow(name: str, seconds: float) -> str:
    print("begun", flush=True)
    time.sleep(60)
    return "never"

Worker(slow, url=sys.argv[1], started_after_s=600).run()
"""


@pytest.mark.slow
def test_a_killed_workers_tasks_run_elsewhere(client: Client, cluster: Cluster) -> None:
    client.register(slowly)
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, cluster.kafka_url], stdout=subprocess.PIPE, text=True
    )
    try:
        run = client.run(slowly, name="a", seconds=0)
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
    finally:
        process.kill()
        process.wait()
    with Worker(slowly, url=cluster.kafka_url):
        assert run.result(timeout=40) == "a 1"
