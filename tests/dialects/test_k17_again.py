"""An execution goes on from where it failed, or another one begins in its middle."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.core.commands.change_task_run_state import ChangeTaskRunState
from penstock.core.commands.change_wf_run_state import ChangeWfRunState
from penstock.core.commands.delete_wf_run import DeleteWfRun
from penstock.core.commands.migrate_wf_run import MigrateWfRun
from penstock.core.commands.put_external_event import PutExternalEvent
from penstock.core.commands.put_task_def import PutTaskDef
from penstock.core.commands.replay_wf_run import ReplayWfRun
from penstock.core.commands.restart_wf_run import RestartWfRun
from penstock.core.flow import visits
from penstock.core.state.start_rows import EndState
from penstock.core.state.transitions import TaskStatus
from penstock.core.views.kestra import before, executions
from tests.dialects.bench import FlowRun, deploy, run_flow, start
from tests.scenarios.driver import Driver
from tests.scenarios.story import accepted, refused

HEAD = "id: f\nnamespace: company.team\n"
WORK = PutTaskDef("work")
FLOW = (
    HEAD
    + """
tasks:
  - {id: first, type: return, format: "{{ execution.id }}"}
  - id: each
    type: for-each
    values: [a, b]
    tasks:
      - {id: said, type: return, format: "{{ taskrun.value }}!"}
      - {id: hand, type: task, taskDef: work}
  - id: block
    type: sequential
    tasks:
      - {id: before, type: return, format: x}
      - {id: inside, type: task, taskDef: work}
  - {id: last, type: return, format: "{{ outputs.first.value }} {{ outputs.said.b.value }}"}
"""
)
GUARDED = FLOW + "errors: [{id: oh, type: return}]\nfinally: [{id: z, type: return}]\n"


def hands(flow: FlowRun, count: int) -> FlowRun:
    """A worker does its task so many times, and the built-in one all that is its own."""
    for _ in range(count):
        flow.works().task("work").starts().succeeds()
    return flow.works()


def failed_inside(driver: Driver, document: str) -> FlowRun:
    """The last of the worker's tasks has failed."""
    flow = hands(start(driver, deploy(driver, document, WORK)), 2)
    flow.task("work").starts().fails()
    flow.works().ends_with("CHILD_FAILURE")
    assert flow.states()[-1] == flow.states("block")[-1] == flow.states("inside")[-1] == "FAILED"
    return flow


def ids(flow: FlowRun) -> dict[str, str]:
    """The task runs by their ids."""
    return {one["id"]: one["taskId"] for one in flow.execution["taskRunList"]}


def replay(flow: FlowRun, **place: Any) -> FlowRun:
    """The execution that a replay begins."""
    answer = accepted(flow.driver, ReplayWfRun(wf_run_id=flow.id, **place))
    story = FlowRun(flow.driver, answer.body["wf_run_id"])
    story.wait_until_there()
    return story


def assert_is_before(old: FlowRun, new: FlowRun, *names: str) -> None:
    """What lies before stands in the new execution as it was, but for the ids."""
    for name in names:
        was, now = old.task_runs(name), new.task_runs(name)
        assert was, name
        assert len(now) == len(was), name
        for one, other in zip(was, now, strict=True):
            assert other["id"] != one["id"]
            assert other["executionId"] == new.id
            ids_of = {"id": "", "executionId": "", "parentTaskRunId": ""}
            assert other | ids_of == one | ids_of


@pytest.mark.parametrize("document", [FLOW, GUARDED], ids=["plain", "guarded"])
def test_k17_a_failed_execution_goes_on(driver: Driver, document: str) -> None:
    """The failed task run and all above it; what has ended well is not touched."""
    flow = failed_inside(driver, document)
    known = ids(flow)
    done = {name: flow.task_runs(name) for name in ("first", "each", "said", "hand", "before")}
    flow.is_begun_again().is_now("RUNNING")
    hands(flow, 1).completes(None)
    assert {name: flow.task_runs(name) for name in done} == done
    assert flow.states("inside")[-1] == "SUCCESS"
    assert "RESTARTED" in flow.states("inside")
    assert flow.states()[-4:] == ["FAILED", "RESTARTED", "RUNNING", "SUCCESS"]
    assert flow.execution["metadata"]["attemptNumber"] == 2
    assert flow.only("last")["outputs"] == {"value": f"{flow.id} b!"}
    assert known.items() <= ids(flow).items()
    if document is GUARDED:
        assert [len(flow.task_runs(name)) for name in ("oh", "z")] == [1, 2]


