"""A success after a retry may be one with a warning."""

from __future__ import annotations

import pytest

from penstock.core.commands.put_task_def import PutTaskDef
from tests.dialects.bench import deploy, start
from tests.scenarios.driver import Driver

FLOW = """
id: f
namespace: company.team
tasks:
  - id: shaky
    type: task
    taskDef: work
    retry: {type: constant, interval: PT0.1S, maxAttempts: 3%s}
"""


@pytest.mark.parametrize(
    ("asked", "failures", "state"),
    [
        (", warningOnRetry: true", 0, "SUCCESS"),
        (", warningOnRetry: true", 1, "WARNING"),
        (", warningOnRetry: true", 2, "WARNING"),
        (", warningOnRetry: false", 1, "SUCCESS"),
        ("", 1, "SUCCESS"),
    ],
)
def test_k11_what_took_more_than_one_attempt(
    driver: Driver, asked: str, failures: int, state: str
) -> None:
    """From the second attempt on."""
    flow = start(driver, deploy(driver, FLOW % asked, PutTaskDef("work")))
    for _ in range(failures):
        flow.task("work").starts().fails()
        driver.pass_ms(100)
    flow.task("work").starts().succeeds().completes()
    assert flow.states("shaky")[-1] == state
    assert flow.states()[-1] == state
    assert len(flow.only("shaky")["attempts"]) == failures + 1
