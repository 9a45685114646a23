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
from penstock.core.commands.put_external_event import PutExternalEvent
from penstock.core.commands.report_task import ReportTask
from penstock.core.commands.run_wf import RunWf
from penstock.core.state.outputs import ScheduledTask, TaskRunChanged, WfRunChanged
from tests.bench.process import READY, Parent
from tests.bench.transport import RawSink, RawSource
from tests.bench.workflows import INPUT, TASK_DEF, TENANT, WORKFLOWS

POLL_S: Final = 0.2
HEADERS: Final = {STAMP: b"0123456789abcdef:0:1234567:0"}
AT_MS: Final = 1_700_000_000_000


def run_ceiling(
    parent: Parent, bootstrap: str, cluster: str, partitions: int, linger_ms: float
) -> None:
    """Take commands and give what the engine would give, until told to stop."""
    avro, topics = Avro(), Topics(cluster, partitions)
    source = RawSource(bootstrap, topics.commands, partitions)
    sink = RawSink(bootstrap, linger_ms)
    task_topic = topics.task(TENANT, TASK_DEF)
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


def outputs_of(command: Struct) -> Iterator[ScheduledTask | WfRunChanged | TaskRunChanged]:
    """As many records as the engine gives for this command."""
    match command:
        case RunWf(wf_run_id=str() as wf_run_id, wf_spec=name):
            yield _changed(wf_run_id, name, "RUNNING")
            if WORKFLOWS[name].tasks:
                yield _task(wf_run_id, name, 1)
            elif not WORKFLOWS[name].event:
                yield _changed(wf_run_id, name, "COMPLETED")
        case ReportTask(wf_run_id=wf_run_id, guid=guid):
            name, number = wf_run_id.partition("-")[0], int(guid)
            yield TaskRunChanged(
                wf_run_id=wf_run_id,
                guid=guid,
                task_def=TASK_DEF,
                status="TASK_SUCCESS",
                attempt=1,
                at_ms=AT_MS,
            )
            if number < WORKFLOWS[name].tasks:
                yield _task(wf_run_id, name, number + 1)
            else:
                yield _changed(wf_run_id, name, "COMPLETED")
        case PutExternalEvent(wf_run_id=wf_run_id):
            yield _changed(wf_run_id, "event", "COMPLETED")
        case _:
            return


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
