"""What the log on Kafka promises besides log/port.py: its topics, and offsets with holes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from penstock.log.kafka import KafkaConsumer, KafkaEngineLog, KafkaProducer
from penstock.log.kafka.marks import COMMIT_TIMEOUT_S
from penstock.log.port import (
    AppendRefused,
    LogError,
    LogFatal,
    LogUnavailable,
    Mark,
    Message,
    Position,
)
from tests.chaos.brokers import go_on, stop_still
from tests.contract.logs import (
    COMMANDS_CONFIG,
    PARTITIONS,
    KafkaLogs,
    Owner,
    commands,
    owner,
    read,
    until,
)
from tests.kafka_broker import Broker

YEAR_2100_MS = 4_102_444_800_000


@pytest.fixture
def logs(kafka_bootstrap: str, cluster_name: str) -> Iterator[KafkaLogs]:
    made = KafkaLogs(cluster_name, kafka_bootstrap)
    yield made
    made.close()


def make_topic(logs: KafkaLogs, topic: str, partitions: int, config: dict[str, str]) -> None:
    admin = AdminClient({"bootstrap.servers": logs.bootstrap})
    new = NewTopic(topic, partitions, 1, config=config)
    admin.create_topics([new])[topic].result(10)
    deadline = time.monotonic() + 10
    while admin.list_topics(topic, 5).topics[topic].error is not None:
        assert time.monotonic() < deadline, "the broker never told of the topic it made"
        time.sleep(0.01)


def bare(logs: KafkaLogs, partitions: int = PARTITIONS) -> KafkaEngineLog:
    """A log whose commands topic is somebody else's making."""
    return KafkaEngineLog(
        logs.bootstrap,
        commands=f"{logs.cluster}.commands",
        partitions=partitions,
        on_demand=logs.on_demand,
        group=f"{logs.cluster}-engine",
    )


# --- preflight ------------------------------------------------------------------------------------


@pytest.mark.fault(50)
def test_commands_must_have_log_append_time(logs: KafkaLogs) -> None:
    make_topic(logs, f"{logs.cluster}.commands", PARTITIONS, {})
    log = bare(logs)

    with pytest.raises(LogFatal, match=r"message\.timestamp\.type=CreateTime, not LogAppendTime"):
        log.subscribe(Owner(log))
    log.close()


@pytest.mark.fault(50)
def test_commands_must_have_its_number_of_partitions(logs: KafkaLogs) -> None:
    make_topic(logs, f"{logs.cluster}.commands", PARTITIONS - 1, COMMANDS_CONFIG)
    log = bare(logs)

    with pytest.raises(LogFatal, match="has 3 partitions, not 4"):
        log.subscribe(Owner(log))
    log.close()


def test_a_missing_commands_topic_is_named(logs: KafkaLogs) -> None:
    log = bare(logs)

    with pytest.raises(LogFatal, match=f"{logs.cluster}.commands"):
        _ = log.topic_id
    log.close()


@pytest.mark.fault(19)
def test_a_topic_made_again_has_another_id(logs: KafkaLogs) -> None:
    first = logs.open().topic_id
    admin = AdminClient({"bootstrap.servers": logs.bootstrap})
    topic = f"{logs.cluster}.commands"
    admin.delete_topics([topic])[topic].result(10)

    def made_again() -> bool:
        try:
            make_topic(logs, topic, PARTITIONS, COMMANDS_CONFIG)
        except Exception:  # it goes a moment after the answer
            return False
        return True

    until(made_again)
    assert logs.open().topic_id not in ("", first)