def test_k17_a_killed_execution_goes_on(driver: Driver) -> None:
    """What was never begun is done then."""
    flow = hands(start(driver, deploy(driver, GUARDED, WORK)), 1)
    flow.task("work").starts().is_killed(0).ends_with("KILLED")
    assert flow.states("each")[-1] == "KILLED"
    flow.is_begun_again().is_now("RUNNING")
    hands(flow, 2).completes(None)
    assert flow.states()[-3:] == ["RESTARTED", "RUNNING", "SUCCESS"]
    assert [one["value"] for one in flow.task_runs("said")][:2] == ["a", "b"]


def test_k17_one_that_is_paused_is_resumed_instead(driver: Driver) -> None:
    """It has not failed: whoever wants to go on resumes it."""
    flow = start(driver, deploy(driver, HEAD + "tasks: [{id: wait, type: pause}]\n"))
    flow.wait(lambda: flow.states()[-1] == "PAUSED", "the pause")
    flow.refuses(RestartWfRun(wf_run_id=flow.id), "WF_RUN_NOT_FAILED")
    accepted(driver, PutExternalEvent(flow.id, "flow.resume"))
    flow.completes(None)


@pytest.mark.parametrize("document", [FLOW, GUARDED], ids=["plain", "guarded"])
def test_k17_a_task_that_has_failed_has_succeeded_after_all(driver: Driver, document: str) -> None:
    """By an operator's word; then the execution goes on."""
    flow = failed_inside(driver, document)
    word = ChangeTaskRunState(**flow.task_id, status=TaskStatus.TASK_SUCCESS, output=None)
    accepted(driver, word)
    flow.works().completes(None)
    assert flow.states("inside")[-1] == "SUCCESS"
    assert flow.only("last")["outputs"] == {"value": f"{flow.id} b!"}


@pytest.mark.parametrize("document", [FLOW, GUARDED], ids=["plain", "guarded"])
def test_k17_a_task_that_threw_has_succeeded_after_all(driver: Driver, document: str) -> None:
    """As one that has failed has: the blocks around it are run on."""
    flow = hands(start(driver, deploy(driver, document, WORK)), 2)
    flow.task("work").starts().throws("sick")
    word = ChangeTaskRunState(**flow.task_id, status=TaskStatus.TASK_SUCCESS)
    flow.works().ends_with("sick", "EXCEPTION")
    assert flow.states()[-1] == flow.states("block")[-1] == flow.states("inside")[-1] == "FAILED"
    accepted(driver, word)
    flow.works().completes(None)
    assert flow.states("inside")[-1] == flow.states("block")[-1] == "SUCCESS"


def test_k17_another_one_from_the_beginning(driver: Driver) -> None:
    flow = failed_inside(driver, GUARDED)
    other = hands(replay(flow), 3).completes(None)
    assert isinstance(other, FlowRun)
    shown = other.execution
    assert (shown["parentId"], shown["originalId"]) == (flow.id, flow.id)
    assert shown["metadata"]["attemptNumber"] == 2
    assert ids(other).keys().isdisjoint(ids(flow))
    assert flow.states()[-1] == "FAILED"


def test_k17_another_one_from_its_middle(driver: Driver) -> None:
    """What lies before is not done again; its outputs are there, those of each value, too."""
    flow = failed_inside(driver, FLOW)
    [block] = [node for node in flow.nodes if node.node == "block"]
    other = replay(flow, position=block.position)
    hands(other, 1).completes(None)
    assert other.only("last")["outputs"] == {"value": f"{flow.id} b!"}
    assert other.execution["originalId"] == flow.id
    assert flow.states()[-1] == "FAILED"
    assert_is_before(flow, other, "first", "each", "said", "hand")
    assert len(other.task_runs("block")) == len(other.task_runs("inside")) == 1
    again = replay(other, guid=other.only("last")["id"])
    again.works().completes(None)
    assert again.only("last")["outputs"] == {"value": f"{flow.id} b!"}
    assert_is_before(other, again, "first", "each", "said", "hand", "block", "before", "inside")


@pytest.mark.parametrize("block", ["each", "block", "wait"])
def test_k17_another_one_from_a_task_run_of_a_block(driver: Driver, block: str) -> None:
    """It is named by the id that is shown, as any task run is."""
    pause = "  - {id: wait, type: pause, delay: PT0.1S}\n"
    document = FLOW.replace("  - {id: last", pause + "  - {id: last")
    flow = hands(start(driver, deploy(driver, document, WORK)), 3)
    driver.pass_ms(150)
    flow.works().completes(None)
    other = replay(flow, guid=flow.only(block)["id"])
    hands(other, {"each": 3, "block": 1, "wait": 0}[block])
    driver.pass_ms(150)
    other.works().completes(None)
    assert other.only("last")["outputs"] == {"value": f"{flow.id} b!"}


