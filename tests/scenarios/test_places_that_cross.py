"""Places that are asked for, granted and given back at the same time, on several partitions."""

import random

import pytest

from penstock.core.command import Command
from penstock.core.commands.force_wf_run import ForceWfRun
from penstock.core.commands.kill_wf_run import KillWfRun
from penstock.core.commands.report_task import ReportTask
from penstock.core.commands.restart_wf_run import RestartWfRun
from penstock.core.commands.resume_wf_run import ResumeWfRun
from penstock.core.commands.stop_wf_run import StopWfRun
from penstock.core.ids import partition_of, partition_of_run
from penstock.core.state.run import TaskRun
from penstock.core.state.transitions import TaskStatus
from tests.scenarios.driver import Driver
from tests.scenarios.story import Story, register, run
from tests.scenarios.test_run_limits import WORK, at_most, held, nobody_is_left, several, works
from tests.sim.standing import places_at_rest
from tests.sim.tables import Tables


@pytest.mark.parametrize("how", ["stopped", "killed", "forced"])
def test_a_place_that_is_on_its_way_when_it_is_not_wanted_any_more(
    memory: Driver, how: str
) -> None:
    """The run has said so before the answer comes; the place goes to the next one."""
    register(memory, "few", at_most(1, WORK))
    limit = partition_of(b"default/few/", 3)
    first, second, third = (
        run(memory, "few", id_on(partition, f"{how}-{number}"))
        for number, partition in enumerate((limit, (limit + 1) % 3, (limit + 2) % 3))
    )
    crossing = {
        "stopped": StopWfRun(wf_run_id=second.id),
        "killed": KillWfRun(wf_run_id=second.id),
        "forced": ForceWfRun(wf_run_id=second.id),
    }[how]
    [sent] = memory.scan(TaskRun, first.id)
    ends = ReportTask(wf_run_id=first.id, guid=sent.guid, attempt=1, status=TaskStatus.TASK_SUCCESS)
    assert all(answer.ok for answer in memory.send_together(ends, crossing))
    assert held([second, third]) == [False, how == "forced"]
    if how == "stopped":
        works(third)
        works(second.is_resumed())
    elif how == "killed":
        works(third)
        works(second.is_begun_again())
    else:
        works(second)
        works(third)
    nobody_is_left(memory)


@pytest.mark.parametrize("seed", range(6))
def test_verbs_that_cross(memory: Driver, seed: int) -> None:
    """Whatever is asked for at once: in the end every run has been at work, and no place is lost;
    that runs and limits agree is seen behind each scenario.
    """
    register(memory, "few", at_most(2, WORK))
    chance = random.Random(seed)
    stories = several(memory, 6)
    for _ in range(12):
        memory.send_together(*(chosen(memory, chance, chance.choice(stories)) for _ in range(3)))
        partitions = [Tables(store) for _, store in sorted(memory.memory_stores.items())]
        assert places_at_rest(partitions) == []
    for story in stories:
        if story.run.status in ("HALTING", "HALTED"):
            story.is_resumed()
        elif story.run.status in ("ERROR", "EXCEPTION"):
            story.is_begun_again()
    for _ in stories:
        for story in stories:
            if story.run.status == "RUNNING" and not story.run.held:
                works(story)
    assert {story.run.status for story in stories} == {"COMPLETED"}
    nobody_is_left(memory)


def chosen(memory: Driver, chance: random.Random, story: Story) -> Command:
    """Something that may be done to a run, or be refused."""
    at = story.id
    status = chance.choice([TaskStatus.TASK_SUCCESS, TaskStatus.TASK_FAILED])
    tasks = memory.scan(TaskRun, story.id)
    guid = tasks[-1].guid if tasks else "none"
    return chance.choice(
        [
            StopWfRun(wf_run_id=at),
            ResumeWfRun(wf_run_id=at),
            KillWfRun(wf_run_id=at, deadline_ms=0),
            RestartWfRun(wf_run_id=at),
            ForceWfRun(wf_run_id=at),
            ReportTask(wf_run_id=at, guid=guid, attempt=1, status=status),
        ]
    )


def id_on(partition: int, name: str) -> str:
    """An id of a run that lives there."""
    made = (f"{name}-{number}" for number in range(100))
    return next(one for one in made if partition_of_run(one, 3) == partition)
