"""A made log is taken as one that clients and workers made: every run in it comes to its end."""

from __future__ import annotations

from itertools import pairwise

import pytest

from penstock.contracts.topics import Topics
from penstock.core.state.outputs import CommandRefused, WfRunChanged
from penstock.log.memory import MemoryLog
from penstock.log.port import Message
from tests.bench import made
from tests.bench.made import make_log
from tests.bench.process import BenchError
from tests.bench.workflows import LONG, LONG_EVENTS, definitions
from tests.scenarios.driver import Clock, Driver

COMMANDS = 2_000
PARTITIONS = 2


@pytest.fixture
def driver() -> Driver:
    """An engine in memory that knows the workflows."""
    topics, clock = Topics("made", PARTITIONS), Clock()
    log = MemoryLog(
        commands=topics.commands,
        partitions=PARTITIONS,
        on_demand=topics.on_demand,
        clock_ms=clock,
    )
    driver = Driver(log=log, topics=topics, clock=clock)
    driver.settle()
    for command in definitions():
        driver.send(command)
    return driver


def _length(driver: Driver) -> int:
    return sum(driver.log.bounds(number)[1] for number in range(PARTITIONS))


def test_every_run_ends_and_all_counts_as_delivered(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(made, "CHUNK", 300)
    before = _length(driver)
    long = make_log(driver.log, driver.topics, driver.avro, COMMANDS, "made")
    assert COMMANDS <= _length(driver) - before < COMMANDS * 1.1
    driver.settle()  # this engine's marks are older: it delivers
    events = driver.events()
    assert not [event for event in events if isinstance(event, CommandRefused)]
    changed = [event for event in events if isinstance(event, WfRunChanged)]
    begun = {event.wf_run_id for event in changed if event.status == "RUNNING"}
    assert {event.wf_run_id for event in changed if event.status == "COMPLETED"} == begun
    assert len(begun) > COMMANDS / 4
    assert begun >= {one.wf_run_id for one in long}
    digests = driver.digests()
    driver.lose_stores()
    driver.restart()
    driver.settle()
    assert driver.digests() == digests
    assert driver.events() == events, "one that begins anew delivers nothing"


def test_a_run_on_each_partition_lives_as_long_as_the_log_grows(driver: Driver) -> None:
    begins = [driver.log.bounds(number)[1] for number in range(PARTITIONS)]
    long = make_log(driver.log, driver.topics, driver.avro, COMMANDS, "made")
    assert [one.partition for one in long] == list(range(PARTITIONS))
    for one in long:
        begin, end = begins[one.partition], driver.log.bounds(one.partition)[1]
        records = driver.log.read_all(driver.topics.commands, one.partition, begin)
        own = [record.offset for record in records if record.key == one.wf_run_id.encode()]
        assert own[0] == one.begin == begin
        assert len(own) == LONG_EVENTS + len(LONG.commands("x")[:1])
        longest = max(later - earlier for earlier, later in pairwise(own))
        assert longest < (end - begin) / 10, "its turns lie all over the log"


def test_who_appends_meanwhile_is_noticed(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    log, topics = driver.log, driver.topics
    deliver = log.deliver

    def and_another(messages: list[Message]) -> object:
        log.append_and_wait(Message(topics.commands, b"other", b"no command"))
        return deliver(messages)

    monkeypatch.setattr(log, "deliver", and_another)
    monkeypatch.setattr(made, "CHUNK", 100)
    with pytest.raises(BenchError, match="others append"):
        make_log(log, topics, driver.avro, 500, "made")