def test_k17_a_task_run_of_another_execution_is_unknown(driver: Driver) -> None:
    flow = start(driver, deploy(driver, HEAD + "tasks: [{id: wait, type: pause}]\n"))
    other = start(driver, flow.run.wf_spec)
    flow.wait(lambda: flow.states()[-1] == "PAUSED", "the pause")
    place = ReplayWfRun(other.id, flow.only("wait")["id"])
    assert "has no task run" in refused(driver, place, "TASK_RUN_UNKNOWN").message


def test_k17_a_task_run_is_looked_for_so_far(
    monkeypatch: pytest.MonkeyPatch, memory: Driver
) -> None:
    """Of a very long execution thread and position have to be named."""
    monkeypatch.setattr(visits, "TASK_RUN_VISITS_SEEN_MAX", 3)
    flow = hands(start(memory, deploy(memory, FLOW, WORK)), 3).completes(None)
    early = replay(flow, guid=flow.only("each")["id"])
    assert early.states()[-1] == "RUNNING"
    late = ReplayWfRun(flow.id, flow.only("block")["id"])
    assert "name its thread and position" in refused(memory, late, "LIMIT").message


@pytest.mark.parametrize("document", [FLOW, GUARDED], ids=["plain", "guarded"])
def test_k17_another_one_from_within_a_block(driver: Driver, document: str) -> None:
    """What lies before, in the block and above it, is not done again; errors are as they come."""
    flow = failed_inside(driver, document)
    other = hands(replay(flow, guid=flow.task_id["guid"]), 1).completes(None)
    assert isinstance(other, FlowRun)
    assert other.only("last")["outputs"] == {"value": f"{flow.id} b!"}
    assert other.states() == ["RESTARTED", "RUNNING", "SUCCESS"]
    assert (other.states("block")[-1], other.states("inside")[-1]) == ("SUCCESS", "SUCCESS")
    assert other.only("inside")["parentTaskRunId"] == other.only("block")["id"]
    assert other.task_runs("oh") == []
    assert len(other.task_runs("z")) == (document is GUARDED)
    assert_is_before(flow, other, "first", "each", "said", "hand", "before")
    assert other.only("before")["parentTaskRunId"] == other.only("block")["id"]
    assert {one["parentTaskRunId"] for one in other.task_runs("hand")} == {other.only("each")["id"]}
    again = replay(other, guid=other.only("last")["id"]).works().completes(None)
    assert isinstance(again, FlowRun)
    assert again.only("last")["outputs"] == {"value": f"{flow.id} b!"}
    assert_is_before(other, again, "first", "each", "said", "hand", "block", "before", "inside")
    assert again.only("before")["parentTaskRunId"] == again.only("block")["id"]


@pytest.mark.parametrize("document", [FLOW, GUARDED], ids=["plain", "guarded"])
def test_k17_another_one_from_within_a_value(driver: Driver, document: str) -> None:
    """The other values' outputs are there, and those behind it are done."""
    flow = hands(start(driver, deploy(driver, document, WORK)), 3).completes(None)
    [first, second] = flow.task_runs("hand")
    other = hands(replay(flow, guid=second["id"]), 2).completes(None)
    assert isinstance(other, FlowRun)
    assert [one["value"] for one in other.task_runs("hand")] == ["a", "b"]
    assert other.task_runs("hand")[0]["outputs"] == first["outputs"]
    assert other.only("last")["outputs"] == {"value": f"{flow.id} b!"}
    assert_is_before(flow, other, "first", "said")
    assert {one["parentTaskRunId"] for one in other.task_runs("said")} == {other.only("each")["id"]}
    early = hands(replay(flow, guid=first["id"]), 3).completes(None)
    assert isinstance(early, FlowRun)
    assert [one["value"] for one in early.task_runs("hand")] == ["a", "b"]
    assert [one["value"] for one in early.task_runs("said")] == ["a", "b"]
    kept, anew = early.task_runs("said")
    assert kept["state"] == flow.task_runs("said")[0]["state"]
    assert anew["state"]["startDate"] >= kept["state"]["endDate"]


def test_k17_what_lies_before_goes_with_the_execution_that_did_it(driver: Driver) -> None:
    flow = failed_inside(driver, FLOW)
    other = replay(flow, guid=flow.task_id["guid"])
    again = replay(other, guid=other.only("inside")["id"])
    assert_is_before(flow, again, "first", "each", "said", "hand", "before")
    accepted(driver, DeleteWfRun(flow.id))
    driver.tick()
    other.wait(lambda: other.task_runs("first") == [], "the deletion")
    assert {one["taskId"] for one in again.execution["taskRunList"]} == {"block", "inside"}


