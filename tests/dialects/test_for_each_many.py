"""A for-each over ten thousand values, each of which has a task done: it comes to its end, the last
thousand cost as much as the first, and a kill at half leaves nothing at work. Counted, not timed;
with real workers and a real store it is in test_for_each_workers.py.
"""

from __future__ import annotations

import pytest

from penstock.core.commands.kill_wf_run import KillWfRun
from penstock.core.commands.put_task_def import PutTaskDef
from penstock.core.state.transitions import TaskStatus, ThreadStatus
from tests.dialects.many import Many

MANY = 10_000
AT_ONCE = 50
COUNTED = 1_000  # so many of the first and of the last are counted
SLACK = 0.02
"""Some values bring a new chunk of them to be read, and numbers grow longer."""
FLOW = f"""
id: many
namespace: company.team
inputs: [{{id: all, type: ARRAY}}]
tasks:
  - id: each
    type: for-each
    values: "{{{{ inputs.all }}}}"
    concurrencyLimit: {AT_ONCE}
    tasks: [{{id: one, type: task, taskDef: hand}}]
"""


def many_values() -> Many:
    """A run that is at its first values."""
    return Many(FLOW, PutTaskDef("hand"), all=[*range(MANY)])


@pytest.mark.timeout(600)  # half a minute of CPU; a machine that does more besides takes its time
def test_ten_thousand_values_to_their_end() -> None:
    many = many_values()
    first = many.work(COUNTED)
    many.work(MANY - 2 * COUNTED - AT_ONCE)
    last = many.work(COUNTED)
    assert last == pytest.approx(first, rel=SLACK)
    assert many.run.threads == 2 + MANY - 1
    assert many.run.status is ThreadStatus.RUNNING
    many.work(AT_ONCE)
    assert many.run.status is ThreadStatus.COMPLETED
    assert many.live() == 0
    assert many.timers() == []
    assert not many.tasks


@pytest.mark.timeout(600)
def test_a_kill_at_half() -> None:
    """Workers have said of most of the tasks that they run them; the others lie in the queue. Of
    all it is told that they are to end; the run waits for those that are run, and nothing else.
    """
    many = many_values()
    many.work(MANY // 2)
    assert len(many.tasks) == AT_ONCE
    begun = [many.begin(many.tasks.popleft()) for _ in range(AT_ONCE - 10)]
    many.settle(KillWfRun("run"))
    told = {signal.guid for signal in many.signals}
    assert told == {task.guid for task in (*begun, *many.tasks)}
    assert {signal.stop for signal in many.signals} == {"cancel"}
    assert many.run.status is ThreadStatus.HALTING
    for task in begun:
        assert many.run.status is ThreadStatus.HALTING
        many.report(task, TaskStatus.TASK_FAILED)
    assert many.run.status is ThreadStatus.ERROR
    assert many.run.threads == 1 + MANY // 2 + AT_ONCE
    assert many.live() == 0
    assert many.timers() == []
    assert {signal.guid for signal in many.signals} == told
