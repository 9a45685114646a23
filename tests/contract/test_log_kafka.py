"""What the log on Kafka promises besides log/port.py: ownership, fencing, a broker that fails."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from penstock.log.kafka import KafkaConsumer, KafkaEngineLog, KafkaProducer
from penstock.log.port import (
    AppendRefused,
    Fenced,
    LogError,
    LogFatal,
    LogUnavailable,
    Mark,
    Message,
    Position,
    Record,
)
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

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "deploy" / "broker"))
import broker

YEAR_2100_MS = 4_102_444_800_000


@pytest.fixture
def logs(kafka_bootstrap: str, cluster_name: str) -> Iterator[KafkaLogs]:
    made = KafkaLogs(cluster_name, kafka_bootstrap)
    yield made
    made.close()


@pytest.fixture
def own_broker() -> Iterator[broker.Broker]:
    """A broker that the test may stop and kill."""
    with broker.Broker(heap_mib=384) as own:
        yield own


def make_topic(logs: KafkaLogs, topic: str, partitions: int, config: dict[str, str]) -> None:
    admin = AdminClient({"bootstrap.servers": logs.bootstrap})
    new = NewTopic(topic, partitions, 1, config=config)
    admin.create_topics([new])[topic].result(10)


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


def test_commands_must_have_log_append_time(logs: KafkaLogs) -> None:
    make_topic(logs, f"{logs.cluster}.commands", PARTITIONS, {})
    log = bare(logs)

    with pytest.raises(LogFatal, match=r"message\.timestamp\.type=CreateTime, not LogAppendTime"):
        log.subscribe(Owner(log))
    log.close()


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


# --- positions ------------------------------------------------------------------------------------


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
    assert log.bounds(0) == (0, 8)
    found = log.read_at(0, 3)
    assert found is not None and found.offset == 6
    assert log.read_at(0, 7) is None
    owner(log)
    assert [one.offset for one in read(log, 3, extra_s=0.2)] == [0, 2, 6]
    log.read_from(0, 1)
    assert [one.offset for one in read(log, 2, extra_s=0.2)] == [2, 6]
    log.read_from(0, 8)
    last = log.append_and_wait(commands(logs, b"4")[0])
    assert [one.offset for one in read(log, 1)] == [last.offset] == [8]


def test_a_log_that_begins_later_is_fatal(logs: KafkaLogs) -> None:
    log = logs.open()
    log.deliver(commands(logs, *[b"x"] * 20))
    admin = AdminClient({"bootstrap.servers": logs.bootstrap})
    cut = TopicPartition(f"{logs.cluster}.commands", 0, 10)
    for future in admin.delete_records([cut]).values():
        future.result(10)

    assert log.bounds(0) == (10, 20)
    first = log.read_at(0, 3)
    assert first is not None and first.offset == 10
    owner(log, lambda partition: 10 if partition == 0 else 0)
    assert len(read(log, 10)) == 10
    log.read_from(0, 3)
    with pytest.raises(LogFatal, match="partition 0 can not be read from 3"):
        read(log, 1)


# --- ownership ------------------------------------------------------------------------------------


class Member:
    """An engine of a group, polled by a thread; positions are shared as stores would share them."""

    def __init__(self, log: KafkaEngineLog, positions: dict[int, int]) -> None:
        self.log = log
        self.records: list[Record] = []
        self.errors: list[Exception] = []
        self.owner = Owner(log, lambda partition: positions.get(partition, 0))
        self._positions = positions
        self._stop = threading.Event()
        log.subscribe(self.owner)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                for record in self.log.poll(100, 0.05):
                    assert record.partition in self.owner.owned
                    self._positions[record.partition] = record.offset + 1
                    self.log.commit(record.partition, Mark(record.offset + 1))
                    self.records.append(record)
        except Exception as error:
            self.errors.append(error)

    def leave(self) -> None:
        self._stop.set()
        self._thread.join(10)
        self.log.close()


def test_two_engines_share_and_hand_over(logs: KafkaLogs) -> None:
    positions: dict[int, int] = {}
    first = Member(logs.open(), positions)
    until(lambda: len(first.owner.owned) == PARTITIONS)
    second = Member(logs.open(), positions)
    writer = logs.open()
    sent: list[bytes] = []

    def send() -> None:
        for partition in range(PARTITIONS):
            sent.append(b"%d" % len(sent))
            writer.deliver(commands(logs, sent[-1], partition=partition))

    def shared() -> bool:
        send()
        return len(first.owner.owned) == len(second.owner.owned) == PARTITIONS // 2

    until(lambda: shared() or first.errors or second.errors)
    assert first.owner.owned | second.owner.owned == set(range(PARTITIONS))
    send()
    until(lambda: len(first.records) + len(second.records) >= len(sent))

    left_s = time.monotonic()
    first.leave()
    until(lambda: len(second.owner.owned) == PARTITIONS)
    assert time.monotonic() - left_s < 3  # the session timeout is 6 s
    send()
    until(lambda: len(first.records) + len(second.records) >= len(sent))
    second.leave()

    assert first.errors == second.errors == []
    assert sorted(int(one.value or b"") for one in first.records + second.records) == list(
        range(len(sent))
    )
    assert ("lost", ()) not in first.owner.epochs
    for partition in range(PARTITIONS):
        mark = writer.committed(partition)
        assert mark is not None and mark.next_offset == positions[partition]


@pytest.mark.timeout(90)
def test_an_engine_that_was_away_too_long_is_fenced(logs: KafkaLogs) -> None:
    log = logs.open(settings={"max.poll.interval.ms": "6000"})
    log.deliver(commands(logs, b"a", b"b"))
    slow = owner(log)
    log.commit(0, Mark(1))
    other = Member(logs.open(), {})

    until(lambda: other.owner.owned == set(range(PARTITIONS)))  # since `log` does not poll
    until(lambda: other.records)
    with pytest.raises(Fenced):
        log.commit(0, Mark(2))
    until(lambda: log.poll(1, 0.1) is None or any(kind == "lost" for kind, _ in slow.epochs))

    with pytest.raises(Fenced):
        log.read_from(next(iter(set(range(PARTITIONS)) - slow.owned), 0), 0)
    other.leave()
    assert other.errors == []


def test_only_the_owner_commits(logs: KafkaLogs) -> None:
    first = logs.open()
    first.commit(1, Mark(0, "made"))  # nobody is in the group yet: preflight
    owner(first)
    outsider = logs.open()

    assert first.committed(1) == Mark(0, "made")
    with pytest.raises(Fenced):
        outsider.commit(1, Mark(7))
    first.commit(1, Mark(0, "ours"))
    assert outsider.committed(1) == Mark(0, "ours")


def test_fixed_partitions(logs: KafkaLogs) -> None:
    log = logs.open(group="fixed", assignment=[1, 3])
    for partition in range(PARTITIONS):
        log.deliver(commands(logs, b"%d" % partition, partition=partition))
    taken = Owner(log)
    log.subscribe(taken)

    records = read(log, 2, extra_s=0.3)

    assert taken.epochs == [("assigned", (1, 3))]
    assert sorted(one.partition for one in records) == [1, 3]
    log.commit(3, Mark(1, "m"))
    assert log.committed(3) == Mark(1, "m")
    with pytest.raises(Fenced):
        log.commit(0, Mark(1))


def test_an_error_of_the_owner_ends_the_poll(logs: KafkaLogs) -> None:
    class Broken(Owner):
        def assigned(self, partitions: Sequence[int]) -> None:
            raise LogFatal("no disk")

    log = logs.open()
    log.subscribe(Broken(log))

    with pytest.raises(LogFatal, match="no disk"):
        until(lambda: log.poll(1, 0.1))


# --- a broker that fails --------------------------------------------------------------------------


def test_no_broker_is_said_in_time(cluster_name: str) -> None:
    log = KafkaEngineLog(
        "127.0.0.1:1",
        commands=f"{cluster_name}.commands",
        partitions=1,
        on_demand=lambda _: None,
        group="g",
        deliver_timeout_s=1.0,
    )
    started_s = time.monotonic()
    with pytest.raises(LogUnavailable):
        log.reach(1)
    with pytest.raises(LogUnavailable):
        log.deliver([Message(f"{cluster_name}.commands", b"k", b"v")])
    assert time.monotonic() - started_s < 6
    log.close()


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_broker_that_stalls_and_one_that_dies(
    own_broker: broker.Broker, cluster_name: str
) -> None:
    logs = KafkaLogs(cluster_name, own_broker.bootstrap)
    log = logs.open(deliver_timeout_s=2.0)
    owner(log)
    log.deliver(commands(logs, b"before"))
    assert own_broker.pid is not None

    os.kill(own_broker.pid, signal.SIGSTOP)
    started_s = time.monotonic()
    with pytest.raises(LogUnavailable):
        log.deliver(commands(logs, b"stalled 1", b"stalled 2"))
    assert time.monotonic() - started_s < 8
    acks: list[Position | LogError] = []
    log.append(commands(logs, b"append")[0], acks.append)
    os.kill(own_broker.pid, signal.SIGCONT)
    _deliver_until_it_goes(log, commands(logs, b"stalled 1", b"stalled 2"))
    until(lambda: acks)
    assert isinstance(acks[0], Position)

    own_broker.kill()
    log.append(commands(logs, b"while it is dead")[0], acks.append)
    own_broker.start()
    _deliver_until_it_goes(log, commands(logs, b"after"))
    until(lambda: len(acks) == 2)
    assert isinstance(acks[1], Position)

    values: list[bytes | None] = []

    def all_there() -> bool:
        values.extend(one.value for one in log.poll(100, 0.2))
        return {b"append", b"while it is dead", b"after"} <= set(values)

    until(all_there)
    assert values[0] == b"before"
    # What was given up may have been written all the same; what was delivered is there in order.
    assert values[: values.index(b"after")].count(b"stalled 1") in (1, 2)
    delivered = [one for one in values if one in (b"stalled 1", b"stalled 2")]
    assert delivered[-2:] == [b"stalled 1", b"stalled 2"]
    logs.close()


def _deliver_until_it_goes(log: KafkaEngineLog, messages: list[Message]) -> None:
    def goes() -> bool:
        try:
            log.deliver(messages)
        except LogUnavailable:
            return False
        return True

    until(goes)
