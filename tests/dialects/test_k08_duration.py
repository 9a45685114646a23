"""No retry begins later than so long after the first attempt's start."""

from __future__ import annotations

import pytest

from penstock.flows.document import FlowError
from penstock.flows.reader import read_flow
from tests.dialects.bench import run_flow
from tests.scenarios.driver import Driver

HEAD = "id: f\nnamespace: company.team\n"


def test_k08_what_would_be_too_late_is_not_tried(memory: Driver) -> None:
    """After 1 s and 2 s; a third retry would begin after 2.5 s."""
    retry = "{type: constant, interval: PT1S, maxDuration: PT2.5S}"
    flow = run_flow(memory, HEAD + f"tasks: [{{id: bad, type: fail, retry: {retry}}}]\n")
    for _ in range(4):
        memory.pass_ms(1_000)
        flow.works()
    flow.ends_with("FAILED", "EXCEPTION")
    assert len(flow.only("bad")["attempts"]) == 3


def test_k08_a_time_that_no_delay_fits_into(driver: Driver) -> None:
    """The exponential delay grows out of it."""
    retry = "{type: exponential, interval: PT0.1S, delayFactor: 100, maxDuration: PT1S}"
    flow = run_flow(driver, HEAD + f"tasks: [{{id: bad, type: fail, retry: {retry}}}]\n")
    driver.pass_ms(150)
    flow.works().ends_with("FAILED", "EXCEPTION")
    assert len(flow.only("bad")["attempts"]) == 2


@pytest.mark.parametrize(
    "retry",
    [
        "{type: constant, interval: PT2S, maxDuration: PT2S}",
        "{type: random, minInterval: PT2S, maxInterval: PT9S, maxDuration: PT2S}",
    ],
)
def test_k08_a_time_that_is_too_short_is_refused(retry: str) -> None:
    with pytest.raises(FlowError, match="maxDuration must be above"):
        read_flow(HEAD + f"tasks: [{{id: bad, type: fail, retry: {retry}}}]\n")
