"""A clean stop: others may have the partitions before this process tidies up."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from penstock.store.port import StoreLocked
from tests.controls import chain
from tests.scenarios.driver import embedded_driver
from tests.scenarios.story import register, run


def test_the_marks_are_there_and_nobody_waits_for_the_stores(tmp_path: Path) -> None:
    """Closing a store syncs it, which takes as long as the disk likes."""
    with embedded_driver(tmp_path) as driver:
        register(driver, "quick", chain())
        for _ in range(5):
            run(driver, "quick").completes()
        processor, left = driver.processor, list[bool]()
        while not driver._folded_all():
            time.sleep(0.01)

        def leave() -> None:
            left.append(processor.owned() == [])
            for number in range(driver.topics.partitions):
                mark = driver.log.committed(number)
                assert mark is not None
                left.append(mark.next_offset == driver.log.bounds(number)[1])
                if len(left) <= 1 + driver.topics.partitions:
                    with pytest.raises(StoreLocked):
                        driver.stores.open(number)

        processor.stop(leave=leave)
        assert all(left)
        for number in range(driver.topics.partitions):
            driver.stores.open(number).close()
