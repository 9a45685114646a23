"""Schedules whose runs stand below another run."""

from __future__ import annotations

import pytest

from penstock.core.commands.delete_wf_run import DeleteWfRun
from penstock.core.commands.edit_variable import EditVariable
from penstock.core.commands.put_principal import PutPrincipal
from penstock.core.commands.run_wf import RunWf
from penstock.core.commands.schedule_wf import ScheduleWf
from penstock.core.definitions.principals import Action, Grant, Resource
from penstock.core.ids import partition_of_run
from penstock.core.state.partition_state import LiveRuns
from penstock.core.state.thread_rows import LiveBelow
from tests.controls import (
    chain,
    compare,
    declared,
    event,
    holds,
    literal,
    output_of,
    starts_each,
    threads,
    variable,
    waits_for,
)
from tests.scenarios.driver import Driver
from tests.scenarios.schedules import Plan, come_to, ms, schedule
from tests.scenarios.story import Story, accepted, refused, register, run


@pytest.fixture
def memory(memory: Driver) -> Driver:
    """An engine that knows a spec that inherits, and the one from which it does."""
    register(memory, "top", chain(event("go"), variables=(declared("n", "INT", default=1),)))
    inherited = (declared("n", "INT", access="INHERITED_VAR"),)
    waits = chain(holds(compare(variable("n"), "EQUALS", literal(5))), variables=inherited)
    register(memory, "below", waits | {"parent": "top"})
    come_to(memory, "2024-01-01 00:00")
    return memory


@pytest.mark.parametrize("together", [True, False])
def test_a_scheduled_run_stands_below_another(memory: Driver, together: bool) -> None:
    """On the partition of that run, wherever the schedule is."""
    partitions = memory.topics.partitions
    ids = (f"top-{number}" for number in range(100))
    here = partition_of_run("nightly", partitions)
    top = next(of for of in ids if (partition_of_run(of, partitions) == here) is together)
    story = run(memory, "top", top)
    plan = schedule(memory, "nightly", "0 * * * *", wf_spec="below", parent=story.id)
    come_to(memory, "2024-01-01 01:00")
    [firing] = plan.firings
    assert firing.outcome == ("STARTED" if together else "SENT")
    assert firing.wf_run_id is not None and firing.wf_run_id.startswith(f"{top}.")
    child = Story(memory, firing.wf_run_id).is_now("RUNNING")
    assert child.run.parent == story.id
    accepted(memory, EditVariable(wf_run_id=story.id, name="n", value=5))
    child.completes()


def test_a_parent_that_is_gone_is_seen_each_time(memory: Driver) -> None:
    """The firing says so; another parent wants another schedule."""
    story = run(memory, "top").gets("go").completes()
    plan = schedule(memory, "nightly", "0 * * * *", wf_spec="below", parent=story.id)
    accepted(memory, DeleteWfRun(wf_run_id=story.id))
    come_to(memory, "2024-01-01 01:00")
    [firing] = plan.firings
    assert (firing.outcome, firing.message[:16]) == ("REFUSED", "WF_RUN_UNKNOWN: ")
    other = ScheduleWf(schedule_id="nightly", wf_spec="below", cron="0 * * * *", parent="other")
    refused(memory, other, "ALREADY_EXISTS")


def test_nothing_begins_in_a_family_that_is_being_deleted(memory: Driver) -> None:
    """The run above is there until its turn comes, and goes with all that is below it then."""
    partitions = memory.topics.partitions
    here = partition_of_run("nightly", partitions)
    ids = (f"big-{number}" for number in range(100))
    root = next(of for of in ids if partition_of_run(of, partitions) != here)
    many = starts_each("child", literal([0] * 900)), waits_for(output_of("n1"))
    child = chain(variables=tuple(declared(name, "INT", default=1) for name in "abcdefgh"))
    register(memory, "many", threads(chain(*many), child=child))
    run(memory, "many", root).completes()
    accepted(memory, RunWf(wf_spec="top", wf_run_id="c", parent=root))
    Story(memory, f"{root}.c").gets("go").completes()
    plan = schedule(memory, "nightly", "0 * * * *", wf_spec="below", parent=f"{root}.c")
    assert memory.clock is not None
    memory.clock.now_ms = ms("2024-01-01 01:00")
    accepted(memory, DeleteWfRun(wf_run_id=root))
    [firing] = plan.firings
    assert firing.outcome == "REFUSED"
    # An engine that dies after each record is slower to tell: all may be gone by then.
    assert firing.message.partition(":")[0] in ("WF_RUN_DELETING", "WF_RUN_UNKNOWN")
    assert memory.get(LiveBelow, root) is None
    assert memory.everywhere(LiveRuns) == []


@pytest.mark.parametrize("together", [True, False])
def test_leave_for_the_run_above_is_looked_at_each_time(memory: Driver, together: bool) -> None:
    """On its partition: where the schedule is made nobody knows whose run it is. Without, it is
    told of as what is not there.
    """

    def may_run(*names: str) -> None:
        grant = Grant(("default",), (Resource.WORKFLOW,), (Action.RUN,), names)
        accepted(memory, PutPrincipal(name="ann", grants=(grant,)))

    partitions = memory.topics.partitions
    here = partition_of_run("nightly", partitions)
    ids = (f"top-{number}" for number in range(100))
    top = next(of for of in ids if (partition_of_run(of, partitions) == here) is together)
    run(memory, "top", top)
    may_run("below")
    command = ScheduleWf(schedule_id="nightly", wf_spec="below", cron="0 * * * *", parent=top)
    accepted(memory, command, principal="ann")
    plan = Plan(memory, "nightly")
    come_to(memory, "2024-01-01 01:00")
    [refusal] = plan.firings
    assert refusal.outcome == "REFUSED"
    assert refusal.message == f"WF_RUN_UNKNOWN: there is no WfRun {top!r} to be the parent"

    may_run("below", "top")
    come_to(memory, "2024-01-01 02:00")
    [_, firing] = plan.firings
    assert firing.outcome == ("STARTED" if together else "SENT")
    assert firing.wf_run_id is not None
    Story(memory, firing.wf_run_id).is_now("RUNNING")


@pytest.mark.parametrize(
    ("parent", "code"),
    [
        (None, "PARENT_REQUIRED"),
        ("no id", "BAD_ID"),
        ("", "BAD_ID"),
        ("x" * 63 + ".y" * 500, "BAD_ID"),
    ],
)
def test_a_parent_that_can_be_none_is_refused_at_once(
    memory: Driver, parent: str | None, code: str
) -> None:
    """Whether it is there is seen when the schedule is due."""
    command = ScheduleWf(schedule_id="wrong", wf_spec="below", cron="0 * * * *", parent=parent)
    refused(memory, command, code)
    Plan(memory, "wrong").leaves_nothing()
