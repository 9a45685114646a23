"""R19: a queued task does not rest on one record."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest

from penstock.contracts.topics import task_group
from penstock.core.state.run import TaskRun
from penstock.core.state.transitions import TaskStatus
from penstock.log.memory import MemoryLog
from penstock.log.port import Consumer
from penstock.processor import lost_tasks
from penstock.processor.lost_tasks import BEGIN
from tests.controls import chain, task
from tests.scenarios.driver import WAIT_S, Driver
from tests.scenarios.story import Story, register, run
from tests.standing_clock import StandingClock

LONG_MS = 61_000


def workers(driver: Driver) -> Consumer:
    """One of the group that the owner asks for."""
    topic = driver.topics.task("default", "work")
    return driver.log.consumer(topic, task_group(driver.topics, "default", "work"))


def taken(driver: Driver, story: Story) -> Consumer:
    """The workers' consumer, after one of them has taken the task and passed it."""
    story.task("work")
    consumer = workers(driver)
    _pass_all(driver, consumer)
    return consumer


def _pass_all(driver: Driver, consumer: Consumer) -> None:
    topic = driver.topics.task("default", "work")
    for number in _numbers(driver, topic):
        records = driver.log.read_all(topic, number)
        if records:
            consumer.commit(number, records[-1].offset + 1)


def _numbers(driver: Driver, topic: str) -> range:
    assert isinstance(driver.log, MemoryLog)
    return range(driver.log.partitions_of(topic))


def look(driver: Driver, rounds: int = 3) -> None:
    """Have the owner look, and hear what it was told of the queues."""
    lost = driver.processor._errands.lost_tasks
    lost.look_at_once = True
    for _ in range(rounds):
        deadline = time.monotonic() + WAIT_S
        driver.settle()
        while any(one.asked and not one.asked.done() for one in lost._rounds.values()):
            assert time.monotonic() < deadline
            time.sleep(0.001)
    driver.settle()
    lost.look_at_once = False


def records(driver: Driver) -> int:
    """How many records the tasks' topic has."""
    topic = driver.topics.task("default", "work")
    return sum(len(driver.log.read_all(topic, number)) for number in _numbers(driver, topic))


def test_r19_a_task_that_was_passed_and_not_started_is_sent_again(memory: Driver) -> None:
    """As the same attempt, once; whatever became of the worker who had it."""
    register(memory, "works", chain(task("work")))
    story = run(memory, "works")
    consumer = taken(memory, story)
    first = story.taken
    look(memory)
    assert records(memory) == 1, "it has not waited long yet"
    memory.pass_ms(LONG_MS)
    look(memory)
    assert records(memory) == 2
    look(memory)
    assert records(memory) == 2, "the new record waits"
    assert story.task("work").taken == first
    _pass_all(memory, consumer)
    look(memory)
    assert records(memory) == 3, "lost once more"
    story.task("work").starts("a")
    _pass_all(memory, consumer)
    look(memory)
    story.succeeds().completes()
    look(memory)
    assert records(memory) == 3


def test_r19_nothing_is_sent_again_while_it_waits_in_a_long_queue(memory: Driver) -> None:
    """What nobody has taken is where it is to be; what has been started is in good hands."""
    register(memory, "works", chain(task("work")))
    stories = [run(memory, "works") for _ in range(12)]
    memory.pass_ms(LONG_MS)
    look(memory)
    assert records(memory) == 12
    [first] = memory.tasks("work")
    [story] = [one for one in stories if one.id == first.wf_run_id]
    story._task = first
    story.starts("a")
    topic = memory.topics.task("default", "work")
    workers(memory).commit(*_behind_first(memory, topic, story.id))
    memory.pass_ms(LONG_MS)
    look(memory)
    assert records(memory) == 12


def _behind_first(driver: Driver, topic: str, wf_run_id: str) -> tuple[int, int]:
    for number in range(driver.topics.partitions):
        for record in driver.log.read_all(topic, number):
            if record.key == wf_run_id.encode():
                return number, record.offset + 1
    raise AssertionError("it was sent")


