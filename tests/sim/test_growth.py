"""A step costs the same however long its run has lived (`make growth`: 100,000 steps, and time)."""

from tests.sim.growth import SHORT_STEPS, costs, same
from tests.sim.growth_threads import Wide, same_price, too_large


def test_a_late_step_touches_as_many_rows_as_an_early_one() -> None:
    """Counted, not timed: the same on every machine."""
    short_first, short_last = costs(SHORT_STEPS)
    long_first, long_last = costs(3_000)
    assert same(short_first, long_first)
    assert same(short_last, long_last), (short_last, long_last)
    assert long_last[0].writes <= 8


def test_a_child_of_many_costs_what_one_of_few_does() -> None:
    """In rows and bytes, to start, halt, resume and end it; and no turn is larger than its budget,
    while others get on. A hundred are started in one turn, which is cheaper still."""
    few, many = Wide(100).live(), Wide(1_000)
    phases = many.live()
    assert same_price(few[1:], phases[1:]) == []
    assert same_price(phases, Wide(2_500).live()) == []
    assert too_large(phases) == []
    assert many.others
