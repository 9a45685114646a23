"""What a principal may not do is refused by the fold, whatever gateway it came through."""

import itertools
from typing import Any

import pytest
from msgspec.structs import replace

from penstock.core.bulk.rows import BulkFilter
from penstock.core.command import CommandType, Sender
from penstock.core.commands import COMMANDS
from penstock.core.commands.bulk import Bulk
from penstock.core.commands.delete_principal import DeletePrincipal
from penstock.core.commands.pause_schedule import PauseSchedule
from penstock.core.commands.put_principal import PutPrincipal
from penstock.core.commands.put_task_def import PutTaskDef
from penstock.core.commands.put_webhook import PutWebhook
from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.commands.report_task import ReportTask
from penstock.core.commands.run_wf import RunWf
from penstock.core.commands.schedule_wf import ScheduleWf
from penstock.core.commands.stop_wf_run import StopWfRun
from penstock.core.commands.task_started import TaskStarted
from penstock.core.definitions.principals import Action, Grant, Resource
from penstock.core.permissions import _BY_NAME, NEEDS
from penstock.core.state.run import WfRun
from penstock.core.state.transitions import TaskStatus
from tests.controls import chain, declared, event, task
from tests.scenarios.driver import Driver
from tests.scenarios.story import accepted, refused, register, run
from tests.sim.hostile import plausible

CLIENTS = [kind for kind in COMMANDS if kind.sender is Sender.CLIENT]
DENIED = "PERMISSION_DENIED"
EVERYTHING: Any = (Resource.ALL_RESOURCES,), (Action.ALL_ACTIONS,)


def grants(driver: Driver, *given: Grant, name: str = "ann") -> None:
    accepted(driver, PutPrincipal(name=name, grants=given))


def leave(resource: Resource, action: Action, *names: str) -> Grant:
    return Grant(("default",), (resource,), (action,), names)


@pytest.mark.parametrize("kind", CLIENTS, ids=lambda kind: kind.record.__name__)
def test_without_a_grant_nothing_is_done(memory: Driver, kind: CommandType) -> None:
    """Nor with one for another tenant; a principal that was deleted may do nothing, either."""
    register(memory, "works", chain(task("work")))
    story = run(memory, "works", "working").task("work")
    command = plausible(kind.record, {"wf_run_id": "working", "guid": story.taken.guid})
    grants(memory, name="poor")
    grants(memory, Grant(("other",), *EVERYTHING), name="foreign")
    grants(memory, Grant(("*",), *EVERYTHING), name="gone")
    accepted(memory, DeletePrincipal("gone"))
    for name in ("poor", "foreign", "gone"):
        refused(memory, command, DENIED, principal=name)
    story.succeeds().completes()


def test_the_table_names_commands_of_clients_alone() -> None:
    assert _BY_NAME.keys() == {kind.__name__ for kind in NEEDS}


def test_who_has_no_row_is_not_told_apart(memory: Driver) -> None:
    """Whoever writes to the log himself is trusted; see docs/SECURITY.md."""
    grants(memory)
    register(memory, "works", chain())
    for number, name in enumerate(("", "anonymous", "test", "admin")):
        accepted(memory, RunWf(wf_spec="works", wf_run_id=f"r{number}"), principal=name)


def test_runs_of_a_spec_that_is_granted(memory: Driver) -> None:
    """By its name or how it begins; what is of another spec is not there, as what is nowhere."""
    for name in ("order-book", "secret"):
        register(memory, name, chain(event("go")))
    run(memory, "secret", "theirs")
    grants(memory, leave(Resource.WORKFLOW, Action.RUN, "order-*"))
    accepted(memory, RunWf(wf_spec="order-book", wf_run_id="mine"), principal="ann")
    refused(memory, RunWf(wf_spec="secret", wf_run_id="other"), DENIED, principal="ann")
    accepted(memory, StopWfRun(wf_run_id="mine"), principal="ann")
    there = refused(memory, StopWfRun(wf_run_id="theirs"), "WF_RUN_UNKNOWN", principal="ann")
    nowhere = refused(memory, StopWfRun(wf_run_id="nobodys"), "WF_RUN_UNKNOWN", principal="ann")
    assert there.message.replace("theirs", "x") == nowhere.message.replace("nobodys", "x")


@pytest.mark.fault(40)
def test_a_worker_reports_on_its_own_tasks_alone(memory: Driver) -> None:
    """Fault 40: those of a TaskDef that it is granted. It is told so, and not that there is no such
    task: else who hands tasks out would take it for done with.
    """
    for name in ("mine", "theirs"):
        register(memory, f"spec-{name}", chain(task(name)))
    grants(memory, leave(Resource.TASK, Action.RUN, "mine"))
    stories = [run(memory, f"spec-{name}").task(name) for name in ("mine", "theirs")]
    reports = [
        ReportTask(
            wf_run_id=story.id,
            guid=story.taken.guid,
            attempt=1,
            status=TaskStatus.TASK_SUCCESS,
        )
        for story in stories
    ]
    accepted(memory, reports[0], principal="ann")
    refused(memory, reports[1], DENIED, principal="ann")
    nothing = replace(reports[1], guid="none")
    refused(memory, nothing, "TASK_RUN_UNKNOWN", principal="ann")
    started = TaskStarted(stories[1].id, stories[1].taken.guid, attempt=1, worker="w")
    refused(memory, started, DENIED, principal="ann")
    stories[0].completes()
    stories[1].succeeds().completes()


