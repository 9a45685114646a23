"""A CommandSender says what became of the commands that it was given, also as it closes."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Thread

import pytest

from penstock import CommandSender
from penstock.contracts.topics import Topics, TopicSettings
from penstock.log.kafka.produce import PURGE_S
from penstock.log.kafka.topics import KafkaTopics
from penstock.log.port import AppendRefused, LogError, LogUnavailable, Position
from tests.chaos.brokers import go_on, stop_still
from tests.kafka_broker import Broker

pytestmark = pytest.mark.timeout(150)


@pytest.fixture
def sender(own_broker: Broker, cluster_name: str) -> Iterator[CommandSender]:
    """One that has sent something, and can not any more: its broker stands still."""
    commands = Topics(cluster_name, 1).commands
    KafkaTopics(own_broker.bootstrap, {}, None).make(TopicSettings(commands, 1))
    made = CommandSender(own_broker.bootstrap, cluster=cluster_name)
    made.stop("run-0")
    made.flush()
    stop_still(own_broker)
    yield made
    go_on(own_broker)
    made.close(timeout_s=0.0)


def test_what_is_not_acknowledged_as_it_closes_is_raised(sender: CommandSender) -> None:
    acks: list[Position | LogError] = []
    for number in range(3):
        sender.stop(f"run-{number}", on_ack=acks.append)
    with pytest.raises(LogUnavailable, match=r"^3 of the commands that were sent"):
        sender.close(timeout_s=0.5)
    assert [isinstance(one, LogUnavailable) for one in acks] == [True] * 3


def test_it_waits_for_a_broker_that_comes_back(own_broker: Broker, sender: CommandSender) -> None:
    acks: list[Position | LogError] = []
    sender.stop("run-1", on_ack=acks.append)
    closing = Thread(target=sender.close)
    closing.start()
    closing.join(PURGE_S + 2)
    assert closing.is_alive()
    go_on(own_broker)
    closing.join(60)
    assert [isinstance(one, Position) for one in acks] == [True]


def test_what_was_refused_is_raised_unless_somebody_has_heard_of_it(
    kafka_bootstrap: str, cluster_name: str
) -> None:
    acks: list[Position | LogError] = []
    with CommandSender(kafka_bootstrap, cluster=cluster_name) as heard:
        heard.stop("run", on_ack=acks.append)
    assert [type(one) for one in acks] == [AppendRefused]
    with (
        pytest.raises(LogUnavailable, match=r"^1 of the commands"),
        CommandSender(kafka_bootstrap, cluster=cluster_name) as sender,
    ):
        sender.stop("run")


def test_what_goes_wrong_in_its_block_is_told_first(
    kafka_bootstrap: str, cluster_name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ZeroDivisionError):
        fail_beside(CommandSender(kafka_bootstrap, cluster=cluster_name))
    assert "1 of the commands that were sent were not acknowledged" in caplog.text


def fail_beside(sender: CommandSender) -> None:
    with sender:
        sender.stop("run")
        raise ZeroDivisionError
