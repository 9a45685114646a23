"""How many attempts a task has in all, and how long they may go on; which policy is a task's."""

from __future__ import annotations

import pytest

from tests.dialects.bench import FlowRun, run_flow
from tests.scenarios.driver import Driver

HEAD = "id: f\nnamespace: company.team\n"
SOON = "{type: constant, interval: PT0.2S, %s}"


def tried_again(flow: FlowRun, times: int) -> FlowRun:
    """The delay of a retry passes, so many times, and the task fails once more."""
    for _ in range(times):
        flow.driver.pass_ms(200)
        flow.works()
    return flow


def failing(retry: str) -> str:
    """A flow whose only task fails."""
    return HEAD + f"tasks: [{{id: bad, type: fail, retry: {retry}}}]\n"


@pytest.mark.parametrize(
    "named", ["maxAttempt: 3", "maxAttempts: 3", "maxAttempt: 9, maxAttempts: 3"]
)
def test_k07_the_first_attempt_counts(driver: Driver, named: str) -> None:
    """Three in all, whichever word says so; the newer one is preferred."""
    flow = run_flow(driver, failing(SOON % named))
    tried_again(flow, 2).ends_with("FAILED", "EXCEPTION")
    shown = flow.only("bad")
    assert [one["state"]["current"] for one in shown["attempts"]] == ["FAILED"] * 3
    again = ["FAILED", "RETRYING", "CREATED", "RUNNING"]
    assert flow.states("bad") == ["CREATED", "RUNNING", *again, *again, "FAILED"]
    assert flow.states()[:3] == ["CREATED", "RUNNING", "RETRYING"]
    assert flow.states()[-1] == "FAILED"


def test_k07_one_attempt_is_none_too_many(driver: Driver) -> None:
    flow = run_flow(driver, failing(SOON % "maxAttempts: 1"))
    flow.ends_with("FAILED", "EXCEPTION")
    assert len(flow.only("bad")["attempts"]) == 1


NEAREST = """
retry: {type: constant, interval: PT0.2S, maxAttempts: 4}
tasks:
  - id: block
    type: sequential
    retry: {type: constant, interval: PT0.2S, maxAttempts: 3}
    tasks:
      - id: soft
        type: allow-failure
        tasks: [{id: inherits, type: fail}]
      - id: softer
        type: allow-failure
        retry: {type: constant, interval: PT0.2S, maxAttempts: 1}
        tasks:
          - {id: own, type: fail, retry: {type: constant, interval: PT0.2S, maxAttempts: 2}}
      - id: third
        type: allow-failure
        retry: {type: constant, interval: PT0.2S, maxAttempts: 1}
        tasks: [{id: once, type: fail}]
  - {id: outside, type: fail}
"""


def test_k07_the_nearest_policy_is_the_tasks(memory: Driver) -> None:
    """Its own, else that of the nearest block around it, else the flow's."""
    flow = tried_again(run_flow(memory, HEAD + NEAREST), 10)
    flow.ends_with("FAILED", "EXCEPTION")
    tried = {
        name: len(flow.only(name)["attempts"]) for name in ("inherits", "own", "once", "outside")
    }
    assert tried == {"inherits": 3, "own": 2, "once": 1, "outside": 4}


def test_k07_errors_are_not_run_while_a_retry_remains(memory: Driver) -> None:
    retry = SOON % "maxAttempts: 2"
    flow = run_flow(memory, failing(retry) + "errors: [{id: oh, type: return, format: seen}]\n")
    assert flow.states("bad")[-1] == "RETRYING"
    assert flow.task_runs("oh") == []
    tried_again(flow, 1).is_now("EXCEPTION")
    assert flow.only("oh")["outputs"] == {"value": "seen"}
