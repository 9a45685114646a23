"""The embedded log on a disk that fails: a write that fails loses nothing, and tells nobody of
success; the log is opened again while others read it.
"""

from __future__ import annotations

import os
import resource
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.log.embedded import EmbeddedLog
from penstock.log.port import LogError, LogUnavailable, Position
from tests.contract.logs import PARTITIONS, EmbeddedLogs, commands, owner, read

CLUSTER = "c"


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[EmbeddedLogs]:
    made = EmbeddedLogs(CLUSTER, tmp_path / "log")
    yield made
    made.close()


def fill_the_disk(log: EmbeddedLog, logs: EmbeddedLogs) -> None:
    """Append until a write has failed: a limit on the size of files stands in for a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, limits[1]))
    try:
        with pytest.raises(LogUnavailable):  # noqa: PT012
            for _ in range(50):
                log.append_and_wait(commands(logs, os.urandom(50_000))[0])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def write_at_once(log: EmbeddedLog, logs: EmbeddedLogs) -> list[object]:
    """What each of many callers hears who deliver at the same time."""
    heard: list[object] = []

    def call() -> None:
        for _ in range(10):
            try:
                heard.append(log.deliver(commands(logs, b"a", b"b")))
            except Exception as error:
                heard.append(error)

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return heard


def test_a_full_disk_ends_nothing(logs: EmbeddedLogs) -> None:
    """A limit on the size of files stands in for a full disk."""
    log = logs.open()
    owner(log)
    sent = [b"%d-%s" % (number, os.urandom(50_000)) for number in range(50)]
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, limits[1]))
    acked = 0
    try:
        with pytest.raises(LogUnavailable):  # noqa: PT012
            for value in sent:
                log.append_and_wait(commands(logs, value)[0])
                acked += 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    log.deliver(commands(logs, *sent[acked:]))

    assert acked > 0
    assert [one.value for one in read(log, 50, extra_s=0.1)] == sent
    logs.close()
    assert [one.value for one in logs.open().read_all(f"{CLUSTER}.commands")] == sent


def test_a_log_that_is_read_is_opened_again(logs: EmbeddedLogs) -> None:
    """RocksDB keeps its lock as long as anybody still reads."""
    log = logs.open(tail_bytes_max=0)
    log.deliver(commands(logs, *[b"%d" % number for number in range(5_000)], partition=1))
    ended = threading.Event()
    found: list[int | type[LogError]] = []

    def look() -> None:
        while not ended.is_set():
            try:
                found.append(len(log.read_all(f"{CLUSTER}.commands", 1)))
            except LogError as error:
                found.append(type(error))

    readers = [threading.Thread(target=look) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        for _ in range(5):
            fill_the_disk(log, logs)
            log.deliver(commands(logs, b"more"))
    finally:
        ended.set()
        for reader in readers:
            reader.join()

    assert set(found) <= {5_000, LogUnavailable}
    assert len(log.read_all(f"{CLUSTER}.commands", 1)) == 5_000


def test_nobody_hears_of_success_when_the_log_can_not_be_opened_again(logs: EmbeddedLogs) -> None:
    """Who writes takes others' messages along: they too are told that nothing was written."""
    log = logs.open()
    fill_the_disk(log, logs)
    end = log.bounds(0)
    in_the_way = logs.directory / "no-file.log"
    in_the_way.mkdir()

    heard = write_at_once(log, logs)

    assert {type(one) for one in heard} == {LogUnavailable}
    assert log.bounds(0) == end
    in_the_way.rmdir()
    assert log.append_and_wait(commands(logs, b"more")[0]) == Position(0, end[1])


def test_a_defect_while_writing_is_no_success_for_others(tmp_path: Path) -> None:
    """What ends one caller's write has not written what it took along."""

    def no_clock() -> int:
        time.sleep(0.02)  # so that others come to wait, and are taken along
        raise ZeroDivisionError

    logs = EmbeddedLogs(CLUSTER, tmp_path)
    log = EmbeddedLog(
        tmp_path,
        commands=f"{CLUSTER}.commands",
        partitions=PARTITIONS,
        on_demand=logs.on_demand,
        clock_ms=no_clock,
    )

    heard = write_at_once(log, logs)

    assert {type(one) for one in heard} <= {ZeroDivisionError, LogUnavailable}
    assert log.bounds(0) == (0, 0)
    log.close()
