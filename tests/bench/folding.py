"""The fold alone, on one core: from a log made before, in memory, with no Kafka and no delivery.

fold_core       core: the commands are decoded already
fold            core and contracts: decode and fold; the figure of the Performance issue
fold_rocks      a partition as the processor folds it: batches, rows encoded, written to RocksDB

Rates are per CPU second of the folding thread.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from penstock.contracts.avro import Avro
from penstock.contracts.wire import Sent, outgoing, read_command
from penstock.core.command import Command
from penstock.core.fold import Input, begin, fold
from penstock.core.state.outputs import EventOutput, ScheduledTask, WfRunChanged
from penstock.core.state.partition_state import Shard
from penstock.core.state.rows import NoRows, Rows
from penstock.log.port import Record
from penstock.processor.partition import Partition
from penstock.store.rocks import RocksStores
from penstock.store.rowstore import RowStore
from tests.bench.client import IN_FLIGHT
from tests.bench.figures import Figures
from tests.bench.plan import Plan
from tests.bench.process import BenchError, in_child
from tests.bench.workflows import WF1, definitions, report_of

CHILD_S: Final = 300.0
BATCH: Final = 500
COMMANDS_A_MS: Final = 10
BEGIN_MS: Final = 1_700_000_000_000
SHARD: Final = Shard(0, 1)


def measure_folding(figures: Figures, plan: Plan) -> None:
    """In a process of its own."""
    try:
        found: dict[str, list[float]] = in_child(run_folding, plan, timeout_s=CHILD_S)
    except BenchError as error:
        figures.fail("fold_commands_per_s", error)
        return
    for key, samples in found.items():
        figures.add(key, "1/s, core", *samples)


def run_folding(plan: Plan) -> dict[str, list[float]]:
    """Commands a CPU second, by figure."""
    avro = Avro()
    log = made_log(avro, plan.fold_runs)
    inputs = [input_of(avro, record) for record in log]
    figures: dict[str, Callable[[], object]] = {
        "fold_core_commands_per_s": lambda: fold_inputs(inputs),
        "fold_commands_per_s": lambda: fold_inputs(input_of(avro, record) for record in log),
        "fold_rocks_commands_per_s": lambda: fold_into_rocks(avro, log),
    }
    found: dict[str, list[float]] = {key: [] for key in figures}
    for repetition in range(plan.repetitions + 1):
        for key, fold_all in figures.items():
            rate = len(log) / _cpu_s(fold_all)
            found[key] += [rate] if repetition else []  # the first is to warm up
    return found


def fold_inputs(inputs: Iterable[Input]) -> None:
    """Fold everything over nothing; rows stay in the overlay."""
    rows = Rows(NoRows())
    for received in inputs:
        fold(begin(rows, SHARD, received), received)


def fold_into_rocks(avro: Avro, log: list[Record]) -> None:
    """Fold in batches into a database of its own."""
    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as directory:
        store = RowStore(RocksStores(Path(directory)).open(0))
        partition = Partition(shard=SHARD, store=store, avro=avro, mark=0, rulings={})
        fold_in_batches(partition, log)
        partition.close()


def fold_in_batches(partition: Partition, log: list[Record]) -> None:
    """Fold and keep, with nothing delivered between."""
    for start in range(0, len(log), BATCH):
        partition.write(partition.fold(log[start : start + BATCH]))


def made_log(avro: Avro, runs: int) -> list[Record]:
    """The commands of this many runs of one task: each report comes when others have started."""
    log: list[Record] = []
    rows = Rows(NoRows())
    ended = 0

    def append(command: Command) -> list[ScheduledTask]:
        nonlocal ended
        record = _record(avro, command, len(log))
        log.append(record)
        received = input_of(avro, record)
        outputs = fold(begin(rows, SHARD, received), received).turn.outputs
        ended += sum(_is_completed(output) for output in outputs)
        return [output for output in outputs if isinstance(output, ScheduledTask)]

    for command in definitions():
        append(command)
    scheduled: list[ScheduledTask] = []
    for wf_run_id in (f"run-{number}" for number in range(runs)):
        for command in WF1.commands(wf_run_id):
            scheduled += append(command)
        if len(scheduled) >= IN_FLIGHT:
            append(report_of(scheduled.pop(0)))
    for task in scheduled:
        append(report_of(task))
    if ended != runs:
        raise BenchError(f"{ended} of {runs} runs have completed")
    return log


def _is_completed(output: object) -> bool:
    event = output.body if isinstance(output, EventOutput) else None
    return isinstance(event, WfRunChanged) and event.status == "COMPLETED"


def _record(avro: Avro, command: Command, offset: int) -> Record:
    out = outgoing(avro, Sent(command=command, principal="bench"), f"c{offset}")
    at_ms = BEGIN_MS + offset // COMMANDS_A_MS
    return Record("commands", 0, offset, at_ms, out.key, out.value, out.headers)


def input_of(avro: Avro, record: Record) -> Input:
    """The fold's input of a record."""
    return read_command(
        avro,
        offset=record.offset,
        append_ms=record.timestamp_ms,
        key=record.key,
        value=record.value,
        headers=record.headers,
    )


def _cpu_s(work: Callable[[], object]) -> float:
    begun_s = time.thread_time()
    work()
    return time.thread_time() - begun_s
