"""ReplayWfRun of runs in which an operator has had a hand."""

from __future__ import annotations

from penstock.core.commands.change_task_run_state import ChangeTaskRunState
from penstock.core.state.transitions import TaskStatus
from tests.scenarios.driver import Driver
from tests.scenarios.story import accepted
from tests.scenarios.test_replay import counting, replay, run


def test_a_visit_that_an_operator_has_completed_is_replayed(memory: Driver) -> None:
    """With the variables as they were there, like any other."""
    counting(memory)
    story = run(memory, "counts").task("ask", n=1).fails().ends_with("TASK_FAILURE")
    failed = {"wf_run_id": story.id, "guid": story.taken.guid}
    accepted(memory, ChangeTaskRunState(**failed, status=TaskStatus.TASK_SUCCESS, output=10))
    story.task("ask", n=10).succeeds(20).task("ask", n=10).succeeds(30).completes(30)
    steps = [node.step for node in story.nodes]
    assert steps == sorted(set(steps))
    again = replay(story, position=2).task("ask", n=1).succeeds(11).task("ask", n=11)
    assert again.value("total") == 11
