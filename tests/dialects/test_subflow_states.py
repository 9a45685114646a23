"""What a task that waits in a thread of its own is meanwhile: a flow that runs another is what that
comes to, or waits to try it again; a loop is paused between its rounds.
"""

from __future__ import annotations

import pytest

from penstock.core.commands.kill_wf_run import KillWfRun
from penstock.core.commands.put_task_def import PutTaskDef
from penstock.core.state.thread_rows import ChildRun
from tests.dialects.bench import FlowRun, deploy, start
from tests.dialects.test_k17_again import replay
from tests.scenarios.driver import Driver
from tests.scenarios.starting import runs_of
from tests.scenarios.story import accepted

HEAD = "id: f\nnamespace: company.team\n"
INNER = "id: inner\nnamespace: company.team\n"
HAND = PutTaskDef("hand")
WORK = "tasks: [{id: work, type: task, taskDef: hand}]\n"
PAUSE = "tasks: [{id: wait, type: pause}]\n"
SUB = "{id: sub, type: subflow, namespace: company.team, flowId: inner%s}"


def a_run(driver: Driver, inner: str, sub: str = "", rest: str = "") -> FlowRun:
    """A flow that runs another one, below a block."""
    deploy(driver, INNER + inner, HAND)
    block = f"tasks:\n  - {{id: block, type: sequential, tasks: [{SUB % sub}]}}\n"
    return start(driver, deploy(driver, HEAD + block + rest))


def below(flow: FlowRun) -> FlowRun:
    """The newest run that it has started."""
    flow.wait(lambda: bool(flow.driver.scan(ChildRun, flow.id)), "a run below")
    found = [FlowRun(flow.driver, row.child) for row in flow.driver.scan(ChildRun, flow.id)]
    return max(found, key=lambda one: (one.run.started_ms, one.run.born_offset))


def test_one_that_is_killed_is_killed(driver: Driver) -> None:
    """So are the block and the execution above; a restart of it has all of them go on."""
    flow = a_run(driver, WORK)
    child = below(flow)
    child.is_killed().ends_with("KILLED")
    flow.ends_with("CHILD_FAILURE")
    killed = ["CREATED", "RUNNING", "KILLED"]
    assert flow.states() == flow.states("block") == flow.states("sub") == killed
    assert flow.thread.failure is not None
    assert flow.thread.failure.cause == "KILLED"
    driver.pass_ms(10)
    child.is_begun_again().is_now("RUNNING")
    [*_, task] = driver.tasks("hand", 2)
    child.has(task).succeeds().completes(None)
    flow.completes(None)
    assert flow.states() == [*killed, "RESTARTED", "RUNNING", "SUCCESS"]
    assert flow.states("sub")[:4] == [*killed, "RESTARTED"]
    assert flow.states("sub")[-1] == "SUCCESS"


@pytest.mark.parametrize("end", ["fails", "is_killed", "all_killed"])
def test_which_one_it_was_can_be_read_whatever_became_of_it(memory: Driver, end: str) -> None:
    """A replay of the task begins another one; a restart of the run below has both go on."""
    flow = a_run(memory, WORK)
    child = below(flow).task("hand")
    told = {"executionId": child.id}
    assert flow.only("sub")["outputs"] == told
    if end == "all_killed":
        flow.is_killed().ends_with("KILLED")
    elif end == "is_killed":
        child.is_killed()
        flow.ends_with("CHILD_FAILURE")
    else:
        child.fails()
        flow.ends_with("CHILD_FAILURE")
    assert flow.only("sub")["outputs"] == told
    memory.pass_ms(10)
    again = replay(flow, guid=flow.only("sub")["id"])
    other = below(again).task("hand").succeeds().completes(None)
    again.completes(None)
    assert again.only("sub")["outputs"]["executionId"] == other.id != child.id
    child.is_begun_again().is_now("RUNNING")
    if end == "all_killed":
        flow.is_now("ERROR").is_begun_again()
    flow.is_now("RUNNING")
    assert flow.only("sub")["outputs"] == told
    child.task("hand").succeeds().completes(None)
    flow.completes(None)
    assert flow.only("sub")["outputs"]["executionId"] == child.id


