"""A flow that runs another one: how that ended is told, and one that has failed is tried again."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.core.commands.kill_wf_run import KillWfRun
from tests.controls import a_task_def
from tests.dialects.bench import FlowRun, deploy, run_flow, start
from tests.scenarios.driver import Driver
from tests.scenarios.story import Story, accepted

HEAD = "id: f\nnamespace: company.team\n"
INNER = "id: inner\nnamespace: company.team\n"
SUB = "namespace: company.team, flowId: inner"
CONSTANT = "{type: constant, interval: PT10S, maxAttempts: 3}"


def a_run(driver: Driver, sub: str, head: str = HEAD) -> FlowRun:
    """A flow that runs another one, whose task is `hand`, and then says what it has seen of it."""
    hand = a_task_def("hand")
    work = "tasks: [{id: work, type: task, taskDef: hand}]\n"
    outputs = "outputs: [{id: y, type: JSON, value: '{{ outputs.work }}'}]\n"
    deploy(driver, INNER + work + outputs, hand)
    text = f"tasks:\n  - {{id: sub, type: subflow, {SUB}, {sub}}}\n"
    return start(driver, deploy(driver, head + text))


def below(driver: Driver) -> Story:
    """The run below whose task is to be done."""
    [task] = driver.tasks("hand")
    return Story(driver, task.wf_run_id).has(task)


def sub_of(flow: FlowRun) -> dict[str, Any]:
    """The task run, with its state."""
    found = flow.only("sub")
    return {**found["outputs"], "is": found["state"]["current"]} if found["outputs"] else {}


def test_another_run_takes_the_place_of_one_that_failed(driver: Driver) -> None:
    """Up to so many in all, each after its time."""
    quick = CONSTANT.replace("PT10S", "PT0.3S")
    flow = a_run(driver, f"retry: {quick}")
    seen: set[str] = set()
    for _ in range(2):
        seen.add(below(driver).fails().id)
        driver.pass_ms(400)
    last = below(driver).succeeds({"n": 3})
    flow.completes(None)
    assert len(seen | {last.id}) == 3
    found = sub_of(flow)
    assert found.pop("executionId") == last.id
    assert found == {"state": "SUCCESS", "outputs": {"y": {"n": 3}}, "is": "SUCCESS"}


def test_the_last_one_s_failure_is_the_task_s(memory: Driver) -> None:
    """And not before its time; a restart of the run below is one more chance for both."""
    flow = a_run(memory, f"retry: {CONSTANT}")
    for _ in range(2):
        below(memory).fails()
        memory.pass_ms(9_900)
        assert memory.tasks("hand") == []
        memory.pass_ms(200)
    last = below(memory).fails()
    flow.ends_with("CHILD_FAILURE")
    assert last.id in str(flow.thread.failure)
    memory.pass_ms(60_000)
    assert memory.tasks("hand") == []
    last.is_begun_again()
    below(memory).succeeds({"n": 4})
    flow.completes(None)
    assert sub_of(flow)["outputs"] == {"y": {"n": 4}}


def test_it_is_inherited(memory: Driver) -> None:
    """From the flow, as of any task; a run for each batch has a policy of its own."""
    flow = a_run(memory, "transmitFailed: true", HEAD + f"retry: {CONSTANT}\n")
    below(memory).fails()
    memory.pass_ms(10_100)
    below(memory).succeeds({})
    flow.completes(None)
    each = HEAD + f"retry: {CONSTANT}\ntasks:\n  - {{id: each, type: for-each-item, {SUB},"
    flow = start(memory, deploy(memory, each + " items: '{{ [1, 2] }}'}\n"))
    one, other = memory.tasks("hand", 2)
    Story(memory, one.wf_run_id).has(one).fails()
    Story(memory, other.wf_run_id).has(other).succeeds({})
    memory.pass_ms(10_100)
    below(memory).succeeds({})
    flow.completes(None)


@pytest.mark.parametrize(
    ("policy", "delays_ms"),
    [
        ("type: exponential, interval: PT1S, delayFactor: 3.0, maxInterval: PT5S", [1, 3, 5, 5]),
        ("type: constant, interval: PT2S, maxDuration: PT5S", [2, 2]),
        ("type: constant, interval: PT2S, maxAttempt: 2", [2]),
    ],
)
def test_how_long_is_waited(memory: Driver, policy: str, delays_ms: list[int]) -> None:
    """As it is for a task."""
    flow = a_run(memory, f"retry: {{{policy}}}")
    for seconds in delays_ms:
        below(memory).fails()
        memory.pass_ms(seconds * 1_000 - 100)
        assert memory.tasks("hand") == [], seconds
        memory.pass_ms(100)
    story = below(memory)
    if policy.startswith("type: exp"):
        story.succeeds({})
        flow.completes(None)
    else:
        story.fails()
        flow.ends_with("CHILD_FAILURE")


def test_a_random_wait_is_within_its_bounds(memory: Driver) -> None:
    flow = a_run(memory, "retry: {type: random, minInterval: PT2S, maxInterval: PT4S}")
    for _ in range(5):
        below(memory).fails()
        memory.pass_ms(1_900)
        assert memory.tasks("hand") == []
        memory.pass_ms(2_200)
    below(memory).succeeds({})
    flow.completes(None)


def test_a_success_after_a_failure_may_be_a_warning(memory: Driver) -> None:
    flow = a_run(memory, f"retry: {CONSTANT[:-1]}, warningOnRetry: true}}")
    below(memory).fails()
    memory.pass_ms(10_100)
    below(memory).succeeds({})
    flow.completes(None)
    assert sub_of(flow)["is"] == "WARNING"
    assert flow.execution["state"]["current"] == "WARNING"


def test_one_that_was_killed_is_not_tried_again(memory: Driver) -> None:
    flow = a_run(memory, f"retry: {CONSTANT}")
    accepted(memory, KillWfRun(wf_run_id=below(memory).id, deadline_ms=1))
    memory.pass_ms(60_000)
    flow.ends_with("CHILD_FAILURE")
    assert memory.tasks("hand") == []


def test_how_it_ended_can_be_read(memory: Driver) -> None:
    """A warning below is one here, and of a failure that is allowed is told, too."""
    soft = "tasks: [{id: i, type: fail, allowFailure: true}]\n"
    hard = "tasks: [{id: i, type: fail}]\n"
    for name, tasks in (("soft", soft), ("hard", hard)):
        deploy(memory, f"id: {name}\nnamespace: company.team\n{tasks}")
    sub = "type: subflow, namespace: company.team"
    flow = run_flow(
        memory,
        HEAD + f"tasks:\n  - {{id: a, {sub}, flowId: soft}}\n"
        f"  - {{id: b, {sub}, flowId: soft, transmitFailed: false}}\n"
        f"  - {{id: c, {sub}, flowId: hard, allowFailure: true}}\n"
        f"  - {{id: d, {sub}, flowId: hard, transmitFailed: false}}\n"
        "  - id: said\n    type: return\n    format: >-\n"
        "      {{ outputs.a.state }} {{ outputs.b.state }}\n"
        "      {{ outputs.c.state }} {{ outputs.d.state }}\n",
    )
    flow.completes(None)
    assert flow.only("said")["outputs"] == {"value": "WARNING WARNING FAILED FAILED"}
    states = [flow.only(name)["state"]["current"] for name in "abcd"]
    assert states == ["WARNING", "SUCCESS", "WARNING", "SUCCESS"]
    assert {*flow.only("c")["outputs"]} == {"executionId", "state"}
