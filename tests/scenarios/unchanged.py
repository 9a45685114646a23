"""Nothing of a run may change: its rows are compared byte by byte."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.scenarios.driver import Driver


@contextmanager
def unchanged(driver: Driver, wf_run_id: str) -> Iterator[None]:
    """Whatever happens within leaves every row of the run as it was. The partition's own rows (its
    clock, remembered answers) may change."""
    before = driver.rows_of_run(wf_run_id)
    assert before, "the run has no rows; nothing would be proved"
    yield
    after = driver.rows_of_run(wf_run_id)
    different = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    assert not different, sorted(different)
