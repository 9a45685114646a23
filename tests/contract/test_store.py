"""One suite for both stores."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.store import rocks
from penstock.store.memory import MemoryStores
from penstock.store.port import META, Store, StoreCorrupt, StoreLocked, Stores
from penstock.store.rocks import RocksStores
from penstock.store.rowstore import (
    CACHE_BYTES_MAX,
    CACHE_BYTES_MIN,
    CACHES_BYTES_MAX,
    cache_bytes_of,
)

keys = st.binary(min_size=1, max_size=6).filter(lambda key: key < META)
changes = st.dictionaries(keys, st.none() | st.binary(max_size=20), max_size=12)


@pytest.fixture(params=["memory", "rocks"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Stores:
    """Where the stores are kept."""
    return MemoryStores() if request.param == "memory" else RocksStores(tmp_path)


@pytest.fixture
def store(stores: Stores) -> Iterator[Store]:
    """A new store."""
    made = stores.open(0)
    yield made
    made.close()


def test_what_is_written_is_read(store: Store) -> None:
    """And what is deleted is not."""
    store.write({b"a": b"1", b"b": b"", b"c": b"3"})
    store.write({b"a": None, b"b": b"2", b"never": None})
    assert [store.get(key) for key in (b"a", b"b", b"c", b"d")] == [None, b"2", b"3", None]


def test_a_scan_is_in_order_and_within_its_bounds(store: Store) -> None:
    """The start counts, the end does not."""
    store.write({bytes([n]): b"%d" % n for n in range(0, 200, 3)})
    assert [key[0] for key, _ in store.scan(b"\x09", b"\x12")] == [9, 12, 15]
    assert list(store.scan(b"\xfa", b"\xfe")) == []


def test_a_view_does_not_move(store: Store) -> None:
    """Later writes do not show in it."""
    store.write({b"a": b"1", b"b": b"1"})
    view = store.view()
    store.write({b"a": b"2", b"b": None, b"c": b"2"})
    assert (view.get(b"a"), view.get(b"c")) == (b"1", None)
    assert list(view.scan(b"", META)) == [(b"a", b"1"), (b"b", b"1")]


def test_a_long_scan_of_a_view_can_be_mixed_with_reads(store: Store) -> None:
    """A query looks rows up while it lists others."""
    store.write({b"%05d" % n: b"%d" % n for n in range(1_000)})
    view = store.view()
    seen = [view.get(key) == value and value for key, value in view.scan(b"00100", b"00900")]
    assert seen == [b"%d" % n for n in range(100, 900)]


def test_the_first_of_many_is_read_alone(tmp_path: Path) -> None:
    """Whoever wants one key does not wait for hundreds."""
    store = RocksStores(tmp_path).open(0)
    store.write({b"%05d" % n: b"" for n in range(1_000)})
    view = store.view()
    view._iterator = steps = Steps(view._iterator)
    assert next(view.scan(b"00100", b"00900")) == (b"00100", b"")
    assert steps.read == 1
    assert len(list(view.scan(b"00100", b"00900"))) == 800
    assert steps.read == 801
    del view, steps
    store.close()


class Steps:
    """An iterator of RocksDB that counts the values that are read."""

    def __init__(self, iterator: Any) -> None:
        self.read = 0
        self._iterator = iterator

    def value(self) -> bytes:
        """Read one."""
        self.read += 1
        value: bytes = self._iterator.value()
        return value

    def __getattr__(self, name: str) -> Any:
        return getattr(self._iterator, name)


def test_stores_are_apart_and_are_there_when_opened_again(stores: Stores) -> None:
    """A partition each."""
    first, second = stores.open(1), stores.open(2)
    first.write({b"a": b"1"})
    second.write({b"a": b"2"})
    first.sync()
    first.close()
    second.close()
    first.close()
    again = stores.open(1)
    assert again.get(b"a") == b"1"
    again.close()


def test_a_store_set_aside_is_out_of_the_way(stores: Stores) -> None:
    """The next one under its number is new."""
    for _ in range(3):
        store = stores.open(0)
        assert store.get(b"a") is None
        store.write({b"a": b"1"})
        store.close()
        stores.set_aside(0, "foreign")


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(batches=st.lists(changes, max_size=6), bounds=st.tuples(keys, keys))
def test_a_store_is_a_sorted_map(
    stores: Stores, batches: list[dict[bytes, bytes | None]], bounds: tuple[bytes, bytes]
) -> None:
    """Against a dict."""
    store = stores.open(0)
    wanted: dict[bytes, bytes] = {}
    store.write({key: None for key, _ in store.scan(b"", META)})
    for batch in batches:
        store.write(batch)
        for key, value in batch.items():
            wanted.pop(key, None)
            if value is not None:
                wanted[key] = value
    start, end = sorted(bounds)
    assert list(store.scan(b"", META)) == sorted(wanted.items())
    assert list(store.scan(start, end)) == sorted(
        (key, value) for key, value in wanted.items() if start <= key < end
    )
    store.close()


def test_a_checkpoint_is_the_store_of_its_moment(stores: Stores, tmp_path: Path) -> None:
    """It opens as a copy, and becomes the store of another place."""
    store = stores.open(0)
    store.write({b"a": b"1", b"b": b"2"})
    store.checkpoint(tmp_path / "checkpoint")
    store.write({b"a": b"later", b"b": None})
    copy = stores.open_copy(tmp_path / "checkpoint")
    assert list(copy.scan(b"", META)) == [(b"a", b"1"), (b"b", b"2")]
    copy.close()
    assert not stores.exists(1)
    stores.adopt(1, tmp_path / "checkpoint")
    assert stores.exists(1)
    assert not (tmp_path / "checkpoint").exists()
    adopted = stores.open(1)
    adopted.write({b"c": b"3"})
    assert list(adopted.scan(b"", META)) == [(b"a", b"1"), (b"b", b"2"), (b"c", b"3")]
    assert store.get(b"a") == b"later"
    adopted.close()
    store.close()


def test_what_is_no_checkpoint_is_corrupt(stores: Stores, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("empty", "nowhere"):
        with pytest.raises(StoreCorrupt):
            stores.open_copy(tmp_path / name)


@pytest.mark.fault(9)
def test_a_second_open_is_refused(tmp_path: Path) -> None:
    """RocksDB holds a lock."""
    store = RocksStores(tmp_path).open(0)
    with pytest.raises(StoreLocked):
        RocksStores(tmp_path).open(0)
    store.close()


@pytest.mark.parametrize("damage", ["CURRENT", "MANIFEST"])
@pytest.mark.fault(17)
def test_a_damaged_store_is_corrupt(tmp_path: Path, damage: str) -> None:
    """By name, not by crash."""
    store = RocksStores(tmp_path).open(0)
    store.write({b"a": b"1"})
    store.close()
    for path in (tmp_path / "partition-0").iterdir():
        if path.name.startswith(damage):
            path.write_bytes(b"\x00garbage")
    with pytest.raises(StoreCorrupt):
        RocksStores(tmp_path).open(0)


def test_the_caches_of_many_partitions_share_what_there_is() -> None:
    assert cache_bytes_of(1) == cache_bytes_of(8) == CACHE_BYTES_MAX
    assert cache_bytes_of(64) * 64 == CACHES_BYTES_MAX
    assert cache_bytes_of(10_000) == CACHE_BYTES_MIN


def test_what_is_not_in_files_yet_is_bounded_for_all_stores_together(tmp_path: Path) -> None:
    """Each has its share, and goes to files when that is full, whatever the others keep."""
    assert [rocks.written_bytes_of(count) // rocks.MIB for count in (1, 2, 4, 16, 64)] == [
        *(32, 32, 16, 4, 4)
    ]
    store = RocksStores(tmp_path, 4).open(0)
    value = bytes(100_000)
    for number in range(200):  # 20 MB
        store.write({b"%d" % number: value})
    deadline = time.monotonic() + 20
    while not list(tmp_path.rglob("*.sst")):
        assert time.monotonic() < deadline, "its share is full"
        time.sleep(0.05)
    store.close()
