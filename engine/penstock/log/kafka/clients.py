"""What the Kafka adapter's parts share: settings of clients, what errors mean.

Rules
- confluent_kafka is imported in this package only, and what its stubs leave open is
  settled here.
- What a broker says about one message stays, unless it is known to pass or to be about the log or
  the client: it becomes a code of `Refused`, so that no message is tried for ever. All others are
  the log's and become `LogUnavailable`, or `LogFatal` when waiting can not help.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from confluent_kafka import (
    TIMESTAMP_NOT_AVAILABLE,
    KafkaError,
    KafkaException,
)
from confluent_kafka import Message as KafkaMessage

from penstock.log.kafka.seldom import Seldom
from penstock.log.port import Fenced, LogError, LogFatal, LogUnavailable, Record

logger = logging.getLogger(__name__)
librdkafka_logger = logging.getLogger("penstock.log.librdkafka")
librdkafka_logger.addFilter(Seldom())
REQUEST_TIMEOUT_S: Final = 15.0
SETTLE_S: Final = 3.0  # for what passes by itself
SETTLE_PAUSE_S: Final = 0.01
Answer = TypeVar("Answer")

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
PASSING: Final = {  # a leader or a coordinator moves, or a topic is new
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.OFFSET_NOT_AVAILABLE,
    KafkaError.UNKNOWN_LEADER_EPOCH,
    KafkaError._WAIT_CACHE,
    KafkaError._WAIT_COORD,
}
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
NOT_LET_IN: Final = {
    KafkaError._AUTHENTICATION,
    KafkaError._SSL,
    KafkaError.SASL_AUTHENTICATION_FAILED,
}
OF_THE_LOG: Final = {  # not of a message, whichever it was said about
    *PASSING,
    *FENCED,
    *REBALANCING,
    KafkaError.BROKER_NOT_AVAILABLE,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.CONCURRENT_TRANSACTIONS,
    KafkaError.DUPLICATE_SEQUENCE_NUMBER,
    KafkaError.ILLEGAL_SASL_STATE,
    KafkaError.INVALID_MSG,  # damaged on its way
    KafkaError.INVALID_PRODUCER_EPOCH,
    KafkaError.INVALID_PRODUCER_ID_MAPPING,
    KafkaError.INVALID_REPLICATION_FACTOR,  # brokers that are away count
    KafkaError.KAFKA_STORAGE_ERROR,
    KafkaError.LOG_DIR_NOT_FOUND,
    KafkaError.NETWORK_EXCEPTION,
    KafkaError.NOT_CONTROLLER,
    KafkaError.NOT_ENOUGH_REPLICAS,
    KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
    KafkaError.OPERATION_NOT_ATTEMPTED,
    KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER,
    KafkaError.PRODUCER_FENCED,
    KafkaError.REASSIGNMENT_IN_PROGRESS,
    KafkaError.REBOOTSTRAP_REQUIRED,
    KafkaError.REPLICA_NOT_AVAILABLE,
    KafkaError.REQUEST_TIMED_OUT,
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError.STALE_BROKER_EPOCH,
    KafkaError.STALE_CTRL_EPOCH,
    KafkaError.THROTTLING_QUOTA_EXCEEDED,
    KafkaError.UNKNOWN_PRODUCER_ID,
    KafkaError.UNKNOWN_TOPIC_ID,
    KafkaError.UNSUPPORTED_SASL_MECHANISM,
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
        "logger": librdkafka_logger,
        **settings,
    }


class Entry:
    """Why brokers have not let a client in, if they have not: its requests only time out, and what
    was said to it comes by the way. `heard` is its `error_cb`.
    """

    def __init__(self) -> None:
        self._refused = ""

    def heard(self, error: KafkaError) -> None:
        """Something that the client tells of itself."""
        if error.code() in NOT_LET_IN:
            self._refused = error.str()

    def granted(self) -> None:
        """It has been answered: what was said before is over."""
        self._refused = ""

    def error(self, what: str, error: KafkaError) -> LogError:
        """An error of the log, with the reason why nobody has answered, if that is known."""
        if not self._refused or error.code() in HOPELESS:
            return log_error(what, error)
        told = f"{what}: the brokers do not let this client in: {self._refused} ({error.name()})"
        return LogUnavailable(told)


def refusal_code(error: KafkaError) -> str | None:
    """The code of `Refused` if an error is about one message and stays, else None."""
    code = error.code()
    if code in TOO_LARGE:
        return "TOO_LARGE"
    if code in NO_TOPIC:
        return "NO_TOPIC"
    if code == KafkaError.TOPIC_AUTHORIZATION_FAILED:
        return "DENIED"
    if code == KafkaError._INVALID_DIFFERENT_RECORD:  # with one that is; alone it may be taken
        return "INVALID"
    # Codes of the broker's are positive, but for UNKNOWN: then it does not know itself what it has.
    is_of_message = code > 0 and code not in OF_THE_LOG and not error.fatal()
    return "INVALID" if is_of_message else None


def error_of(raised: KafkaException) -> KafkaError:
    """The error in an exception."""
    return raised.args[0]


def log_error(what: str, error: KafkaError) -> LogError:
    """An error of the log itself, as the port names it."""
    text = f"{what}: {error.str()} ({error.name()})"
    if error.code() in FENCED:
        return Fenced(text)
    return LogFatal(text) if error.code() in HOPELESS else LogUnavailable(text)


@contextmanager
def as_log_errors(what: str) -> Generator[None]:
    """What the client raises becomes an error of the log: whoever uses one knows no other."""
    try:
        yield
    except KafkaException as raised:
        raise log_error(what, error_of(raised)) from raised


@contextmanager
def making(what: str) -> Generator[None]:
    """A client is made; one whose settings are wrong never can be."""
    try:
        yield
    except KafkaException as raised:
        error = error_of(raised)
        if error.code() == KafkaError._INVALID_ARG:
            raise LogFatal(f"{what}: {error.str()}") from raised
        raise log_error(what, error) from raised


def patiently(
    what: str, request: Callable[[], Answer], passing: AbstractSet[int], timeout_s: float = SETTLE_S
) -> Answer:
    """Ask again while the error is one that passes; raise a LogError for what stays."""
    deadline = time.monotonic() + min(timeout_s, SETTLE_S)
    while True:
        try:
            return request()
        except KafkaException as raised:
            error = error_of(raised)
            if error.code() not in passing or time.monotonic() > deadline:
                raise log_error(what, error) from raised
        time.sleep(SETTLE_PAUSE_S)


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
