"""Proofs run in memory, where time is the test's."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.driver import Driver, memory_driver


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Driver]:
    """An engine in memory, with virtual time."""
    with memory_driver(tmp_path) as driver:
        yield driver
        assert driver.digests_and_refolds_agree()
