"""The eight checkers: what must hold after whatever was done to the engine (docs/reliability.md).

They ask no server. `Truth` folds the log in memory from offset 0; the stores that the servers left
behind, what they have sent, and what clients and workers were told are held against it.
"""

from __future__ import annotations

import os
import sys
from collections import Counter, defaultdict, deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from penstock.contracts.avro import Avro
from penstock.contracts.records import DeadRecord
from penstock.contracts.topics import Topics
from penstock.contracts.wire import STAMP
from penstock.core.commands.tick import Tick
from penstock.core.state.event_rows import ExternalEvent
from penstock.core.state.outputs import ScheduledTask, WfRunChanged
from penstock.core.state.partition_state import Shard
from penstock.core.state.run import NodeRun, TaskRun, WfRun
from penstock.core.state.transitions import ThreadStatus
from penstock.log.kafka import KafkaEngineLog
from penstock.log.port import Record
from penstock.processor.partition import Partition
from penstock.processor.snapshots.bringing import Place
from penstock.processor.snapshots.directory import DirectoryObjects
from penstock.processor.verdicts import read_rulings
from penstock.processor.verify import MUTED, Verifier
from penstock.store.memory import MemoryStore
from penstock.store.rocks import RocksStores
from penstock.store.rowstore import RowStore
from tests.chaos.marks import log_beside
from tests.chaos.traffic import Told
from tests.sim.liveness import problems
from tests.sim.tables import Tables

BATCH: Final = 500
Gone = Mapping[int, Sequence[Record]]
"""Of each partition the commands that are in the log no more, as they were read before."""


class Found(Struct):
    """What the checkers have counted. Lost and duplicated must be 0; outputs may be sent twice,
    with equal stamps, by whoever could not know that they were sent.
    """

    acknowledged: int = 0
    lost: int = 0
    duplicated: int = 0
    runs: int = 0
    records: int = 0
    sent_twice: int = 0
    stores: int = 0


