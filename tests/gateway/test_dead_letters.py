"""Dead letters, beyond what tests/gateway/test_documented_operators.py asks: many of them, and
one that is sent again twice."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

from penstock.contracts.avro import Avro
from penstock.contracts.records import RETRIED, DeadRecord
from penstock.contracts.topics import Topics, TopicSettings
from penstock.contracts.wire import STAMP, Sent, command_value
from penstock.core.commands.put_external_event import PutExternalEvent
from penstock.core.ids import partition_of_run
from penstock.gateway.dead_letters import letter_at, newest_letters, retry
from penstock.log.embedded import EmbeddedLog
from penstock.log.port import Message
from tests.gateway.served import Served, waiting_for_event

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


def test_operators_who_retry_one_letter_at_once_have_it_done_once(served: Served) -> None:
    """Neither sees that the other did, as after an append that was not answered but came."""
    made = served.made
    for event_def in ("lost-event", "other-event"):
        served.good("PUT", "/v1/external-event-defs?wait=all", {"name": event_def})
    served.good("PUT", "/v1/wf-specs?wait=all", waiting_for_event("loses-event", "lost-event"))
    run_id = served.run("loses-event")
    command = PutExternalEvent(wf_run_id=run_id, event_def="other-event", content=1)
    value = command_value(AVRO, Sent(command=command))
    dead = DeadRecord(
        topic=made.topics.commands,
        partition=partition_of_run(run_id, made.log.partitions),
        offset=1_000_000,
        code="MALFORMED",
        message="",
        key=run_id.encode(),
        value=value,
        value_bytes=len(value),
    )
    note = Message(made.topics.dead_letters, b"k", AVRO.encode(dead), {STAMP: b""})
    number = made.log.append_and_wait(note).offset
    letter, retried = letter_at(made.log, AVRO, made.topics, number)
    assert letter is not None

    positions = [
        retry(
            letter,
            log=made.log,
            avro=AVRO,
            topics=made.topics,
            retried=retried,
            principal=operator,
        )
        for operator in ("one", "two")
    ]

    path = f"/v1/wf-runs/{run_id}/external-events?at_least={positions[-1]}"
    events = served.good("GET", path)["items"]
    assert [event["content"] for event in events] == [1]
    assert served.refused("POST", f"/v1/dead-letters/{number}/retry")[1] == "NOT_RETRYABLE"
