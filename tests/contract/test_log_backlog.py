"""What every log says of what waits for a group, and of its own settings."""

from __future__ import annotations

from penstock.log.port import NOT_KNOWN, Backlog, Message
from tests.contract.logs import Logs, read, until


def test_a_backlog_is_what_a_group_has_not_done(logs: Logs) -> None:
    log = logs.open()
    topic = f"{logs.cluster}.tasks.default.work"
    assert log.backlog(topic, topic) == Backlog(0), "there is no such topic yet"
    for number in range(5):
        log.append_and_wait(Message(topic, b"run", b"%d" % number))
    before = log.backlog(topic, topic)
    assert before.records == 5
    consumer = log.consumer(topic, topic)
    records = read(consumer, 5)
    assert before.oldest_ms == records[0].timestamp_ms
    consumer.commit(records[2].partition, records[2].offset + 1)
    until(lambda: log.backlog(topic, topic).records == 2)
    assert log.backlog(topic, topic).oldest_ms == records[3].timestamp_ms
    heads = log.backlog(topic, topic, heads=True).heads
    assert heads.pop(records[3].partition) == records[3]
    assert set(heads.values()) == {None}
    assert log.backlog(topic, "another-group").records == 5
    consumer.commit(records[4].partition, records[4].offset + 1)
    until(lambda: log.backlog(topic, topic) == Backlog(0))
    consumer.close()


def test_of_a_mark_beyond_the_end_it_is_not_known_what_waits(logs: Logs) -> None:
    """It is of another topic that had this name before."""
    log = logs.open()
    topic = f"{logs.cluster}.tasks.default.work"
    log.append_and_wait(Message(topic, b"run", b"0"))
    consumer = log.consumer(topic, topic)
    [record] = read(consumer, 1)
    consumer.commit(record.partition, record.offset + 1_000)
    until(lambda: log.backlog(topic, topic, heads=True).heads[record.partition] == NOT_KNOWN)
    found = log.backlog(topic, topic, heads=True)
    assert (found.records, found.oldest_ms) == (0, None)
    others = {number: head for number, head in found.heads.items() if number != record.partition}
    assert set(others.values()) == {None}
    consumer.close()


def test_a_log_that_was_just_made_is_not_wrong(logs: Logs) -> None:
    assert logs.open().survey([]).wrong == []