class Audit:
    """Over servers that have all been stopped. `snapshots` is where they kept some, `gone` what the
    log does not have any more.
    """

    def __init__(
        self,
        *,
        kafka: str,
        cluster: str,
        partitions: int,
        folders: Sequence[str],
        snapshots: Path | None = None,
        gone: Gone | None = None,
    ) -> None:
        self.topics = Topics(cluster, partitions)
        self.avro = Avro()
        self.found = Found()
        self._kafka = kafka
        self._folders = [Path(folder) for folder in folders]
        self._snapshots = snapshots
        self._gone = gone or {}
        self._tables: list[Tables] = []

    def run(self, traffic: Told, *, dead_letters: int = 0, others: Collection[str] = ()) -> Found:
        """All of them. `others` are runs that the test has started itself."""
        with self._log() as log:
            for number in range(self.topics.partitions):
                records = self._commands(log, number)
                self.found.records += len(records)
                folded = self._digests(log, number, records)
                self._marks(log, number, folded)
                self._left(records, folded)
                assert not (found := problems(self._tables[-1])), f"O5, {number}: {found}"
            self._effects(traffic, others)
            self._outputs(log)
            self._ids()
            letters = [self.avro.decode(one.value or b"")[0] for one in self._letters(log)]
        assert len(letters) == dead_letters, f"O8, letters that nobody has asked for: {letters}"
        for letter in letters:
            assert isinstance(letter, DeadRecord) and letter.code and letter.message, "O8"
        return self.found

    @contextmanager
    def _log(self) -> Iterator[KafkaEngineLog]:
        """To read; its group is the engine's, which it does not join."""
        with closing(log_beside(self._kafka, self.topics)) as log:
            yield log

    def _commands(self, log: KafkaEngineLog, number: int) -> list[Record]:
        """All that the partition ever had."""
        there = log.read_all(self.topics.commands, number)
        begin = there[0].offset if there else sys.maxsize
        return [*(one for one in self._gone.get(number, ()) if one.offset < begin), *there]

    def _digests(self, log: KafkaEngineLog, number: int, records: Sequence[Record]) -> int:
        """O2: every store that was left behind is a fold of its prefix of the log, and so is what
        comes of the newest snapshot; how far the foremost one has come.
        """
        rows = MemoryStore()
        truth = Partition(
            shard=Shard(number, self.topics.partitions),
            store=RowStore(rows),
            avro=self.avro,
            mark=MUTED,
            rulings=read_rulings(log, self.avro, self.topics, number),
        )
        stores = sorted(self._stores(number))
        pending = deque(records)
        for next_offset, folder, digest in stores:
            _fold(truth, pending, next_offset)
            assert truth.store.digest() == digest, f"O2: {folder} {number} at {next_offset}"
        _fold(truth, pending, sys.maxsize)
        self.found.stores += len(stores)
        self._tables.append(Tables(rows))
        foremost, folder, _ = stores[-1]
        if self._snapshots is not None:
            self._of_snapshot(log, number, folder, self._snapshots)
        return foremost

    def _stores(self, number: int) -> Iterator[tuple[int, Path, str]]:
        """Each store that was left behind: its position, whose it is, its digest."""
        for folder in self._folders:
            stores = RocksStores(folder / "stores")
            if stores.exists(number):
                with closing(RowStore(stores.open(number))) as store:
                    yield store.position().next_offset, folder, store.digest()

    def _of_snapshot(self, log: KafkaEngineLog, number: int, folder: Path, kept: Path) -> None:
        """The newest snapshot, and what came after it, against this one's store."""
        place = Place(DirectoryObjects(kept), RocksStores(kept / "none"), kept / "staging")
        verifier = Verifier(log, self.avro, self.topics, place)
        with closing(RowStore(RocksStores(folder / "stores").open(number))) as store:
            found = verifier.verify(number, store.view())
        assert found and all(one.equal for one in found), f"O2: {found}"

    def _left(self, records: Sequence[Record], folded: int) -> None:
        """What came after the last server had gone is nothing but time."""
        for record in records:
            if record.offset >= folded:
                command, _ = self.avro.decode(record.value or b"")
                assert isinstance(command, Tick), f"O1: {command} is folded by nobody"

    def _marks(self, log: KafkaEngineLog, number: int, end: int) -> None:
        """O4: after a clean stop the mark is where the fold is."""
        mark = log.committed(number)
        assert mark is not None and mark.next_offset == end, f"O4: {mark} is not {end}"

    def _effects(self, traffic: Told, others: Collection[str]) -> None:
        """O1: each command that was acknowledged has one effect, and its position is its own."""
        runs = {row.wf_run_id: row for row in self._rows(WfRun)}
        tasks, events = self._by_run(TaskRun), self._by_run(ExternalEvent)
        self.found.acknowledged = len(traffic.acks)
        self.found.runs = len(runs)
        for ack in traffic.acks:
            run = ack.of if ack.command != "ReportTask" else None
            if run is not None and (run not in runs or not tasks[run] or not events[run]):
                self.found.lost += 1
        for run in traffic.started:
            said = traffic.outputs.get(run, set())
            kept = {task.attempt.output for task in tasks[run]}
            self.found.lost += len(said - kept)
            self.found.duplicated += max(0, len(tasks[run]) - 1, len(events[run]) - 1)
            self.found.duplicated += max(0, len(said) - 1)
            assert runs[run].status is ThreadStatus.COMPLETED, f"O5: {runs[run]}"
        places = Counter(ack.position for ack in traffic.acks if not ack.repeated)
        shared = {place: count for place, count in places.items() if count > 1}
        assert not shared, f"O1, two commands at one position: {shared}"
        assert set(runs) == {*traffic.started, *others}, "O6: runs that nobody has started"
        assert self.found.lost == 0 and self.found.duplicated == 0, f"O1: {self.found}"

    def _outputs(self, log: KafkaEngineLog) -> None:
        """O3: what was sent twice has equal stamps; what has ended is told."""
        stamps: dict[Any, list[bytes]] = defaultdict(list)
        for record in self._sent(log):
            body, _ = self.avro.decode(record.value or b"")
            if isinstance(body, ScheduledTask):
                stamps["task", body.guid, body.attempt].append(record.headers[STAMP])
            elif isinstance(body, WfRunChanged):
                stamps["run", body.wf_run_id, body.status].append(record.headers[STAMP])
        other = {key for key, found in stamps.items() if len(set(found)) > 1}
        assert not other, f"O3: sent twice with other stamps: {other}"
        self.found.sent_twice = sum(len(found) - 1 for found in stamps.values())
        for run in self._rows(WfRun):
            assert ("run", run.wf_run_id, run.status.value) in stamps, f"I3: {run} is not told"
        for task in self._rows(TaskRun):
            assert ("task", task.guid, task.attempt.number) in stamps, f"I3: {task} was not sent"

    def _sent(self, log: KafkaEngineLog) -> Iterator[Record]:
        tasks = {self.topics.task("default", row.task_def) for row in self._rows(TaskRun)}
        for topic in (self.topics.events, *sorted(tasks)):
            for number in range(self.topics.partitions):
                yield from log.read_all(topic, number)

    def _letters(self, log: KafkaEngineLog) -> list[Record]:
        return log.read_all(self.topics.dead_letters)

    def _ids(self) -> None:
        """O6: no id was minted twice, on whatever partitions."""
        minted = Counter(row.wf_run_id for row in self._rows(WfRun))
        minted += Counter(row.guid for row in self._rows(TaskRun))
        twice = {name for name, count in minted.items() if count > 1}
        assert not twice, f"O6: {twice}"
        nodes = Counter((row.wf_run_id, row.thread, row.position) for row in self._rows(NodeRun))
        assert max(nodes.values(), default=1) == 1, "O6: node runs"

    def _rows(self, kind: type[Any]) -> Iterator[Any]:
        for tables in self._tables:
            yield from (row for row in tables.rows.values() if isinstance(row, kind))

    def _by_run(self, kind: type[Any]) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = defaultdict(list)
        for row in self._rows(kind):
            found[row.wf_run_id].append(row)
        return found


