"""A retry of the flow: the failed task again, or a new execution of it all."""

from __future__ import annotations

from typing import cast

import pytest

from penstock.core.state.facts import AuditEntry
from tests.dialects.bench import FlowRun, deploy, run_flow
from tests.scenarios.driver import Driver

HEAD = "id: f\nnamespace: company.team\n"
AGAIN = "{type: constant, interval: PT0.2S, maxAttempts: %d, behavior: %s}"
NEW = "CREATE_NEW_EXECUTION"
FLOW = """
inputs: [{id: n, type: INT, defaults: 1}]
labels: {team: ours}
tasks:
  - {id: first, type: return, format: "{{ inputs.n }}"}
  - id: block
    type: sequential
    tasks: [{id: bad, type: fail}]
errors: [{id: oh, type: return, format: seen}]
finally: [{id: z, type: return}]
"""


def flow_again(attempts: int, behavior: str) -> str:
    """The flow with a retry of its own."""
    return HEAD + f"retry: {AGAIN % (attempts, behavior)}\n" + FLOW


def next_execution(flow: FlowRun) -> FlowRun:
    """The execution that takes this one's place, once it has come."""
    flow.driver.tick()
    flow.ends_with("SUPERSEDED")
    flow.driver.pass_ms(200)

    def begun() -> list[AuditEntry]:
        entries = flow.driver.scan(AuditEntry, flow.id)
        return [entry for entry in entries if entry.verb == "BeginAnew"]

    flow.wait(lambda: len(begun()) == 1, "a new execution")
    [entry] = begun()
    detail = cast("dict[str, str]", entry.detail)
    return FlowRun(flow.driver, detail["wf_run_id"]).works()


def test_k10_a_new_execution_from_the_beginning(driver: Driver) -> None:
    """RETRIED is the task run, all above it and the execution; the chain is kept."""
    first = run_flow(driver, flow_again(3, NEW), n=5)
    second = next_execution(first)
    third = next_execution(second)
    third.is_now("EXCEPTION")
    for flow in (first, second):
        assert flow.states()[-1] == "RETRIED"
        assert flow.states("bad") == ["CREATED", "RUNNING", "FAILED", "RETRIED"]
        assert flow.states("block")[-1] == "RETRIED"
        assert flow.states("first")[-1] == "SUCCESS"
        assert flow.task_runs("oh") == flow.task_runs("z") == []
    shown = [flow.execution for flow in (first, second, third)]
    assert [one["originalId"] for one in shown] == [first.id] * 3
    assert [one.get("parentId") for one in shown] == [None, first.id, second.id]
    assert [one["metadata"]["attemptNumber"] for one in shown] == [1, 2, 3]
    assert len({one["metadata"]["originalCreatedDate"] for one in shown}) == 1
    assert [one["inputs"] for one in shown] == [{"n": 5}] * 3
    assert [one["flowRevision"] for one in shown] == [shown[0]["flowRevision"]] * 3
    assert {"key": "team", "value": "ours"} in shown[2]["labels"]
    assert third.states()[-1] == "FAILED"
    assert third.states("bad")[-1] == "FAILED"
    assert [len(third.task_runs(name)) for name in ("oh", "z")] == [1, 1]


def test_k10_the_failed_task_again(driver: Driver) -> None:
    """Nothing else is done again, and it is the same execution."""
    flow = run_flow(driver, flow_again(2, "RETRY_FAILED_TASK"))
    driver.pass_ms(200)
    flow.works().is_now("EXCEPTION")
    assert len(flow.only("bad")["attempts"]) == 2
    assert len(flow.only("first")["attempts"]) == 1
    assert flow.execution["metadata"]["attemptNumber"] == 1
    assert [len(flow.task_runs(name)) for name in ("oh", "z")] == [1, 1]


def test_k10_branches_beside_are_killed(memory: Driver) -> None:
    """They are not retried: they had not failed."""
    flow = run_flow(
        memory,
        HEAD + f"retry: {AGAIN % (2, NEW)}\n"
        "tasks:\n  - id: par\n    type: parallel\n    tasks:\n"
        "      - {id: side, type: sequential, tasks: [{id: wait, type: pause}]}\n"
        "      - {id: bad, type: fail}\n",
    )
    memory.tick()
    assert flow.states()[-1] == "RETRIED"
    ends = {name: flow.states(name)[-1] for name in ("par", "side", "wait", "bad")}
    assert ends == {"par": "RETRIED", "side": "KILLED", "wait": "KILLED", "bad": "RETRIED"}
    second = next_execution(flow)
    assert second.states("bad")[-1] == "FAILED"


def test_k10_a_subflow_that_fails_is_begun_anew_with_its_parent(memory: Driver) -> None:
    """A run of another flow below this one has nobody else to take its place."""
    deploy(
        memory,
        "id: inner\nnamespace: company.team\n"
        f"retry: {AGAIN % (5, NEW)}\ntasks: [{{id: bad, type: fail}}]\n",
    )
    flow = run_flow(
        memory,
        HEAD + "tasks:\n  - id: sub\n    type: subflow\n    namespace: company.team\n"
        f"    flowId: inner\n    retry: {AGAIN % (2, NEW)}\n",
    )
    second = next_execution(flow)
    assert flow.states("sub")[-1] == "RETRIED"
    second.is_now("EXCEPTION")


@pytest.mark.parametrize("where", ["task", "block"])
def test_k10_a_policy_nearer_than_the_flows(memory: Driver, where: str) -> None:
    """A task's, or a block's, that wants a new execution, in a flow that wants none."""
    policy = AGAIN % (2, NEW)
    block, task = ("", f", retry: {policy}") if where == "task" else (f"    retry: {policy}\n", "")
    flow = run_flow(
        memory,
        HEAD + f"retry: {AGAIN % (9, 'RETRY_FAILED_TASK')}\n"
        f"tasks:\n  - id: block\n    type: sequential\n{block}"
        f"    tasks: [{{id: bad, type: fail{task}}}]\n",
    )
    next_execution(flow).ends_with("FAILED", "EXCEPTION")