def test_k17_what_lies_before_is_there_while_it_waits_for_its_place(driver: Driver) -> None:
    """Below the block that it goes on in, which is still to come."""
    flow = failed_inside(driver, FLOW + "concurrency: {limit: 1, behavior: QUEUE}\n")
    another = start(driver, "company.team.f")
    another.wait(lambda: another.states()[-1] == "RUNNING", "its place")
    other = replay(flow, guid=flow.task_id["guid"])
    other.wait(lambda: other.states()[-1] == "QUEUED", "the queue")
    above = other.only("before")["parentTaskRunId"]
    assert other.task_runs("block") == []
    another.is_killed(0).ends_with("KILLED")
    hands(other, 1).completes(None)
    assert other.only("block")["id"] == above


def test_k17_of_very_many_that_lie_before_the_newest_are_shown(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = failed_inside(driver, FLOW)
    other = replay(flow, guid=flow.task_id["guid"])
    assert "taskRunListTruncated" not in other.execution
    count = len(ids(other))
    monkeypatch.setattr(executions, "TASK_RUNS_MAX", count - 1)
    assert other.execution["taskRunListTruncated"]
    assert "first" not in ids(other).values()
    assert {"before", "block", "inside"} <= set(ids(other).values())
    monkeypatch.setattr(executions, "TASK_RUNS_MAX", count)
    monkeypatch.setattr(before, "LOOKED_AT_MAX", 2)
    assert other.execution["taskRunListTruncated"]
    assert [one["taskId"] for one in other.execution["taskRunList"]][:2] == ["first", "each"]


def test_k17_each_restart_and_each_replay_is_one_attempt_more(driver: Driver) -> None:
    """Of the executions that it replays, too."""
    flow = failed_inside(driver, FLOW)
    flow.is_begun_again().task("work").starts().fails().ends_with("CHILD_FAILURE")
    flow.is_begun_again().task("work").starts().fails().ends_with("CHILD_FAILURE")
    assert flow.execution["metadata"]["attemptNumber"] == 3
    other = replay(flow, guid=flow.task_runs("inside")[0]["id"])
    assert other.execution["metadata"]["attemptNumber"] == 4
    other.works().task("work").starts().fails().ends_with("CHILD_FAILURE")
    other.is_begun_again()
    assert other.execution["metadata"]["attemptNumber"] == 5
    assert replay(other).execution["metadata"]["attemptNumber"] == 6


def test_k17_one_that_has_ended_counts_as_an_operator_says(driver: Driver) -> None:
    """Nothing runs. When it goes on, that is told, too."""
    flow = run_flow(driver, BROKEN)
    flow.is_now("EXCEPTION")
    accepted(driver, ChangeWfRunState(flow.id, EndState.COMPLETED))
    assert flow.states()[-2:] == ["FAILED", "SUCCESS"]
    assert flow.execution["state"]["current"] == "SUCCESS"
    assert flow.states("two")[-1] == "FAILED"
    accepted(driver, ChangeWfRunState(flow.id, EndState.WARNED))
    assert flow.states()[-3:] == ["FAILED", "SUCCESS", "WARNING"]
    flow.is_begun_again().works().is_now("EXCEPTION")
    assert flow.states()[-4:] == ["WARNING", "RESTARTED", "RUNNING", "FAILED"]


BROKEN = HEAD + "tasks: [{id: one, type: return, format: x}, {id: two, type: fail}]\n"
MENDED = BROKEN.replace("type: fail", "type: return, format: '{{ outputs.one.value }}y'")


def broken(driver: Driver) -> FlowRun:
    """It has failed, and there is a revision that would not."""
    flow = run_flow(driver, BROKEN)
    flow.is_now("EXCEPTION")
    deploy(driver, MENDED)
    return flow


def test_k17_on_another_revision_the_same_one_goes_on(driver: Driver) -> None:
    flow = broken(driver)
    accepted(driver, MigrateWfRun(flow.id))
    flow.is_begun_again().works().completes(None)
    assert (flow.execution["flowRevision"], flow.states()[-1]) == (2, "SUCCESS")
    assert flow.only("two")["outputs"] == {"value": "xy"}


def test_k17_on_another_revision_another_one_begins_in_its_middle(driver: Driver) -> None:
    flow = broken(driver)
    other = replay(flow, guid=flow.only("two")["id"], version=2)
    other.works().completes(None)
    shown = other.execution
    assert (shown["flowRevision"], shown["parentId"]) == (2, flow.id)
    assert other.only("two")["outputs"] == {"value": "xy"}
    assert_is_before(flow, other, "one")
    assert flow.execution["flowRevision"] == 1


def test_k17_from_within_errors_it_is_refused(driver: Driver) -> None:
    """It is said from where it can be done."""
    flow = failed_inside(driver, GUARDED)
    answer = refused(driver, ReplayWfRun(flow.id, flow.only("oh")["id"]), "NOT_REPLAYABLE")
    assert "is a handler" in answer.message
    assert "replay it from" in answer.message
