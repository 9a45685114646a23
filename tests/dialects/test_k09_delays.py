"""The three laws by which retries wait."""

from __future__ import annotations

import pytest

from penstock.core.state.backoff import Backoff
from penstock.core.values.timestamps import timestamp_ms
from penstock.flows.compiler import retries
from penstock.flows.model import Retry
from tests.dialects.bench import run_flow
from tests.scenarios.driver import Driver

HEAD = "id: f\nnamespace: company.team\n"


def policy(retry: Retry) -> Backoff:
    """How a task waits by it."""
    found = retries.of_task(retry)["backoff"]
    assert isinstance(found, Backoff)
    return found


def delays(retry: Retry, count: int) -> list[int]:
    """How long the first retries wait."""
    return [policy(retry).delay_ms(number) for number in range(1, count + 1)]


def test_k09_the_documented_example() -> None:
    """30 s and a factor of 2: after 0:30, 1:30 and 3:30."""
    waits = delays(Retry("exponential", interval_ms=30_000), 3)
    assert [sum(waits[: number + 1]) for number in range(3)] == [30_000, 90_000, 210_000]


def test_k09_fractions_of_a_factor_count_and_the_delay_has_a_top() -> None:
    growing = Retry("exponential", interval_ms=1_000, delay_factor=1.5, max_interval_ms=3_000)
    assert delays(growing, 5) == [1_000, 1_500, 2_250, 3_000, 3_000]


def test_k09_a_constant_one_stays() -> None:
    assert delays(Retry("constant", interval_ms=1_000), 4) == [1_000] * 4


@pytest.mark.parametrize(("least", "above"), [(1, 2), (10, 13), (1_000, 5_000)])
def test_k09_a_random_one_lies_between(least: int, above: int) -> None:
    """From the minimum up to below the maximum, by the ids of the task and the attempt alone."""
    backoff = policy(Retry("random", min_interval_ms=least, max_interval_ms=above))
    found = [backoff.delay_ms(1, f"task-{number}", 1) for number in range(2_000)]
    assert least <= min(found)
    assert max(found) < above
    assert min(found) < least + (above - least) * 0.05 + 1
    assert max(found) >= above - (above - least) * 0.05 - 1
    assert found == [backoff.delay_ms(1, f"task-{number}", 1) for number in range(2_000)]


def test_k09_it_is_waited_so_long(memory: Driver) -> None:
    """0:30, 1:30 and 3:30 after the first failure, to the millisecond."""
    retry = "{type: exponential, interval: PT30S, delayFactor: 2, maxAttempts: 4}"
    flow = run_flow(memory, HEAD + f"tasks: [{{id: bad, type: fail, retry: {retry}}}]\n")
    for number, wait_ms in enumerate((30_000, 60_000, 120_000), 1):
        memory.pass_ms(wait_ms - 1)
        flow.works()
        assert len(flow.only("bad")["attempts"]) == number
        memory.pass_ms(1)
        flow.works()
        assert len(flow.only("bad")["attempts"]) == number + 1
    flow.ends_with("FAILED", "EXCEPTION")


@pytest.mark.parametrize(
    ("retry", "waits_ms", "above_ms"),
    [
        ("type: constant, interval: PT0.2S", [200, 200], [201, 201]),
        ("type: exponential, interval: PT0.1S", [100, 200], [101, 201]),
        ("type: random, minInterval: PT0.1S, maxInterval: PT0.3S", [100, 100], [300, 300]),
    ],
)
def test_k09_each_law_is_waited_for_on_every_log(
    driver: Driver, retry: str, waits_ms: list[int], above_ms: list[int]
) -> None:
    """From the end of an attempt to the beginning of the next; to the millisecond where time
    stands still.
    """
    retry = f"{{{retry}, maxAttempts: 3}}"
    flow = run_flow(driver, HEAD + f"tasks: [{{id: bad, type: fail, retry: {retry}}}]\n")
    for above in above_ms:
        driver.pass_ms(above - 1)
        flow.works()
    flow.ends_with("FAILED", "EXCEPTION")
    states = [one["state"] for one in flow.only("bad")["attempts"]]
    assert len(states) == 3
    for before, after, wait_ms in zip(states, states[1:], waits_ms, strict=False):
        waited_ms = timestamp_ms(after["startDate"]) - timestamp_ms(before["endDate"])
        assert waited_ms >= wait_ms
