"""Appending to Kafka: one shared producer for everybody (deliver.py has the engine's own).

Rules
- Idempotent, acks=all, and a message is never given up by time: librdkafka tries as long as the
  producer lives. Who waits does so within bounds of their own.
- A producer that failed, or that was given up with messages under way, is purged and destroyed;
  the next use makes a new one. Nothing waits in a queue that nobody looks at.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from threading import Event, Lock, Thread
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka import Message as KafkaMessage
from confluent_kafka import Producer as Client

from penstock.log.kafka.clients import (
    client_settings,
    error_of,
    log_error,
    logger,
    making,
    refusal_code,
)
from penstock.log.kafka.topics import KafkaTopics, OnDemand
from penstock.log.port import (
    OFFSET_UNKNOWN,
    AppendRefused,
    LogError,
    LogFatal,
    LogUnavailable,
    Message,
    OnAck,
    Position,
    Refused,
)

RECORD_BYTES_MAX: Final = 1_048_588  # as a broker's message.max.bytes; a topic may have less
QUEUE_KIB_MAX: Final = 256 * 1024
POLL_S: Final = 0.25
DENIED_S: Final = 5.0  # a client that is refused is replaced no more often
PURGE_S: Final = 5.0
Report = Callable[[KafkaError | None, KafkaMessage], None]


def producer_settings(bootstrap: str, settings: Mapping[str, str]) -> dict[str, Any]:
    """What all our producers have."""
    return {
        "enable.idempotence": True,
        "acks": "all",
        "partitioner": "murmur2_random",  # where the Java client would put the same key
        "message.timeout.ms": 0,  # never
        "message.max.bytes": RECORD_BYTES_MAX,
        "linger.ms": 0,  # what comes while a request is under way makes the next batch
        "queue.buffering.max.kbytes": QUEUE_KIB_MAX,
        "retry.backoff.ms": 20,
        "retry.backoff.max.ms": 500,
        "topic.metadata.propagation.max.ms": 5000,  # topics are asked for before
        **client_settings(bootstrap, settings),
    }


def produce(client: Client, message: Message, report: Report) -> None:
    """Hand a message to librdkafka."""
    headers: Any = list(message.headers.items()) if message.headers else None
    client.produce(
        message.topic,
        message.value,
        message.key,
        -1 if message.partition is None else message.partition,
        report,
        headers=headers,
    )


def destroy(client: Client) -> None:
    """Drop what a producer still holds; its reports say so, and they are the last."""
    with suppress(KafkaException):
        client.purge()
        client.flush(PURGE_S)


class KafkaProducer:
    """See port.Producer. One for a process; any thread may append."""

    def __init__(
        self,
        bootstrap: str,
        *,
        settings: Mapping[str, str] | None = None,
        on_demand: OnDemand | None = None,
        topics: KafkaTopics | None = None,
    ) -> None:
        settings = settings or {}
        self._settings = producer_settings(bootstrap, settings)
        self._topics = topics or KafkaTopics(bootstrap, settings, on_demand)
        self._lock = Lock()
        self._line: _Line | None = None
        self._closed = False

    def append(self, message: Message, on_ack: OnAck | None = None) -> None:
        """Hand one message over; the acknowledgement comes from another thread."""
        refusal = self._topics.refusal(message.topic)
        if refusal is not None:
            _tell(on_ack, AppendRefused(Refused(message, *refusal)))
            return
        report = partial(self._report, message, on_ack)
        try:
            produce(self.warm_up(), message, report)
        except BufferError as full:
            raise LogUnavailable("too many messages wait for the log") from full
        except KafkaException as raised:
            error = error_of(raised)
            _tell(on_ack, self._meaning(message, error))

    def append_and_wait(self, message: Message, timeout_s: float = 30.0) -> Position:
        """Append one message and wait."""
        acked = Event()
        results: list[Position | LogError] = []

        def on_ack(result: Position | LogError) -> None:
            results.append(result)
            acked.set()

        self.append(message, on_ack)
        if not acked.wait(timeout_s):
            raise LogUnavailable(f"no acknowledgement from {message.topic} in {timeout_s} s")
        if isinstance(results[0], LogError):
            raise results[0]
        return results[0]

    def flush(self, timeout_s: float = 30.0) -> None:
        """Wait until all that was appended so far is acknowledged."""
        line = self._line
        if line is not None and line.client.flush(timeout_s) > 0:
            raise LogUnavailable(f"not all messages were acknowledged in {timeout_s} s")

    def close(self, timeout_s: float = PURGE_S) -> None:
        """Flush for a moment, and let go: what the log has not acknowledged by then hears so."""
        with self._lock:
            self._closed = True
            line, self._line = self._line, None
        if line is not None:
            line.client.flush(timeout_s)
            line.end()

    def warm_up(self) -> Client:
        """The client; made early, since an idempotent one takes half a second to send its first."""
        with self._lock:
            if self._closed:
                raise LogFatal("the producer is closed")
            if self._line is not None and self._line.failed is not None:
                logger.warning("a new producer, since the last one failed: %s", self._line.failed)
                Thread(target=self._line.end, daemon=True).start()
                self._line = None
            if self._line is None:
                with making("a producer"):
                    self._line = _Line(self._settings)
            return self._line.client

    def _report(
        self, message: Message, on_ack: OnAck | None, error: KafkaError | None, sent: KafkaMessage
    ) -> None:
        if error is not None:
            _tell(on_ack, self._meaning(message, error))
        elif on_ack is not None:
            _tell(on_ack, _position(sent))

    def _meaning(self, message: Message, error: KafkaError) -> LogError:
        code = refusal_code(error)
        if code is None:
            line = self._line
            if error.fatal() and line is not None:
                line.failed = error
            return log_error(f"appending to {message.topic}", error)
        self._topics.forget(message.topic)
        if code == "DENIED" and (line := self._line) is not None and line.age_s > DENIED_S:
            line.failed = error  # it would say so by itself for minutes, whatever is so by then
        return AppendRefused(Refused(message, code, f"{message.topic}: {error.str()}"))


class _Line:
    """A client and the thread that brings its acknowledgements as they come."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.failed: KafkaError | None = None
        self._made_s = time.monotonic()
        self.client = Client({**settings, "error_cb": self._failure})
        self._ending = False
        self._thread = self._start()

    @property
    def age_s(self) -> float:
        """How long there is this client."""
        return time.monotonic() - self._made_s

    def end(self) -> None:
        """Drop what is left. Not from the line's own thread."""
        destroy(self.client)
        self._ending = True
        self._thread.join(PURGE_S)

    def _start(self) -> Thread:
        thread = Thread(target=self._bring, name="penstock-acks", daemon=True)
        thread.start()
        return thread

    def _bring(self) -> None:
        try:
            while not self._ending:
                self.client.poll(POLL_S)
        except BaseException:  # of an on_ack; the acknowledgements of others go on
            self._thread = self._start()
            raise

    def _failure(self, error: KafkaError) -> None:
        if error.fatal():
            self.failed = error


def _position(sent: KafkaMessage) -> Position:
    """Where a message stands. A broker that has it already, since its first answer was lost with a
    leader, may not say where.
    """
    partition, offset = sent.partition(), sent.offset()
    assert partition is not None, "it was acknowledged"
    return Position(partition, OFFSET_UNKNOWN if offset is None else offset)


def _tell(on_ack: OnAck | None, result: Position | LogError) -> None:
    if on_ack is None:
        if isinstance(result, LogError):
            logger.warning("an append failed: %s", result)
        return
    on_ack(result)
