"""Whoever uses the log on Kafka knows errors of the log only, whatever the client raises."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import cast

import pytest
from confluent_kafka import Consumer as Client
from confluent_kafka import KafkaError, KafkaException

from penstock.log.kafka import (
    KafkaConsumer,
    KafkaEngineLog,
    KafkaProducer,
    KafkaTail,
    consume,
    tail,
)
from penstock.log.port import LogError, LogFatal

NO_ROOM = KafkaException(KafkaError(KafkaError._CRIT_SYS_RESOURCE))
NOBODY = "127.0.0.1:1"


def raise_no_room(*_: object, **__: object) -> None:
    raise NO_ROOM


def test_who_reads_as_a_member_knows_errors_of_the_log_only() -> None:
    consumer = KafkaConsumer(NOBODY, "tasks", "workers")
    real = consumer._client
    try:
        for of_client, step in (
            ("pause", consumer.attend),
            ("resume", lambda: consumer.poll(1, 0.0)),
            ("poll", lambda: consumer.poll(1, 0.0)),
        ):
            fails = Failing(real, of_client)
            consumer._client = cast(Client, fails)
            with pytest.raises(LogError):
                step()
            consumer._client = real
            step()
    finally:
        consumer._client = real
        consumer.close()


def test_who_reads_a_tail_knows_errors_of_the_log_only() -> None:
    reader = KafkaTail(NOBODY, "signals")
    real = reader._client
    reader._is_assigned = True
    reader._client = cast(Client, Failing(real, "poll"))
    try:
        with pytest.raises(LogError):
            reader.poll(2, 0.0)
    finally:
        real.close()


MAKES: list[Callable[..., object]] = [
    partial(KafkaConsumer, NOBODY, "tasks", "workers"),
    partial(KafkaTail, NOBODY, "signals"),
    lambda settings: KafkaProducer(NOBODY, settings=settings).warm_up(),
]


@pytest.mark.parametrize("make", MAKES, ids=["consumer", "tail", "producer"])
def test_settings_that_are_wrong_are_nothing_to_wait_for(make: Callable[..., object]) -> None:
    with pytest.raises(LogFatal, match=r'No such configuration property: "ssl\.ca\.locaton"'):
        make(settings={"ssl.ca.locaton": "ca.pem"})


class Failing:
    """A client of which one method raises."""

    def __init__(self, client: Client, method: str) -> None:
        self._client = client
        self._method = method

    def __getattr__(self, name: str) -> object:
        return raise_no_room if name == self._method else getattr(self._client, name)


def test_who_looks_at_the_log_knows_errors_of_the_log_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also when there can be no client, for want of threads or memory."""
    log = KafkaEngineLog(
        NOBODY, commands="commands", partitions=1, on_demand=lambda _: None, group="engine"
    )
    try:
        monkeypatch.setattr(consume, "Client", raise_no_room)
        monkeypatch.setattr(tail, "Client", raise_no_room)
        monkeypatch.setattr("confluent_kafka.admin.AdminClient", raise_no_room)
        for look in (
            lambda: log.bounds(0, 0.1),
            lambda: log.workers("workers"),
            lambda: log.backlog("tasks", "workers"),
            lambda: log.read_some(0, [1]),
            lambda: log.reach(0.1),
            lambda: KafkaConsumer(NOBODY, "tasks", "workers"),
            lambda: KafkaTail(NOBODY, "signals"),
        ):
            with pytest.raises(LogError, match="CRIT_SYS_RESOURCE"):
                look()
    finally:
        monkeypatch.undo()
        log.close()
