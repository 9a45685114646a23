"""How far groups have come is asked while brokers come and go."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from penstock.log.kafka import committed as module
from penstock.log.kafka.committed import KEPT_MAX, UNUSED_S, Committed
from penstock.log.port import LogFatal, LogUnavailable
from tests.kafka_broker import Broker
from tests.standing_clock import StandingClock

PATIENT_S = 60.0
ASKS = """
import time
from pathlib import Path
from sys import argv
from penstock.log.kafka.topics import KafkaTopics
from penstock.log.port import LogUnavailable

topics = KafkaTopics(argv[1], {}, None)
with Path(argv[2]).open("a") as answers:
    while True:
        try:
            assert topics.group_offsets("workers", "tasks", 1) == {}
            print("answered", file=answers, flush=True)
        except LogUnavailable:
            time.sleep(0.005)
"""


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.fault(11)
def test_whoever_asks_lives_on_when_a_broker_does_not_coordinate_the_group(
    own_broker: Broker, tmp_path: Path
) -> None:
    """One that has just started does not yet, and says so: the admin client's process ended."""
    answers = tmp_path / "answers"
    answers.touch()
    command = [sys.executable, "-c", ASKS, own_broker.bootstrap, str(answers)]
    with subprocess.Popen(command) as asking:
        for _ in range(2):
            _until_it_is_answered(asking, answers)
            own_broker.kill()
            own_broker.start()
        _until_it_is_answered(asking, answers)
        asking.kill()


def _until_it_is_answered(asking: subprocess.Popen[bytes], answers: Path) -> None:
    """Again, that is."""
    before, deadline = answers.stat().st_size, time.monotonic() + PATIENT_S
    while answers.stat().st_size == before:
        assert asking.poll() is None, "its process has ended"
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_of_many_groups_the_clients_of_some_are_kept(
    kafka_bootstrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever looks at more, in turn and again and again, finds these."""
    asks, clock = Committed(kafka_bootstrap, {}), StandingClock()
    monkeypatch.setattr(module, "time", clock)
    groups = [f"group-{number}" for number in range(KEPT_MAX + 3)]
    for _ in range(2):
        for group in groups:
            assert asks.of(group, "none", 2, PATIENT_S) == {}
        assert list(asks._kept) == groups[:KEPT_MAX]
    kept = asks._kept["group-5"].client
    clock.now_s += UNUSED_S / 2
    asks.of("group-5", "none", 2, PATIENT_S)
    clock.now_s += UNUSED_S / 2
    asks.of(groups[-1], "none", 2, PATIENT_S)
    assert list(asks._kept) == ["group-5", groups[-1]], "the others were not used for long"
    assert asks._kept["group-5"].client is kept
    asks.close()
    assert not asks._kept
    with pytest.raises(LogFatal):
        asks.of("group-5", "none", 2, PATIENT_S)


def test_a_client_that_got_no_answer_is_not_kept(own_broker: Broker) -> None:
    asks = Committed(own_broker.bootstrap, {})
    assert asks.of("workers", "tasks", 1, PATIENT_S) == {}
    own_broker.kill()
    with pytest.raises(LogUnavailable):
        asks.of("workers", "tasks", 1, 1.0)
    assert not asks._kept
    own_broker.start()
    assert asks.of("workers", "tasks", 1, PATIENT_S) == {}
    asks.close()
