"""Ruling on a defect, once and for every fold to come (R6)."""

import logging
from collections.abc import Sequence

from penstock.contracts.avro import Avro
from penstock.contracts.records import Verdict
from penstock.contracts.topics import Topics
from penstock.log.port import EngineLog, Message, Record
from penstock.observe.tally import FoldTally
from penstock.processor.errors import PartitionStopped, StopCause
from penstock.processor.partition import Batch, Defective, Partition
from penstock.processor.recovery import commit_position
from penstock.processor.verdicts import read_rulings

REASON_CHARS_MAX = 2_000

logger = logging.getLogger("penstock.processor")


class Ruler:
    """Folds, and rules on what the fold can not do."""

    def __init__(self, log: EngineLog, avro: Avro, topics: Topics, tally: FoldTally) -> None:
        self._log = log
        self._avro = avro
        self._topics = topics
        self._tally = tally

    def fold(self, partition: Partition, records: Sequence[Record]) -> Batch:
        """Fold records; a defect is ruled on, and they are folded again."""
        while True:
            try:
                return partition.fold(records)
            except Defective as defect:
                number = partition.shard.partition
                where = {"partition": number, "offset": defect.offset, "part": defect.part}
                logger.exception("a defect of the fold, to be ruled on", extra=where)
                self._tally.verdicts += 1
                rule(
                    log=self._log,
                    avro=self._avro,
                    topics=self._topics,
                    partition=partition,
                    defect=defect,
                )


def rule(
    *, log: EngineLog, avro: Avro, topics: Topics, partition: Partition, defect: Defective
) -> None:
    """Append a verdict, and have the partition fold by all there are (the first one wins).

    The group's mark is committed first: an owner that is one no more is fenced there. Below the
    delivered mark nobody rules: what was delivered once was folded without a defect, so this build
    is the one that is wrong.
    """
    number = partition.shard.partition
    if defect.offset < partition.mark or defect.part in partition.rulings.get(defect.offset, ()):
        raise PartitionStopped(StopCause.BUILD, f"a defect that can not be ruled on: {defect}")
    commit_position(log, partition, ruling=True)
    verdict = Verdict(
        partition=number,
        offset=defect.offset,
        part=defect.part,
        reason=str(defect)[:REASON_CHARS_MAX],
    )
    key = f"{number}:{defect.offset}".encode()
    log.append_and_wait(Message(topics.verdicts, key, avro.encode(verdict), {}, 0))
    partition.rulings = read_rulings(log, avro, topics, number)
