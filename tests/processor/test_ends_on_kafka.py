"""A partition of a real log that ends in what is no record is read as soon as it is open."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from confluent_kafka import Producer

from tests.controls import chain
from tests.scenarios.driver import kafka_driver
from tests.scenarios.story import register, run

WAIT_S = 60.0

pytestmark = pytest.mark.kafka


def test_nobody_waits_for_more_behind_a_marker(
    kafka_bootstrap: str, cluster_name: str, tmp_path: Path
) -> None:
    """It has been folded up to the last record, and nobody writes to it."""
    with kafka_driver(tmp_path, kafka_bootstrap, cluster_name, partitions=2) as driver:
        register(driver, "quick", chain())
        run(driver, "quick").completes()
        other = Producer({"bootstrap.servers": kafka_bootstrap, "transactional.id": cluster_name})
        other.init_transactions(30)
        other.begin_transaction()
        for number in range(2):
            other.produce(driver.topics.commands, b"no command", partition=number)
        other.commit_transaction(30)
        deadline = time.monotonic() + WAIT_S
        while not all(
            driver.processor.position(n) == driver.log.bounds(n)[1] - 1 for n in range(2)
        ):
            assert time.monotonic() < deadline
            time.sleep(0.01)
    with kafka_driver(tmp_path, kafka_bootstrap, cluster_name, partitions=2) as driver:
        deadline = time.monotonic() + WAIT_S
        while len(driver.processor.owned()) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        while any(map(driver.processor.is_opening, range(2))):
            assert time.monotonic() < deadline, "it waits for what is no record"
            time.sleep(0.01)
        assert [driver.processor.position(n) for n in range(2)] == [
            driver.log.bounds(n)[1] - 1 for n in range(2)
        ]
