"""Gives the contract suite each of the logs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.logs import EmbeddedLogs, KafkaLogs, Logs, MemoryLogs


@pytest.fixture(params=["memory", "embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def logs(request: pytest.FixtureRequest, cluster_name: str, tmp_path: Path) -> Iterator[Logs]:
    if request.param == "kafka":
        made: Logs = KafkaLogs(cluster_name, request.getfixturevalue("kafka_bootstrap"))
    else:
        made = (
            MemoryLogs(cluster_name)
            if request.param == "memory"
            else EmbeddedLogs(cluster_name, tmp_path / "log")
        )
    yield made
    made.close()


@pytest.fixture
def durable(logs: Logs) -> Logs:
    if isinstance(logs, MemoryLogs):
        pytest.skip("memory keeps nothing and waits for nothing")
    return logs
