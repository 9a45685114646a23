"""R19 on the logs that keep things: a mark that a worker has left there, and a topic whose
retention was over.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from penstock.contracts.topics import task_group
from penstock.core.state.outputs import ScheduledTask
from penstock.log.kafka import KafkaEngineLog
from penstock.log.port import Consumer
from tests.controls import chain, task
from tests.scenarios.driver import WAIT_S, Driver, embedded_driver, kafka_driver
from tests.scenarios.story import register, run

LOOKS_S = 1.0


@pytest.fixture
def kafka(tmp_path: Path, kafka_bootstrap: str, cluster_name: str) -> Iterator[Driver]:
    with kafka_driver(tmp_path, kafka_bootstrap, cluster_name) as made:
        yield made


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def driver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Driver]:
    if request.param == "kafka":
        yield request.getfixturevalue("kafka")
        return
    with embedded_driver(tmp_path) as made:
        yield made


def sent(driver: Driver) -> list[ScheduledTask]:
    """Every record of the tasks' topic that is still there."""
    topic = driver.topics.task("default", "work")
    numbers = range(driver.topics.partitions)
    return [driver._task(one) for n in numbers for one in driver.log.read_all(topic, n)]


def until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not done():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


def look(driver: Driver) -> None:
    """From now on the owner looks all the time, at whatever has waited at all."""
    lost = driver.processor._errands.lost_tasks
    lost.waited_ms, lost.look_at_once = -1, True


def taken(consumer: Consumer, driver: Driver) -> ScheduledTask:
    """A worker takes a task, passes it, and is never seen again."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        for record in consumer.poll(1, 0.2):
            consumer.commit(record.partition, record.offset + 1)
            return driver._task(record)
    raise AssertionError("no task has come")


def test_r19_what_a_worker_has_passed_is_sent_again(driver: Driver) -> None:
    """As the same attempt; what waits for a worker is left alone meanwhile."""
    register(driver, "works", chain(task("work")))
    story = run(driver, "works")
    topic = driver.topics.task("default", "work")
    look(driver)
    time.sleep(LOOKS_S)
    assert len(sent(driver)) == 1, "nobody has taken it yet"
    with closing(driver.log.consumer(topic, task_group(driver.topics, "default", "work"))) as group:
        first = taken(group, driver)
        until(lambda: len(sent(driver)) == 2)
        time.sleep(LOOKS_S)
        assert sent(driver) == [first, first]
        assert taken(group, driver) == first
        story.takes(first).starts("a")
    story.succeeds().completes()
    assert sent(driver).count(first) == len(sent(driver))


def test_r19_what_was_deleted_unread_is_sent_again(kafka: Driver) -> None:
    """As the topic's retention does it; no worker was there in all that time."""
    register(kafka, "works", chain(task("work")))
    story = run(kafka, "works")
    topic = kafka.topics.task("default", "work")
    until(lambda: len(sent(kafka)) == 1)
    [first] = sent(kafka)
    assert isinstance(kafka.log, KafkaEngineLog)
    for number in range(kafka.topics.partitions):
        for record in kafka.log.read_all(topic, number):
            kafka.log._topics.truncate(topic, number, record.offset + 1)
    assert sent(kafka) == []
    look(kafka)
    until(lambda: sent(kafka) == [first])
    time.sleep(LOOKS_S)
    assert sent(kafka) == [first], "the new record waits"
    story.takes(first).succeeds().completes()
