"""`penstock history`, `dead-letters` and `doctor`, against a server and without one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from penstock.contracts.topics import Topics
from penstock.log.embedded import EmbeddedLog
from penstock.log.port import Message
from penstock.processor.directory import belongs_to
from tests.cli.calls import penstock
from tests.gateway.served import one_task
from tests.sdk.servers import running_server


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a run that ended, one that was killed, and a record that is none."""
    data = tmp_path_factory.mktemp("past") / "data"
    with running_server(data, "dev", "--partitions", "2") as url:
        some_runs(url)
    belongs = belongs_to(data)
    assert belongs is not None
    topics = Topics(belongs.cluster, belongs.partitions)
    log = EmbeddedLog(
        data / "log", commands=topics.commands, partitions=2, on_demand=topics.on_demand, sync=False
    )
    try:
        log.append_and_wait(Message(topics.commands, b"noise", b"noise", {}, 0))
    finally:
        log.close()
    return data


@pytest.fixture(scope="module")
def url(directory: Path) -> Iterator[str]:
    """A server on it, that has folded all there is."""
    with running_server(directory) as address:
        yield address


def some_runs(url: str) -> None:
    with httpx.Client(base_url=url, timeout=20) as http:

        def good(method: str, path: str, body: Any) -> Any:
            response = http.request(method, path, json=body)
            assert response.status_code < 300, response.text
            return response.json()

        good("PUT", "/v1/task-defs", {"name": "work"})
        good("PUT", "/v1/wf-specs", one_task("spec", "work"))
        good("POST", "/v1/wf-runs", {"wf_spec": "spec", "wf_run_id": "ended"})
        body = {"worker": "w", "wait_ms": 10_000, "tasks_max": 1}
        [task] = good("POST", "/v1/task-queues/work/poll", body)["tasks"]
        report = {name: task[name] for name in ("wf_run_id", "guid", "attempt")}
        good("POST", "/v1/tasks/report", {**report, "status": "TASK_SUCCESS"})
        good("POST", "/v1/wf-runs", {"wf_spec": "spec", "wf_run_id": "killed"})
        good("POST", "/v1/wf-runs/killed/actions/kill", {})


def told(*words: str) -> Any:
    done = penstock(*words, "-o", "json")
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def places(story: Any) -> list[tuple[str, str, str]]:
    """Each fact by where it stands and what it is."""
    return [
        (
            one["log_position"],
            one["what"],
            one.get("command") or one.get("status") or one.get("verb"),
        )
        for one in story["items"]
    ]


def test_the_story_of_a_run_has_its_commands_with_positions(url: str, directory: Path) -> None:
    live = told("history", "ended", "--url", url)
    assert live["as_of"]["from"] == "index"
    facts = places(live)
    commands = [name for _, what, name in facts if what == "COMMAND"]
    assert commands == ["RunWf", "TaskStarted", "ReportTask"]
    at = {name: position for position, what, name in facts if what == "COMMAND"}
    assert (at["RunWf"], "WF_RUN", "RUNNING") in facts
    assert (at["ReportTask"], "WF_RUN", "COMPLETED") in facts
    nodes = [one for one in live["items"] if one["what"] == "NODE_RUN" and one["node"] == "work"]
    assert {one["position"] for one in nodes} == {1}, "where the node run stands in its thread"
    assert nodes[0]["log_position"] == at["RunWf"]
    assert (nodes[-1]["status"], nodes[-1]["log_position"]) == ("COMPLETED", at["ReportTask"])
    assert told("history", "ended", "--data", str(directory)) == live, "the server is asked"

    text = penstock("history", "killed", "--url", url).stdout
    assert "KillWfRun by anonymous" in text
    assert "KILLED" in text


def test_a_run_as_of_a_position_and_a_time(url: str) -> None:
    story = told("history", "ended", "--url", url)
    commands = {one["command"]: one for one in story["items"] if one["what"] == "COMMAND"}
    before = told("history", "ended", "--url", url, "--at", commands["TaskStarted"]["log_position"])
    assert before["run"]["status"] == "RUNNING"
    after = told("history", "ended", "--url", url, "--at", commands["ReportTask"]["log_position"])
    assert after["run"]["status"] == "COMPLETED"
    now = httpx.get(f"{url}/v1/wf-runs/ended").json()
    assert {name: after["run"][name] for name in now} == now
    late = told("history", "ended", "--url", url, "--at", commands["ReportTask"]["at"])
    assert late["run"] == after["run"]
    early = penstock("history", "ended", "--url", url, "--at", "2001-01-01T00:00:00Z")
    assert (early.returncode, "WF_RUN_UNKNOWN" in early.stderr) == (3, True)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("at=yesterday", "BAD_REQUEST"),
        ("at=99:1", "BAD_REQUEST"),
        ("at=2026-01-01T00:00:00", "BAD_REQUEST"),
        ("at=0:1&view=kestra", "BAD_REQUEST"),
    ],
)
def test_a_moment_that_is_none_is_explained(url: str, query: str, code: str) -> None:
    answer = httpx.get(f"{url}/v1/wf-runs/ended?{query}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


@pytest.mark.drill("dead letters")
def test_dead_letters_are_listed_shown_and_not_sent_again(url: str) -> None:
    listed = told("dead-letters", "list", "--url", url)
    [letter] = listed["items"]
    assert (letter["code"], listed["total"]) == ("MALFORMED", 1)
    assert told("dead-letters", "list", "--code", "DENIED", "--url", url)["items"] == []
    shown = penstock("dead-letters", "get", str(letter["number"]), "--url", url)
    assert "as text 'noise'" in shown.stdout
    assert "can still not be read" in shown.stdout
    again = penstock("dead-letters", "retry", str(letter["number"]), "--url", url)
    assert (again.returncode, "NOT_RETRYABLE" in again.stderr) == (1, True)
    none = penstock("dead-letters", "get", "4711", "--url", url)
    assert (none.returncode, "no dead letter 4711" in none.stderr) == (3, True)


def test_doctor_finds_nothing_and_then_what_is_wrong(url: str, directory: Path) -> None:
    well = penstock("doctor", "--url", url)
    assert (well.returncode, "nothing is wrong" in well.stdout) == (0, True), well.stdout
    aside = directory / "stores" / "partition-1.corrupt-1"
    aside.mkdir()
    try:
        ill = penstock("doctor", "--data", str(directory))
    finally:
        aside.rmdir()
    assert (ill.returncode, "STORE_ASIDE" in ill.stdout) == (1, True)
    assert str(aside) in ill.stdout
    assert ill.stdout.endswith("\n1 thing is wrong\n")


@pytest.mark.parametrize(
    "words",
    [
        ("history", "a b"),
        ("history", "../x"),
        ("history", "ok", "--at", "yesterday"),
        ("history", "ok", "--at", "1:" + "9" * 40),
        ("dead-letters", "get", "-1"),
        ("dead-letters", "retry", "\u0663"),
        ("dead-letters",),
        ("dead-letters", "list", "--limit", "0"),
    ],
)
def test_hostile_arguments_get_a_sentence(words: tuple[str, ...]) -> None:
    done = penstock(*words)
    assert done.returncode == 2
    assert done.stderr.startswith("penstock: ") and done.stderr.count("\n") == 1
