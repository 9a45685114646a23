"""A flow that runs one revision of another, and not before its time."""

from __future__ import annotations

from penstock.core.values.timestamps import timestamp_text
from tests.dialects.bench import FlowRun, deploy, run_flow
from tests.dialects.test_subflow_states import below
from tests.scenarios.driver import Driver

HEAD = "id: f\nnamespace: company.team\n"
SUB = "tasks: [{id: sub, type: subflow, namespace: company.team, flowId: inner%s}]\n"


def inner(driver: Driver, said: str) -> None:
    """A revision of the flow that is run."""
    deploy(
        driver,
        "id: inner\nnamespace: company.team\n"
        f"tasks: [{{id: i, type: return, format: {said}}}]\n"
        "outputs: [{id: y, type: STRING, value: '{{ outputs.i.value }}'}]\n",
    )


def test_a_revision_that_is_named(driver: Driver) -> None:
    """Without one it is the newest when the flow is deployed."""
    for said in ("old", "new"):
        inner(driver, said)
    for more, revision, said in ((", revision: 1", 1, "old"), ("", 2, "new")):
        flow = run_flow(driver, HEAD + SUB % more)
        flow.completes(None)
        assert below(flow).execution["flowRevision"] == revision
        assert flow.only("sub")["outputs"]["outputs"] == {"y": said}


def test_it_begins_when_its_time_has_come(memory: Driver) -> None:
    """Until then the task is paused, and there is no execution below."""
    assert memory.clock is not None
    inner(memory, "x")
    date = timestamp_text(memory.clock.now_ms + 60_000)
    flow = run_flow(memory, HEAD + SUB % f", scheduleDate: '{date}'")
    assert flow.states("sub") == ["CREATED", "RUNNING", "PAUSED"]
    assert flow.states()[-1] == "PAUSED"
    memory.pass_ms(59_000)
    assert flow.states("sub")[-1] == "PAUSED"
    memory.pass_ms(1_000)
    flow.works().completes(None)
    assert flow.states("sub") == ["CREATED", "RUNNING", "PAUSED", "RUNNING", "SUCCESS"]
    assert below(flow).execution["state"]["startDate"][:23] >= date[:23]


def test_a_time_that_is_past_is_no_wait(driver: Driver) -> None:
    """Here one that a template gives."""
    inner(driver, "x")
    past = "inputs: [{id: at, type: DATETIME, defaults: '2001-01-01T00:00:00Z'}]\n"
    flow = run_flow(driver, HEAD + past + SUB % ", scheduleDate: '{{ inputs.at }}'")
    flow.completes(None)
    assert flow.states("sub") == ["CREATED", "RUNNING", "SUCCESS"]


def test_a_time_that_is_none_fails_the_task(memory: Driver) -> None:
    inner(memory, "x")
    at = "inputs: [{id: at, type: STRING}]\n"
    flow = run_flow(memory, HEAD + at + SUB % ", scheduleDate: '{{ inputs.at }}'", at="soon")
    flow.is_now("ERROR")
    assert flow.states("sub")[-1] == "FAILED"


def test_a_retry_does_not_wait_for_it_again(memory: Driver) -> None:
    """What time the tries may take is counted from the first of them."""
    assert memory.clock is not None
    deploy(memory, "id: inner\nnamespace: company.team\ntasks: [{id: i, type: fail}]\n")
    date = timestamp_text(memory.clock.now_ms + 60_000)
    retry = "retry: {type: constant, interval: PT10S, maxDuration: PT15S}"
    flow: FlowRun = run_flow(memory, HEAD + SUB % f", scheduleDate: '{date}', {retry}")
    memory.pass_ms(60_000)
    flow.works()
    assert flow.states("sub")[-1] == "RETRYING"
    memory.pass_ms(10_000)
    flow.works().is_now("EXCEPTION")
    states = flow.states("sub")
    assert (states.count("PAUSED"), states.count("RETRYING")) == (1, 1)
