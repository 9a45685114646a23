"""The ceiling: a loop that moves the records that the engine would, through equal topics and with
the same Avro, and does nothing else. No state, no store, no waiting for acknowledgements.

What it has to know of a run stands in the names: the workflow in the run's id, the number of the
task in its guid.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from penstock.contracts.avro import Avro
from penstock.contracts.topics import Topics
from penstock.contracts.wire import STAMP
from penstock.core.commands.complete_user_task_run import CompleteUserTaskRun
from penstock.core.commands.put_external_event import PutExternalEvent
from penstock.core.commands.report_task import ReportTask
from penstock.core.commands.run_wf import RunWf
from penstock.core.state.outputs import (
    ScheduledTask,
    TaskRunChanged,
    UserTaskRunChanged,
    WfRunChanged,
)
from penstock.server.tuning import tune
from tests.bench.process import READY, Parent
from tests.bench.transport import RawSink, RawSource
from tests.bench.workflows import FORM, INPUT, PERSON, TASK_DEF, TENANT, WORKFLOWS, Workflow

POLL_S: Final = 0.2
HEADERS: Final = {STAMP: b"0123456789abcdef:0:1234567:0"}
AT_MS: Final = 1_700_000_000_000
ENDED: Final = "COMPLETED"
Moved = ScheduledTask | WfRunChanged | TaskRunChanged | UserTaskRunChanged


def run_ceiling(
    parent: Parent, bootstrap: str, cluster: str, partitions: int, linger_ms: float
) -> None:
    """Take commands and give what the engine would give, until told to stop."""
    avro, topics = Avro(), Topics(cluster, partitions)
    source = RawSource(bootstrap, topics.commands, partitions)
    sink = RawSink(bootstrap, linger_ms)
    task_topic = topics.task(TENANT, TASK_DEF)
    tune()
    parent.tell(READY)
    while not parent.stop.is_set():
        for value in source.poll(POLL_S):
            command, _ = avro.decode(value)
            for output in outputs_of(command):
                if isinstance(output, ScheduledTask):
                    topic, data = task_topic, avro.encode(output)
                else:
                    topic, data = topics.events, avro.encode(output, TENANT)
                sink.append(topic, output.wf_run_id.encode(), data, HEADERS, None)
        sink.sent()
    source.close()
    sink.close()


def outputs_of(command: Struct) -> Iterator[Moved]:
    """As many records as the engine gives for this command."""
    match command:
        case RunWf(wf_run_id=str() as wf_run_id, wf_spec=name):
            yield from _begun(wf_run_id, WORKFLOWS[name])
        case ReportTask(wf_run_id=wf_run_id, guid=guid):
            workflow, number = WORKFLOWS[wf_run_id.rpartition("-")[2]], int(guid)
            yield TaskRunChanged(
                wf_run_id=wf_run_id,
                guid=guid,
                task_def=TASK_DEF,
                status="TASK_SUCCESS",
                attempt=1,
                at_ms=AT_MS,
            )
            if number == workflow.tasks:
                yield _changed(wf_run_id, workflow.name, ENDED)
            elif not workflow.fan:
                yield _task(wf_run_id, workflow.name, number + 1)
        case PutExternalEvent(wf_run_id=wf_run_id):
            yield _changed(wf_run_id, "event", ENDED)
        case CompleteUserTaskRun(wf_run_id=wf_run_id):
            yield _form(wf_run_id, "DONE")
            yield _changed(wf_run_id, "people", ENDED)
        case _:
            return


def _begun(wf_run_id: str, workflow: Workflow) -> Iterator[Moved]:
    yield _changed(wf_run_id, workflow.name, "RUNNING")
    if workflow.person:
        yield _form(wf_run_id, "ASSIGNED")
    elif workflow.tasks:
        for number in range(workflow.tasks if workflow.fan else 1):
            yield _task(wf_run_id, workflow.name, number + 1)
    elif not workflow.events:
        yield _changed(wf_run_id, workflow.name, ENDED)


def _form(wf_run_id: str, status: str) -> UserTaskRunChanged:
    return UserTaskRunChanged(
        wf_run_id=wf_run_id,
        guid=f"{1:024}",
        user_task_def=FORM,
        version=1,
        status=status,
        user_id=PERSON,
        user_group=None,
        at_ms=AT_MS,
    )


def _changed(wf_run_id: str, name: str, status: str) -> WfRunChanged:
    return WfRunChanged(
        wf_run_id=wf_run_id, wf_spec=name, version=1, status=status, at_ms=AT_MS, output=INPUT
    )


def _task(wf_run_id: str, name: str, number: int) -> ScheduledTask:
    return ScheduledTask(
        tenant=TENANT,
        wf_run_id=wf_run_id,
        guid=f"{number:024}",
        task_def=TASK_DEF,
        attempt=1,
        inputs={"text": INPUT},
        wf_spec=name,
        version=1,
        node=f"n{number}",
        thread=0,
        scheduled_at_ms=AT_MS,
        timeout_ms=60_000,
        max_attempts=1,
        report_partition=-1,
    )