def test_schedules_webhooks_and_bulk_jobs_are_of_a_spec(memory: Driver) -> None:
    for name in ("mine", "theirs"):
        register(memory, name, chain(event("go")))
        accepted(memory, ScheduleWf(schedule_id=name, wf_spec=name, cron="0 0 1 1 *"))
    grants(
        memory,
        leave(Resource.WORKFLOW, Action.RUN, "mine"),
        leave(Resource.WEBHOOK, Action.WRITE_METADATA),
    )
    accepted(memory, PauseSchedule(schedule_id="mine"), principal="ann")
    refused(memory, PauseSchedule(schedule_id="theirs"), "SCHEDULE_UNKNOWN", principal="ann")
    hook = PutWebhook(name="hook", wf_spec="theirs", key_hash="0" * 64)
    refused(memory, hook, DENIED, principal="ann")
    accepted(memory, Bulk(filter=BulkFilter(wf_spec="mine"), verb="stop"), principal="ann")
    for others in (BulkFilter(wf_spec="theirs"), BulkFilter(all=True)):
        refused(memory, Bulk(filter=others, verb="stop"), DENIED, principal="ann")


def test_a_denial_is_not_remembered(memory: Driver) -> None:
    """The id may be of a command of somebody else; and what is granted now was not before."""
    grants(memory)
    put = PutTaskDef(name="work")
    first = accepted(memory, put, command_id="one")
    refused(memory, put, DENIED, command_id="one", principal="ann")
    again = accepted(memory, put, command_id="one")
    assert (again.body, again.repeated) == (first.body, True)
    refused(memory, PutTaskDef(name="other"), DENIED, command_id="two", principal="ann")
    grants(memory, leave(Resource.TASK, Action.WRITE_METADATA))
    accepted(memory, PutTaskDef(name="other"), command_id="two", principal="ann")


def test_nobody_makes_principals_without_leave_for_the_cluster(memory: Driver) -> None:
    """Who may do everything in a tenant may still not make others, nor grant himself more."""
    grants(memory, Grant(("default",), *EVERYTHING), name="of-tenant")
    grants(memory, Grant(("*",), *EVERYTHING), name="of-cluster")
    names = itertools.count()
    for sender, code in (("of-tenant", DENIED), ("of-cluster", None)):
        put = PutPrincipal(name=f"p{next(names)}", grants=(Grant(("*",), *EVERYTHING),))
        assert memory.send(put, principal=sender).code == code


def test_below_a_run_of_a_spec_that_is_granted(memory: Driver) -> None:
    """Both names count; a run that is somebody else's is told of as one that is not there."""
    for name in ("order-book", "order-line", "payroll"):
        register(memory, name, chain(event("go")))
    run(memory, "payroll", "payroll-1")
    run(memory, "order-book", "order-1")
    grants(memory, leave(Resource.WORKFLOW, Action.RUN, "order-*"))
    line = RunWf(wf_spec="order-line", wf_run_id="line", parent="order-1")
    accepted(memory, line, principal="ann")
    there, nowhere = (
        refused(memory, replace(line, parent=parent), "WF_RUN_UNKNOWN", principal="ann")
        for parent in ("payroll-1", "payroll-2")
    )
    assert there.message.replace("payroll-1", "x") == nowhere.message.replace("payroll-2", "x")
    told = refused(memory, replace(line, parent="payroll-2"), "WF_RUN_UNKNOWN")
    assert told.message == nowhere.message
    assert memory.get(WfRun, "payroll-1.line") is None
    grants(memory, leave(Resource.WORKFLOW, Action.RUN, "order-*", "payroll"))
    accepted(memory, replace(line, parent="payroll-1"), principal="ann")


def test_a_spec_inherits_from_one_that_is_granted(memory: Driver) -> None:
    """Its runs read, and change, what the other's have; whether that is there is not told."""
    of_top = (declared("salary", "INT", default=1),)
    for name in ("order-top", "payroll"):
        register(memory, name, chain(event("go"), variables=of_top))
    grants(memory, leave(Resource.WORKFLOW, Action.WRITE_METADATA, "order-*"))
    inherited = (declared("salary", "INT", access="INHERITED_VAR"),)
    body = chain(event("go"), variables=inherited)

    def below(parent: str) -> PutWfSpec:
        return PutWfSpec(name="order-below", spec=body | {"parent": parent})

    for parent in ("payroll", "nobody"):
        refused(memory, below(parent), DENIED, principal="ann")
    accepted(memory, below("order-top"), principal="ann")
    refused(memory, PutWfSpec("order-odd", spec=[]), "BAD_SPEC", principal="ann")
    refused(memory, PutWfSpec("order-odd", spec=body | {"parent": 1}), "BAD_SPEC", principal="ann")
    grants(memory, leave(Resource.WORKFLOW, Action.WRITE_METADATA, "order-*", "payroll"))
    accepted(memory, below("payroll"), principal="ann")
