"""Freezes logs: `make freeze` keeps what the scenarios have written, with the digests that it folds
to and with the schemas, under the version of this build. Every later build must fold it to the same
(R9).

Of all scenarios so many are kept that every command with every outcome they come to is in a log.
A log of a version that is released is never written again; CHANGELOG.md says which are.

As a plugin (-p tests.replay.freezing) it notes the logs of the scenarios in memory.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zlib
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from penstock.log.memory import MemoryLog
from tests.replay.folding import KeptLog, digests
from tests.replay.recording import kept
from tests.scenarios.driver import Driver

ROOT: Final = Path(__file__).parents[2]
FROZEN: Final = ROOT / "tests" / "frozen"
SCHEMAS: Final = ROOT / "schemas"
CHANGELOG: Final = ROOT / "CHANGELOG.md"
NOTED: Final = ROOT / "build" / "scenario-logs"
SUITES: Final = tuple(
    f"tests/scenarios/test_{name}.py"
    for name in (
        *("applications", "begin_anew", "breakers", "bulk", "bulk_migration", "correlated_events"),
        *("deletion", "event_retention", "events", "gone_addresses", "kill", "migration", "noise"),
        *("places_that_cross", "principals", "quotas", "replay", "rescue", "resume", "schedules"),
        *("schedules_once", "starts", "structs", "task_retries", "task_stops", "tenants"),
        *("threads", "user_task_actions", "user_task_defs", "user_tasks", "verb_table", "verbs"),
        *("versions", "waits", "webhooks", "workflow_events"),
    )
)
"""Scenarios that between them send every command; a test holds that they do."""
BATCH: Final = 100


class ScenarioLog(Struct):
    """The log of a scenario, by the test's name, and what came of which command."""

    name: str
    log: KeptLog
    outcomes: set[tuple[str, str]]


# --- the plugin -----------------------------------------------------------------------------------

_noted: list[ScenarioLog] = []


def pytest_runtest_teardown(item: Any) -> None:
    """Note the log of a scenario in memory that no fault was put into."""
    driver = item.funcargs.get("memory") or item.funcargs.get("driver")
    if type(driver) is Driver and type(driver.log) is MemoryLog and not driver.processor.stopped:
        log = kept(driver)
        if digests(log, BATCH) == driver.digests():
            _noted.append(ScenarioLog(item.nodeid, log, set(driver.processor.tally.commands)))


def pytest_unconfigure() -> None:
    """And keep them."""
    if _noted:
        NOTED.mkdir(parents=True, exist_ok=True)
        (NOTED / f"{os.getpid()}.msgpack").write_bytes(msgspec.msgpack.encode(_noted))


# --- what is kept ---------------------------------------------------------------------------------


def chosen(logs: list[ScenarioLog]) -> list[ScenarioLog]:
    """So many logs that each outcome is in one, the longest first."""
    wanted = set().union(*(one.outcomes for one in logs))
    left = sorted(logs, key=lambda one: one.name)
    found: list[ScenarioLog] = []
    while wanted:
        best = max(left, key=lambda one: len(one.outcomes & wanted))
        found.append(best)
        left.remove(best)
        wanted -= best.outcomes
    return found


def write(folder: Path, name: str, logs: list[ScenarioLog]) -> None:
    """Keep logs under a version."""
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.logs").write_bytes(zlib.compress(msgspec.msgpack.encode(logs), 9))
    folded = {one.name: digests(one.log, BATCH) for one in logs}
    (folder / f"{name}.json").write_text(json.dumps(folded, indent=1) + "\n")


def read(path: Path) -> list[ScenarioLog]:
    """The logs of a version."""
    packed = zlib.decompress(path.read_bytes())
    return msgspec.msgpack.decode(packed, type=list[ScenarioLog])


def changed(folder: Path) -> list[str]:
    """What folds to other rows than it did: the version and the scenario."""
    found: list[str] = []
    for path in sorted(folder.glob("*.logs")):
        recorded = json.loads(path.with_suffix(".json").read_text())
        logs = read(path)
        assert {one.name for one in logs} == recorded.keys()
        found += [
            f"{path.stem} {one.name}"
            for one in logs
            if digests(one.log, BATCH) != recorded[one.name]
        ]
    return found


def is_released(name: str, changelog: str) -> bool:
    """Whether the changelog has a date for a version."""
    return bool(
        re.search(rf"^## {re.escape(name)} \(\d{{4}}-\d\d-\d\d\)$", changelog, re.MULTILINE)
    )


def main() -> int:
    """Run the scenarios, and freeze."""
    name = version("penstock")
    if is_released(name, CHANGELOG.read_text()):
        sys.exit(f"{name} is released: its logs are never written again; raise the version first")
    shutil.rmtree(NOTED, ignore_errors=True)
    only = ["-q", "--no-header", "-p", "tests.replay.freezing", "-m", "not kafka", "-n", "2"]
    plain = ["-k", "memory and not crashing", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *only, *plain, *SUITES], cwd=ROOT, check=False
    )
    if done.returncode:
        return done.returncode
    packed = [path.read_bytes() for path in NOTED.glob("*.msgpack")]
    noted = [one for part in packed for one in msgspec.msgpack.decode(part, type=list[ScenarioLog])]
    logs = chosen(noted)
    write(FROZEN, name, logs)
    history = SCHEMAS / "history" / name
    shutil.rmtree(history, ignore_errors=True)
    for folder in ("command", "event", "task"):
        shutil.copytree(SCHEMAS / folder, history / folder)
    size = (FROZEN / f"{name}.logs").stat().st_size
    print(f"{name}: {len(logs)} logs of scenarios, {size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
