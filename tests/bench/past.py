"""How long the past of a run takes to tell behind a long log: on the embedded one, in one process.

`python -m tests.bench.past 1000000` appends so many commands; one run gets an event now and then.
"""

from __future__ import annotations

import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Final

from penstock.contracts.topics import Topics
from penstock.contracts.wire import Sent, outgoing
from penstock.core.commands.run_wf import RunWf
from penstock.gateway.past import history_as_of, run_as_of, sees_all
from penstock.log.embedded import EmbeddedLog
from penstock.log.port import Message
from penstock.processor.past import Past
from penstock.store.rocks import RocksStores
from tests.controls import chain, event
from tests.scenarios.driver import Driver
from tests.scenarios.story import Story, register, run

EVENTS: Final = 20
AHEAD_MAX: Final = 5_000
LOOK_S: Final = 0.02


def measure(directory: Path, commands: int) -> None:
    """Say how long it took to fold, and to tell the past at several positions."""
    topics, end = Topics("past", 1), 0
    log = EmbeddedLog(
        directory / "log", commands=topics.commands, partitions=1, on_demand=topics.on_demand
    )
    stores = RocksStores(directory / "stores")
    with closing(Driver(log=log, topics=topics, stores=stores)) as driver:
        driver.wait_until_open()
        register(driver, "waits", chain(*(event("go") for _ in range(EVENTS))))
        register(driver, "quick", chain())
        story = run(driver, "waits")
        begun_s = time.monotonic()
        for part in range(EVENTS):
            _append(driver, part, commands // EVENTS)
            story.gets("go", guid=f"event-{part}")
            end = log.bounds(0)[1]
            said(f"{end} records, folded after {time.monotonic() - begun_s:.0f} s")
            _tell(driver, story, f"0:{end // 2}")
        story.completes()
        for at in (None, *(f"0:{end * part // 10}" for part in range(1, 11))):
            _tell(driver, story, at)


def _append(driver: Driver, part: int, count: int) -> None:
    for number in range(count):
        wf_run_id = f"quick-{part}-{number}"
        command = RunWf(wf_spec="quick", wf_run_id=wf_run_id)
        sent = Sent(command=command, tenant="default", principal="bench")
        out = outgoing(driver.avro, sent, wf_run_id)
        message = Message(driver.topics.commands, out.key, out.value, out.headers, out.partition)
        driver.log.append(message)
        while number % 100 == 0 and _ahead(driver) > AHEAD_MAX:
            time.sleep(LOOK_S)
    while _ahead(driver) > 0:
        time.sleep(LOOK_S)


def _ahead(driver: Driver) -> int:
    return driver.log.bounds(0)[1] - (driver.processor.position(0) or 0)


def _tell(driver: Driver, story: Story, at: str | None) -> None:
    view = driver.processor.view(0)
    assert view is not None
    for what, tell in (("run", run_as_of), ("history", history_as_of)):
        past = Past(log=driver.log, avro=driver.avro, topics=driver.topics, number=0, view=view)
        begun_s = time.perf_counter()
        told = tell(past, "default", story.id, at, 0, sees_all)
        took_ms = (time.perf_counter() - begun_s) * 1_000
        said(f"{what} at {at}: {took_ms:.1f} ms, {told['as_of']}")


def said(text: str) -> None:
    """A line."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        measure(Path(made), int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
