"""The rules are tested on the memory log, where time is the test's."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.driver import Driver, memory_driver
from tests.sim.crashing import assert_lively


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Driver]:
    """An engine in memory; its rows are what a re-fold of its log gives, whatever the test did."""
    with memory_driver(tmp_path) as driver:
        yield driver
        if not driver.processor.stopped:
            assert driver.digests_and_refolds_agree()
            assert_lively(driver)