def _fold(partition: Partition, pending: deque[Record], next_offset: int) -> None:
    """Fold what is pending up to this position, with nothing sent."""
    while pending and pending[0].offset < next_offset:
        batch: list[Record] = []
        while pending and pending[0].offset < next_offset and len(batch) < BATCH:
            batch.append(pending.popleft())
        partition.write(partition.fold(batch))


class Bounds:
    """O7: what a process of ours takes, as it is looked at."""

    rss_mib_max: float = 0.0
    files_max: int = 0
    disk_mib_max: float = 0.0

    def look(self, pid: int, data: Path) -> None:
        """Note what it has now; one that is gone has nothing but its data."""
        self.disk_mib_max = max(self.disk_mib_max, _bytes_in(data) / 1_048_576)
        try:
            status = Path(f"/proc/{pid}/status").read_text()
            files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        except (FileNotFoundError, ProcessLookupError):
            return
        for line in status.splitlines():
            if line.startswith("VmHWM:"):  # the most that it ever had
                self.rss_mib_max = max(self.rss_mib_max, int(line.split()[1]) / 1_024)
        self.files_max = max(self.files_max, files)

    def check(self, *, rss_mib: float = 700.0, files: int = 600, disk_mib: float = 700.0) -> None:
        """Within bounds."""
        assert self.rss_mib_max < rss_mib and self.files_max < files, (
            f"O7: {self.rss_mib_max:.0f} MiB, {self.files_max} files"
        )
        assert self.disk_mib_max < disk_mib, f"O7: {self.disk_mib_max:.0f} MiB on the disk"


def _bytes_in(folder: Path) -> int:
    """What a folder takes on the disk; files and folders come and go meanwhile."""
    found = 0
    for above, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                found += Path(above, name).stat().st_blocks * 512
    return found
