"""A restart of an execution has its subflows that have failed run again: the same run goes on from
where it failed, or with `restartBehavior: NEW_EXECUTION` another one takes its place.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from penstock.cli import main
from tests.dialects.bench import FlowRun, deploy, start
from tests.dialects.test_k17_again import replay
from tests.dialects.test_subflow_states import HAND, HEAD, INNER, below
from tests.gateway.served import Served, serving, wait_until
from tests.scenarios.driver import Driver
from tests.scenarios.story import Story

STEPS = (
    "tasks:\n  - {id: before, type: return, format: b}\n  - {id: work, type: task, taskDef: hand}\n"
    "outputs: [{id: n, type: JSON, value: '{{ outputs.work }}'}]\n"
)
SUB = "{id: sub, type: subflow, namespace: company.team, flowId: inner%s}"
NEW = ", restartBehavior: NEW_EXECUTION"
EITHER = pytest.mark.parametrize("anew", [False, True], ids=["the-same", "another"])
FAILED = ["CREATED", "RUNNING", "FAILED"]
KILLED = ["CREATED", "RUNNING", "KILLED"]


def a_run(driver: Driver, sub: str) -> tuple[FlowRun, FlowRun]:
    """A flow that runs another one below a block, and that one, which has come to its `hand`."""
    deploy(driver, INNER + STEPS, HAND)
    flow = start(driver, deploy(driver, HEAD + block_of(sub))).works("return")
    child = below(flow).works("return")
    return flow, child.task("hand")


def block_of(sub: str) -> str:
    """The tasks of such a flow."""
    inner = SUB % sub
    return (
        f"tasks:\n  - id: block\n    type: sequential\n    tasks: [{inner}]\n"
        "  - {id: after, type: return, format: '{{ outputs.sub.outputs.n.x }}'}\n"
    )


@pytest.mark.parametrize("end", ["fails", "is killed", "all are killed"])
@EITHER
def test_a_restart_runs_it_again(driver: Driver, end: str, anew: bool) -> None:
    """The task run is the same one, RESTARTED; what has ended well in the run below stays, if that
    is the same.
    """
    flow, child = a_run(driver, NEW if anew else "")
    was = {"fails": FAILED, "is killed": KILLED}.get(end, [*KILLED[:2], "KILLING", "KILLED"])
    if end == "fails":
        child.fails()
        flow.ends_with("CHILD_FAILURE")
    elif end == "is killed":
        child.starts().is_killed(0)
        flow.ends_with("CHILD_FAILURE")
    else:
        child.starts()
        flow.is_killed(0).ends_with("KILLED")
        child.ends_with("KILLED")
    assert flow.states("sub") == was
    known = flow.only("sub")["id"]
    driver.pass_ms(10)
    flow.is_begun_again().is_now("RUNNING")
    now = FlowRun(driver, flow.only("sub")["outputs"]["executionId"])
    assert (now.id == child.id) is not anew
    now.works("return").task("hand").succeeds({"x": 5}).completes({"n": {"x": 5}})
    flow.works("return").completes(None)
    assert flow.only("sub")["id"] == known
    assert flow.states("sub") == [*was, "RESTARTED", "RUNNING", "SUCCESS"]
    assert flow.states("block") == flow.states("sub")
    assert flow.only("sub")["outputs"]["state"] == "SUCCESS"
    assert flow.only("after")["outputs"] == {"value": "5"}
    assert flow.execution["metadata"]["attemptNumber"] == 2
    assert now.execution["metadata"]["attemptNumber"] == (1 if anew else 2)
    assert len(now.task_runs("before")) == 1
    if anew:
        assert child.states()[-1] == was[-1]
        assert "RESTARTED" not in now.states()
    else:
        assert now.states()[-3:] == ["RESTARTED", "RUNNING", "SUCCESS"]


@EITHER
def test_it_is_paused_where_the_run_below_is(driver: Driver, anew: bool) -> None:
    """After a restart as before one."""
    wait = "tasks: [{id: w, type: pause}, {id: work, type: task, taskDef: hand}]\n"
    deploy(driver, INNER + wait, HAND)
    flow = start(driver, deploy(driver, HEAD + f"tasks: [{SUB % (NEW if anew else '')}]\n"))
    flow.wait(lambda: flow.states()[-1] == "PAUSED", "the pause")
    flow.is_killed(0).ends_with("KILLED")
    driver.pass_ms(10)
    flow.is_begun_again()
    flow.wait(lambda: flow.states("sub")[-1] == "PAUSED", "the pause, once more")
    assert flow.states()[-1] == "PAUSED"
    now = FlowRun(driver, flow.only("sub")["outputs"]["executionId"])
    driver.pass_ms(10)
    now.gets("flow.resume").task("hand").succeeds().completes(None)
    flow.completes(None)
    assert flow.states("sub")[-3:] == ["PAUSED", "RUNNING", "SUCCESS"]


@EITHER
def test_each_batch_is_seen_to_by_itself(memory: Driver, anew: bool) -> None:
    """Of three, the one that came to a good end stays as it is."""
    deploy(memory, INNER + STEPS, HAND)
    each = (
        "tasks:\n  - {id: each, type: for-each-item, namespace: company.team, flowId: inner,"
        " items: '{{ [1, 2, 3] }}'%s}\n"
    )
    flow = start(memory, deploy(memory, HEAD + each % (NEW if anew else "")))
    flow.works("return")
    one, other, third = memory.tasks("hand", 3)
    Story(memory, one.wf_run_id).has(one).succeeds({"x": 1})
    Story(memory, other.wf_run_id).has(other).fails()
    Story(memory, third.wf_run_id).has(third).is_killed(0)
    flow.ends_with("CHILD_FAILURE")
    memory.pass_ms(10)
    flow.is_begun_again().works("return")
    again = memory.tasks("hand", 9)
    assert len(again) == 2
    same = {task.wf_run_id for task in again} == {other.wf_run_id, third.wf_run_id}
    assert same is not anew
    for task in again:
        Story(memory, task.wf_run_id).has(task).succeeds({"x": 2})
    flow.completes(None)
    shown = flow.only("each")["outputs"]
    assert shown["iterations"] == {"SUCCESS": 3}
    assert sorted(part["n"]["x"] for part in shown["subflowOutputs"].values()) == [1, 2, 2]


@EITHER
def test_where_errors_are_run_first(memory: Driver, anew: bool) -> None:
    """A failure that `errors` has told of is still one: the restart goes on below it."""
    deploy(memory, INNER + STEPS, HAND)
    inner = SUB % (NEW if anew else "")
    errors = "errors: [{id: oh, type: return, format: seen}]\n"
    flow = start(memory, deploy(memory, HEAD + f"tasks: [{inner}]\n" + errors)).works("return")
    child = below(flow).task("hand").fails()
    flow.works("return").ends_with("CHILD_FAILURE")
    memory.pass_ms(10)
    flow.is_begun_again().works("return")
    [task] = memory.tasks("hand")
    assert (task.wf_run_id == child.id) is not anew
    Story(memory, task.wf_run_id).has(task).succeeds({"x": 1})
    flow.completes(None)
    assert flow.states("sub")[-1] == "SUCCESS"
    assert len(flow.task_runs("oh")) == 1


def test_a_retry_counts_anew_in_another_run(memory: Driver) -> None:
    """As that of a task does, which a restart runs again."""
    policy = ", retry: {type: constant, interval: PT10S, maxAttempts: 2}"
    flow, child = a_run(memory, NEW + policy)
    for _ in range(2):
        child.fails().ends_with("TASK_FAILURE")
        memory.pass_ms(10_100)
        flow.works("return")
        [*found] = memory.tasks("hand")
        child = FlowRun(memory, found[0].wf_run_id).has(found[0]) if found else child
    flow.ends_with("CHILD_FAILURE")
    flow.is_begun_again().works("return")
    [third] = memory.tasks("hand")
    FlowRun(memory, third.wf_run_id).has(third).fails()
    flow.is_now("RUNNING")
    memory.pass_ms(10_100)
    flow.works("return")
    [fourth] = memory.tasks("hand")
    FlowRun(memory, fourth.wf_run_id).has(fourth).succeeds({"x": 4})
    flow.works("return").completes(None)
    assert flow.only("after")["outputs"] == {"value": "4"}


@EITHER
def test_a_replay_of_the_task_begins_another_run(memory: Driver, anew: bool) -> None:
    """Whatever a restart would do."""
    flow, child = a_run(memory, NEW if anew else "")
    child.fails()
    flow.ends_with("CHILD_FAILURE")
    memory.pass_ms(10)
    again = replay(flow, guid=flow.only("sub")["id"]).works("return")
    other = below(again)
    assert other.id != child.id
    other.task("hand").succeeds({"x": 3})
    again.works("return").completes(None)
    assert again.only("after")["outputs"] == {"value": "3"}
    child.is_now("ERROR")


# Over HTTP, on the embedded log and a real store.


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with serving(Path(tmp_path_factory.mktemp("restarts"))) as made:
        yield made


@EITHER
@pytest.mark.parametrize("bulk", [False, True], ids=["one", "bulk"])
def test_over_http(served: Served, tmp_path: Path, anew: bool, bulk: bool) -> None:
    """Deployed by `penstock deploy`, restarted by the route of one run, or by a job."""
    name = f"r-{anew}-{bulk}".lower()
    served.a_task_def(f"{name}-hand")
    inner = f"id: {name}-inner\nnamespace: company.team\ntasks:\n"
    inner += f"  - {{id: work, type: task, taskDef: {name}-hand}}\n"
    outer = f"id: {name}\nnamespace: company.team\ntasks:\n"
    sub = (SUB % (NEW if anew else "")).replace("flowId: inner", f"flowId: {name}-inner")
    for number, text in enumerate((inner, outer + f"  - {sub}\n")):
        path = tmp_path / f"{number}.yaml"
        path.write_text(text)
        assert main(["deploy", str(path), "--url", served.url]) == 0
    run_id = served.run(f"company.team.{name}")
    [task] = served.poll(f"{name}-hand")
    assert served.report(task, status="TASK_FAILED", error="no luck").status_code == 200
    served.good("GET", f"/v1/wf-runs/{run_id}?until=ended&wait_ms=10000")
    if bulk:
        job = {"filter": {"wf_run_ids": [run_id]}, "verb": "restart"}
        started = served.good("POST", "/v1/bulk", job)
        where = f"/v1/bulk/{started['bulk_id']}"
        wait_until(lambda: served.good("GET", where)["status"] == "COMPLETED")
        assert served.good("GET", where)["done"] == 1
    else:
        served.good("POST", f"/v1/wf-runs/{run_id}/actions/restart", {})
    [again] = served.poll(f"{name}-hand")
    assert (again["wf_run_id"] == task["wf_run_id"]) is not anew
    served.succeed(again)
    served.good("GET", f"/v1/wf-runs/{run_id}?until=ended&wait_ms=10000")
    shown = served.good("GET", f"/v1/wf-runs/{run_id}?view=kestra")
    assert shown["state"]["current"] == "SUCCESS"
    [one] = shown["taskRunList"]
    assert one["outputs"]["executionId"] == again["wf_run_id"]
    assert [moment["state"] for moment in one["state"]["histories"]] == [
        *FAILED,
        *("RESTARTED", "RUNNING", "SUCCESS"),
    ]
    told = served.good("GET", f"/v1/wf-runs/{again['wf_run_id']}/history")["items"]
    verbs = [fact["verb"] for fact in told if "verb" in fact]
    assert verbs == ([] if anew else ["RestartBelow"])
