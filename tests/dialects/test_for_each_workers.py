"""A for-each over a thousand values with real workers, on a real store, over the embedded log and
on Kafka: it comes to its end, and a kill at half leaves nothing at work. `make each` does it with
ten thousand, and measures; what a value costs is counted in test_for_each_many.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dialects.each_many import killed_at_half, to_its_end

VALUES = 1_000
pytestmark = pytest.mark.flaky(reruns=1)  # against real time, as few of this folder are


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def kafka(request: pytest.FixtureRequest) -> str | None:
    """Where Kafka is, if the log is there."""
    on_kafka = request.param == "kafka"
    return request.getfixturevalue("kafka_bootstrap") if on_kafka else None


@pytest.mark.timeout(600)  # ten seconds on a machine that does nothing else
def test_to_its_end(tmp_path: Path, kafka: str | None, cluster_name: str) -> None:
    to_its_end(tmp_path, VALUES, kafka, cluster_name)


@pytest.mark.timeout(600)
def test_a_kill_at_half(tmp_path: Path, kafka: str | None, cluster_name: str) -> None:
    killed_at_half(tmp_path, VALUES, kafka, cluster_name)
