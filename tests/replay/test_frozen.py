"""R9: the logs of each release fold to what they did. Never edited, added to by `make freeze`."""

import json
from pathlib import Path

import pytest

from penstock.contracts.avro import HEAD_BYTES, MAGIC, Avro, Malformed, fingerprint_of
from penstock.core.commands import COMMANDS
from tests.replay.freezing import (
    FROZEN,
    SCHEMAS,
    ScenarioLog,
    changed,
    chosen,
    is_released,
    read,
    write,
)
from tests.replay.recording import a_full_log
from tests.scenarios.driver import memory_driver

VERSIONS = sorted(FROZEN.glob("*.logs"))
WRITTEN_ELSEWHERE = {"Barrier"}  # of which only the next fold version will have one


def test_there_is_one() -> None:
    assert [path.stem for path in VERSIONS][:1] == ["0.1.0"]


@pytest.mark.fault(47)
@pytest.mark.drill("an upgrade")
@pytest.mark.timeout(300)
def test_the_logs_of_each_release_fold_to_what_they_did() -> None:
    """If this fails before the release of the version that it names: `make freeze`. Behind it, the
    fold has changed what has happened: mend the fold.
    """
    assert changed(FROZEN) == []


@pytest.mark.parametrize("path", VERSIONS, ids=lambda path: path.stem)
def test_every_schema_of_their_records_is_kept(path: Path) -> None:
    kept = {
        MAGIC + fingerprint_of(json.loads(file.read_text()))
        for file in (SCHEMAS / "history" / path.stem).rglob("*.avsc")
    }
    values = [
        record.value or b""
        for one in read(path)
        for records in one.log.partitions
        for record in records
    ]
    heads = {value[:HEAD_BYTES] for value in values if _can_be_read(value)}
    assert heads <= kept
    assert len(heads) > 0.9 * len(COMMANDS)


def _can_be_read(value: bytes) -> bool:
    try:
        Avro().decode(value)
    except Malformed:
        return False
    return True


def test_the_newest_has_every_command() -> None:
    outcomes = {pair for one in read(VERSIONS[-1]) for pair in one.outcomes}
    accepted = {command for command, outcome in outcomes if outcome == "accepted"}
    assert {kind.record.__name__ for kind in COMMANDS} - accepted <= WRITTEN_ELSEWHERE
    assert len({outcome for _, outcome in outcomes}) > 50, "refusals of many kinds"


def test_a_change_is_named_and_what_is_chosen_has_all(tmp_path: Path) -> None:
    with memory_driver(tmp_path) as driver:
        log = a_full_log(driver)
        outcomes = set(driver.processor.tally.commands)
    few = {next(iter(outcomes))}
    logs = [ScenarioLog("a", log, few), ScenarioLog("b", log, outcomes)]
    assert [one.name for one in chosen(logs)] == ["b"]
    write(tmp_path / "frozen", "1.2.3", logs)
    assert changed(tmp_path / "frozen") == []
    (tmp_path / "frozen" / "1.2.3.json").write_text('{"a": ["another"], "b": []}')
    assert changed(tmp_path / "frozen") == ["1.2.3 a", "1.2.3 b"]


def test_the_changelog_says_what_is_released() -> None:
    changelog = "# Changelog\n\n## 0.2.0 (unreleased)\n\n## 0.1.0 (2026-12-01)\n"
    assert is_released("0.1.0", changelog)
    assert not is_released("0.2.0", changelog) and not is_released("0.1", changelog)
