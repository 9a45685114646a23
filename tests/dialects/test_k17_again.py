"""An execution goes on from where it failed, or another one begins in its middle."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.core.commands.change_task_run_state import ChangeTaskRunState
from penstock.core.commands.put_external_event import PutExternalEvent
from penstock.core.commands.put_task_def import PutTaskDef
from penstock.core.commands.replay_wf_run import ReplayWfRun
from penstock.core.commands.restart_wf_run import RestartWfRun
from penstock.core.state.transitions import TaskStatus
from tests.dialects.bench import FlowRun, deploy, start
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


@pytest.mark.parametrize("document", [FLOW, GUARDED], ids=["plain", "guarded"])
def test_a_failed_execution_goes_on(driver: Driver, document: str) -> None:
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


def test_a_killed_execution_goes_on(driver: Driver) -> None:
    """What was never begun is done then."""
    flow = hands(start(driver, deploy(driver, GUARDED, WORK)), 1)
    flow.task("work").starts().is_killed(0).ends_with("KILLED")
    assert flow.states("each")[-1] == "KILLED"
    flow.is_begun_again().is_now("RUNNING")
    hands(flow, 2).completes(None)
    assert flow.states()[-3:] == ["RESTARTED", "RUNNING", "SUCCESS"]
    assert [one["value"] for one in flow.task_runs("said")][:2] == ["a", "b"]


def test_one_that_is_paused_is_resumed_instead(driver: Driver) -> None:
    """It has not failed: whoever wants to go on resumes it."""
    flow = start(driver, deploy(driver, HEAD + "tasks: [{id: wait, type: pause}]\n"))
    flow.wait(lambda: flow.states()[-1] == "PAUSED", "the pause")
    flow.refuses(RestartWfRun(wf_run_id=flow.id), "WF_RUN_NOT_FAILED")
    accepted(driver, PutExternalEvent(flow.id, "resume"))
    flow.completes(None)


@pytest.mark.parametrize("document", [FLOW, GUARDED], ids=["plain", "guarded"])
def test_a_task_that_has_failed_has_succeeded_after_all(driver: Driver, document: str) -> None:
    """By an operator's word; then the execution goes on."""
    flow = failed_inside(driver, document)
    word = ChangeTaskRunState(**flow.task_id, status=TaskStatus.TASK_SUCCESS, output=None)
    accepted(driver, word)
    flow.works().completes(None)
    assert flow.states("inside")[-1] == "SUCCESS"
    assert flow.only("last")["outputs"] == {"value": f"{flow.id} b!"}


def test_another_one_from_the_beginning(driver: Driver) -> None:
    flow = failed_inside(driver, GUARDED)
    other = hands(replay(flow), 3).completes(None)
    assert isinstance(other, FlowRun)
    shown = other.execution
    assert (shown["parentId"], shown["originalId"]) == (flow.id, flow.id)
    assert shown["metadata"]["attemptNumber"] == 2
    assert ids(other).keys().isdisjoint(ids(flow))
    assert flow.states()[-1] == "FAILED"


def test_another_one_from_its_middle(driver: Driver) -> None:
    """What lies before is not done again; its outputs are there, those of each value, too."""
    flow = failed_inside(driver, FLOW)
    [block] = [node for node in flow.nodes if node.node == "block"]
    other = replay(flow, position=block.position)
    hands(other, 1).completes(None)
    assert other.only("last")["outputs"] == {"value": f"{flow.id} b!"}
    assert other.execution["originalId"] == flow.id
    assert flow.states()[-1] == "FAILED"
    again = replay(other, guid=other.only("last")["id"])
    again.works().completes(None)
    assert again.only("last")["outputs"] == {"value": f"{flow.id} b!"}


@pytest.mark.parametrize("document", [FLOW, GUARDED], ids=["plain", "guarded"])
def test_another_one_from_within_a_block(driver: Driver, document: str) -> None:
    """What lies before, in the block and above it, is not done again; errors are as they come."""
    flow = failed_inside(driver, document)
    other = hands(replay(flow, guid=flow.task_id["guid"]), 1).completes(None)
    assert isinstance(other, FlowRun)
    assert other.only("last")["outputs"] == {"value": f"{flow.id} b!"}
    assert other.states() == ["RESTARTED", "RUNNING", "SUCCESS"]
    assert (other.states("block")[-1], other.states("inside")[-1]) == ("SUCCESS", "SUCCESS")
    assert other.only("inside")["parentTaskRunId"] == other.only("block")["id"]
    assert other.task_runs("before") == other.task_runs("each") == other.task_runs("oh") == []
    assert len(other.task_runs("z")) == (document is GUARDED)
    again = replay(other, guid=other.only("last")["id"]).works().completes(None)
    assert isinstance(again, FlowRun)
    assert again.only("last")["outputs"] == {"value": f"{flow.id} b!"}


@pytest.mark.parametrize("document", [FLOW, GUARDED], ids=["plain", "guarded"])
def test_another_one_from_within_a_value(driver: Driver, document: str) -> None:
    """The other values' outputs are there, and those behind it are done."""
    flow = hands(start(driver, deploy(driver, document, WORK)), 3).completes(None)
    [first, second] = flow.task_runs("hand")
    other = hands(replay(flow, guid=second["id"]), 2).completes(None)
    assert isinstance(other, FlowRun)
    assert other.only("hand")["value"] == "b"
    assert other.only("last")["outputs"] == {"value": f"{flow.id} b!"}
    assert other.task_runs("said") == []
    early = hands(replay(flow, guid=first["id"]), 3).completes(None)
    assert isinstance(early, FlowRun)
    assert [one["value"] for one in early.task_runs("hand")] == ["a", "b"]
    assert [one["value"] for one in early.task_runs("said")] == ["b"]


def test_from_within_errors_it_is_refused(driver: Driver) -> None:
    """It is said from where it can be done."""
    flow = failed_inside(driver, GUARDED)
    answer = refused(driver, ReplayWfRun(flow.id, flow.only("oh")["id"]), "NOT_REPLAYABLE")
    assert "is a handler" in answer.message
    assert "replay it from" in answer.message
