"""A kill ends an execution wherever it stands, and everything below it."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.core.commands.kill_wf_run import KillWfRun
from penstock.core.commands.put_external_event import PutExternalEvent
from penstock.core.commands.put_task_def import PutTaskDef
from penstock.core.state.facts import AuditEntry
from penstock.core.state.place_rows import LimitState, PlaceHolder, QueuedRun
from penstock.core.state.thread_rows import ChildRun
from penstock.core.state.timers import Timer
from tests.dialects.bench import FlowRun, deploy, start
from tests.scenarios.driver import Driver
from tests.scenarios.story import refused

HEAD = "id: %s\nnamespace: company.team\n"
WORK, QUICK = PutTaskDef("work"), PutTaskDef("quick")
AFTER = "errors: [{id: oh, type: return}]\nfinally: [{id: z, type: return}]\n"
ALL = (
    HEAD % "f"
    + """
tasks:
  - id: par
    type: parallel
    tasks:
      - {id: running, type: task, taskDef: work}
      - {id: created, type: task, taskDef: quick}
      - {id: retrying, type: fail, retry: {type: constant, interval: PT1M, maxAttempts: 9}}
      - {id: paused, type: pause}
      - id: deep
        type: for-each
        values: [1, 2]
        concurrencyLimit: 0
        tasks: [{id: sub, type: subflow, namespace: company.team, flowId: inner}]
  - {id: never, type: return}
