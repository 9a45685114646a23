"""R17: a disk that is full. The partition stops before its next batch, says so, and goes on once
there is room; what was delivered and not written is written in place. On Kafka and under load:
tests/chaos/test_stores.py.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.contracts.avro import Avro
from penstock.contracts.topics import Topics
from penstock.core.state.partition_state import OutChannel, Shard
from penstock.log.memory import MemoryLog
from penstock.processor.disk import MIB, Disk
from penstock.processor.partition import Partition
from penstock.processor.recovery import Opener
from penstock.processor.room import Room
from penstock.store.rocks import RocksStores
from penstock.store.rowstore import RowStore
from tests.controls import chain, declared, event
from tests.crash.server import Server
from tests.operations.works import register, scraped, until, work_one
from tests.small_disk import fill, small_disk

SIZE_MIB = 64
FREE_MIB = 16


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A directory on a small disk of its own."""
    with small_disk(tmp_path / "small", SIZE_MIB) as directory:
        yield directory


@pytest.mark.timeout(180)
@pytest.mark.fault(15)
@pytest.mark.drill("the disk is full")
def test_r17_without_room_nothing_is_folded_and_with_room_it_goes_on(small: Path) -> None:
    server = Server(small / "data")
    try:
        server.start(None, "--disk-free-mib", str(FREE_MIB))
        register(server)
        server.accepted("POST", "/v1/wf-runs", {"wf_spec": "work"}, "before")
        filler = fill(small, FREE_MIB - 4)
        until(lambda: server.call("GET", "/readyz").status_code == 503)
        [reason] = server.call("GET", "/readyz").json()["reasons"]
        assert reason.startswith("NO_ROOM") and "MiB" in reason
        assert server.call("GET", "/healthz").status_code == 200, "it lives, and waits"
        refused = server.call("POST", "/v1/wf-runs", {"wf_spec": "work"}, "during")
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "NO_ROOM")
        assert scraped(server.http).value("room") == 0
        filler.unlink()
        until(lambda: server.call("GET", "/readyz").status_code == 200)
        assert server.accepted("POST", "/v1/wf-runs", {"wf_spec": "work"}, "before")["repeated"]
        server.accepted("POST", "/v1/wf-runs", {"wf_spec": "work"}, "during")
        work_one(server)
        work_one(server)
        verified = server.verify()
        assert verified.returncode == 0, verified.stdout + verified.stderr
    finally:
        server.stop()


@pytest.mark.timeout(180)
def test_a_verification_without_room_for_its_stores_is_refused(small: Path) -> None:
    """Before it takes what the fold needs: all else goes on, and it may be asked for again."""
    server = Server(small / "data")
    try:
        server.start(None, "--disk-free-mib", str(FREE_MIB))
        large = chain(event("go"), variables=(declared("text", "STR"),))
        server.accepted("PUT", "/v1/external-event-defs?wait=all", {"name": "go"})
        server.accepted("PUT", "/v1/wf-specs?wait=all", {"name": "large", "spec": large})
        for _ in range(40):
            body = {"wf_spec": "large", "variables": {"text": "x" * 100_000}}
            server.accepted("POST", "/v1/wf-runs", body)
        filler = fill(small, FREE_MIB + 1)
        refused = server.call("GET", "/v1/verify")
        assert refused.status_code == 503, refused.text
        error = refused.json()["error"]
        assert error["code"] == "NO_ROOM"
        assert error["message"].startswith("to verify partition ")
        assert server.call("GET", "/readyz").status_code == 200
        filler.unlink()
        items = server.accepted("GET", "/v1/verify")["items"]
        assert [one["equal"] for one in items] == [True, True]
    finally:
        server.stop()


@pytest.mark.timeout(120)
def test_a_full_disk_is_refused_at_the_start(small: Path) -> None:
    server = Server(small / "data")
    with pytest.raises(AssertionError, match="are kept free; make room"):
        server.start(None, "--disk-free-mib", str(SIZE_MIB * 2))
    assert server.ended(10) == 1
    server.stop()


@pytest.mark.fault(15)
def test_r17_a_write_that_fails_is_done_again_in_place(small: Path) -> None:
    """The batch is delivered already, so it is neither lost nor folded anew."""
    stores = RocksStores(small / "stores")
    opener, topics = an_opener(stores)
    store = RowStore(stores.open(0))
    partition = Partition(shard=Shard(0, 1), store=store, avro=Avro(), mark=0, rulings={})
    batch = partition.fold([])
    rows = [OutChannel(number, "x" * 200_000) for number in range(40)]
    batch.rows.begin_turn()
    for row in rows:
        batch.rows.put(row)
    filler = fill(small, 2)
    room = Room(Disk(small, MIB), opener, threading.Event())
    writing = threading.Thread(target=room.write, args=(partition, batch))
    writing.start()
    until(lambda: room.problem is not None)
    assert "can not be written" in (room.problem or "")
    filler.unlink()
    writing.join(30)
    assert not writing.is_alive()
    assert room.problem is None
    view = partition.view()
    assert [view.get(OutChannel, row.own_key()) for row in rows] == rows
    del view
    partition.close()
    reopened = RowStore(stores.open(0))
    assert reopened.get(OutChannel, rows[-1].own_key()) == rows[-1]
    reopened.close()
    assert topics.cluster == "full"


def an_opener(stores: RocksStores) -> tuple[Opener, Topics]:
    """What opens a store anew."""
    topics = Topics("full", 1)
    log = MemoryLog(
        commands=topics.commands, partitions=1, on_demand=topics.on_demand, clock_ms=lambda: 1
    )
    opener = Opener(
        log=log, avro=Avro(), topics=topics, stores=stores, lock_wait_s=0.0, adopt_log=False
    )
    return opener, topics
