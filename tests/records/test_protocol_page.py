"""docs/protocol.md says what the code does: every command with its key, every schema with its
topic, and bytes to compare with.
"""

import re
from pathlib import Path
from typing import Any

import pytest

from penstock.contracts.avro import Avro
from penstock.contracts.records import RECORD_TYPES
from penstock.contracts.topics import task_topic, topic_files
from penstock.contracts.wire import Sent, command_value
from penstock.core.command import Sender
from penstock.core.commands import COMMANDS
from penstock.core.commands.task_started import TaskStarted
from penstock.core.errors import MENDED_BY_TIME, Code
from penstock.core.ids import partition_of
from penstock.core.state.transitions import TaskStatus
from penstock.core.tasks.tasks import REPORTS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "protocol.md").read_text()
KEYS = {
    "the root of the run": "of_wf_run",
    "the event's `key`": "of_event_key",
    "`schedule_id`": "of_schedule",
    "none": "of_partition_0",
}


def part(title: str) -> str:
    """The text under a headline, up to the next one."""
    return re.split(r"\n#+ ", PAGE.split(f"# {title}\n", 1)[1])[0]


def keys_on_the_page() -> dict[str, str]:
    rows = re.findall(r"^\| ((?:[A-Z]\w+(?:, )?)+) \| (.+) \|$", part("Key and partition"), re.M)
    return {
        name: KEYS[re.split("[;:]", key)[0]] for names, key in rows for name in names.split(", ")
    }


def test_every_command_stands_with_its_key() -> None:
    clients = [one for one in COMMANDS if one.sender is Sender.CLIENT]
    assert keys_on_the_page() == {one.record.__name__: one.key.__name__ for one in clients}


def test_the_engines_own_commands_are_named() -> None:
    [sentence] = re.findall(r"^(AnswerPlace[\s\S]+?) are the engine's own", PAGE, re.M)
    named = set(re.findall(r"[A-Z]\w+", sentence))
    assert named == {one.record.__name__ for one in COMMANDS if one.sender is Sender.ENGINE}


def test_every_topic_and_its_schemas_stand_there() -> None:
    for file in topic_files().values():
        assert f"| `{file.name}` |" in PAGE
    named = {schema for file in topic_files().values() for schema in file.schemas}
    assert named == {
        "command/*",
        *(one.path[: -len(".avsc")] for one in RECORD_TYPES if one.folder != "command"),
    }
    assert f"`{task_topic('main', 'default', 'send_mail')}`" in PAGE


def test_the_bytes_are_those() -> None:
    [dump] = re.findall(r"^    (c3 01 [\s\S]+?)\n\n", PAGE, re.M)
    command = TaskStarted(
        wf_run_id="order-7", guid="us1Bp1qdIgD4zwk9ZOXv4mhk", attempt=1, worker="w1"
    )
    assert bytes.fromhex(dump) == command_value(Avro(), Sent(command=command))
    places = re.findall(r"`([\w-]+)` (?:is )?on (\d)", PAGE)
    assert len(places) == 2
    for key, number in places:
        assert partition_of(key.encode(), 12) == int(number)


def test_what_may_be_reported_stands_there() -> None:
    rows = re.findall(r"^\| (TASK_\w+) \|", part("Working tasks"), re.M)
    assert sorted(rows) == sorted(REPORTS)


def test_codes_and_statuses_are_ours() -> None:
    """And those that time mends are named, every one."""
    known = {*Code, *TaskStatus, "STOP_TASK", "OUTPUT_TOO_LARGE", "TASK_FAILURE"}
    words = set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", PAGE))
    assert words <= {str(word) for word in known}
    assert {str(code) for code in MENDED_BY_TIME} <= words


def _unions(schema: Any) -> list[list[Any]]:
    if isinstance(schema, list):
        return [schema, *(found for one in schema for found in _unions(one))]
    if isinstance(schema, dict):
        inner = [schema.get("items"), schema.get("values"), schema.get("type")]
        inner += [field["type"] for field in schema.get("fields", [])]
        return [found for one in inner for found in _unions(one)]
    return []


@pytest.mark.parametrize("record", RECORD_TYPES, ids=lambda record: record.name)
def test_unions_are_of_null_and_one_more(record: Any) -> None:
    for union in _unions(record.schema()):
        assert union[0] == "null"
        assert len(union) == 2
