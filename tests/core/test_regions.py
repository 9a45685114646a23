"""Regions: every kind of row lies in one, or in none on purpose."""

from __future__ import annotations

import pytest

from penstock.core.state.keys import after_prefix, run_prefix, runs_prefix
from penstock.core.state.regions import (
    Unbounded,
    family_region,
    region_of,
    region_of_keys,
    region_of_range,
)
from penstock.core.state.rows import Row
from penstock.core.state.run import ThreadRun, WfRun
from penstock.core.state.timers import Timer, TimerKind
from tests.core.test_tables import ALL_ROWS


@pytest.mark.parametrize("kind", ALL_ROWS, ids=lambda kind: kind.__name__)
def test_every_kind_of_row_has_its_place(kind: type[Row]) -> None:
    """A kind that nobody has thought of would be a KeyError in the middle of a fold."""
    key = kind.key(*("part" for _ in kind.KEY))
    if kind is not Timer:
        region_of(kind, key)


def test_a_family_is_one_region_with_its_timers() -> None:
    family = family_region("t", "root")
    timer = Timer(1, 2**40, "t", "root.child", TimerKind.ADVANCE, "0", 1)
    assert region_of(WfRun, WfRun.key("t", "root")) == family
    assert region_of(ThreadRun, ThreadRun.key("t", "root.child", 3)) == family
    assert region_of(Timer, timer.own_key()) == family
    assert region_of(WfRun, WfRun.key("t", "root2")) != family


def test_a_range_lies_in_one_region_or_is_refused() -> None:
    start = ThreadRun.key("t", "root")
    assert region_of_range(ThreadRun, start, after_prefix(start)) == family_region("t", "root")
    run = run_prefix("t", "root")
    assert region_of_keys(run, after_prefix(run)) == family_region("t", "root")
    with pytest.raises(Unbounded):
        region_of_keys(run, after_prefix(runs_prefix("t")))
    with pytest.raises(Unbounded):
        region_of_keys(runs_prefix("t"), after_prefix(runs_prefix("t")))
