"""Avro records: what is written is read, hostile bytes are Malformed, schemas are what the Structs
say.
"""

import json
from io import BytesIO
from pathlib import Path

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.contracts.avro import MAGIC, Avro, Malformed, fingerprint_of
from penstock.contracts.generate import differences, texts
from penstock.contracts.locate import contract_folder
from penstock.contracts.records import RECORD_TYPES
from penstock.contracts.wire import read_command
from penstock.core.commands.put_checkpoint import PutCheckpoint
from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.commands.report_task import ReportTask
from penstock.core.commands.run_wf import RunWf
from penstock.core.commands.stop_wf_run import StopWfRun
from penstock.core.commands.task_heartbeat import TaskHeartbeat
from penstock.core.state.outputs import ScheduledTask
from penstock.core.state.task_rows import Metric, MetricKind
from penstock.core.state.transitions import TaskStatus
from tests.controls import a_task_def

AVRO = Avro()


def _deep(levels: int) -> bytes:
    """A good record, but for the depth of a value."""
    value: object = 0
    for _ in range(levels):
        value = [value]
    with_hole = AVRO.encode(PutWfSpec(name="w", spec="@"), "t", "p", None)
    text = json.dumps(value).encode()
    length = BytesIO()
    fastavro.schemaless_writer(length, {"type": "bytes"}, text)
    return with_hole.replace(b'\x06"@"', length.getvalue())


RUN = RunWf(
    wf_spec="hello", wf_run_id="r", variables={"a": [1, None], "b": {"c": 2.5}}, labels={"x": "y"}
)


@pytest.mark.parametrize(
    "command",
    [
        RUN,
        a_task_def("greet", returns="INT", name="STR"),
        StopWfRun(wf_run_id="r", thread=3),
        ReportTask(wf_run_id="r", guid="g", attempt=2, status=TaskStatus.TASK_FAILED, error="é"),
        TaskHeartbeat(
            wf_run_id="r",
            guid="g",
            attempt=2,
            progress={"done": [1]},
            metrics=(Metric("rows", MetricKind.TIMER, 2.5, {"a": "b"}),),
        ),
        PutCheckpoint(wf_run_id="r", guid="g", attempt=2, number=3, value=[None]),
    ],
)
def test_what_is_written_is_read(command: object) -> None:
    """With its envelope."""
    data = AVRO.encode(command, "tenant", "me", 12)  # type: ignore[arg-type]
    assert AVRO.decode(data) == (
        command,
        {"tenant": "tenant", "principal": "me", "not_after_ms": 12},
    )


def test_it_is_avro_single_object_encoding() -> None:
    """C3 01, then the CRC-64-AVRO fingerprint, little-endian: for "int" that of the specification's
    vectors.
    """
    assert fingerprint_of({"type": "int"}) == (0x7275D51A3F395C8F).to_bytes(8, "little")
    assert AVRO.encode(RUN, "t", "p", None).startswith(MAGIC)


def test_any_avro_library_reads_it() -> None:
    """With the schema that stands in schemas/."""
    schema = json.loads((contract_folder("schemas") / "command/run_wf.avsc").read_text())
    stream = BytesIO(AVRO.encode(RUN, "t", "p", None)[10:])
    fields = fastavro.schemaless_reader(stream, fastavro.parse_schema(schema), None)
    assert isinstance(fields, dict)
    assert fields["variables"] == {"a": b"[1,null]", "b": b'{"c":2.5}'}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "an empty value"),
        (b"hello", "C3 01"),
        (MAGIC + b"123", "ends within"),
        (MAGIC + b"12345678rest", "no schema has the fingerprint"),
        (AVRO.encode(RUN, "t", "p", None)[:-3], "not a RunWf"),
        (AVRO.encode(RUN, "t", "p", None) + b"x", "left over"),
        (AVRO.encode(StopWfRun(wf_run_id="a\x00b"), "t", "p", None), "NUL"),
        (b"x" * 1_100_000, "may have"),
        (_deep(65), "64 levels"),
        (_deep(900), "64 levels"),
    ],
)
def test_what_is_no_record_is_malformed(data: bytes, says: str) -> None:
    """By name."""
    with pytest.raises(Malformed, match=says):
        AVRO.decode(data)


