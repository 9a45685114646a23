"""The lean bare loop moves records of ours: what it writes is what clients and workers can read."""

from __future__ import annotations

from penstock.contracts.avro import Avro
from penstock.core.commands.report_task import ReportTask
from penstock.core.commands.run_wf import RunWf
from penstock.core.state.outputs import ScheduledTask, WfRunChanged
from tests.bench.lean import forms
from tests.bench.workflows import WF1, WORKFLOWS

KINDS = (RunWf, ScheduledTask, ReportTask, WfRunChanged)


def test_each_hop_is_a_record_of_its_run() -> None:
    avro, wf_run_id = Avro(), WF1.id_of("one")
    for form, kind in zip(forms(), KINDS, strict=True):
        value = form.of_run(wf_run_id)
        record, _ = avro.decode(value)
        assert isinstance(record, kind)
        assert record.wf_run_id == form.run_of(value) == wf_run_id
        assert value.startswith(form.head)


def test_an_id_tells_its_workflow() -> None:
    """By it the ceiling knows what comes next."""
    for name, workflow in WORKFLOWS.items():
        assert workflow.id_of("one").rpartition("-")[2] == name
    assert WF1.id_of("one") != WF1.id_of("two")
