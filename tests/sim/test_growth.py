"""A step costs the same however long its run has lived (`make growth`: 100,000 steps, and time)."""

from tests.sim.growth import SHORT_STEPS, costs, same


def test_a_late_step_touches_as_many_rows_as_an_early_one() -> None:
    """Counted, not timed: the same on every machine."""
    short_first, short_last = costs(SHORT_STEPS)
    long_first, long_last = costs(3_000)
    assert same(short_first, long_first)
    assert same(short_last, long_last), (short_last, long_last)
    assert long_last[0].writes <= 8
