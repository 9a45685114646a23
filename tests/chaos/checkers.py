"""The eight checkers: what must hold after whatever was done to the engine (docs/reliability.md).

They ask no server. `Truth` folds the log in memory from offset 0; the stores that the servers left
behind, what they have sent, and what clients and workers were told are held against it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
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
from tests.chaos.traffic import TASK, Told
from tests.sim.liveness import problems
from tests.sim.tables import Tables

BATCH: Final = 500


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
    """Over servers that have all been stopped. `snapshots` is where they kept some."""

    def __init__(
        self,
        *,
        kafka: str,
        cluster: str,
        partitions: int,
        folders: Sequence[str],
        snapshots: Path | None = None,
    ) -> None:
        self.topics = Topics(cluster, partitions)
        self.avro = Avro()
        self.found = Found()
        self._kafka = kafka
        self._folders = [Path(folder) for folder in folders]
        self._snapshots = snapshots
        self._tables: list[Tables] = []

    def run(self, traffic: Told, *, dead_letters: int = 0, others: Collection[str] = ()) -> Found:
        """All of them. `others` are runs that the test has started itself."""
        with self._log() as log:
            for number in range(self.topics.partitions):
                truth = self._truth(log, number)
                folded = self._digests(log, number, truth)
                self._marks(log, number, folded)
                self._left(log, number, folded)
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
        log = KafkaEngineLog(
            self._kafka,
            commands=self.topics.commands,
            partitions=self.topics.partitions,
            on_demand=self.topics.on_demand,
            group=f"{self.topics.cluster}.engine",
        )
        with closing(log):
            yield log

    def _truth(self, log: KafkaEngineLog, number: int) -> Partition:
        """A fold of the whole log, with nothing sent."""
        rows = MemoryStore()
        partition = Partition(
            shard=Shard(number, self.topics.partitions),
            store=RowStore(rows),
            avro=self.avro,
            mark=MUTED,
            rulings=read_rulings(log, self.avro, self.topics, number),
        )
        records = log.read_all(self.topics.commands, number)
        for start in range(0, len(records), BATCH):
            partition.write(partition.fold(records[start : start + BATCH]))
        self.found.records += len(records)
        self._tables.append(Tables(rows))
        return partition

    def _digests(self, log: KafkaEngineLog, number: int, truth: Partition) -> int:
        """O2: every store that was left behind is a fold of its prefix of the log, and so is what
        comes of the newest snapshot; how far the foremost one has come.
        """
        place = None
        if self._snapshots is not None:
            stores = RocksStores(self._snapshots / "none")
            staging = self._snapshots / "staging"
            place = Place(DirectoryObjects(self._snapshots), stores, staging)
        verifier = Verifier(log, self.avro, self.topics, place)
        foremost = 0
        for folder in self._folders:
            stores = RocksStores(folder / "stores")
            if not stores.exists(number):
                continue
            store = RowStore(stores.open(number))
            with closing(store):
                next_offset = store.position().next_offset
                foremost = max(foremost, next_offset)
                if next_offset == truth.next_offset:
                    assert store.digest() == truth.store.digest(), f"O2: {folder} {number}"
                if next_offset < truth.next_offset or place is not None:
                    for one in verifier.verify(number, store.view()):
                        assert one.equal, f"O2: {folder} {one}"
                self.found.stores += 1
        return foremost

    def _left(self, log: KafkaEngineLog, number: int, folded: int) -> None:
        """What came after the last server had gone is nothing but time."""
        for record in log.read_all(self.topics.commands, number):
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
        for task in (row for row in self._rows(TaskRun) if row.task_def == TASK):
            assert ("task", task.guid, task.attempt.number) in stamps, f"I3: {task} was not sent"

    def _sent(self, log: KafkaEngineLog) -> Iterator[Record]:
        for number in range(self.topics.partitions):
            yield from log.read_all(self.topics.events, number)
            yield from log.read_all(self.topics.task("default", TASK), number)

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


class Bounds:
    """O7: what a process of ours takes, as it is looked at."""

    rss_mib_max: float = 0.0
    files_max: int = 0

    def look(self, pid: int) -> None:
        """Note what it has now; one that is gone has nothing."""
        try:
            status = Path(f"/proc/{pid}/status").read_text()
            files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        except (FileNotFoundError, ProcessLookupError):
            return
        for line in status.splitlines():
            if line.startswith("VmHWM:"):  # the most that it ever had
                self.rss_mib_max = max(self.rss_mib_max, int(line.split()[1]) / 1_024)
        self.files_max = max(self.files_max, files)

    def check(self, *, rss_mib: float = 700.0, files: int = 600) -> None:
        """Within bounds."""
        assert self.rss_mib_max < rss_mib and self.files_max < files, (
            f"O7: {self.rss_mib_max:.0f} MiB, {self.files_max} files"
        )
