"""What every log promises about marks, looks at its records, opening again and groups."""

from __future__ import annotations

import threading
import time
from collections import Counter
from contextlib import closing

import pytest

from penstock.contracts.topics import TopicSettings
from penstock.log.port import (
    Consumer,
    LogError,
    LogFatal,
    Mark,
    Message,
    Record,
)
from tests.contract.logs import (
    PARTITIONS,
    TASKS_CONFIG,
    Logs,
    MemoryLogs,
    commands,
    owner,
    read,
    until,
    values,
)

# --- marks and looks ------------------------------------------------------------------------------


def test_a_mark_is_kept_with_its_metadata(logs: Logs) -> None:
    log = logs.open()
    log.deliver(commands(logs, *[b"x"] * 10))
    owner(log)
    assert log.committed(0) is None

    log.commit(0, Mark(3, "topic abc, hash 1234"))
    log.commit(1, Mark(0))
    assert log.committed(0) == Mark(3, "topic abc, hash 1234")
    log.commit(0, Mark(5, '{"ruling": "ä"}'))
    if not isinstance(logs, MemoryLogs):
        log.close()
    log = logs.open()

    assert log.committed(0) == Mark(5, '{"ruling": "ä"}')
    assert log.committed(1) == Mark(0)
    assert log.committed(2) is None


def test_new_topics_begin_with_a_mark(logs: Logs) -> None:
    log = logs.open()
    log.append_and_wait(commands(logs, b"somebody is early", partition=1)[0])

    log.ensure_marks(Mark(0, "first"))

    assert [log.committed(number) for number in range(PARTITIONS)] == [Mark(0, "first")] * 4


def test_a_mark_that_is_there_stays(logs: Logs) -> None:
    log = logs.open()
    log.deliver(commands(logs, b"x", b"y"))
    log.commit(0, Mark(2, "ours"))
    log.commit(1, Mark(0, "ours"))

    log.ensure_marks(Mark(0, "first"))
    log.ensure_marks(Mark(0, "second"))

    assert log.committed(0) == Mark(2, "ours")
    assert log.committed(1) == Mark(0, "ours")
    assert log.committed(2) == Mark(0, "first")


def test_topics_whose_maker_died_get_marks_where_they_are_empty(durable: Logs) -> None:
    log = durable.open()
    log.close()
    log = durable.open()
    log.append_and_wait(commands(durable, b"delivered or not?", partition=1)[0])

    log.ensure_marks(Mark(0, "first"))

    assert log.committed(1) is None
    assert log.committed(0) == log.committed(2) == log.committed(3) == Mark(0, "first")


def test_bounds(logs: Logs) -> None:
    log = logs.open()
    assert log.bounds(1) == (0, 0)

    last = [log.append_and_wait(one) for one in commands(logs, b"a", b"b", partition=1)][-1]

    assert log.bounds(1) == (0, last.offset + 1)
    assert log.bounds(0) == (0, 0)


def test_a_look_at_one_record(logs: Logs) -> None:
    log = logs.open()
    positions = [log.append_and_wait(one) for one in commands(logs, b"a", b"b", b"c")]

    for position, value in zip(positions, (b"a", b"b", b"c"), strict=True):
        record = log.read_at(0, position.offset)
        assert record is not None and (record.offset, record.value) == (position.offset, value)
    assert log.read_at(0, positions[-1].offset + 1) is None
    assert log.read_at(0, positions[-1].offset + 1000) is None
    assert log.read_at(1, 0) is None


def test_a_look_at_some_records(logs: Logs) -> None:
    """Near ones and far ones, in order; what is not there is left out."""
    log = logs.open()
    values = [str(number).encode() for number in range(300)]
    positions = [log.append_and_wait(one) for one in commands(logs, *values)]
    offsets = [positions[number].offset for number in (0, 1, 5, 290, 299)]

    found = log.read_some(0, [*offsets, positions[-1].offset + 7])

    assert [record.offset for record in found] == offsets
    assert [record.value for record in found] == [b"0", b"1", b"5", b"290", b"299"]
    assert log.read_some(0, []) == []


