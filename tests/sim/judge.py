"""What must hold when a world has come to rest: the log is folded once more, from 0, alone, with
every output, and everything there is must be what that fold gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from penstock.contracts.wire import SOURCE, STAMP
from penstock.core.definitions.metadata import DECIDING_PARTITION
from penstock.core.errors import MENDED_BY_TIME, Code
from penstock.core.state.failures import FailureName
from penstock.core.state.keys import Scope
from penstock.core.state.outputs import TaskRunChanged, WfRunChanged, WfRunDeleted
from penstock.core.state.partition_state import InChannel, OutChannel, Shard
from penstock.core.state.transitions import THREAD_LIVE
from penstock.log.port import Message, Record, Refused
from penstock.processor.answers import Answered, Key
from penstock.processor.delivery import Courier
from penstock.processor.failpoints import Failpoints
from penstock.processor.partition import Partition
from penstock.processor.verdicts import read_rulings
from penstock.store.memory import MemoryStore
from penstock.store.rowstore import RowStore
from tests.sim.broker import Broker
from tests.sim.clients import BRIEF
from tests.sim.liveness import problems
from tests.sim.people import FORGED_STAMP
from tests.sim.standing import keys_at_rest, places_at_rest, waits_at_rest
from tests.sim.tables import Tables

if TYPE_CHECKING:
    from tests.sim.node import Node

Stamped = dict[tuple[bytes, bytes], tuple[str, bytes | None, bytes | None]]
"""(source, stamp) -> topic, key, value."""


class Wrong(Exception):
    """What a world came to is not what its log says."""


class Reference:
    """A partition folded from 0 in one go: its rows, its answers, and all it asks to be sent."""

    def __init__(self, broker: Broker, node: Node, number: int) -> None:
        self.number = number
        self.sent: list[Message] = []
        self.topic_id = node.log.topic_id
        log, topics = node.log, broker.topics
        self.partition = Partition(
            shard=Shard(number, topics.partitions),
            store=RowStore(MemoryStore()),
            avro=node.avro,
            mark=0,
            rulings=read_rulings(log, node.avro, topics, number),
        )
        batch = self.partition.fold(broker.records[topics.commands][number])
        courier = Courier(log=self, avro=node.avro, topics=topics, failpoints=Failpoints())  # type: ignore[arg-type]
        courier.deliver(batch.outputs)
        self.partition.write(batch)
        self.answers: Sequence[tuple[Key, Answered]] = batch.answers
        self.digest = self.partition.view().digest()

    def deliver(
        self, messages: Sequence[Message], sent: Callable[[], None] | None = None
    ) -> list[Refused]:
        """Keep what is to be sent."""
        self.sent += messages
        return []

    def tables(self) -> Tables:
        """Its rows."""
        return Tables(self.partition.store._store)


def judge(broker: Broker, nodes: list[Node]) -> None:
    """Raise Wrong if something does not hold."""
    asker = nodes[0]
    references = [Reference(broker, asker, number) for number in range(broker.topics.partitions)]
    _same_rows(broker, nodes, references)
    _same_outputs(broker, references)
    _told_once(broker, asker)
    tables = [reference.tables() for reference in references]
    same_definitions(tables)
    found = [problem for one in tables for problem in problems(one)]
    found += keys_at_rest(tables) + waits_at_rest(tables) + places_at_rest(tables)
    if found:
        raise Wrong(f"something is stuck, or lies around: {found}")
    for reference in references:
        _first_answers(reference)


def _same_rows(broker: Broker, nodes: list[Node], references: list[Reference]) -> None:
    """I1, I4: each store, of owners and of zombies, has the rows of its prefix of the log."""
    for node in nodes:
        for number, store in node.views():
            position = store.position().next_offset
            if position == broker.end(number):
                wanted = references[number].digest
            else:
                wanted = _digest_at(broker, node, number, position)
            if store.view().digest() != wanted:
                raise Wrong(f"{node.name}, partition {number} at {position}: other rows (I1)")


def _digest_at(broker: Broker, node: Node, number: int, position: int) -> str:
    topics = broker.topics
    partition = Partition(
        shard=Shard(number, topics.partitions),
        store=RowStore(MemoryStore()),
        avro=node.avro,
        mark=position,
        rulings=read_rulings(node.log, node.avro, topics, number),
    )
    partition.write(partition.fold(broker.records[topics.commands][number][:position]))
    return partition.view().digest()


def _same_outputs(broker: Broker, references: list[Reference]) -> None:
    """I2, I3: without repeats, what was sent is what had to be sent: nothing lost, nothing else."""
    wanted: Stamped = {}
    for reference in references:
        for message in reference.sent:
            wanted[_stamp(message)] = (message.topic, message.key, message.value)
    topics, dead = broker.topics, set[tuple[bytes, bytes]]()
    seen: set[tuple[bytes, bytes]] = set()
    for topic, partitions in broker.records.items():
        for record in (record for partition in partitions for record in partition):
            stamp = _stamp(record)
            if not stamp[1] or stamp[1] == FORGED_STAMP:
                continue
            of_another = stamp in wanted and wanted[stamp][0] != topic
            if topic == topics.dead_letters and of_another:
                dead.add(stamp)  # what the log refused (R7)
                continue
            if wanted.get(stamp) != (topic, record.key, record.value):
                raise Wrong(f"{topic} has {stamp}, which no fold asks for: {record}")
            seen.add(stamp)
    lost = wanted.keys() - seen - dead
    if lost:
        raise Wrong(f"outputs that were never sent (I3): {sorted(lost)[:5]} of {len(lost)}")


def _stamp(message: Message | Record) -> tuple[bytes, bytes]:
    return message.headers.get(SOURCE, b""), message.headers.get(STAMP, b"")


def _told_once(broker: Broker, node: Node) -> None:
    """I4: without repeats, each attempt ended once, and each run, unless it went on again. One that
    was to be begun anew, and is not after all, ends otherwise then.
    """
    ends: set[tuple[str, ...]] = set()
    for event in _events(broker, node):
        match event:
            case TaskRunChanged():
                end = ("task", event.wf_run_id, event.guid, str(event.attempt), event.status)
            case WfRunDeleted():
                ends -= _ends_of(event.wf_run_id)  # it may be started anew
                continue
            case WfRunChanged(status=status) if status not in THREAD_LIVE:
                waits, over = sorted(_ends_of(event.wf_run_id))
                superseded = event.failure == FailureName.SUPERSEDED
                end = waits if superseded and over not in ends else over
            case WfRunChanged():
                ends -= _ends_of(event.wf_run_id)
                continue
            case _:
                continue
        if end in ends:
            raise Wrong(f"it ended twice (I4): {event}")
        ends.add(end)


def _ends_of(wf_run_id: str) -> set[tuple[str, ...]]:
    """How a run may be said to have ended: to be begun anew, and for good."""
    return {("run", wf_run_id, "1 to be begun anew"), ("run", wf_run_id, "2 for good")}


def _events(broker: Broker, node: Node) -> Iterator[object]:
    """What was told, without repeats, of each partition in the order in which it happened."""
    told: dict[tuple[int, ...], bytes] = {}
    for record in (one for part in broker.records[broker.topics.events] for one in part):
        stamp = record.headers[STAMP].split(b":")[-3:]
        told[tuple(int(number) for number in stamp)] = record.value or b""
    for _, value in sorted(told.items()):
        yield node.avro.decode(value)[0]


def same_definitions(partitions: Sequence[Tables]) -> None:
    """R4: what partition 0 has decided is what all have, each once and in its order."""
    first, *others = [
        {key: row for key, row in tables.rows.items() if row.SCOPE is Scope.DEFINITION}
        for tables in partitions
    ]
    for number, other in enumerate(others, 1):
        if other != first:
            raise Wrong(f"partition {number} has other definitions than partition 0 (R4)")
    for channel in partitions[DECIDING_PARTITION].of(OutChannel):
        taken = InChannel(DECIDING_PARTITION, channel.last)
        if taken not in partitions[channel.target].of(InChannel):
            raise Wrong(f"partition {channel.target} has not taken {channel.last} (R4)")


def _first_answers(reference: Reference) -> None:
    """R12: a command that is sent again gets the first answer again. A report that was refused is
    not kept; nor is any, once its run has been deleted.
    """
    first: dict[Key, Answered] = {}
    for key, answered in reference.answers:
        answer = answered.answer
        if answer.code in MENDED_BY_TIME:
            continue
        if key[1].startswith("r-") and answer.code is not None:
            if key in first and answer.code is not Code.TASK_RUN_UNKNOWN:
                raise Wrong(f"{key} was answered {first[key]}, and then refused: {answer} (R12)")
            continue
        if key[1].startswith(f"{BRIEF}-"):
            continue  # it is known as long as the event is there
        known = first.setdefault(key, answered)
        if (known.answer.code, known.answer.body) != (answer.code, answer.body):
            raise Wrong(f"{key} was answered {known.answer}, then {answer} (R12)")
        if known is not answered and answer.ok and not answer.repeated:
            raise Wrong(f"{key} was done twice (I4): {known}, {answered}")