"""
    + AFTER
)
INNER = HEAD % "inner" + "tasks: [{id: waits, type: pause}]\n" + AFTER


def below(flow: FlowRun) -> list[FlowRun]:
    """The executions that it has started."""
    return [FlowRun(flow.driver, row.child) for row in flow.driver.scan(ChildRun, flow.id)]


def at_work(driver: Driver) -> FlowRun:
    """With a task run in each state: running, created, retrying, paused, and executions below."""
    deploy(driver, INNER)
    flow = start(driver, deploy(driver, ALL, WORK, QUICK)).works()
    flow.wait(lambda: len(below(flow)) == 2, "the executions below")
    flow.task("work").starts()
    flow.wait(lambda: flow.states("retrying")[-1] == "RETRYING", "a retry")
    states = {name: flow.states(name)[-1] for name in ("running", "created", "paused", "deep")}
    assert states == {
        "running": "RUNNING",
        "created": "CREATED",
        "paused": "PAUSED",
        "deep": "RUNNING",
    }
    return flow


def is_over(flow: FlowRun) -> None:
    """All is KILLED, and nothing was run after it; nothing goes on, whatever time passes."""
    flow.ends_with("KILLED")
    for one in (flow, *below(flow)):
        one.ends_with("KILLED")
        assert one.states()[-1] == "KILLED"
        shown = one.execution["taskRunList"]
        assert {run["state"]["current"] for run in shown} == {"KILLED"}, shown
        assert [name for name in ("oh", "z", "never") if one.task_runs(name)] == []
    assert flow.driver.everywhere(Timer) == []
    flow.driver.pass_ms(60_000 if flow.driver.clock else 100)
    flow.works()
    assert flow.states()[-1] == "KILLED"
    assert flow.states("retrying")[-1] == "KILLED"


def test_k16_it_is_killing_until_every_task_run_has_ended(driver: Driver) -> None:
    """The worker that has one is asked to stop, and waited for; all else ends at once."""
    flow = at_work(driver).is_killed().is_now("HALTING")
    assert isinstance(flow, FlowRun)
    assert flow.states()[-1] == "KILLING"
    assert flow.states("running")[-1] == "KILLING"
    for one in below(flow):
        one.ends_with("KILLED")
    ended = {name: flow.states(name)[-1] for name in ("created", "retrying", "paused")}
    assert set(ended.values()) == {"KILLED"}
    assert flow.beats().body == {"cancel": True, "stop": "cancel"}
    flow.is_handed_back()
    is_over(flow)


def test_k16_a_worker_that_is_gone_is_not_waited_for_for_ever(driver: Driver) -> None:
    """After the deadline its task run is KILLED, and a report that comes late is refused."""
    flow = at_work(driver).is_killed(300).is_now("HALTING")
    late = flow.report(flow.task_run.status.TASK_SUCCESS)
    driver.pass_ms(300)
    assert isinstance(flow, FlowRun)
    is_over(flow)
    flow.refuses(late, "ATTEMPT_ENDED")


def test_k16_a_paused_execution(driver: Driver) -> None:
    """One that an operator has paused, and one that waits at a pause; no resume revives it."""
    one = start(driver, deploy(driver, INNER)).is_paused().is_killed()
    other = start(driver, "company.team.inner").is_killed()
    for story in (one, other):
        story.ends_with("KILLED")
        refused(driver, PutExternalEvent(story.id, "flow.resume"), "EVENT_NOT_AWAITED")
        flow = FlowRun(driver, story.id)
        assert flow.states()[-1] == "KILLED"
        assert flow.states("waits")[-1] == "KILLED"


def test_k16_a_queued_execution_leaves_the_queue(driver: Driver) -> None:
    """Its entry goes, the one behind it moves up, and each place is given back exactly once."""
    limited = HEAD % "one" + "concurrency: {limit: 1}\ntasks: [{id: waits, type: pause}]\n"
    name = deploy(driver, limited)
    first = start(driver, name)
    first.wait(lambda: bool(first.task_runs("waits")), "a place")
    second, third = start(driver, name), start(driver, name)
    second.wait(lambda: second.run.held, "the queue")
    second.is_killed().ends_with("KILLED")
    assert second.execution.get("taskRunList", []) == []
    assert first.run.status == "RUNNING"
    assert third.run.held
    first.is_killed().ends_with("KILLED")
    third.wait(lambda: not third.run.held, "a place")
    fourth = start(driver, name)
    fourth.wait(lambda: fourth.run.held, "the queue")
    third.is_killed().ends_with("KILLED")
    fourth.wait(lambda: not fourth.run.held, "a place")
    fourth.is_killed().ends_with("KILLED")

    def nobody() -> bool:
        return not any(driver.everywhere(kind) for kind in (LimitState, PlaceHolder, QueuedRun))

    fourth.wait(nobody, "all places to be given back")


def test_k16_an_execution_that_waits_to_be_begun_anew(driver: Driver) -> None:
    """RETRIED until it is killed; the new one does not come."""
    retry = "{type: constant, interval: PT4S, behavior: CREATE_NEW_EXECUTION}"
    name = deploy(driver, HEAD % "a" + f"retry: {retry}\ntasks: [{{id: bad, type: fail}}]\n")
    flow = start(driver, name).works()
    driver.tick()
    flow.ends_with("SUPERSEDED").is_killed().ends_with("KILLED")
    assert flow.states()[-1] == "KILLED"
    driver.pass_ms(4_000)
    assert driver.everywhere(Timer) == []
    flow.refuses(KillWfRun(wf_run_id=flow.id), "WF_RUN_ENDED")


@pytest.mark.parametrize("where", ["errors", "finally"])
def test_k16_what_is_run_after_a_failure_is_killed_too(memory: Driver, where: str) -> None:
    """It was begun before the kill."""
    flow = HEAD % "f" + "tasks: [{id: bad, type: fail}]\n" + f"{where}: [{{id: w, type: pause}}]\n"
    run = start(memory, deploy(memory, flow)).works().is_killed().ends_with("KILLED")
    assert isinstance(run, FlowRun)
    assert run.states("w")[-1] == "KILLED"
    assert run.states("bad")[-1] == "FAILED"


@pytest.mark.parametrize("first", ["fails", "is_killed"])
def test_k16_a_block_of_which_a_part_was_killed_is_killed(driver: Driver, first: str) -> None:
    """Whatever has failed beside it, and whichever came first; so is the execution (A10)."""
    deploy(driver, "id: below\nnamespace: company.team\ntasks: [{id: a, type: pause}]\n")
    document = (
        "id: f\nnamespace: company.team\ntasks:\n  - id: block\n    type: parallel\n    tasks:\n"
        "      - {id: one, type: task, taskDef: hand}\n"
        "      - {id: sub, type: subflow, namespace: company.team, flowId: below}\n"
    )
    flow = start(driver, deploy(driver, document, PutTaskDef("hand")))
    flow.task("hand").starts()
    flow.wait(lambda: bool(below(flow)), "the execution below")
    [child] = below(flow)
    if first == "fails":
        flow.fails()
        child.is_killed()
    else:
        child.is_killed()
        flow.fails()
    flow.ends_with("CHILD_FAILURE")
    assert (flow.states("one")[-1], flow.states("sub")[-1]) == ("FAILED", "KILLED")
    assert flow.states("block")[-1] == flow.states()[-1] == "KILLED"


def test_k16_a_kill_from_above_stays_in_the_history(memory: Driver) -> None:
    """What an execution and its task runs went through only grows, whatever is done to them."""
    deploy(
        memory,
        "id: below\nnamespace: company.team\ntasks: [{id: a, type: task, taskDef: work}]\n",
        WORK,
    )
    sub = "tasks: [{id: sub, type: subflow, namespace: company.team, flowId: below}]\n"
    flow = start(memory, deploy(memory, HEAD % "f" + sub))
    [child] = below(flow)
    child.task("work").starts()
    told: list[list[list[Any]]] = [[], [], []]

    def grows() -> list[str]:
        memory.pass_ms(10)
        for number, before in enumerate(told):
            shown = [child.execution, child.only("a"), flow.execution][number]
            now = [[*one.values()] for one in shown["state"]["histories"]]
            assert now[: len(before)] == before
            told[number] = now
        return child.states()

    grows()
    flow.is_killed()
    assert grows() == ["CREATED", "RUNNING", "KILLING"]
    child.is_handed_back().ends_with("KILLED")
    killed = ["CREATED", "RUNNING", "KILLING", "KILLED"]
    assert grows() == killed
    child.is_begun_again()
    assert grows() == [*killed, "RESTARTED", "RUNNING"]
    child.task("work").starts()
    grows()
    child.is_killed()
    assert grows() == [*killed, "RESTARTED", "RUNNING", "KILLING"]
    child.is_handed_back().ends_with("KILLED")
    again = [*killed, "RESTARTED", "RUNNING", "KILLING", "KILLED"]
    assert grows() == again
    child.is_begun_again()
    assert grows()[: len(again)] == again
    child.task("work").succeeds().completes(None)
    assert grows()[-1] == "SUCCESS"
    assert [entry.verb for entry in memory.scan(AuditEntry, child.id)] == [
        "KillBelow",
        "RestartWfRun",
        "KillWfRun",
        "RestartWfRun",
    ]
