"""The view of rows that a turn writes: an overlay with a journal, against a naive model."""

from collections.abc import Iterator
from typing import get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from msgspec import Struct

from penstock.core.commands import COMMANDS
from penstock.core.state.facts import Fact
from penstock.core.state.keys import (
    Scope,
    after_prefix,
    behind_child_runs,
    behind_run,
    encode_parts,
    run_id_of,
    run_prefix,
    runs_prefix,
)
from penstock.core.state.rows import _KEYS, NoRows, Row, Rows
from penstock.core.state.run import NodeRun, TaskAttempt, Variable
from penstock.store.memory import MemoryStore
from penstock.store.port import StorePosition
from penstock.store.rowstore import RowStore
from tests.sim.tables import row_kinds

parts = st.one_of(
    st.text(st.characters(blacklist_characters="\x00", blacklist_categories=["Cs"]), max_size=5),
    st.integers(0, 2**63 - 1),
)


class Queued(Row):
    """A row of a queue."""

    KIND, SCOPE, KEY = b"q", Scope.RUN, ("tenant", "wf_run_id", "event_def", "offset")
    SCANNED = True

    tenant: str
    wf_run_id: str
    event_def: str
    offset: int
    guid: str


def _event(offset: int, guid: str = "g") -> Queued:
    return Queued("t", "run", "paid", offset, guid)


@given(st.lists(st.tuples(st.text("abc", max_size=3), st.integers(0, 2**63 - 1)), min_size=2))
def test_the_order_of_keys_is_the_order_of_their_parts(pairs: list[tuple[str, int]]) -> None:
    """Text, then numbers."""
    assert sorted(pairs) == sorted(pairs, key=encode_parts)


@given(st.binary(min_size=1).filter(lambda data: data.strip(b"\xff")), st.binary())
def test_everything_with_a_prefix_is_below_what_is_after_it(prefix: bytes, rest: bytes) -> None:
    """Also when the prefix ends in FF."""
    assert prefix <= prefix + rest < after_prefix(prefix)


@pytest.mark.parametrize(
    "kind", [kind for kind in row_kinds() if kind.KIND], ids=lambda kind: kind.__name__
)
def test_a_key_of_all_its_parts_is_that_of_a_prefix_with_all(kind: type[Row]) -> None:
    """Rows are found by the one, ranges begin at the other."""
    types = get_type_hints(kind)
    numbers = {name for name in kind.KEY if issubclass(types[name], int)}
    values = {
        name: 2**63 - 1 - at if name in numbers else f"\u00e4{at}"
        for at, name in enumerate(kind.KEY)
    }
    row = kind(**{name: values.get(name) for name in kind.__struct_fields__})
    plain = kind.key(*values.values())
    assert row.own_key() == plain
    rows = Rows(NoRows())
    rows.put(row)
    assert rows.changes() == {plain: row}
    assert rows.peek(kind, *values.values()) is row


def test_a_long_key_is_a_key_and_is_not_kept() -> None:
    """Names that somebody asks for may be as long as a command, and each another one."""
    rows, long = Rows(NoRows()), "x" * 10_000
    kept = _KEYS[Queued].cache_info().currsize
    row = Queued("t", "r", long, 1, "g")
    rows.put(row)
    assert rows.peek(Queued, "t", "r", long, 1) is row
    assert rows.get(Queued, "t", "r", long, 1) == row
    assert row.own_key() == Queued.key("t", "r", long, 1)
    assert _KEYS[Queued].cache_info().currsize == kept


def test_a_copy_is_nothing_until_it_is_put() -> None:
    """A handler may change what it got and then refuse."""
    rows = Rows(RowStore(MemoryStore()))
    rows.put(_event(1, "before"))
    row = rows.get(Queued, "t", "run", "paid", 1)
    assert row is not None
    row.guid = "after"
    again = rows.peek(Queued, "t", "run", "paid", 1)
    assert again is not None
    assert again.guid == "before"


