"""Clients and workers in other languages, which have only schemas/ and docs/protocol.md, with a
real engine on real Kafka.
"""

from __future__ import annotations

import secrets
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from confluent_kafka import Consumer, TopicPartition
from msgspec import Struct

from penstock.contracts.avro import MAGIC, fingerprint_of
from penstock.contracts.records import RECORD_TYPES
from penstock.contracts.topics import task_topic
from penstock.log.kafka import KafkaProducer
from penstock.log.port import Message
from tests.examples.programs import (
    BUILD_S,
    GO,
    JAVA,
    JAVASCRIPT,
    Language,
    command_of,
    environment,
)
from tests.sdk.servers import running_server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120 + 2 * BUILD_S)]
PARTITIONS = 4
WAIT_S = 60


class Engine(Struct, frozen=True):
    """An engine on Kafka, and where it answers what the tests want to see."""

    bootstrap: str
    cluster: str
    url: str

    def get(self, path: str) -> list[dict[str, Any]]:
        """A list of the HTTP interface."""
        answer = httpx.get(f"{self.url}{path}")
        assert answer.status_code == 200, answer.text
        return answer.json()["items"]

    def task_runs(self, language: Language, status: str) -> list[dict[str, Any]]:
        """The TaskRuns of a language's example that have a status."""
        found = self.get("/v1/task-runs")
        task_def = f"hello-{language.name}"
        return [one for one in found if (one["task_def"], one["status"]) == (task_def, status)]

    def kill_run(self, language: Language) -> None:
        """Kill the run of a language's example whose task is at work."""
        [task] = self.task_runs(language, "TASK_RUNNING")
        path = f"/v1/wf-runs/{task['wf_run_id']}/actions/kill"
        httpx.post(f"{self.url}{path}").raise_for_status()

    def left(self, language: Language) -> int:
        """How many records of its task the example's group has not passed."""
        topic = task_topic(self.cluster, "default", f"hello-{language.name}")
        reader = Consumer({"bootstrap.servers": self.bootstrap, "group.id": topic})
        try:
            places = [TopicPartition(topic, number) for number in range(PARTITIONS)]
            marks = {one.partition: one.offset for one in reader.committed(places, timeout=10)}
            ends = [reader.get_watermark_offsets(place, timeout=10)[1] for place in places]
            return sum(end - max(0, marks[number]) for number, end in enumerate(ends))
        finally:
            reader.close()


@pytest.fixture(scope="module")
def engine(kafka_bootstrap: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    name = f"t{secrets.token_hex(6)}"
    data = tmp_path_factory.mktemp("engine") / "data"
    where = ("--kafka", kafka_bootstrap, "--cluster", name, "--partitions", str(PARTITIONS))
    with running_server(data, "server", *where) as url:
        yield Engine(kafka_bootstrap, name, url)


@pytest.fixture(scope="module", params=[GO, JAVA, JAVASCRIPT], ids=lambda language: language.name)
def language(request: pytest.FixtureRequest) -> Language:
    chosen: Language = request.param
    if chosen.missing:
        pytest.skip(f"the example in {chosen.greets} needs {', '.join(chosen.missing)} on the PATH")
    return chosen


@pytest.fixture(scope="module")
def program(language: Language) -> list[str]:
    return command_of(language)


@contextmanager
def started(command: list[str], log: Path | None = None) -> Iterator[subprocess.Popen[str]]:
    """A program that is ended, at the latest, when it is left."""
    errors = subprocess.DEVNULL if log is None else log.open("w")
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment()
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def ends(program: list[str], engine: Engine, seconds: float, *names: str) -> list[str]:
    """What the client prints, in the order of the text."""
    command = [*program, engine.bootstrap, engine.cluster, "client", str(seconds), *names]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=WAIT_S, env=environment(), check=False
    )
    assert done.returncode == 0, done.stderr
    return sorted(done.stdout.splitlines())


def wait_until(holds: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < deadline, f"in {WAIT_S} s: {what}"
        time.sleep(0.05)


def test_schemas_have_the_same_fingerprints(program: list[str]) -> None:
    done = subprocess.run(
        [*program, "check"], capture_output=True, text=True, env=environment(), check=True
    )
    assert sorted(done.stdout.splitlines()) == sorted(
        f"{one.name} {(MAGIC + fingerprint_of(one.schema())).hex()}" for one in RECORD_TYPES
    )


def test_runs_are_started_worked_and_seen_to_end(
    program: list[str], language: Language, engine: Engine, tmp_path: Path
) -> None:
    """Enough runs that every partition has some; the keys are as the engine's, or these would be
    refused with WRONG_PARTITION."""
    where = [engine.bootstrap, engine.cluster]
    names = [f"person {number}" for number in range(20)]
    log = tmp_path / "worker.log"
    with started([*program, *where, "worker"], log) as worker:
        assert [end.split(" ")[0] for end in ends(program, engine, 0, *names)] == ["COMPLETED"] * 20
        greeted = ends(program, engine, 0, "Ada", "")
        assert greeted[0].startswith(f'COMPLETED "Hello, Ada, from {language.greets}!"')
        assert greeted[1] == "EXCEPTION null nobody"

        topic = task_topic(engine.cluster, "default", f"hello-{language.name}")
        producer = KafkaProducer(engine.bootstrap)
        for number, value in enumerate((b"", b"rubbish", None, b"\xc3\x01" + b"x" * 30)):
            producer.append_and_wait(Message(topic, None, value, partition=number))
        producer.close()
        again = ends(program, engine, 0, *names)
        assert [end.split(" ")[0] for end in again] == ["COMPLETED"] * 20
        wait_until(lambda: engine.left(language) == 0, "all is passed")

        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=30) in (0, 143)  # Java says by 143 that it was a signal
    assert log.read_text().count("is no task") == 4, log.read_text()
    assert all(
        (attempt["worker"], attempt["started_at"] is None) == (f"hello-{language.name}", False)
        for task in engine.task_runs(language, "TASK_SUCCESS")
        for attempt in task["attempts"]
    )


@pytest.mark.parametrize("language", [GO, JAVASCRIPT], indirect=True, ids=lambda one: one.name)
def test_a_worker_obeys_signals(program: list[str], language: Language, engine: Engine) -> None:
    """The example in Java leaves this part out."""
    where = [engine.bootstrap, engine.cluster]
    with (
        started([*program, *where, "worker"]) as worker,
        started([*program, *where, "client", "600", "Grace"]) as client,
    ):
        wait_until(lambda: engine.task_runs(language, "TASK_RUNNING"), "it has started")
        begun = time.monotonic()
        engine.kill_run(language)
        assert client.stdout is not None
        assert client.stdout.readline().startswith("ERROR null KILLED")
        assert time.monotonic() - begun < 20, "it was waited for until the kill's deadline"
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=30) == 0


def test_a_long_task_is_said_to_have_started_and_is_left_to_others(
    program: list[str], language: Language, engine: Engine
) -> None:
    where = [engine.bootstrap, engine.cluster]
    with (
        started([*program, *where, "worker"]) as worker,
        started([*program, *where, "client", "600", "Ada"]),
    ):
        wait_until(lambda: engine.task_runs(language, "TASK_RUNNING"), "it has started")
        worker.kill()
        worker.wait()
        assert engine.left(language) == 1, "the record is passed before its report"