@pytest.mark.fault(26)
def test_a_forged_create_time_is_ignored(logs: KafkaLogs) -> None:
    log = logs.open()
    forger = Producer({"bootstrap.servers": logs.bootstrap})
    forger.produce(f"{logs.cluster}.commands", b"x", partition=0, timestamp=YEAR_2100_MS)
    forger.flush(10)

    owner(log)

    assert abs(read(log, 1)[0].timestamp_ms - time.time_ns() // 1_000_000) < 60_000


def test_a_producer_and_a_consumer_need_no_engine(logs: KafkaLogs) -> None:
    logs.open()
    topic = f"{logs.cluster}.tasks.default.t"
    consumer = KafkaConsumer(logs.bootstrap, topic, f"{logs.cluster}-w")
    assert consumer.poll(10, 0.2) == []  # the topic is waited for
    producer = KafkaProducer(logs.bootstrap)
    with pytest.raises(AppendRefused, match="NO_TOPIC"):
        producer.append_and_wait(Message(topic, b"k", b"x"))
    make_topic(logs, topic, 1, {})

    position = producer.append_and_wait(Message(topic, b"k", b"x"))

    assert position == Position(0, 0)
    assert [one.value for one in read(consumer, 1)] == [b"x"]
    consumer.close()
    producer.close()
    producer.close()


def test_what_is_committed_as_a_partition_goes_is_where_the_next_begins(logs: KafkaLogs) -> None:
    """To who joins, and to who is left when a member leaves."""
    log = logs.open()
    topic, group = f"{logs.cluster}.tasks.default.t", f"{logs.cluster}-w"
    make_topic(logs, topic, 2, {})
    log.deliver([Message(topic, None, b"x", {}, number) for number in (0, 1) for _ in range(5)])
    told: list[tuple[int, bool]] = []

    def left(consumer: KafkaConsumer, partitions: Sequence[int], are_lost: bool) -> None:
        for partition in partitions:
            told.append((partition, are_lost))
            consumer.commit(partition, 3)

    first = KafkaConsumer(logs.bootstrap, topic, group, left=left)
    read(first, 10)
    second = KafkaConsumer(logs.bootstrap, topic, group)
    found: dict[int, list[int]] = {}

    def comes() -> bool:
        first.attend()
        for record in second.poll(100, 0.1):
            found.setdefault(record.partition, []).append(record.offset)
        return sum(map(len, found.values())) == 2

    until(comes)
    [(moved, was_lost)] = told
    assert (found, was_lost) == ({moved: [3, 4]}, False)
    first.close()
    assert told == [(moved, False), (1 - moved, False)]
    rest = read(second, 2)
    assert [(one.partition, one.offset) for one in rest] == [(1 - moved, 3), (1 - moved, 4)]
    second.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_callback_that_fails_holds_up_no_other(logs: KafkaLogs) -> None:
    log = logs.open()

    def broken(_: Position | LogError) -> None:
        raise RuntimeError("on_ack")

    for _ in range(3):
        log.append(commands(logs, b"x")[0], broken)
        log.append_and_wait(commands(logs, b"y")[0], timeout_s=10)

    assert log.bounds(0) == (0, 6)


# --- positions ------------------------------------------------------------------------------------


def test_what_has_a_partition_by_name_is_never_without_what_was_before_it(logs: KafkaLogs) -> None:
    """A batch that fails for one record in it is overtaken by the next; so that comes again."""
    log = logs.open(settings={"batch.num.messages": "4"})
    topic = f"{logs.cluster}.tasks.small.work"
    large = os.urandom(3_000)
    sent = [Message(topic, None, value, {}, 0) for value in (b"1", large, b"2", b"3", b"4")]
    refused = log.deliver(sent)
    assert [(one.message is sent[1], one.code) for one in refused] == [(True, "TOO_LARGE")]
    found = [record.value for record in log.read_all(topic)]
    assert found[-4:] == [b"1", b"2", b"3", b"4"]


def test_offsets_with_holes(logs: KafkaLogs) -> None:
    """A transaction of somebody else leaves a marker, which takes an offset and is no record."""
    log = logs.open()
    topic = f"{logs.cluster}.commands"
    other = Producer({"bootstrap.servers": logs.bootstrap, "transactional.id": logs.cluster})
    other.init_transactions(30)
    for number in range(4):
        other.begin_transaction()
        other.produce(topic, b"%d" % number, partition=0)
        other.flush(10)
        if number == 2:
            other.abort_transaction(30)
        else:
            other.commit_transaction(30)

    records = log.read_all(topic)
    assert [one.value for one in records] == [b"0", b"1", b"3"]
    assert [one.offset for one in records] == [0, 2, 6]
    until(lambda: log.bounds(0) == (0, 8))  # the last marker comes after its commit was answered
    found = log.read_at(0, 3)
    assert found is not None and found.offset == 6
    assert log.read_at(0, 7) is None
    owner(log)
    assert [one.offset for one in read(log, 3, extra_s=0.2)] == [0, 2, 6]
    until(lambda: log.poll(1, 0.05) or log.read_out_to(0))
    log.read_from(0, 1)
    assert log.read_out_to(0) is None
    assert [one.offset for one in read(log, 2, extra_s=0.2)] == [2, 6]
    log.read_from(0, 8)
    last = log.append_and_wait(commands(logs, b"4")[0])
    assert [one.offset for one in read(log, 1)] == [last.offset] == [8]


@pytest.mark.parametrize("start", [0, 3, 4])
def test_a_partition_is_read_out_when_the_log_says_so(logs: KafkaLogs, start: int) -> None:
    """Whether it ends in a record or not, and whoever begins behind the last one."""
    log = logs.open()
    log.deliver(commands(logs, b"0", b"1"))
    other = Producer({"bootstrap.servers": logs.bootstrap, "transactional.id": logs.cluster})
    other.init_transactions(30)
    other.begin_transaction()
    other.produce(f"{logs.cluster}.commands", b"2", partition=0)
    other.commit_transaction(30)
    until(lambda: log.bounds(0) == (0, 4))  # its marker comes after the commit was answered

    owner(log, lambda number: start if number == 0 else 0)
    offsets: list[int] = []

    def all_read() -> bool:
        offsets.extend(one.offset for one in log.poll(1, 0.05))
        return [log.read_out_to(number) for number in range(PARTITIONS)] == [4, 0, 0, 0]

    until(all_read)
    assert offsets == list(range(start, 3))


def test_a_leader_that_is_silent_is_not_read_out(own_broker: Broker, cluster_name: str) -> None:
    """It may have any number of records yet."""
    logs = KafkaLogs(cluster_name, own_broker.bootstrap)
    log = logs.open(session_timeout_ms=30_000)
    owner(log)
    log.deliver(commands(logs, b"0", b"1", b"2"))
    assert [one.offset for one in read(log, 3)] == [0, 1, 2]
    until(lambda: log.poll(1, 0.05) or log.read_out_to(0))

    stop_still(own_broker)
    try:
        log.read_from(0, 1)
        assert log.poll(10, 3.0) == []
        assert log.read_out_to(0) is None
    finally:
        go_on(own_broker)
    assert [one.offset for one in read(log, 2)] == [1, 2]
    until(lambda: log.poll(1, 0.05) or log.read_out_to(0))
    logs.close()


@pytest.mark.timeout(120)
def test_a_commit_that_nobody_answers_has_an_end(own_broker: Broker, cluster_name: str) -> None:
    """Whoever commits goes on with other things; no later mark is overtaken by that one."""
    logs = KafkaLogs(cluster_name, own_broker.bootstrap)
    log = logs.open(session_timeout_ms=30_000)
    owner(log)
    log.commit(0, Mark(1))
    stop_still(own_broker)
    for number in (2, 3):
        began_s = time.monotonic()
        with pytest.raises(LogUnavailable, match="has not answered"):
            log.commit(0, Mark(number))
        assert time.monotonic() - began_s < 3 * COMMIT_TIMEOUT_S
    go_on(own_broker)
    until(lambda: _is_committed(log, Mark(4)))
    assert log.committed(0) == Mark(4)
    logs.close()


def _is_committed(log: KafkaEngineLog, mark: Mark) -> bool:
    try:
        log.commit(0, mark)
    except LogUnavailable:
        return False
    return True