def test_both_were_killed_and_the_one_below_is_restarted_first(memory: Driver) -> None:
    flow = a_run(memory, WORK)
    child = below(flow).task("hand")
    flow.is_killed().ends_with("KILLED")
    child.ends_with("KILLED").is_begun_again().is_now("RUNNING")
    flow.is_now("ERROR").is_begun_again().is_now("RUNNING")
    child.task("hand").succeeds().completes(None)
    flow.completes(None)
    assert flow.only("sub")["outputs"]["executionId"] == child.id


def test_that_it_was_killed_can_be_read_and_waited_for(driver: Driver) -> None:
    """By who runs it and goes on, and by a flow that waits for the end of this one."""
    after = "triggers: [{id: t, type: flow, namespace: company.team, flowId: f, states: [KILLED]}]"
    waits = "id: waits\nnamespace: company.team\ntasks: [{id: a, type: return}]\n"
    deploy(driver, waits + after + "\n")
    flow = a_run(driver, PAUSE, ", transmitFailed: false")
    below(flow).is_killed()
    flow.completes(None)
    assert flow.only("sub")["outputs"]["state"] == "KILLED"
    assert flow.states("sub")[-1] == "SUCCESS"
    loud = a_run(driver, PAUSE)
    below(loud).is_killed()
    loud.ends_with("CHILD_FAILURE")
    [made] = runs_of(driver, "company.team.waits", 1)
    assert made.run.started_by is not None
    assert (made.run.started_by.wf_run_id, made.run.started_by.state) == (loud.id, "KILLED")


def test_one_whose_run_is_paused_is_paused(driver: Driver) -> None:
    """By a pause of its own, and by an operator; so is the execution."""
    flow = a_run(driver, PAUSE)
    child = below(flow)
    flow.wait(lambda: flow.states("sub")[-1] == "PAUSED", "the pause")
    assert flow.states() == flow.states("sub") == ["CREATED", "RUNNING", "PAUSED"]
    driver.pass_ms(10)
    child.gets("flow.resume").completes(None)
    flow.completes(None)
    done = ["CREATED", "RUNNING", "PAUSED", "RUNNING", "SUCCESS"]
    assert flow.states() == flow.states("sub") == done
    assert flow.states("block") == ["CREATED", "RUNNING", "SUCCESS"]


def test_a_pause_is_told_however_far_above(driver: Driver) -> None:
    """Each execution learns it from the one below; a list of them says the same."""
    deploy(driver, INNER + PAUSE)
    middle = "id: middle\nnamespace: company.team\ntasks:\n  - " + SUB % "" + "\n"
    deploy(driver, middle)
    flow = start(driver, deploy(driver, HEAD + f"tasks: [{SUB.replace('inner%s', 'middle')}]\n"))
    between = below(flow)
    lowest = below(between)
    flow.wait(lambda: flow.states()[-1] == "PAUSED", "the pause")
    for one in (flow, between, lowest):
        assert one.head["state"]["current"] == one.states()[-1] == "PAUSED"
    driver.pass_ms(10)
    lowest.is_paused().is_now("HALTED")
    assert flow.states()[-1] == "PAUSED"
    lowest.is_resumed().is_resumed().completes(None)
    flow.completes(None)
    assert flow.states() == ["CREATED", "RUNNING", "PAUSED", "RUNNING", "SUCCESS"]


def test_an_operators_pause_of_the_run_below(driver: Driver) -> None:
    flow = a_run(driver, WORK)
    child = below(flow).task("hand")
    driver.pass_ms(10)
    child.is_paused().succeeds().is_now("HALTED")
    assert flow.states("sub") == flow.states() == ["CREATED", "RUNNING", "PAUSED"]
    driver.pass_ms(10)
    child.is_resumed()
    flow.completes(None)
    assert flow.states("sub") == ["CREATED", "RUNNING", "PAUSED", "RUNNING", "SUCCESS"]


