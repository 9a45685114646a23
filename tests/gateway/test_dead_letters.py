"""Dead letters, beyond what tests/gateway/test_documented_operators.py asks: many of them."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

from penstock.contracts.avro import Avro
from penstock.contracts.records import RETRIED, DeadRecord
from penstock.contracts.topics import Topics, TopicSettings
from penstock.contracts.wire import STAMP
from penstock.gateway.dead_letters import letter_at, newest_letters
from penstock.log.embedded import EmbeddedLog
from penstock.log.port import Message

LETTERS = 500
LETTER_BYTES = 30_000
AVRO = Avro()
TOPICS = Topics("penstock", 1)


def buried(number: int) -> Message:
    """A dead letter; the first one was sent again, as the last one tells."""
    dead = DeadRecord(
        topic=TOPICS.commands,
        partition=0,
        offset=number,
        code="MALFORMED" if number % 2 else "DENIED",
        message="",
        value=bytes(LETTER_BYTES),
        value_bytes=LETTER_BYTES,
    )
    if number == LETTERS - 1:
        dead = DeadRecord(
            topic=TOPICS.dead_letters, partition=0, offset=1, code=RETRIED, message=""
        )
    return Message(TOPICS.dead_letters, b"k", AVRO.encode(dead), {STAMP: b""})


def test_to_look_at_few_of_many_takes_little_memory(tmp_path: Path) -> None:
    log = EmbeddedLog(
        tmp_path,
        commands=TOPICS.commands,
        partitions=1,
        on_demand=TOPICS.on_demand,
        tail_bytes_max=0,
    )
    log.ensure_topics([TopicSettings(TOPICS.dead_letters, 1)])
    for number in range(LETTERS):
        log.append_and_wait(buried(number))

    tracemalloc.start()
    try:
        newest, total, retried = newest_letters(log, AVRO, TOPICS, "MALFORMED", 3)
        oldest, retried_since = letter_at(log, AVRO, TOPICS, 1)
        none, _ = letter_at(log, AVRO, TOPICS, LETTERS)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        log.close()

    assert [letter.number for letter in newest] == [497, 495, 493]
    assert (total, retried, retried_since) == (249, {1}, {1})
    assert oldest is not None and oldest.number == 1
    assert none is None
    assert peak_bytes < LETTERS * LETTER_BYTES * 0.8, "not even all of the values"
