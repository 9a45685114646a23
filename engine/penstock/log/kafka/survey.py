"""A look at Kafka before a start, and at what waits for a group.

What is asked for when topics are made is compared by `KafkaTopics.problems`. Here is the rest: what
the brokers' defaults, or somebody's change, would make of our records.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from confluent_kafka import KafkaError

from penstock.contracts.topics import TopicSettings
from penstock.core.limits import RECORD_BYTES_MAX
from penstock.log.backlog import Span, backlog_from
from penstock.log.kafka.clients import NO_TOPIC, log_error
from penstock.log.kafka.consume import KafkaReads
from penstock.log.kafka.topics import KafkaTopics, TopicFound
from penstock.log.port import Backlog, Record, Survey

MESSAGE_BYTES: Final = "max.message.bytes"
IN_SYNC: Final = "min.insync.replicas"
UNCLEAN: Final = "unclean.leader.election.enable"


def survey(topics: KafkaTopics, wanted: Sequence[TopicSettings]) -> Survey:
    """What is wrong with topics, and what is doubtful."""
    wrong: list[str] = []
    doubtful: dict[str, list[str]] = {}  # by reason, the topics
    described = topics.describe([settings.name for settings in wanted])
    for settings in wanted:
        one = described[settings.name]
        if not isinstance(one, KafkaError):
            has = topics.config(settings.name)
            problems, doubts = judged(settings, one, has)
            wrong += problems
            for doubt in doubts:
                doubtful.setdefault(doubt, []).append(settings.name)
    return Survey(wrong, [f"{doubt} ({', '.join(of)})" for doubt, of in doubtful.items()])


def judged(
    settings: TopicSettings, found: TopicFound, has: Mapping[str, str]
) -> tuple[list[str], list[str]]:
    """The same of one topic."""
    name, wrong, doubtful = settings.name, list[str](), list[str]()
    in_sync, message_bytes = int(has.get(IN_SYNC, "1")), int(has.get(MESSAGE_BYTES, "0"))
    if message_bytes < RECORD_BYTES_MAX and MESSAGE_BYTES not in settings.config:
        wrong.append(
            f"topic {name} has {MESSAGE_BYTES}={message_bytes}; records may have"
            f" {RECORD_BYTES_MAX}, so set it to that or more"
        )
    if in_sync > found.replicas:
        wrong.append(
            f"topic {name} has {IN_SYNC}={in_sync} and {found.replicas} replicas: nothing can be"
            " written to it"
        )
    if found.replicas < 2:
        doubtful.append("a topic has one replica: the loss of a broker loses it")
    elif in_sync < 2:
        doubtful.append(
            f"{IN_SYNC}={in_sync}: what one broker alone has may be acknowledged, and lost with it"
        )
    if has.get(UNCLEAN) == "true":
        doubtful.append(f"{UNCLEAN}=true: acknowledged records may be lost")
    return wrong, doubtful


def backlog_of(
    topics: KafkaTopics, reads: KafkaReads, of: tuple[str, str], *, heads: bool
) -> Backlog:
    """What of a topic a group has not done yet; of one that may not be looked at nobody knows."""
    topic, group = of
    found = topics.describe([topic])[topic]
    if isinstance(found, KafkaError):
        if found.code() not in NO_TOPIC:
            raise log_error(f"what waits in {topic}", found)
        return Backlog(0)
    done = topics.group_offsets(group, topic, found.partitions)
    spans: list[Span] = []
    for number in range(found.partitions):
        begin, end = reads.bounds(topic, number)
        mark = max(begin, done.get(number, begin))
        spans.append(Span(end - mark, number, mark))

    def first(span: Span) -> Record | None:
        return next(iter(reads.read(topic, span.number, span.mark, 1)), None)

    return backlog_from(spans, first, heads=heads)
