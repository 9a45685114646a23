"""`python -m tests.bench.instructions`: how many instructions a 1-task workflow costs the engine,
stage by stage, as valgrind counts them: whatever else the machine does, they are the same, to a few
tenths of a percent.

decode    records of `commands` to the fold's inputs
fold      core alone
rows      encoded, cached, noted and written to RocksDB, in batches
outputs   tasks and events to messages

`--check` holds them against instructions.json beside this file, which `--keep` writes: none may
cost a tenth more. Whoever makes one dearer on purpose keeps the new figures, and says why.

Kafka is not in it. A stage is worked once before it is counted, so that what is made once in a
process is not; what is kept of keys and ids is forgotten before, since runs are new.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final, cast

from penstock.contracts.avro import Avro
from penstock.contracts.topics import Topics
from penstock.core.fold import Input, begin, fold
from penstock.core.ids import partition_of_run
from penstock.core.state import rows as rows_module
from penstock.core.state.keys import run_prefix
from penstock.core.state.rows import NoRows, Rows
from penstock.log.memory import MemoryLog
from penstock.log.port import Record
from penstock.processor.delivery import Courier, TurnOutputs
from penstock.processor.failpoints import Failpoints
from penstock.processor.partition import Partition
from penstock.server.tuning import tune
from penstock.store.rocks import RocksStores
from penstock.store.rowstore import RowStore
from tests.bench.folding import SHARD, fold_in_batches, input_of, made_log
from tests.bench.workflows import definitions

ROOT: Final = Path(__file__).resolve().parents[2]
KEPT: Final = Path(__file__).with_suffix(".json")
DEARER_MAX: Final = 1.1
RUNS: Final = 300
COUNTED: Final = "PyRun_SimpleStringFlags"
"""A C function that nothing else calls: valgrind counts from where it is entered to its return."""
STAGES: Final = ("decode", "fold", "rows", "outputs")


Work = Callable[[], object]


class Stages:
    """A log of runs, and how each stage goes over it: what a method gives is to be counted, what it
    does before is not.
    """

    def __init__(self, runs: int, directory: Path) -> None:
        self._avro = Avro()
        log = made_log(self._avro, runs)
        count = len(definitions())
        self._definitions, self._log = log[:count], log[count:]
        self._directory = directory

    def decode(self) -> Work:
        """Bytes to inputs."""
        return self._as_if_new(lambda: self._inputs(self._log))

    def fold(self) -> Work:
        """Over rows that have the definitions."""
        rows, inputs = self._defined(), self._inputs(self._log)
        return self._as_if_new(lambda: [fold(begin(rows, SHARD, one), one) for one in inputs])

    def rows(self) -> Work:
        """A partition at work: it decodes and folds as well."""
        store = RowStore(RocksStores(Path(mkdtemp(dir=self._directory))).open(0))
        partition = Partition(shard=SHARD, store=store, avro=self._avro, mark=0, rulings={})
        fold_in_batches(partition, self._definitions)
        return self._as_if_new(lambda: fold_in_batches(partition, self._log))

    def outputs(self) -> Work:
        """Of turns that have been folded."""
        rows, asked = self._defined(), list[TurnOutputs]()
        for record, one in zip(self._log, self._inputs(self._log), strict=True):
            turn = fold(begin(rows, SHARD, one), one).turn
            asked.append(TurnOutputs(record, turn.outputs, turn.state.fold_version))
        topics = Topics("bench", SHARD.partitions)
        log = MemoryLog(
            commands=topics.commands,
            partitions=SHARD.partitions,
            on_demand=topics.on_demand,
            clock_ms=lambda: 0,
        )
        courier = Courier(log=log, avro=self._avro, topics=topics, failpoints=Failpoints())
        return self._as_if_new(lambda: courier.deliveries(asked))

    def _as_if_new(self, work: Work) -> Work:
        partition_of_run.cache_clear()
        run_prefix.cache_clear()
        for keys in rows_module._KEYS.values():
            cast(Any, keys).cache_clear()
        return work

    def _inputs(self, log: list[Record]) -> list[Input]:
        return [input_of(self._avro, record) for record in log]

    def _defined(self) -> Rows:
        rows = Rows(NoRows())
        for one in self._inputs(self._definitions):
            fold(begin(rows, SHARD, one), one)
        return rows


def work(runs: int) -> None:
    """In a process that valgrind watches, tuned as a server is: each stage, in order."""
    tune()
    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as directory:
        stages = Stages(runs, Path(directory))
        for name in STAGES:
            prepare: Callable[[], Work] = getattr(stages, name)
            prepare()()
            vars(sys.modules["__main__"])["counted_work"] = prepare()
            if ctypes.pythonapi.PyRun_SimpleString(b"counted_work()") != 0:
                raise SystemExit(f"{name} failed")


def counted(runs: int) -> dict[str, float]:
    """Instructions a workflow, by stage."""
    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as directory:
        found = Path(directory) / "counted"
        watch = ("valgrind", "--tool=callgrind", f"--callgrind-out-file={found}", "--quiet")
        how = (f"--toggle-collect={COUNTED}", f"--dump-after={COUNTED}")
        what = (sys.executable, "-m", "tests.bench.instructions", "--work", str(runs))
        subprocess.run(
            [*watch, *how, *what], cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": "0"}, check=True
        )
        totals = [_total(found.with_name(f"counted.{part + 1}")) for part in range(len(STAGES))]
    by_stage = dict(zip(STAGES, totals, strict=True))
    by_stage["rows"] -= by_stage["decode"] + by_stage["fold"]
    return {stage: total / runs for stage, total in by_stage.items()}


def _total(dumped: Path) -> int:
    found = re.search(r"^(?:summary|totals): (\d+)", dumped.read_text(), re.MULTILINE)
    assert found is not None, "valgrind writes the sum of all"
    return int(found[1])


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.instructions", description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS, help="of a 1-task workflow")
    parser.add_argument("--work", type=int, metavar="RUNS", help=argparse.SUPPRESS)
    parser.add_argument("--check", action="store_true", help="fail if a stage has become dearer")
    parser.add_argument("--keep", action="store_true", help="keep these figures to be held against")
    options = parser.parse_args()
    if options.work is not None:
        work(options.work)
        return
    found = counted(options.runs)
    kept: dict[str, int] = json.loads(KEPT.read_text())
    for stage, instructions in found.items():
        ratio = instructions / kept[stage]
        print(
            f"{stage:8} {instructions:10,.0f} instructions a workflow, {ratio:.3f} of what is kept"
        )
    print(f"all      {sum(found.values()):10,.0f}")
    if options.keep:
        KEPT.write_text(json.dumps({name: round(count) for name, count in found.items()}) + "\n")
    dearer = [stage for stage in found if found[stage] > DEARER_MAX * kept[stage]]
    if options.check and dearer:
        raise SystemExit(f"dearer by more than a tenth: {', '.join(dearer)}")


if __name__ == "__main__":
    main()
