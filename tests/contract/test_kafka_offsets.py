"""How far groups have come is asked while brokers come and go."""

import subprocess
import sys
import time

import pytest

from penstock.log.kafka.committed import KEPT_MAX, Committed
from penstock.log.kafka.topics import KafkaTopics
from penstock.log.port import LogUnavailable
from tests.kafka_broker import Broker

ASKING_S = 8
ASKS = """
import sys, time
from penstock.log.kafka.topics import KafkaTopics
from penstock.log.port import LogUnavailable

topics, until_s = KafkaTopics(sys.argv[1], {}, None), time.monotonic() + float(sys.argv[2])
while time.monotonic() < until_s:
    try:
        assert topics.group_offsets("workers", "tasks", 1) == {}
    except LogUnavailable:
        time.sleep(0.005)
topics.close()
"""


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.fault(11)
def test_whoever_asks_lives_on_when_a_broker_does_not_coordinate_the_group(
    own_broker: Broker,
) -> None:
    """One that has just started does not yet, and says so: the admin client's process ended."""
    command = [sys.executable, "-c", ASKS, own_broker.bootstrap, str(ASKING_S)]
    with subprocess.Popen(command) as asking:
        for _ in range(2):
            time.sleep(ASKING_S / 4)
            own_broker.kill()
            own_broker.start()
        assert asking.wait(60) == 0


def test_of_many_groups_some_clients_are_kept(kafka_bootstrap: str) -> None:
    """Each is a connection, so those that are asked about again and again have the advantage."""
    committed = Committed(kafka_bootstrap, {})
    groups = [f"group-{number}" for number in range(KEPT_MAX + 3)]
    for group in (*groups, "group-5"):
        assert committed.of(group, "none", 2, 30) == {}
    assert list(committed._idle) == [*groups[3:5], *groups[6:], "group-5"]
    kept = committed._idle["group-5"]
    committed.of("group-5", "none", 2, 30)
    assert committed._idle["group-5"] is kept
    committed.close()
    assert not committed._idle


def test_a_client_that_got_no_answer_is_not_kept(own_broker: Broker) -> None:
    topics = KafkaTopics(own_broker.bootstrap, {}, None)
    assert topics.group_offsets("workers", "tasks", 1) == {}
    own_broker.kill()
    with pytest.raises(LogUnavailable):
        topics._committed.of("workers", "tasks", 1, 1.0)
    assert not topics._committed._idle
    own_broker.start()
    assert topics.group_offsets("workers", "tasks", 1) == {}
    topics.close()