def sent_offset(driver: Driver, story: Story) -> int:
    """Of the record whose turn has sent its task last."""
    [task_run] = driver.scan(TaskRun, story.id)
    assert task_run.status is TaskStatus.TASK_SCHEDULED
    return task_run.attempt.sent_offset


def test_r19_what_the_queue_has_passed_before_its_head_is_lost(memory: Driver) -> None:
    """Others wait behind it: they are left alone."""
    register(memory, "works", chain(task("work")))
    stories = [run(memory, "works") for _ in range(12)]
    topic = memory.topics.task("default", "work")
    consumer = workers(memory)
    lost: set[str] = set()
    for number in range(memory.topics.partitions):
        first, *rest = memory.log.read_all(topic, number)
        assert rest, "others wait behind it"
        consumer.commit(number, first.offset + 1)
        lost.add((first.key or b"").decode())
    memory.pass_ms(LONG_MS)
    before = {story.id: sent_offset(memory, story) for story in stories}
    look(memory)
    after = {story.id: sent_offset(memory, story) for story in stories}
    assert {one for one in after if after[one] != before[one]} == lost


def test_r19_where_partitions_were_added_a_task_is_behind_when_it_is_behind_in_all(
    memory: Driver,
) -> None:
    """Its record waits where it was put, which is not where it would be put now."""
    register(memory, "works", chain(task("work")))
    for _ in range(12):
        run(memory, "works")
    assert isinstance(memory.log, MemoryLog)
    memory.log.add_partitions(memory.topics.task("default", "work"), 5)
    memory.pass_ms(LONG_MS)
    look(memory)
    assert records(memory) == 12
    _pass_all(memory, workers(memory))
    look(memory)
    assert records(memory) == 24


def test_r19_a_mark_beyond_the_end_says_nothing_of_what_waits(memory: Driver) -> None:
    """It is of the topic that had this name before. When the workers have a mark of this one, what
    they have passed is lost.
    """
    register(memory, "works", chain(task("work")))
    run(memory, "works")
    topic, consumer = memory.topics.task("default", "work"), workers(memory)
    for number in _numbers(memory, topic):
        consumer.commit(number, 1_000)
    memory.pass_ms(LONG_MS)
    look(memory)
    assert records(memory) == 1
    _pass_all(memory, consumer)
    look(memory)
    assert records(memory) == 2


def test_r19_a_large_partition_is_gone_through_in_steps(memory: Driver) -> None:
    """Each look goes on where the last one has ended."""
    register(memory, "works", chain(task("work")))
    lost = memory.processor._errands.lost_tasks
    for _ in range(30):
        run(memory, "works")
    _pass_all(memory, workers(memory))
    memory.pass_ms(LONG_MS)
    lost.steps_max = 4
    look(memory, rounds=40)
    assert records(memory) == 60


def test_r19_a_look_is_at_one_partition_and_short_however_much_there_is(
    memory: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fold of all partitions waits for it."""
    register(memory, "works", chain(task("work")))
    for _ in range(30):
        run(memory, "works")
    lost = memory.processor._errands.lost_tasks
    lost.steps_max = 4
    clock = StandingClock()
    clock.now_s += lost_tasks.LOOK_S
    monkeypatch.setattr(lost_tasks, "time", clock)
    partitions = memory.processor._owned.partitions
    assert len(partitions) > 1
    list(lost.passed(partitions))  # from now on it knows them
    clock.now_s += lost_tasks.ROUND_S
    places: list[dict[int, bytes]] = []
    for _ in range(2 * len(partitions)):
        list(lost.passed(partitions))
        list(lost.passed(partitions))  # at once: nothing more
        places.append({number: one.cursor for number, one in lost._rounds.items()})
        clock.now_s += lost_tasks.LOOK_S
    for before, after in pairwise(places):
        assert sum(before[number] != after[number] for number in partitions) == 1
    assert BEGIN not in places[-1].values(), "each has had its turns"