def test_only_what_is_scanned_is_kept_in_order() -> None:
    """Sorting costs; NodeRuns are never scanned by the fold."""
    assert Queued.SCANNED
    assert not NodeRun.SCANNED


class OverlayMachine(RuleBasedStateMachine):
    """Puts, deletes, savepoints, rollbacks and batches, against a dict and copies of it."""

    def __init__(self) -> None:
        super().__init__()
        self.store = RowStore(MemoryStore())
        self.rows = Rows(self.store)
        self.model: dict[int, str] = {}
        self.saved: list[tuple[int, dict[int, str]]] = []

    @rule(offset=st.integers(0, 12), guid=st.text("xyz", max_size=2))
    def put(self, offset: int, guid: str) -> None:
        """Write a row."""
        self.rows.put(_event(offset, guid))
        self.model[offset] = guid

    @rule(offset=st.integers(0, 12))
    def delete(self, offset: int) -> None:
        """Delete a row, which may not be there."""
        self.rows.delete(_event(offset))
        self.model.pop(offset, None)

    @rule()
    def save(self) -> None:
        """Set a savepoint."""
        self.saved.append((self.rows.savepoint(), dict(self.model)))

    @precondition(lambda self: self.saved)
    @rule(data=st.data())
    def roll_back(self, data: st.DataObject) -> None:
        """Roll back to a savepoint; later ones are gone."""
        at = data.draw(st.integers(0, len(self.saved) - 1))
        savepoint, model = self.saved[at]
        del self.saved[at:]
        self.rows.rollback(savepoint)
        self.model = dict(model)

    @rule()
    def take_the_first(self) -> None:
        """As a queue is read: its head is deleted, and looked for again."""
        first = next(self.rows.scan(Queued, "t", "run", "paid"), None)
        assert (first and first.offset) == min(self.model, default=None)
        if first is not None:
            self.rows.delete(first)
            del self.model[first.offset]

    @rule()
    def write_the_batch(self) -> None:
        """What was changed becomes the base."""
        self.store.write(self.rows.changes(), StorePosition(0))
        self.rows = Rows(self.store)
        self.saved = []

    @invariant()
    def reads_agree(self) -> None:
        """By key and by range."""
        scanned = {row.offset: row.guid for row in self.rows.scan(Queued, "t", "run", "paid")}
        assert scanned == self.model
        assert list(scanned) == sorted(scanned)
        found = list(self.rows.keys_of_run("t", "run", b""))
        assert found == [_event(offset).own_key() for offset in sorted(self.model)]
        for offset in range(13):
            row = self.rows.peek(Queued, "t", "run", "paid", offset)
            assert (row and row.guid) == self.model.get(offset)


def test_the_rows_of_a_run_are_found_whatever_lies_beside_them() -> None:
    """Its own first, then those of its child runs; in the store, in the batch, or deleted there."""
    store = RowStore(MemoryStore())
    ids = ["run", "run.child", "run.child.leaf", "run-2", "runs", "ru", "run.b"]
    events = [Queued("t", run_id, "paid", 1, "g") for run_id in ids]
    others = [Queued("t2", "run", "paid", 1, "g"), Variable("t", "run", 0, "v", 1)]
    before = Rows(store)
    for row in (*events[::2], *others):
        before.put(row)
    store.write(before.changes(), StorePosition(0))
    rows = Rows(store)
    for row in events[1::2]:
        rows.put(row)
    wanted = [row.own_key() for row in (events[0], others[1], events[6], events[1], events[2])]
    assert list(rows.keys_of_run("t", "run", b"")) == wanted
    savepoint = rows.savepoint()
    rows.delete(events[0])
    rows.delete(events[1])
    assert list(rows.keys_of_run("t", "run", b"")) == [wanted[1], wanted[2], wanted[4]]
    rows.rollback(savepoint)
    assert list(rows.keys_of_run("t", "run", b"")) == wanted
    assert list(rows.keys_of_run("t", "run", wanted[1])) == wanted[2:]