def test_a_look_at_all_records(logs: Logs) -> None:
    log = logs.open()
    topic = f"{logs.cluster}.verdicts"
    assert log.read_all(topic) == []
    log.ensure_topics([TopicSettings(topic, 1, {"retention.ms": "-1"})])
    assert log.read_all(topic) == []

    log.deliver([Message(topic, b"k", b"%d" % number) for number in range(2500)])

    sent = [b"%d" % number for number in range(2500)]
    assert values(log.read_all(topic)) == sent


def test_a_look_at_the_first_so_many(logs: Logs) -> None:
    """Whoever reads piece by piece never has more than a piece in memory."""
    log = logs.open()
    topic = f"{logs.cluster}.verdicts"
    assert log.read_all(topic, at_most=7) == []
    log.ensure_topics([TopicSettings(topic, 1, {"retention.ms": "-1"})])
    sent = [b"%d" % number for number in range(50)]
    log.deliver([Message(topic, b"k", value) for value in sent])

    pieces: list[list[bytes | None]] = []
    since = 0
    while records := log.read_all(topic, since=since, at_most=20):
        pieces.append(values(records))
        since = records[-1].offset + 1

    assert pieces == [sent[:20], sent[20:40], sent[40:]]
    assert log.read_all(topic, at_most=0) == []


def test_topics_that_are_there_otherwise_are_named(durable: Logs) -> None:
    log = durable.open()
    topic = f"{durable.cluster}.events"
    log.ensure_topics([TopicSettings(topic, 2, TASKS_CONFIG)])
    log.ensure_topics([TopicSettings(topic, 2, TASKS_CONFIG)])

    with pytest.raises(LogFatal, match=f"{topic}.*2 partitions"):
        log.ensure_topics([TopicSettings(topic, 3, TASKS_CONFIG)])
    with pytest.raises(LogFatal, match=r"retention.ms=604800000"):
        log.ensure_topics([TopicSettings(topic, 2, {"retention.ms": "1"})])


def test_a_log_that_is_opened_again_is_the_same(durable: Logs) -> None:
    log = durable.open()
    topic_id = log.topic_id
    sent = [b"%d" % number for number in range(100)]
    log.deliver(commands(durable, *sent))
    log.close()

    log = durable.open()

    assert topic_id and log.topic_id == topic_id
    owner(log)
    assert values(read(log, 100)) == sent
    later = log.append_and_wait(commands(durable, b"later")[0])
    assert later.offset >= 100
    assert values(read(log, 1)) == [b"later"]


def test_it_answers_until_it_is_closed_and_closes_twice(durable: Logs) -> None:
    log = durable.open()
    log.reach(10)
    log.close()
    log.close()

    with pytest.raises(LogError):
        log.poll(1, 0)
    with pytest.raises(LogError):
        log.append_and_wait(commands(durable, b"x")[0])


def test_closing_ends_a_poll_of_another_thread(durable: Logs) -> None:
    log = durable.open()
    owner(log)
    outcome: list[object] = []

    def wait() -> None:
        try:
            outcome.append(log.poll(1, 60))
        except LogFatal as error:
            outcome.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.2)
    log.close()
    thread.join(5)

    assert outcome == [[]] or isinstance(outcome[0], LogFatal)


# --- groups of workers ----------------------------------------------------------------------------


def test_a_group_reads_on_where_it_was_done(logs: Logs) -> None:
    log = logs.open()
    topic = f"{logs.cluster}.tasks.default.t"
    log.deliver([Message(topic, None, b"%d" % number, {}, 0) for number in range(10)])
    first = log.consumer(topic, "workers")
    records = read(first, 10)
    assert values(records) == [b"%d" % number for number in range(10)]
    first.commit(0, records[6].offset + 1)
    first.close()

    second = log.consumer(topic, "workers")
    assert values(read(second, 3, extra_s=0.2)) == [b"7", b"8", b"9"]
    second.close()
    if not isinstance(logs, MemoryLogs):
        log.close()
        log = logs.open()
    third = log.consumer(topic, "workers")
    assert values(read(third, 3, extra_s=0.2)) == [b"7", b"8", b"9"]
    third.close()

    others = log.consumer(topic, "auditors")
    assert len(read(others, 10)) == 10
    others.close()