@settings(max_examples=400)
@given(st.binary(max_size=300), st.integers(0, 400), st.integers(0, 255))
def test_no_bytes_raise_anything_else(noise: bytes, at: int, byte: int) -> None:
    """Random bytes, random bodies, and flipped bytes of a good record."""
    good = bytearray(AVRO.encode(RUN, "t", "p", None))
    good[at % len(good)] = byte
    for data in (noise, bytes(good), bytes(good[:10]) + noise):
        read = read_command(
            AVRO, offset=0, append_ms=0, key=noise, value=data, headers={"stamp": noise}
        )
        assert (read.command is None) == (read.problem is not None)


def test_schemas_are_what_the_structs_say() -> None:
    """`make schemas` writes them."""
    assert differences(contract_folder("schemas")) == []


def test_differences_are_found(tmp_path: Path) -> None:
    """Missing, changed and left over."""
    for path, text in texts().items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    (tmp_path / "command/tick.avsc").write_text("{}")
    (tmp_path / "command/run_wf.avsc").unlink()
    (tmp_path / "command/old.avsc").write_text("{}")
    found = differences(tmp_path)
    assert [line.split(":")[0] for line in found] == [
        "command/old.avsc",
        "command/run_wf.avsc",
        "command/tick.avsc",
    ]


def test_no_schema_is_recursive_and_no_two_are_alike() -> None:
    """Fingerprints tell records apart."""
    heads = {fingerprint_of(record_type.schema()) for record_type in RECORD_TYPES}
    assert len(heads) == len(RECORD_TYPES)


def test_a_task_of_an_older_engine_is_read(tmp_path: Path) -> None:
    """It knew of no checkpoints and no heartbeats: there are none."""
    task = ScheduledTask(
        tenant="t", wf_run_id="r", guid="g", task_def="greet", attempt=2, inputs={"a": 1},
        wf_spec="w", version=1, node="n1", thread=0, scheduled_at_ms=5, timeout_ms=1_000,
        max_attempts=3, report_partition=0,
    )  # fmt: skip
    newer = {"heartbeat_timeout_ms", "total_checkpoints", "checkpoint"}
    schema = json.loads((contract_folder("schemas") / "task/scheduled_task.avsc").read_text())
    schema["fields"] = [field for field in schema["fields"] if field["name"] not in newer]
    (tmp_path / "history/0.0.1/task").mkdir(parents=True)
    (tmp_path / "history/0.0.1/task/scheduled_task.avsc").write_text(json.dumps(schema))
    out = BytesIO()
    out.write(MAGIC + fingerprint_of(schema))
    fields = {name: getattr(task, name) for name in task.__struct_fields__ if name not in newer}
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), fields | {"inputs": {"a": b"1"}})
    assert Avro(tmp_path).decode(out.getvalue())[0] == task


def test_a_record_of_an_older_schema_is_read(tmp_path: Path) -> None:
    """A field was added since, with a default."""
    schema = json.loads((contract_folder("schemas") / "command/stop_wf_run.avsc").read_text())
    schema["fields"] = [field for field in schema["fields"] if field["name"] != "thread"]
    (tmp_path / "history/0.0.1/command").mkdir(parents=True)
    (tmp_path / "history/0.0.1/command/stop_wf_run.avsc").write_text(json.dumps(schema))
    out = BytesIO()
    out.write(MAGIC + fingerprint_of(schema))
    fields = {"tenant": "t", "principal": "p", "not_after_ms": None, "wf_run_id": "r"}
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), fields)
    command, _ = Avro(tmp_path).decode(out.getvalue())
    assert command == StopWfRun(wf_run_id="r", thread=0)