class CountingStore(RowStore):
    """Counts the keys that are read by range."""

    def __init__(self) -> None:
        super().__init__(MemoryStore())
        self.read = 0

    def keys(self, start: bytes, end: bytes) -> Iterator[bytes]:
        """See RowView."""
        for key in super().keys(start, end):
            self.read += 1
            yield key


def _ids(rows: Rows, *, children: bool) -> list[str]:
    """The ids of a tenant's runs, from one seek to the next."""
    found: list[str] = []
    start, end = runs_prefix("t"), after_prefix(runs_prefix("t"))
    while (key := next(rows.keys_of_runs(start, end), None)) is not None:
        run_id = run_id_of(key)
        below = "." in run_id and not children
        start = behind_child_runs("t", "run") if below else behind_run("t", run_id)
        if not below:
            found.append(run_id)
    return found


IDS = ["a", "run", "run-2", "run.a", "run.a.b", "run.b", "run0", "z"]


@given(st.lists(st.sampled_from([*IDS, "|"]), max_size=20), st.sets(st.sampled_from(IDS)))
def test_runs_are_found_wherever_a_batch_ends(order: list[str], deleted: set[str]) -> None:
    """`|` is where the batch is written: what a fold reads must not tell (I1)."""
    store = RowStore(MemoryStore())
    rows = Rows(store)
    next(rows.keys_of_runs(b"t", b"u"), None)  # from here on keys are noted as they come
    for at in order:
        if at == "|":
            store.write(rows.changes(), StorePosition(0))
            rows = Rows(store)
        else:
            rows.put(Variable("t", at, 0, "v", 1))
    savepoint = rows.savepoint()
    for run_id in sorted(deleted):
        rows.delete(Variable("t", run_id, 0, "v", 1))
    there = sorted(set(order) - deleted - {"|"}, key=lambda of: run_prefix("t", of))
    assert _ids(rows, children=True) == there
    rows.rollback(savepoint)
    there = sorted(set(order) - {"|"}, key=lambda of: run_prefix("t", of))
    assert _ids(rows, children=True) == there
    assert _ids(rows, children=False) == [of for of in there if "." not in of]


def test_a_run_costs_one_seek_however_many_rows_it_has() -> None:
    """And a family of child runs one more, however many they are."""
    store = CountingStore()
    rows = Rows(store)
    for run_id in ("a", "run", *(f"run.{number}" for number in range(50)), "z"):
        for number in range(50):
            rows.put(Variable("t", run_id, 0, f"v{number}", 1))
    store.write(rows.changes(), StorePosition(0))
    assert _ids(Rows(store), children=False) == ["a", "run", "z"]
    assert store.read == 4


def test_what_was_not_there_is_found_once_it_is_written() -> None:
    """The cache knows of keys that there is nothing at them; a batch may put something there."""
    store, event = RowStore(MemoryStore()), _event(1)
    key = event.own_key()
    assert store.get(Queued, key) is store.get(Queued, key) is None
    store.write({key: event}, StorePosition(1))
    assert store.get(Queued, key) == event
    store.write({key: None}, StorePosition(2))
    assert store.get(Queued, key) is store.get(Queued, key) is None


def test_the_collector_need_not_look_at_what_rows_are_made_of() -> None:
    """The cache keeps hundreds of thousands of them: whoever folds would wait while it looks."""
    assert COMMANDS, "the commands import every file that declares rows"
    parts = [kind for kind in Struct.__subclasses__() if kind.__struct_config__.array_like]
    ours = [kind for kind in parts if kind.__module__.startswith("penstock.core.")]
    assert {Row, Fact, TaskAttempt} <= set(ours)
    assert [kind.__name__ for kind in ours if kind.__struct_config__.gc is not False] == []


TestOverlay = OverlayMachine.TestCase
TestOverlay.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
