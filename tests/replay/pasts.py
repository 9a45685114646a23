"""Whether the past of every run, folded from its own turns alone, is what the whole fold has."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from penstock.contracts.avro import Avro
from penstock.contracts.topics import Topics
from penstock.core.ids import root_of
from penstock.core.state.partition_state import Shard
from penstock.core.state.regions import family_region, region_of
from penstock.core.state.rows import Row
from penstock.log.port import EngineLog
from penstock.processor.partition import Partition
from penstock.processor.past import Changes, Past, Step, Until
from penstock.processor.verdicts import read_rulings
from penstock.store.memory import MemoryStore
from penstock.store.rowstore import RowStore, encode_row

Rows = dict[bytes, bytes]


class Compared(Struct):
    """How many pasts were compared, and why some were folded from the whole log."""

    positions: int = 0
    apart: int = 0
    whole: list[str] = []


class Families:
    """All rows of all families, as the whole fold has them after each record that changed them."""

    def __init__(self) -> None:
        self.now: dict[bytes, Rows] = {}
        self.at: dict[bytes, dict[int, Rows]] = {}
        self._kinds: dict[bytes, type[Row]] = {}

    def changed(self, offset: int, changes: Mapping[bytes, Row | None]) -> None:
        """A record was folded."""
        touched = set[bytes]()
        for key, row in changes.items():
            if row is not None:
                self._kinds[key] = type(row)
            if key not in self._kinds:
                continue
            region = region_of(self._kinds[key], key)
            if region is None or not region.startswith(b"run\x00"):
                continue
            rows = self.now.setdefault(region, {})
            if row is None:
                rows.pop(key, None)
            else:
                rows[key] = encode_row(row)
            touched.add(region)
        for region in touched:
            self.at.setdefault(region, {})[offset] = dict(self.now[region])


def compare_pasts(log: EngineLog, avro: Avro, topics: Topics, number: int) -> Compared:
    """Fold a partition record by record, then the past of each family at each of its positions."""
    partition = Partition(
        shard=Shard(number, log.partitions),
        store=RowStore(MemoryStore()),
        avro=avro,
        mark=2**62,
        rulings=read_rulings(log, avro, topics, number),
    )
    families = Families()
    for record in log.read_all(topics.commands, number):
        batch = partition.fold([record])
        families.changed(record.offset, batch.rows.changes())
        partition.write(batch)
    compared = Compared()
    view = partition.view()
    for region, at in families.at.items():
        _, tenant, run, _ = region.decode().split("\x00")
        if next(view.turns_of(region), None) is None:
            continue  # it was deleted, and its index with it
        past = Past(log=log, avro=avro, topics=topics, number=number, view=view)
        seen: list[int] = []

        def compare(
            step: Step,
            at: dict[int, Rows] = at,
            seen: list[int] = seen,
            of: tuple[str, str] = (tenant, run),
        ) -> None:
            if not step.ours:
                return
            before = max((offset for offset in at if offset <= step.offset), default=-1)
            expected = at[before] if before >= 0 else {}
            found = bytes_of_family(step.changes, *of)
            if step.changes:
                assert found == expected, _difference(step.offset, found, expected)
            seen.append(step.offset)

        found = past.as_of(tenant, run, Until(), compare)
        compared.positions += len(seen)
        if found.whole is None:
            compared.apart += 1
            middle = sorted(at)[len(at) // 2]
            halfway = past.as_of(tenant, run, Until(offset=middle))
            if halfway.whole is None:
                rows = bytes_of_family(halfway.changes, tenant, run)
                assert rows == at[middle], _difference(middle, rows, at[middle])
        else:
            compared.whole.append(f"{run}: {found.whole}")
    return compared


def _difference(offset: int, found: Rows, expected: Rows) -> str:
    lines = [f"at {offset}:"]
    for key in sorted({*found, *expected}):
        if found.get(key) != expected.get(key):
            lines.append(f"{key!r}\n  apart {found.get(key)!r}\n  whole {expected.get(key)!r}")
    return "\n".join(lines)


def bytes_of_family(changes: Changes, tenant: str, wf_run_id: str) -> dict[bytes, bytes]:
    """All rows of a run and of those below it that were folded, as they are stored."""
    region = family_region(tenant, root_of(wf_run_id))
    return {
        key: encode_row(row)
        for key, row in changes.items()
        if row is not None and region_of(type(row), key) == region
    }
