"""How the engine's batches go out to Kafka: `deliver` of the port.

Rules
- One deadline for a batch. Whatever ends it early, the producer is purged and destroyed, so that
  nothing waits in it to come later.
- A record that is refused fails its whole batch on the broker; so what failed is sent again alone,
  in order, before it counts as refused (R7). Each has a deadline of its own: however many are
  refused, they come to an end. What is said of a topic is not asked for each of its records.
- What goes to a named partition is a row of commands, of which none may come before another (R4):
  what came behind one that failed is sent again behind it. Its stamp tells that it is a repeat.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka import Message as KafkaMessage
from confluent_kafka import Producer as Client

from penstock.log.kafka.clients import error_of, logger, refusal_code
from penstock.log.kafka.produce import Report, destroy, produce, producer_settings
from penstock.log.kafka.topics import KafkaTopics
from penstock.log.port import LogUnavailable, Message, Refused

DELIVER_TIMEOUT_S: Final = 30.0
FULL_PAUSE_S: Final = 0.005
OF_TOPICS: Final = ("NO_TOPIC", "DENIED")  # what is said of one record holds for all there
Failure = tuple[int, KafkaError]  # which message, and why


class KafkaDelivery:
    """The engine's way out: `deliver` of the port. One thread at a time."""

    def __init__(
        self,
        bootstrap: str,
        settings: Mapping[str, str],
        topics: KafkaTopics,
        timeout_s: float = DELIVER_TIMEOUT_S,
    ) -> None:
        # While a batch is handed over nothing is sent yet, so that it goes in few requests; the
        # flush behind it sends at once, whatever the linger.
        self._settings = {
            **producer_settings(bootstrap, settings),
            "linger.ms": 5,
            "delivery.report.only.error": True,  # `flush` says when all the others are there
        }
        self._topics = topics
        self._timeout_s = timeout_s
        self._client: Client | None = None

    def deliver(
        self, messages: Sequence[Message], sent: Callable[[], None] | None = None
    ) -> list[Refused]:
        """Send all, wait for all, and send again alone what failed."""
        refused: dict[int, Refused] = {}
        for index, message in enumerate(messages):
            refusal = self._topics.refusal(message.topic, self._timeout_s)
            if refusal is not None:
                refused[index] = Refused(message, *refusal)
        try:
            rest = [index for index in range(len(messages)) if index not in refused]
            failed = dict(self._send(messages, rest, sent))
            overtaken: set[tuple[str, int]] = set()  # what landed there has to come once more
            of_topics: dict[str, Refused] = {}
            for index in rest:
                message, error = messages[index], failed.get(index)
                if error is None and _named(message) not in overtaken:
                    continue
                known = of_topics.get(message.topic)
                if error is not None and known is not None and known.code == refusal_code(error):
                    refused[index] = Refused(message, known.code, known.reason)
                    continue
                again = self._again(messages, index, error)
                if again is not None:
                    refused[index] = again
                    if again.code in OF_TOPICS:
                        of_topics[message.topic] = again
                elif (named := _named(message)) is not None:
                    overtaken.add(named)
        except BaseException:
            self.close()  # what is still under way must not come after this call
            raise
        return [refused[index] for index in sorted(refused)]

    def close(self) -> None:
        """Drop what is under way and let go."""
        client, self._client = self._client, None
        if client is not None:
            destroy(client)

    def _again(
        self, messages: Sequence[Message], index: int, error: KafkaError | None
    ) -> Refused | None:
        """Send one message of a batch alone; the error that stays is its own."""
        message = messages[index]
        if error is not None and refusal_code(error) == "NO_TOPIC":
            self._topics.forget(message.topic)
        if error is not None and refusal_code(error) == "DENIED":
            self._look_anew(message.topic)
        refusal = self._topics.refusal(message.topic)
        if refusal is not None and error is None:
            raise LogUnavailable(f"{message.topic}: {refusal[1]}")  # it has landed: not refused
        if refusal is not None:
            return Refused(message, *refusal)
        failed = self._send(messages, [index], None)
        if not failed:
            return None
        why = failed[0][1]
        code = refusal_code(why)
        assert code is not None, "_send raises other errors"
        return Refused(message, code, f"{message.topic}: {why.str()} ({why.name()})")

    def _look_anew(self, topic: str) -> None:
        """A client that was denied a topic says so by itself for minutes: have it ask the brokers
        now, since one may have been given leave."""
        with suppress(KafkaException):  # then it says so once more
            self.warm_up().list_topics(topic, self._timeout_s)

    def _send(
        self,
        messages: Sequence[Message],
        indexes: Sequence[int],
        sent: Callable[[], None] | None,
    ) -> list[Failure]:
        """Send and wait; gives what was refused. Any other error raises LogUnavailable."""
        deadline = time.monotonic() + self._timeout_s
        failed: list[Failure] = []
        client = self.warm_up()
        for index in indexes:
            report = partial(_report, failed, index)
            error = self._hand_over(client, messages[index], report, deadline)
            if error is not None:
                failed.append((index, error))
        if sent is not None:
            sent()
        left = client.flush(max(deadline - time.monotonic(), 0.001))
        for index, error in failed:
            if refusal_code(error) is None:
                raise LogUnavailable(
                    f"delivering to {messages[index].topic}: {error.str()} ({error.name()})"
                )
        if left > 0:
            raise LogUnavailable(
                f"{left} of {len(indexes)} messages were not acknowledged in {self._timeout_s} s"
            )
        return failed

    def warm_up(self) -> Client:
        """The client; made early, since an idempotent one takes half a second to send its first."""
        if self._client is None:
            self._client = Client({**self._settings, "error_cb": _note_failure})
        return self._client

    def _hand_over(
        self, client: Client, message: Message, report: Report, deadline: float
    ) -> KafkaError | None:
        while True:
            try:
                produce(client, message, report)
                return None
            except BufferError as full:
                if time.monotonic() > deadline:
                    raise LogUnavailable("the producer's queue stays full") from full
                client.poll(FULL_PAUSE_S)
            except KafkaException as raised:
                return error_of(raised)


def _report(failed: list[Failure], index: int, error: KafkaError | None, _: KafkaMessage) -> None:
    if error is not None:
        failed.append((index, error))


def _named(message: Message) -> tuple[str, int] | None:
    """The partition that a message is for, if it says so."""
    return None if message.partition is None else (message.topic, message.partition)


def _note_failure(error: KafkaError) -> None:
    """Fatal errors come again with each message; others mend themselves."""
    if error.fatal():
        logger.warning("a producer failed: %s", error)
