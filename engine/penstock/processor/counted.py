"""What is counted of a poll, once it is written (observe/tally.py)."""

from __future__ import annotations

import time
from collections.abc import Sequence

from penstock.observe.tally import FoldTally
from penstock.observe.tracing import now_ns, sound, tracing
from penstock.processor.partition import Batch, Partition


def count(
    tally: FoldTally,
    batches: Sequence[tuple[Partition, Batch]],
    folded_s: float,
    delivered_s: float,
) -> None:
    """Note the batches of a poll: folded and delivered at these times, and written now."""
    tally.batch(
        records=sum(batch.records for _, batch in batches),
        fold_s=sum(batch.fold_s for _, batch in batches),
        deliver_s=delivered_s - folded_s,
        write_s=time.perf_counter() - delivered_s,
    )
    for _, batch in batches:
        tally.outcomes(batch.outcomes)
        for kind, late_ms in batch.late:
            tally.fired(kind, late_ms / 1_000)
    if tracing() is not None:
        _trace(batches, time.perf_counter() - folded_s)


def _trace(batches: Sequence[tuple[Partition, Batch]], since_fold_s: float) -> None:
    """A span for each command that a trace led to: as long as its batch took to be written."""
    tracer = tracing()
    assert tracer is not None, "it was asked for"
    end_ns = now_ns()
    for partition, batch in batches:
        begin_ns = end_ns - int((batch.fold_s + since_fold_s) * 1e9)
        for header, (command, outcome) in batch.traced:
            parent = sound(header)
            if parent is not None:
                attributes = {
                    "penstock.partition": partition.shard.partition,
                    "penstock.outcome": outcome,
                    "penstock.batch_records": batch.records,
                }
                tracer.past(f"fold {command}", parent, (begin_ns, end_ns), attributes)
