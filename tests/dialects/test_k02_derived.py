"""Start, end and duration of a state are what its history says."""

from __future__ import annotations

import pytest

from penstock.core.values.timestamps import timestamp_ms
from penstock.core.views.kestra.states import Moment, State, Timeline, duration_text
from tests.dialects.works import flow, task
from tests.scenarios.driver import Driver


def test_k02_they_are_derived(driver: Driver) -> None:
    run = task(driver, flow(driver))
    driver.pass_ms(50)
    run.succeeds().completes(None)
    for state in (run.execution["state"], run.only("work")["state"]):
        first, last = state["histories"][0]["date"], state["histories"][-1]["date"]
        assert (state["startDate"], state["endDate"]) == (first, last)
        took_ms = timestamp_ms(last) - timestamp_ms(first)
        assert took_ms >= 50
        assert state["duration"] == duration_text(took_ms)


def test_k02_what_has_not_ended_has_no_end() -> None:
    line = Timeline([Moment(State.CREATED, 1_000)])
    assert "endDate" not in line.as_json(3_500)
    assert line.as_json(3_500)["duration"] == "PT2.5S"  # so far: it has one moment only
    line.come_to(State.RUNNING, 2_000)
    assert line.as_json(3_500)["duration"] == "PT1S"
    line.come_to(State.PAUSED, 2_250)
    assert line.as_json(3_500)["endDate"] == "1970-01-01T00:00:02.250000Z"


@pytest.mark.parametrize(
    ("duration_ms", "text"),
    [(0, "PT0S"), (10.056, "PT0.010056S"), (60_500, "PT1M0.5S"), (7_200_000, "PT2H")],
)
def test_k02_durations_are_iso_8601(duration_ms: float, text: str) -> None:
    assert duration_text(duration_ms) == text


def test_k02_a_clock_that_goes_back_turns_no_history_round() -> None:
    line = Timeline([Moment(State.CREATED, 1_000), Moment(State.RUNNING, 400)])
    assert [moment.at_ms for moment in line.moments] == [1_000, 1_000]
