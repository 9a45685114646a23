"""A dead letter in the log of a data directory that no server has open."""

from __future__ import annotations

from pathlib import Path

from penstock.contracts.avro import Avro
from penstock.contracts.records import DeadRecord
from penstock.contracts.topics import Topics
from penstock.contracts.wire import STAMP, Sent, command_value
from penstock.core.commands.run_wf import RunWf
from penstock.core.ids import partition_of_run
from penstock.log.embedded.engine import EmbeddedLog
from penstock.log.port import Message
from penstock.processor.preflight import preflight


def bury(data: Path, command: RunWf, partitions: int) -> None:
    """Make a command a dead letter, as the owner of its partition would; a new directory, too."""
    topics = Topics("penstock", partitions)
    log = EmbeddedLog(
        data / "log",
        commands=topics.commands,
        partitions=partitions,
        on_demand=topics.on_demand,
    )
    preflight(log, topics)
    avro = Avro()
    value = command_value(avro, Sent(command=command))
    number = partition_of_run(str(command.wf_run_id), partitions)
    dead = DeadRecord(
        topic=topics.commands,
        partition=number,
        offset=0,
        code="MALFORMED",
        message="this build does not know the schema",
        key=str(command.wf_run_id).encode(),
        value=value,
        value_bytes=len(value),
    )
    log.append_and_wait(
        Message(topics.dead_letters, f"{number}:0".encode(), avro.encode(dead), {STAMP: b""})
    )
    log.close()
