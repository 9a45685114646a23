"""What the embedded log promises besides log/port.py: kills, power cuts, damage, one process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from rocksdict import Options, Rdict

from penstock.log.embedded.disk import record_key
from penstock.log.port import LogFatal, Message, Position
from tests.contract.logs import PARTITIONS, EmbeddedLogs, commands, owner, read

KILLS = 5
CLUSTER = "c"
COMMANDS_NUMBER = 1  # of the topic, which is the first one made

WRITER = """
import sys
from pathlib import Path
from tests.contract.logs import EmbeddedLogs, commands
logs = EmbeddedLogs("c", Path(sys.argv[1]))
log = logs.open(sync=sys.argv[2] == "sync")
number = log.bounds(0)[1]
print("open", flush=True)
while True:
    if number % 3 == 0:
        batch = commands(logs, *[b"%d-%s" % (number + i, b"x" * 300) for i in range(50)])
        log.deliver(batch)
        number += 50
    else:
        log.append_and_wait(commands(logs, b"%d-%s" % (number, b"x" * 3000))[0])
        number += 1
    print(number, flush=True)
"""


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[EmbeddedLogs]:
    made = EmbeddedLogs(CLUSTER, tmp_path / "log")
    yield made
    made.close()


def writer(directory: Path, mode: str) -> subprocess.Popen[str]:
    """A process that appends as fast as it can, and prints how many are acknowledged."""
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(directory), mode],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


def abandoned(logs: EmbeddedLogs, tmp_path: Path, count: int) -> EmbeddedLogs:
    """The directory as a kill leaves it after `count` records, all in the write-ahead log."""
    log = logs.open()
    for number in range(count):
        log.append_and_wait(commands(logs, b"%d-%s" % (number, b"x" * 300))[0])
    shutil.copytree(logs.directory, tmp_path / "copy")
    (tmp_path / "copy" / "LOCK").unlink()
    return EmbeddedLogs(CLUSTER, tmp_path / "copy")


def write_ahead_log(directory: Path) -> Path:
    return max(directory.glob("*.log"), key=lambda path: path.stat().st_size)


def numbers(log_values: list[bytes | None]) -> list[int]:
    return [int((value or b"").partition(b"-")[0]) for value in log_values]


@pytest.mark.parametrize("mode", ["fast", "sync"])
def test_a_kill_loses_nothing_that_was_acknowledged(tmp_path: Path, mode: str) -> None:
    logs = EmbeddedLogs(CLUSTER, tmp_path / "log")
    for after in range(1, KILLS + 1):
        process = writer(logs.directory, mode)
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        acked = 0
        for _ in range(after * 40):
            acked = int(process.stdout.readline())
        process.kill()
        rest = [line for line in process.stdout.read().splitlines(keepends=True) if "\n" in line]
        acked = int(rest[-1]) if rest else acked
        process.wait()

        log = logs.open()
        records = log.read_all(f"{CLUSTER}.commands")
        logs.close()

        assert len(records) >= acked
        assert numbers([one.value for one in records]) == list(range(len(records)))
        assert all(one.value and len(one.value) > 300 for one in records)


def test_a_torn_end_is_cut(logs: EmbeddedLogs, tmp_path: Path) -> None:
    copy = abandoned(logs, tmp_path, 200)
    wal = write_ahead_log(copy.directory)
    whole = wal.read_bytes()
    for damage in (
        whole[:-100],
        whole[:-100] + bytes(5000),
        whole[:-50] + os.urandom(50),
        whole + os.urandom(3000),
    ):
        target = EmbeddedLogs(CLUSTER, tmp_path / "damaged")
        shutil.copytree(copy.directory, target.directory)
        (target.directory / wal.name).write_bytes(damage)

        log = target.open()
        records = log.read_all(f"{CLUSTER}.commands")
        more = log.append_and_wait(commands(target, b"more")[0])
        target.close()
        shutil.rmtree(target.directory)

        assert len(records) >= 199
        assert numbers([one.value for one in records]) == list(range(len(records)))
        assert more == Position(0, len(records))


@pytest.mark.parametrize("kind", [*range(13), 130, 255])
@pytest.mark.parametrize("length", [0, 9, 2000, 65535])
def test_garbage_that_looks_like_a_frame_is_cut(
    logs: EmbeddedLogs, tmp_path: Path, kind: int, length: int
) -> None:
    """RocksDB spins on some of these (penstock/rocks.py): no time-out could end such a test."""
    copy = abandoned(logs, tmp_path, 20)
    wal = write_ahead_log(copy.directory)
    garbage = b"torn" + length.to_bytes(2, "little") + bytes([kind]) + os.urandom(2000)
    wal.write_bytes(wal.read_bytes() + garbage + bytes([kind]) * 40_000)

    log = copy.open()
    records = log.read_all(f"{CLUSTER}.commands")
    copy.close()

    assert numbers([one.value for one in records]) == list(range(20))


def test_a_hole_before_whole_records_is_no_torn_end(logs: EmbeddedLogs, tmp_path: Path) -> None:
    copy = abandoned(logs, tmp_path, 200)
    wal = write_ahead_log(copy.directory)
    whole = bytearray(wal.read_bytes())
    whole[len(whole) // 2] ^= 1
    wal.write_bytes(whole)

    with pytest.raises(LogFatal, match="damaged"):
        copy.open()
    with pytest.raises(LogFatal, match="damaged"):  # looking did not change it
        copy.open()


def test_a_flipped_bit_of_a_record_is_seen(logs: EmbeddedLogs) -> None:
    log = logs.open()
    log.deliver(commands(logs, *[b"%d" % number for number in range(10)]))
    logs.close()
    database = Rdict(str(logs.directory), Options(raw_mode=True))
    key = record_key(COMMANDS_NUMBER, 0, 7)
    flipped = bytearray(database[key])
    flipped[-3] ^= 4
    database[key] = bytes(flipped)
    database.close()

    log = logs.open()

    assert log.read_at(0, 6) is not None
    with pytest.raises(LogFatal, match=r"c\.commands 0:7 is damaged"):
        log.read_at(0, 7)
    owner(log, lambda partition: 8 if partition == 0 else 0)
    log.read_from(0, 0)
    with pytest.raises(LogFatal, match="damaged"):
        log.poll(100, 0)


def test_a_record_in_the_place_of_another_is_seen(logs: EmbeddedLogs) -> None:
    log = logs.open()
    log.deliver(commands(logs, b"a", b"b", b"c"))
    logs.close()
    database = Rdict(str(logs.directory), Options(raw_mode=True))
    database[record_key(COMMANDS_NUMBER, 0, 1)] = database[record_key(COMMANDS_NUMBER, 0, 2)]
    del database[record_key(COMMANDS_NUMBER, 0, 0)]
    database.close()

    log = logs.open()

    with pytest.raises(LogFatal, match="0:1 is damaged"):
        log.read_at(0, 1)
    with pytest.raises(LogFatal, match="missing"):
        log.read_at(0, 0)


def test_flipped_bits_on_the_disk_are_seen(logs: EmbeddedLogs) -> None:
    log = logs.open()
    log.deliver(commands(logs, *[os.urandom(500) for _ in range(1000)]))
    logs.close()  # which moves all into sorted tables
    table = max(logs.directory.glob("*.sst"), key=lambda path: path.stat().st_size)
    damaged = bytearray(table.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    table.write_bytes(damaged)

    with pytest.raises(LogFatal, match="damaged"):
        logs.open().read_all(f"{CLUSTER}.commands")


def test_one_directory_has_one_process(logs: EmbeddedLogs) -> None:
    logs.open()
    with pytest.raises(LogFatal, match="open already"):
        EmbeddedLogs(CLUSTER, logs.directory).open()

    process = writer(logs.directory, "fast")
    assert process.stdout is not None
    assert process.stdout.readline() == ""
    assert process.wait() != 0

    logs.close()
    logs.open()


def test_a_directory_of_another_log_is_refused(logs: EmbeddedLogs) -> None:
    logs.open()
    logs.close()

    with pytest.raises(LogFatal, match=r"c\.commands"):
        EmbeddedLogs("other", logs.directory).open()


def test_records_that_left_the_memory_come_from_the_disk(logs: EmbeddedLogs) -> None:
    log = logs.open(tail_bytes_max=50_000)
    sent = [b"%d-%s" % (number, b"x" * 200) for number in range(2000)]
    owner(log)
    for start in range(0, 2000, 100):
        log.deliver(commands(logs, *sent[start : start + 100]))

    assert [one.value for one in read(log, 2000)] == sent
    for start in (0, 1500, 1950, 1999):
        log.read_from(0, start)
        assert [one.value for one in read(log, 2000 - start)] == sent[start:]


def test_threads_share_a_wait_for_the_disk(logs: EmbeddedLogs) -> None:
    log = logs.open(sync=True)
    positions: list[Position] = []

    def work() -> None:
        for _ in range(100):
            positions.append(log.append_and_wait(commands(logs, b"x")[0]))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(positions) == [Position(0, offset) for offset in range(800)]
    assert len(log.read_all(f"{CLUSTER}.commands")) == 800


def test_a_partition_stays_with_its_member(logs: EmbeddedLogs) -> None:
    """A member that joins takes its share and no more; what others hold does not come again."""
    log = logs.open()
    topic = f"{CLUSTER}.tasks.default.t"
    log.deliver([Message(topic, None, b"x", {}, number) for number in range(PARTITIONS)])
    first = log.consumer(topic, "g")
    assert len(read(first, PARTITIONS)) == PARTITIONS

    second = log.consumer(topic, "g")

    again = {one.partition for one in read(second, 2, extra_s=0.05)}
    assert len(again) == PARTITIONS // 2
    assert first.poll(10, 0.05) == []
    log.deliver([Message(topic, None, b"y", {}, number) for number in range(PARTITIONS)])
    assert {one.partition for one in first.poll(10, 1)} == set(range(PARTITIONS)) - again
    assert {one.partition for one in second.poll(10, 1)} == again
