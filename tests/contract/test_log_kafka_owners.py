"""Who owns a partition of the log on Kafka, who is fenced, and what a failing broker does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest
from confluent_kafka import Consumer as Client

from penstock.log.kafka import KafkaEngineLog, KafkaOwners
from penstock.log.kafka.groups import KafkaGroups
from penstock.log.kafka.marks import KafkaMarks
from penstock.log.port import (
    Assigned,
    Fenced,
    LogError,
    LogFatal,
    LogUnavailable,
    Mark,
    Message,
    Position,
    Record,
)
from tests.chaos.brokers import go_on, stop_still
from tests.contract.logs import (
    PARTITIONS,
    KafkaLogs,
    Owner,
    commands,
    owner,
    read,
    until,
)
from tests.kafka_broker import Broker


@pytest.fixture
def logs(kafka_bootstrap: str, cluster_name: str) -> Iterator[KafkaLogs]:
    made = KafkaLogs(cluster_name, kafka_bootstrap)
    yield made
    made.close()


# --- ownership ------------------------------------------------------------------------------------


class CommittingOwner(Owner):
    """Commits what it gives away, as the processor does."""

    def __init__(self, log: KafkaEngineLog, positions: dict[int, int]) -> None:
        super().__init__(log, lambda partition: positions.get(partition, 0))
        self._log = log
        self._positions = positions

    def revoked(self, partitions: Sequence[int]) -> None:
        for partition in partitions:
            self._log.commit(partition, Mark(self._positions.get(partition, 0), "revoked"))
        super().revoked(partitions)


class Member:
    """An engine of a group, polled by a thread; positions are shared as stores would share them."""

    def __init__(self, log: KafkaEngineLog, positions: dict[int, int]) -> None:
        self.log = log
        self.records: list[Record] = []
        self.errors: list[Exception] = []
        self.owner = CommittingOwner(log, positions)
        self._positions = positions
        self._stop = threading.Event()
        log.subscribe(self.owner)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                for record in self.log.poll(100, 0.05):
                    assert record.partition in self.owner.owned
                    self._positions[record.partition] = record.offset + 1
                    self.log.commit(record.partition, Mark(record.offset + 1))
                    self.records.append(record)
        except Exception as error:
            self.errors.append(error)

    def leave(self) -> None:
        self._stop.set()
        self._thread.join(10)
        self.log.close()


@pytest.mark.fault(44)
def test_two_engines_share_and_hand_over(logs: KafkaLogs) -> None:
    positions: dict[int, int] = {}
    first = Member(logs.open(), positions)
    until(lambda: len(first.owner.owned) == PARTITIONS)
    second = Member(logs.open(), positions)
    writer = logs.open()
    sent: list[bytes] = []

    def send() -> None:
        for partition in range(PARTITIONS):
            sent.append(b"%d" % len(sent))
            writer.deliver(commands(logs, sent[-1], partition=partition))

    def shared() -> bool:
        send()
        time.sleep(0.05)
        return len(first.owner.owned) == len(second.owner.owned) == PARTITIONS // 2

    until(lambda: shared() or first.errors or second.errors)
    assert first.owner.owned | second.owner.owned == set(range(PARTITIONS))
    send()
    until(lambda: len(first.records) + len(second.records) >= len(sent))

    left_s = time.monotonic()
    first.leave()
    until(lambda: len(second.owner.owned) == PARTITIONS)
    assert time.monotonic() - left_s < 6, "the session timeout is not waited out"
    send()
    until(lambda: len(first.records) + len(second.records) >= len(sent))
    second.leave()

    assert first.errors == second.errors == []
    assert sorted(int(one.value or b"") for one in first.records + second.records) == list(
        range(len(sent))
    )
    assert ("lost", ()) not in first.owner.epochs
    for partition in range(PARTITIONS):
        mark = writer.committed(partition)
        assert mark is not None and mark.next_offset == positions[partition]


@pytest.mark.timeout(90)
@pytest.mark.fault(8)
def test_an_engine_that_was_away_too_long_is_fenced(logs: KafkaLogs) -> None:
    log = logs.open(settings={"max.poll.interval.ms": "6000"})
    log.deliver(commands(logs, b"a", b"b"))
    slow = owner(log)
    log.commit(0, Mark(1))
    other = Member(logs.open(), {})

    until(lambda: other.owner.owned == set(range(PARTITIONS)))  # since `log` does not poll
    until(lambda: other.records)
    with pytest.raises(Fenced):
        log.commit(0, Mark(2))
    until(lambda: log.poll(1, 0.1) is None or any(kind == "lost" for kind, _ in slow.epochs))

    with pytest.raises(Fenced):
        log.read_from(next(iter(set(range(PARTITIONS)) - slow.owned), 0), 0)
    other.leave()
    assert other.errors == []


def test_only_the_owner_commits(logs: KafkaLogs) -> None:
    first = logs.open()
    first.commit(1, Mark(0, "made"))  # nobody is in the group yet: preflight
    owner(first)
    outsider = logs.open()

    assert first.committed(1) == Mark(0, "made")
    with pytest.raises(Fenced):
        outsider.commit(1, Mark(7))
    first.commit(1, Mark(0, "ours"))
    assert outsider.committed(1) == Mark(0, "ours")


def test_engines_that_start_together_all_see_the_first_marks(logs: KafkaLogs) -> None:
    """Each of them may append as soon as it has got so far."""
    seen: list[Mark | None] = []
    together = threading.Barrier(3)

    def start() -> None:
        together.wait()
        log = logs.open()
        log.ensure_marks(Mark(0, "first"))
        seen.extend(log.committed(partition) for partition in range(PARTITIONS))

    threads = [threading.Thread(target=start) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert seen == [Mark(0, "first")] * 3 * PARTITIONS


def test_no_mark_of_a_member_is_lowered_by_one_that_starts(logs: KafkaLogs) -> None:
    """Not even by one that looked before the member committed."""
    late = logs.open()
    client = Client({"bootstrap.servers": logs.bootstrap, "group.id": f"{logs.cluster}-engine"})
    marks = KafkaMarks(client, f"{logs.cluster}.commands")
    assert marks.get(range(PARTITIONS)) == {}
    log = logs.open()
    log.deliver(commands(logs, b"a", b"b"))
    owner(log)
    log.commit(0, Mark(2, "ours"))

    marks.begin(range(PARTITIONS), Mark(0, "late"))
    late.ensure_marks(Mark(0, "late"))

    assert log.committed(0) == Mark(2, "ours")
    assert log.committed(1) is None  # its owner has it open, and marks it
    client.close()


def test_members_are_known_by_their_client_ids(logs: KafkaLogs) -> None:
    """Who has what, as the coordinator says; who leaves has nothing, and the other one all."""
    owners = KafkaOwners(
        logs.bootstrap,
        settings={},
        group=f"{logs.cluster}-engine",
        commands=f"{logs.cluster}.commands",
    )
    urls = ["http://one:1", "http://two:2"]
    first, second = (Member(logs.open(client_id=url), {}) for url in urls)
    members = dict(zip(urls, (first, second), strict=True))

    def agrees() -> bool:
        told = owners.ask()
        has = {
            number: url for url, member in members.items() for number in member.owner.owned.copy()
        }
        return len(has) == PARTITIONS and (told.urls, told.members) == (has, frozenset(members))

    until(lambda: agrees() and len(first.owner.owned) == PARTITIONS // 2)
    members.pop(urls[0]).leave()
    until(agrees)
    second.leave()
    until(lambda: owners.ask() == Assigned())
    assert first.errors == second.errors == []


def test_marks_of_fixed_assignments_wait_for_a_group_to_go(logs: KafkaLogs) -> None:
    """Beside members of the group nobody else commits a mark; afterwards all is as before."""
    fixed = logs.open(assignment=[0])
    taken = Owner(fixed)
    fixed.subscribe(taken)
    fixed.poll(1, 1.0)
    fixed.commit(0, Mark(0, "ours"))
    member = Member(logs.open(), {})
    until(lambda: len(member.owner.owned) == PARTITIONS)
    with pytest.raises(LogUnavailable, match="the group has members"):
        fixed.commit(0, Mark(0, "late"))
    member.leave()

    def is_taken() -> bool:
        try:
            fixed.commit(0, Mark(0, "later"))
        except LogUnavailable:
            return False
        return True

    until(is_taken)
    assert fixed.committed(0) == Mark(0, "later")


def test_fixed_partitions(logs: KafkaLogs) -> None:
    log = logs.open(group="fixed", assignment=[1, 3])
    for partition in range(PARTITIONS):
        log.deliver(commands(logs, b"%d" % partition, partition=partition))
    taken = Owner(log)
    log.subscribe(taken)

    records = read(log, 2, extra_s=0.3)

    assert taken.epochs == [("assigned", (1, 3))]
    assert sorted(one.partition for one in records) == [1, 3]
    log.commit(3, Mark(1, "m"))
    assert log.committed(3) == Mark(1, "m")
    with pytest.raises(Fenced):
        log.commit(0, Mark(1))


def test_an_error_of_the_owner_ends_the_poll(logs: KafkaLogs) -> None:
    class Broken(Owner):
        def assigned(self, partitions: Sequence[int]) -> None:
            raise LogFatal("no disk")

    log = logs.open()
    log.subscribe(Broken(log))

    with pytest.raises(LogFatal, match="no disk"):
        until(lambda: log.poll(1, 0.1))


# --- a broker that fails --------------------------------------------------------------------------


def test_no_broker_is_said_in_time(cluster_name: str) -> None:
    log = KafkaEngineLog(
        "127.0.0.1:1",
        commands=f"{cluster_name}.commands",
        partitions=1,
        on_demand=lambda _: None,
        group="g",
        deliver_timeout_s=1.0,
    )
    started_s = time.monotonic()
    with pytest.raises(LogUnavailable):
        log.reach(1)
    with pytest.raises(LogUnavailable):
        log.deliver([Message(f"{cluster_name}.commands", b"k", b"v")])
    assert time.monotonic() - started_s < 15
    log.close()


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.fault(11, 12)
def test_a_broker_that_stalls_and_one_that_dies(own_broker: Broker, cluster_name: str) -> None:
    logs = KafkaLogs(cluster_name, own_broker.bootstrap)
    log = logs.open(deliver_timeout_s=2.0)
    owner(log)
    group = f"{logs.cluster}-engine"
    owners = KafkaOwners(
        logs.bootstrap, settings={}, group=group, commands=f"{logs.cluster}.commands"
    )
    until(lambda: len(owners.ask().urls) == PARTITIONS)
    impatient = KafkaGroups(logs.bootstrap, {}, give_up_s=1.0)
    assert len(impatient.members(group, 10)) == 1
    log.deliver(commands(logs, b"before"))
    stop_still(own_broker)
    started_s = time.monotonic()
    with pytest.raises(LogUnavailable):
        log.deliver(commands(logs, b"stalled 1", b"stalled 2"))
    assert time.monotonic() - started_s < 20
    acks: list[Position | LogError] = []
    log.append(commands(logs, b"append")[0], acks.append)
    go_on(own_broker)
    tries = 1 + _deliver_until_it_goes(log, commands(logs, b"stalled 1", b"stalled 2"))
    until(lambda: acks)
    assert isinstance(acks[0], Position)

    own_broker.kill()
    log.append(commands(logs, b"while it is dead")[0], acks.append)
    for _ in range(2):  # were its time over in librdkafka, the process would end when it is back
        with pytest.raises(LogUnavailable):
            owners.ask()
        with pytest.raises(LogUnavailable):
            impatient.members(group, 1.5)
    own_broker.start()
    _deliver_until_it_goes(log, commands(logs, b"after"))
    _until_it_goes(owners.ask)
    _until_it_goes(lambda: impatient.members(group, 3))
    until(lambda: len(acks) == 2)
    assert isinstance(acks[1], Position)

    values: list[bytes | None] = []

    def all_there() -> bool:
        values.extend(one.value for one in log.poll(100, 0.2))
        return {b"append", b"while it is dead", b"after"} <= set(values)

    until(all_there)
    assert values[0] == b"before"
    # What was given up may have been written all the same; what was delivered is there in order.
    assert 1 <= values[: values.index(b"after")].count(b"stalled 1") <= tries
    delivered = [one for one in values if one in (b"stalled 1", b"stalled 2")]
    assert delivered[-2:] == [b"stalled 1", b"stalled 2"]
    logs.close()


def _deliver_until_it_goes(log: KafkaEngineLog, messages: list[Message]) -> int:
    return _until_it_goes(lambda: log.deliver(messages))


def _until_it_goes(do: Callable[[], object]) -> int:
    """How often it was tried."""
    tries = 0

    def goes() -> bool:
        nonlocal tries
        tries += 1
        try:
            do()
        except LogUnavailable:
            return False
        return True

    until(goes)
    return tries
