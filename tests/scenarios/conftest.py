"""The driver of scenarios: the memory log, the embedded log and real Kafka. Every scenario ends
with a re-fold.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.driver import Driver, embedded_driver, kafka_driver, memory_driver


@pytest.fixture(params=["memory", "embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def driver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Driver]:
    """An engine on each log."""
    if request.param == "memory":
        with memory_driver(tmp_path) as made:
            yield from _refolded(made)
    elif request.param == "embedded":
        with embedded_driver(tmp_path) as made:
            yield from _refolded(made)
    else:
        bootstrap = request.getfixturevalue("kafka_bootstrap")
        with kafka_driver(tmp_path, bootstrap, request.getfixturevalue("cluster_name")) as made:
            yield from _refolded(made)


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Driver]:
    """An engine in memory, with virtual time."""
    with memory_driver(tmp_path) as made:
        yield from _refolded(made)


def _refolded(driver: Driver) -> Iterator[Driver]:
    yield driver
    if not driver.processor.stopped:
        assert driver.digests_and_refolds_agree(), "a re-fold of the log gives other rows (I1)"