def test_a_lower_commit_takes_nothing_back(durable: Logs) -> None:
    log = durable.open()
    topic = f"{durable.cluster}.tasks.default.t"
    log.deliver([Message(topic, None, b"%d" % number, {}, 0) for number in range(10)])
    first = log.consumer(topic, "workers")
    records = read(first, 10)
    first.commit(0, records[6].offset + 1)
    first.commit(0, records[2].offset + 1)
    first.close()

    second = log.consumer(topic, "workers")

    assert values(read(second, 3, extra_s=0.2)) == [b"7", b"8", b"9"]
    second.close()


def test_two_members_share_and_the_last_one_takes_over(logs: Logs) -> None:
    log = logs.open()
    topic = f"{logs.cluster}.tasks.default.t"
    first, second = log.consumer(topic, "workers"), log.consumer(topic, "workers")
    seen: dict[int, Counter[int]] = {1: Counter(), 2: Counter()}

    def both_read() -> bool:
        log.deliver([Message(topic, None, b"x", {}, number) for number in range(PARTITIONS)])
        for name, member in ((1, first), (2, second)):
            for record in member.poll(100, 0.05):
                seen[name][record.partition] += 1
                member.commit(record.partition, record.offset + 1)
        return len(seen[1]) > 0 and len(seen[2]) > 0

    until(both_read)
    first.close()
    left_s = time.monotonic()
    after: set[int] = set()

    def second_has_all() -> bool:
        log.deliver([Message(topic, None, b"y", {}, number) for number in range(PARTITIONS)])
        after.update(one.partition for one in second.poll(100, 0.05) if one.value == b"y")
        return len(after) == PARTITIONS

    until(second_has_all)
    assert time.monotonic() - left_s < 6, "the session timeout is not waited out"
    second.close()


def test_a_member_that_takes_nothing_attends(durable: Logs) -> None:
    log = durable.open()
    topic = f"{durable.cluster}.tasks.default.t"
    log.ensure_topics([TopicSettings(topic, PARTITIONS, TASKS_CONFIG)])
    log.deliver([Message(topic, None, b"%d" % number, {}, 0) for number in range(6)])
    with closing(log.consumer(topic, "workers")) as first:
        (record,) = some(first, 1)
        first.commit(0, record.offset + 1)
        count = first.attend()
        assert count == PARTITIONS

        with closing(log.consumer(topic, "workers")) as second:
            # Who joins has a share although nobody polls.
            until(lambda: not second.poll(1, 0.05) and first.attend() < count)
        until(lambda: first.attend() == count)
        assert values(some(first, 5)) == [b"1", b"2", b"3", b"4", b"5"]


def test_what_went_while_a_member_attended_is_read_when_it_comes_back(durable: Logs) -> None:
    """It was paused as it went, and nobody attends any more."""
    log = durable.open()
    topic = f"{durable.cluster}.tasks.default.t"
    log.ensure_topics([TopicSettings(topic, PARTITIONS, TASKS_CONFIG)])
    with closing(log.consumer(topic, "workers")) as first:
        until(lambda: first.attend() == PARTITIONS)
        with closing(log.consumer(topic, "workers")) as second:
            until(lambda: not second.poll(1, 0.05) and first.attend() < PARTITIONS)
            first.poll(1, 0.05)
        log.deliver(
            [Message(topic, None, b"%d" % number, {}, number) for number in range(PARTITIONS)]
        )
        assert {record.partition for record in some(first, PARTITIONS)} == set(range(PARTITIONS))


def some(consumer: Consumer, count: int) -> list[Record]:
    """So many records, and none besides is taken."""
    records: list[Record] = []

    def enough() -> bool:
        records.extend(consumer.poll(count - len(records), 0.2))
        return len(records) == count

    until(enough)
    return records


def test_a_member_that_waits_is_woken(durable: Logs) -> None:
    log = durable.open()
    topic = f"{durable.cluster}.tasks.default.t"
    member = log.consumer(topic, "workers")
    log.deliver([Message(topic, b"k", b"first")])
    read(member, 1)
    timer = threading.Timer(0.1, lambda: log.deliver([Message(topic, b"k", b"second")]))
    timer.start()

    started_s = time.monotonic()
    records = member.poll(10, 20)

    assert values(records) == [b"second"]
    assert time.monotonic() - started_s < 10
    timer.join()
    member.close()