def test_one_that_does_not_share_its_fate_runs_on(driver: Driver) -> None:
    flow = a_run(driver, PAUSE, ", transmitFailed: false")
    child = below(flow)
    child.wait(lambda: child.states()[-1] == "PAUSED", "the pause")
    assert flow.states() == flow.states("sub") == ["CREATED", "RUNNING"]


def test_a_paused_one_that_is_killed_with_its_parent(driver: Driver) -> None:
    flow = a_run(driver, PAUSE)
    flow.wait(lambda: flow.states("sub")[-1] == "PAUSED", "the pause")
    driver.pass_ms(10)
    accepted(driver, KillWfRun(wf_run_id=flow.id, cascade=True))
    flow.ends_with("KILLED")
    killed = ["CREATED", "RUNNING", "PAUSED", "KILLING", "KILLED"]
    assert flow.states() == flow.states("sub") == killed


def test_it_waits_for_its_retry(driver: Driver) -> None:
    """As any task that is tried again does, and the execution with it."""
    flow = a_run(driver, WORK, ", retry: {type: constant, interval: PT0.3S, maxAttempts: 2}")
    below(flow).task("hand").fails()
    flow.wait(lambda: flow.states()[-1] == "RETRYING", "the retry")
    once = ["CREATED", "RUNNING", "FAILED", "RETRYING"]
    assert flow.states("sub") == once
    assert flow.states() == ["CREATED", "RUNNING", "RETRYING"]
    driver.pass_ms(400)
    [task] = driver.tasks("hand")
    FlowRun(driver, task.wf_run_id).has(task).succeeds().completes(None)
    flow.completes(None)
    assert flow.states("sub") == [*once, "RUNNING", "SUCCESS"]
    assert flow.states() == ["CREATED", "RUNNING", "RETRYING", "RUNNING", "SUCCESS"]


def test_a_kill_while_it_waits_for_its_retry(driver: Driver) -> None:
    flow = a_run(driver, WORK, ", retry: {type: constant, interval: PT1H, maxAttempts: 2}")
    below(flow).task("hand").fails()
    flow.wait(lambda: flow.states()[-1] == "RETRYING", "the retry")
    driver.pass_ms(10)
    flow.is_killed().ends_with("KILLED")
    assert flow.states("sub") == ["CREATED", "RUNNING", "FAILED", "RETRYING", "KILLED"]
    assert flow.states()[-2:] == ["KILLING", "KILLED"]


LOOP = """
tasks:
  - id: loop
    type: loop-until
    condition: "{{ outputs.n.value == '2' }}"
    checkFrequency: {interval: PT0.2S}
    tasks: [{id: n, type: return, format: "{{ taskrun.iteration }}"}]
"""


def test_a_loop_is_paused_between_its_rounds(driver: Driver) -> None:
    flow = start(driver, deploy(driver, HEAD + LOOP)).works(until_quiet=False)
    flow.wait(lambda: "PAUSED" in flow.states("loop"), "the end of the first round")
    assert flow.states("loop")[:3] == ["CREATED", "RUNNING", "PAUSED"]
    driver.pass_ms(250)
    flow.works().completes(None)
    done = ["CREATED", "RUNNING", "PAUSED", "RUNNING", "SUCCESS"]
    assert flow.states() == flow.states("loop") == done


@pytest.mark.parametrize("deep", [1, 2])
def test_a_pause_is_seen_from_above(memory: Driver, deep: int) -> None:
    """Through as many flows as there are between."""
    top = deploy(memory, f"id: f0\nnamespace: company.team\n{PAUSE}")
    for number in range(1, deep + 1):
        sub = f"{{id: sub, type: subflow, namespace: company.team, flowId: f{number - 1}}}"
        top = deploy(memory, f"id: f{number}\nnamespace: company.team\ntasks: [{sub}]\n")
    flow = start(memory, top)
    assert flow.states() == flow.states("sub") == ["CREATED", "RUNNING", "PAUSED"]
