"""The driver of scenarios: the memory log (also with an engine that dies after each record), the
embedded log and real Kafka. Every scenario ends with a re-fold, and with no run that is stuck.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dialects.histories import assert_histories
from tests.scenarios.driver import Driver, embedded_driver, kafka_driver, memory_driver
from tests.sim.crashing import CrashingDriver, assert_lively, assert_refolds_agree

IN_MEMORY = {"memory": Driver, "memory-crashing": CrashingDriver}


@pytest.fixture(params=[*IN_MEMORY, "embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def driver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Driver]:
    """An engine on each log."""
    if request.param in IN_MEMORY:
        with memory_driver(tmp_path, kind=IN_MEMORY[request.param]) as made:
            yield from _refolded(made)
    elif request.param == "embedded":
        with embedded_driver(tmp_path) as made:
            yield from _refolded(made)
    else:
        bootstrap = request.getfixturevalue("kafka_bootstrap")
        with kafka_driver(tmp_path, bootstrap, request.getfixturevalue("cluster_name")) as made:
            yield from _refolded(made)


@pytest.fixture(params=IN_MEMORY)
def memory(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Driver]:
    """An engine in memory, with virtual time."""
    with memory_driver(tmp_path, kind=IN_MEMORY[request.param]) as made:
        yield from _refolded(made)


def _refolded(driver: Driver) -> Iterator[Driver]:
    yield driver
    if driver.processor.stopped:
        return
    if isinstance(driver, CrashingDriver):
        assert_refolds_agree(driver)
    else:
        assert driver.digests_and_refolds_agree(), "a re-fold of the log gives other rows (I1)"
    assert_histories(driver)
    if driver.clock is not None:
        assert_lively(driver)
