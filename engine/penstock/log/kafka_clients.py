"""What the Kafka adapter's parts share: settings of clients, what errors mean.

Rules
- confluent_kafka is imported in the files log/kafka*.py only, and what its stubs leave open is
  settled here.
- An error that says "never" about one message becomes a code of `Refused`; all others are the
  log's and become `LogUnavailable`, or `LogFatal` when waiting can not help.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

from confluent_kafka import (
    TIMESTAMP_NOT_AVAILABLE,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka import Message as KafkaMessage

from penstock.log.port import LogError, LogFatal, LogUnavailable, Record

logger = logging.getLogger(__name__)
REQUEST_TIMEOUT_S: Final = 15.0

TOO_LARGE: Final = {
    KafkaError.MSG_SIZE_TOO_LARGE,
    KafkaError.RECORD_LIST_TOO_LARGE,
    KafkaError.INVALID_MSG_SIZE,
}
NO_TOPIC: Final = {
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.TOPIC_EXCEPTION,
    KafkaError._UNKNOWN_TOPIC,
    KafkaError._UNKNOWN_PARTITION,
}
FENCED: Final = {
    KafkaError.UNKNOWN_MEMBER_ID,
    KafkaError.FENCED_INSTANCE_ID,
    KafkaError.FENCED_MEMBER_EPOCH,
    KafkaError.STALE_MEMBER_EPOCH,
    KafkaError._ASSIGNMENT_LOST,
    KafkaError._FENCED,
}
# Owners get these too, between the coordinator's start of a new generation and the moment when
# the client has heard of it.
REBALANCING: Final = {KafkaError.ILLEGAL_GENERATION, KafkaError.REBALANCE_IN_PROGRESS}
HOPELESS: Final = {
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.INCONSISTENT_GROUP_PROTOCOL,
    KafkaError.INVALID_CONFIG,
    KafkaError.INVALID_REPLICATION_FACTOR,
    KafkaError.POLICY_VIOLATION,
    KafkaError.UNSUPPORTED_VERSION,
}


def client_settings(bootstrap: str, settings: Mapping[str, str]) -> dict[str, Any]:
    """What all clients have; `settings` (TLS, SASL) come last and win."""
    return {
        "bootstrap.servers": bootstrap,
        "socket.nagle.disable": True,
        "reconnect.backoff.ms": 50,
        "reconnect.backoff.max.ms": 1000,
        "log_level": 4,
        "logger": logging.getLogger("penstock.log.librdkafka"),
        **settings,
    }


def refusal_code(error: KafkaError) -> str | None:
    """The code of `Refused` if an error is about one message and stays, else None."""
    code = error.code()
    if code in TOO_LARGE:
        return "TOO_LARGE"
    if code in NO_TOPIC:
        return "NO_TOPIC"
    return "DENIED" if code == KafkaError.TOPIC_AUTHORIZATION_FAILED else None


def error_of(raised: KafkaException) -> KafkaError:
    """The error in an exception."""
    return raised.args[0]


def log_error(what: str, error: KafkaError) -> LogError:
    """An error of the log itself, as the port names it."""
    hopeless = error.code() in HOPELESS
    return (LogFatal if hopeless else LogUnavailable)(f"{what}: {error.str()} ({error.name()})")


def record_of(message: KafkaMessage) -> Record:
    """A consumed message."""
    kind, timestamp_ms = message.timestamp()
    headers: Any = message.headers()
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    assert topic is not None and partition is not None and offset is not None
    return Record(
        topic,
        partition,
        offset,
        0 if kind == TIMESTAMP_NOT_AVAILABLE else timestamp_ms,
        message.key(),
        message.value(),
        {name: value or b"" for name, value in headers} if headers else {},
    )


def partition_error(partition: TopicPartition) -> KafkaError | None:
    """The error of one partition in an answer about several."""
    return partition.error
