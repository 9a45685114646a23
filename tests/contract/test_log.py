"""What every log promises (log/port.py), tried on each of them."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Sequence

import pytest

from penstock.core.ids import partition_of
from penstock.log.port import (
    AppendRefused,
    Gone,
    LogError,
    Message,
    Position,
    Record,
)
from tests.contract.logs import (
    PARTITIONS,
    RECORD_BYTES_MAX,
    Logs,
    commands,
    owner,
    read,
    until,
    values,
)

# --- appending and reading ------------------------------------------------------------------------


def test_a_partition_keeps_the_order_of_its_records(logs: Logs) -> None:
    log = logs.open()
    sent = [b"%d" % number for number in range(300)]
    for message in commands(logs, *sent, partition=1):
        log.append(message)
    log.flush()

    owner(log)
    records = read(log, 300)

    assert values(records) == sent
    offsets = [record.offset for record in records]
    assert offsets == sorted(set(offsets))


def test_a_position_is_where_the_record_is_read(logs: Logs) -> None:
    log = logs.open()
    first, second = (log.append_and_wait(one) for one in commands(logs, b"a", b"b", partition=2))

    owner(log)
    records = read(log, 2)

    assert [Position(one.partition, one.offset) for one in records] == [first, second]
    assert first.partition == 2 and first < second
    assert str(second) == f"2:{second.offset}"


def test_the_key_chooses_the_partition_as_murmur2_does(logs: Logs) -> None:
    log = logs.open()
    keys = [secrets.token_bytes(length) for length in range(1, 70)] + [
        b"wf-run-1",
        "läuft".encode(),
    ]
    topic = f"{logs.cluster}.commands"

    log.deliver([Message(topic, key, b"") for key in keys])
    appended = {key: log.append_and_wait(Message(topic, key, b"")) for key in keys[:9]}

    owner(log)
    records = read(log, len(keys) + 9)
    assert {one.key: one.partition for one in records} == {
        key: partition_of(key, PARTITIONS) for key in keys
    }
    assert all(at.partition == partition_of(key, PARTITIONS) for key, at in appended.items())


def test_records_come_back_as_they_were_sent(logs: Logs) -> None:
    log = logs.open()
    topic = f"{logs.cluster}.commands"
    headers = {"a": b"1", "empty": b"", "bytes": bytes(range(256)), "ключ": b"x"}
    sent = [
        Message(topic, b"key", b"value", headers, 0),
        Message(topic, None, b"value", {}, 0),
        Message(topic, b"key", None, {}, 0),
        Message(topic, None, None, {}, 0),
        Message(topic, b"", b"", {}, 0),
        Message(topic, bytes(range(256)), bytes(range(256)) * 400, {}, 0),
    ]

    assert log.deliver(sent) == []

    owner(log)
    got = read(log, len(sent))
    assert [(one.key, one.value, dict(one.headers)) for one in got] == [
        (one.key, one.value, dict(one.headers)) for one in sent
    ]


def test_times_are_those_of_appending(logs: Logs) -> None:
    log = logs.open()
    before_ms = time.time_ns() // 1_000_000
    for message in commands(logs, *[b""] * 20):
        log.append_and_wait(message)
    after_ms = time.time_ns() // 1_000_000

    owner(log)
    times = [record.timestamp_ms for record in read(log, 20)]

    assert times == sorted(times)
    assert before_ms - 1 <= times[0] and times[-1] <= after_ms + 1


def test_every_append_is_acknowledged_once(logs: Logs) -> None:
    log = logs.open()
    results: list[Position | LogError] = []
    for message in commands(logs, *[b"%d" % number for number in range(50)]):
        log.append(message, results.append)
    log.flush()
    until(lambda: len(results) >= 50)

    assert len(set(map(str, results))) == 50
    assert all(isinstance(one, Position) for one in results)


def test_a_record_that_is_too_large_is_refused(logs: Logs) -> None:
    log = logs.open()
    message = commands(logs, bytes(RECORD_BYTES_MAX + 1))[0]
    results: list[Position | LogError] = []

    with pytest.raises(AppendRefused) as refused:
        log.append_and_wait(message)
    log.append(message, results.append)
    until(lambda: results)

    assert refused.value.refused.code == "TOO_LARGE"
    assert isinstance(results[0], AppendRefused)
    assert results[0].refused.message is message


def test_one_mebibyte_less_a_little_is_taken(logs: Logs) -> None:
    log = logs.open()
    value = secrets.token_bytes(1024 * 1024 - 1024)

    log.append_and_wait(commands(logs, value)[0])

    owner(log)
    assert values(read(log, 1)) == [value]


def test_many_threads_append(durable: Logs) -> None:
    log = durable.open()
    positions: list[Position] = []

    def work(name: int) -> None:
        for number in range(50):
            message = commands(durable, b"%d:%d" % (name, number))[0]
            positions.append(log.append_and_wait(message))

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    owner(log)
    records = read(log, 400)
    assert len(set(positions)) == 400
    for name in range(8):  # each thread's own order is kept
        mine = [one for one in values(records) if one and one.startswith(b"%d:" % name)]
        assert mine == [b"%d:%d" % (name, number) for number in range(50)]


# --- polling --------------------------------------------------------------------------------------


def test_a_poll_returns_at_once_with_what_is_there(durable: Logs) -> None:
    log = durable.open()
    owner(log)
    log.append_and_wait(commands(durable, b"x")[0])

    started_s = time.monotonic()
    records = log.poll(1000, 20.0)

    assert values(records) == [b"x"]
    assert time.monotonic() - started_s < 10


def test_a_waiting_poll_is_woken_by_an_append(durable: Logs) -> None:
    log = durable.open()
    owner(log)
    waits_s: list[float] = []
    for number in range(20):
        sent_s: list[float] = []

        def append(number: int = number, sent_s: list[float] = sent_s) -> None:
            sent_s.append(time.monotonic())
            log.append(commands(durable, b"%d" % number)[0])

        timer = threading.Timer(0.02, append)
        timer.start()
        assert values(log.poll(10, 20.0)) == [b"%d" % number]
        waits_s.append(time.monotonic() - sent_s[0])
        timer.join()

    assert sorted(waits_s)[5] < 0.1  # a shared machine; alone it is 0.2 to 1 ms


def test_an_empty_poll_ends_in_time(logs: Logs) -> None:
    log = logs.open()
    owner(log)

    started_s = time.monotonic()
    assert log.poll(10, 0.3) == []

    assert time.monotonic() - started_s < 10


def test_a_poll_gives_no_more_than_asked_for(logs: Logs) -> None:
    log = logs.open()
    log.deliver(commands(logs, *[b"%d" % number for number in range(100)]))
    owner(log)

    got: list[Record] = []

    def poll() -> bool:
        records = log.poll(7, 0.2)
        assert len(records) <= 7
        got.extend(records)
        return len(got) >= 100

    until(poll)
    assert values(got) == [b"%d" % number for number in range(100)]


def test_reading_starts_where_asked_and_starts_again(logs: Logs) -> None:
    log = logs.open()
    log.deliver(commands(logs, *[b"%d" % number for number in range(3000)]))
    offsets = [one.offset for one in log.read_all(f"{logs.cluster}.commands")]
    owner(log, lambda partition: offsets[2500] if partition == 0 else 0)

    assert values(read(log, 500, extra_s=0.2)) == [b"%d" % number for number in range(2500, 3000)]

    for start in (0, 2999, 1234, 1235, 7, 0):
        log.read_from(0, offsets[start])
        log.poll(10, 0.05)  # some of it is under way when it starts again
        log.read_from(0, offsets[start])
        records = read(log, 3000 - start, extra_s=0.1)
        assert values(records) == [b"%d" % number for number in range(start, 3000)]


def test_nothing_is_read_before_it_is_asked_for(durable: Logs) -> None:
    log = durable.open()
    for partition in range(PARTITIONS):
        log.deliver(commands(durable, b"x", partition=partition))
    taken: list[int] = []

    class Waiting:
        def assigned(self, partitions: Sequence[int]) -> None:
            taken.extend(partitions)

        def revoked(self, partitions: object) -> None: ...

        def lost(self, partitions: object) -> None: ...

    log.subscribe(Waiting())

    def all_there() -> bool:
        assert log.poll(10, 0.05) == []
        return len(taken) == PARTITIONS

    until(all_there)
    assert log.poll(10, 0.5) == []

    log.read_from(3, 0)

    assert [one.partition for one in read(log, 1, extra_s=0.3)] == [3]


def test_an_offset_that_is_not_there_is_gone(logs: Logs) -> None:
    log = logs.open()
    owner(log)

    with pytest.raises(Gone, match="1000") as gone:  # noqa: PT012
        log.read_from(1, 1000)
        read(log, 1)
    assert gone.value.partition == 1


# --- delivering -----------------------------------------------------------------------------------


def test_a_batch_is_delivered_in_order(logs: Logs) -> None:
    log = logs.open()
    sent = commands(logs, *[b"%d" % number for number in range(5000)], partition=None)
    sent = [Message(one.topic, (one.value or b"")[-1:], one.value) for one in sent]
    calls: list[int] = []

    assert log.deliver(sent, lambda: calls.append(1)) == []

    owner(log)
    records = read(log, 5000, extra_s=0.1)
    assert len(records) == 5000 and calls == [1]
    for key in {one.key for one in sent}:
        assert [one.value for one in records if one.key == key] == [
            one.value for one in sent if one.key == key
        ]


def test_one_too_large_does_not_take_others_with_it(logs: Logs) -> None:
    log = logs.open()
    sent = commands(logs, *[b"%d" % number for number in range(200)])
    sent.insert(100, commands(logs, bytes(RECORD_BYTES_MAX + 1))[0])

    refused = log.deliver(sent)

    assert [(one.message is sent[100], one.code) for one in refused] == [(True, "TOO_LARGE")]
    owner(log)
    assert values(read(log, 200, extra_s=0.2)) == [b"%d" % number for number in range(200)]


def test_a_topic_that_takes_little_refuses_one_of_a_batch(durable: Logs) -> None:
    """On Kafka the broker refuses all of the batch that the large one is in."""
    log = durable.open()
    topic = f"{durable.cluster}.tasks.small.t"
    sent = [Message(topic, b"k", b"%d" % number) for number in range(20)]
    sent[7] = Message(topic, b"k", bytes(3000))

    refused = log.deliver(sent)

    assert [(one.message is sent[7], one.code) for one in refused] == [(True, "TOO_LARGE")]
    records = log.read_all(topic)
    assert values(records) == [one.value for one in sent if one is not sent[7]]


def test_the_topic_of_a_task_is_made_when_it_is_needed(logs: Logs) -> None:
    log = logs.open()
    topic = f"{logs.cluster}.tasks.default.new"

    assert log.read_all(topic) == []
    assert log.deliver([Message(topic, b"k", b"task")]) == []
    assert log.deliver([Message(topic, b"k", b"task 2")]) == []

    number = partition_of(b"k", PARTITIONS)
    assert values(log.read_all(topic, number)) == [b"task", b"task 2"]


def test_a_topic_that_can_not_be_is_named(logs: Logs) -> None:
    log = logs.open()
    sent = [
        Message(f"{logs.cluster}.nothing", b"k", b"x"),
        *commands(logs, b"a"),
        Message(f"{logs.cluster}.nothing", b"k", b"y"),
        *commands(logs, b"b"),
    ]

    started_s = time.monotonic()
    refused = log.deliver(sent)

    assert [one.message for one in refused] == [sent[0], sent[2]]
    assert {one.code for one in refused} == {"NO_TOPIC"}
    assert time.monotonic() - started_s < 15, "half of what a delivery may take"
    owner(log)
    assert values(read(log, 2, extra_s=0.1)) == [b"a", b"b"]
    with pytest.raises(AppendRefused):
        log.append_and_wait(sent[0])


def test_nothing_to_deliver(logs: Logs) -> None:
    calls: list[int] = []
    assert logs.open().deliver([], lambda: calls.append(1)) == []
    assert calls == [1]
