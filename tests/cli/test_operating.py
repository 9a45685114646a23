"""The verbs of operators on the command line, against a server: tables, JSON, exit codes, and what
is said to wrong input.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from penstock.cli import main
from tests.gateway.served import one_task
from tests.sdk.servers import running_server

EVIL = "\x1b[31mred\x1b[0m"


class Told:
    """A command line that asks one server."""

    def __init__(self, url: str, capsys: pytest.CaptureFixture[str]) -> None:
        self.url = url
        self._capsys = capsys

    def __call__(self, *words: str, code: int = 0) -> str:
        assert main([*words, "--url", self.url]) == code, self._capsys.readouterr().err
        shown = self._capsys.readouterr()
        return shown.out if code == 0 else shown.err

    def json(self, *words: str) -> Any:
        return json.loads(self(*words, "-o", "json"))


def good(url: str, method: str, path: str, body: Any) -> Any:
    response = httpx.request(method, url + path, json=body, timeout=20)
    assert response.status_code < 300, response.text
    return response.json()


def spec(name: str, node: dict[str, Any], *variables: dict[str, Any]) -> dict[str, Any]:
    nodes = {
        "start": {"type": "ENTRYPOINT", "edges": [{"to": "node"}]},
        "node": {**node, "edges": [{"to": "end"}]},
        "end": {"type": "EXIT"},
    }
    thread = {"nodes": nodes, "variables": list(variables)}
    return {"name": name, "spec": {"entrypoint": "main", "threads": {"main": thread}}}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with a definition of each kind that the verbs are about."""
    data = tmp_path_factory.mktemp("operating") / "data"
    with running_server(data, "dev", "--partitions", "2") as address:
        good(address, "PUT", "/v1/task-defs?wait=all", {"name": "work", "description": EVIL})
        good(address, "PUT", "/v1/external-event-defs?wait=all", {"name": "paid"})
        fields = [{"name": "ok", "type": "BOOL", "required": True}]
        form = {"name": "approve", "fields": fields}
        good(address, "PUT", "/v1/user-task-defs?wait=all", form)
        again = {"max_attempts": 2, "backoff": {"base_ms": 3_600_000}}
        good(address, "PUT", "/v1/wf-specs?wait=all", one_task("works", "work", **again))
        event = {"type": "EXTERNAL_EVENT", "event_def": "paid"}
        item = {"name": "item", "type": "STR", "default": "tea"}
        good(address, "PUT", "/v1/wf-specs?wait=all", spec("waits", event, item))
        group = {"from": "VALUE", "value": "sales"}
        asks = {"type": "USER_TASK", "user_task_def": "approve", "user_group": group}
        good(address, "PUT", "/v1/wf-specs?wait=all", spec("asks", asks))
        yield address


@pytest.fixture
def tell(url: str, capsys: pytest.CaptureFixture[str]) -> Told:
    return Told(url, capsys)


@pytest.fixture
def start(url: str) -> Callable[[str], str]:
    """Starts a run of a WfSpec."""
    return lambda name: good(url, "POST", "/v1/wf-runs", {"wf_spec": name})["wf_run_id"]


Start = Callable[[str], str]


def test_why_a_run_waits(tell: Told, start: Start) -> None:
    run = start("waits")
    assert "Waits for the event paid." in tell("why", run)
    assert "Waits for the event paid." in tell("get", "wf-run", run)
    [wait] = tell.json("why", run)
    assert (wait["what"], wait["name"]) == ("EVENT", "paid")
    assert wait["since"]
    story = json.loads(tell("history", run, "--json"))
    first = next(one for one in story["items"] if one["what"] == "COMMAND")["log_position"]
    tell("signal", run, "paid", '{"cents": 5}')
    assert tell("why", run) == "it waits for nothing\n"
    assert "Waits for the event paid." in tell("why", run, "--at", first)
    assert "WF_RUN_UNKNOWN" in tell("why", "nobody", code=1)


def test_a_run_is_stopped_and_goes_on(tell: Told, start: Start) -> None:
    run = start("waits")
    assert tell("stop", run) == f"{run}  status HALTED  wf_run_status HALTED\n"
    assert "stopped by hand" in tell("why", run)
    assert tell.json("resume", run)["wf_run_status"] == "RUNNING"
    assert "HALTED" in tell("pause", run)
    assert "RUNNING" in tell("resume", run)
    assert tell("edit-variable", run, "item", '"coffee"') == f"{run}  done\n"
    [variable] = tell.json("list", "variable", run)
    assert variable["value"] == "coffee"
    assert "team" in tell("set-labels", run, "team=blue")
    assert tell.json("list", "wf-run", "--label", "team:blue")[0]["wf_run_id"] == run
    assert "COMPLETED" in tell("skip", run, "--node", "node")
    assert "COMPLETED  counts_as WARNED" in tell("change-run-state", run, "WARNED")
    assert tell("skip", run, code=1).startswith("penstock: ")


def test_a_run_is_killed_replayed_and_deleted(tell: Told, start: Start) -> None:
    run = start("waits")
    assert "wf_run_status ERROR" in tell("kill", run)
    other = tell.json("replay", run)["wf_run_id"]
    assert tell.json("get", "wf-run", other)["replay"]["replay_of"] == run
    assert tell("delete", "wf-run", run) == f"{run} is deleted\n"
    assert "WF_RUN_UNKNOWN" in tell("get", "wf-run", run, code=1)
    assert "wf_run_status" in tell("kill", other)


def test_a_task_is_tried_again_and_its_end_is_said(tell: Told, start: Start, url: str) -> None:
    run = start("works")
    poll = {"worker": "w", "wait_ms": 20_000}
    [task] = good(url, "POST", "/v1/task-queues/work/poll", poll)["tasks"]
    named = {name: task[name] for name in ("wf_run_id", "guid", "attempt")}
    logs = f"WARN beware {EVIL}"
    failed = {"status": "TASK_FAILED", "error": "no luck", "logs": logs}
    good(url, "POST", "/v1/tasks/report", named | failed)
    shown = tell("logs", run)
    assert "WARN   work 1  beware \\x1b[31mred" in shown
    assert "\x1b" not in shown
    assert [line["level"] for line in tell.json("logs", run)] == ["WARN"]
    assert tell("logs", run, "--min-level", "ERROR") == ""
    assert "the next attempt comes after its backoff" in tell("why", run)
    assert "attempt 2" in tell("retry", run, task["guid"])
    assert tell.json("get", "task-queue", "work")["waiting"] >= 1
    [row] = tell.json("list", "task-run", run)
    assert (row["guid"], row["status"]) == (task["guid"], "TASK_SCHEDULED")
    told = tell("change-state", run, task["guid"], "TASK_SUCCESS", "--value", "7")
    assert "wf_run_status COMPLETED" in told
    assert tell.json("get", "wf-run", run)["output"] == 7
    assert "attempts 1" in tell("task-runs", run)  # those that were done
    assert tell.json("get", "node-run", run, "0", "1")["node"] == "work"


def test_a_failed_run_is_rescued_and_restarted(tell: Told, start: Start) -> None:
    run = start("works")
    [row] = tell.json("list", "task-run", run)
    said = ("change-state", run, row["guid"], "TASK_FAILED", "--message", "by hand")
    assert "wf_run_status ERROR" in tell(*said)
    assert "Failed at work with TASK_FAILURE" in tell("why", run)
    assert "RUNNING" in tell("rescue", run)
    assert "wf_run_status" in tell("kill", run, "--deadline", "1s")
    assert "RUNNING" in tell("restart", run)
    assert "wf_run_status" in tell("kill", run, "--deadline", "1s")


def test_many_runs_at_once_are_counted_first(tell: Told, start: Start) -> None:
    runs = [start("waits") for _ in range(3)]
    for run in runs:
        tell("set-labels", run, "bulk=yes")
    which = ("--wf-spec", "waits", "--label", "bulk=yes")
    assert tell("bulk", "stop", *which, "--dry-run") == "3 runs\n"
    assert tell.json("get", "wf-run", runs[0])["status"] == "RUNNING"
    assert "COMPLETED: 3 of 3 runs" in tell("bulk", "stop", *which)
    assert [tell.json("get", "wf-run", run)["status"] for run in runs] == ["HALTED"] * 3
    told = tell("bulk", "restart", *runs, code=1)
    assert told == ""
    assert "3 of 3" in tell("bulk", "kill", *runs)
    assert len(tell.json("list", "bulk")) >= 2
    assert "BAD" in tell("bulk", "stop", code=1)


def test_forms_are_claimed_saved_and_handed_in(tell: Told, start: Start) -> None:
    run = start("asks")
    [found] = tell.json("user-tasks", "list", "--group", "sales", "--status", "UNASSIGNED")
    form = found["id"]
    assert form.startswith(run)
    assert "status ASSIGNED  user_id ann" in tell("user-tasks", "claim", form, "ann")
    assert "status UNASSIGNED" in tell("user-tasks", "release", form)
    assert "user_id bob" in tell("user-tasks", "assign", form, "--user", "bob")
    tell("user-tasks", "save", form, "bob", '{"ok": true}')
    assert "comment 1" in tell("user-tasks", "comment", form, "bob", EVIL)
    assert "\x1b" not in tell("user-tasks", "comments", form)
    assert tell.json("user-tasks", "get", form)["results"] == {"ok": True}
    assert "status DONE" in tell("user-tasks", "complete", form, "bob", '{"ok": false}')
    kinds = [one["kind"] for one in tell.json("user-tasks", "audit", form)]
    assert kinds[-1] == "COMPLETED"
    assert "wf_run_status" not in tell("user-tasks", "cancel", form, code=1)
    assert tell.json("list", "user-task-run", run)[0]["status"] == "DONE"


def test_schedules(tell: Told) -> None:
    made = tell("schedules", "make", "waits", "0 4 * * *", "--id", "nightly", "--paused")
    assert made == "nightly\n"
    assert "status ACTIVE" in tell("schedules", "resume", "nightly")
    assert "status PAUSED" in tell("schedules", "pause", "nightly")
    assert tell.json("list", "schedule")[0]["cron"] == "0 4 * * *"
    assert "0 4 * * *" in tell("get", "schedule", "nightly")
    assert tell("delete", "schedule", "nightly") == "nightly is deleted\n"
    assert "SCHEDULE_UNKNOWN" in tell("get", "schedule", "nightly", code=1)


def test_definitions_are_listed_shown_and_deleted(tell: Told, url: str) -> None:
    table = tell("list", "task-def")
    assert table.splitlines()[0].split() == ["NAME", "KIND", "DESCRIPTION", "CREATED_AT"]
    assert "\x1b" not in table
    assert tell.json("get", "wf-spec", "waits")["version"] == 1
    assert tell.json("get", "wf-spec", "waits", "--version", "1")["name"] == "waits"
    assert "INPUT_VARS" in tell("list", "task-def", "-o", "wide")
    assert {one["name"] for one in tell.json("list", "wf-spec")} == {"works", "waits", "asks"}
    assert [one["name"] for one in tell.json("list", "wf-spec", "--limit", "1")] == ["asks"]
    for kind in ("struct-def", "application", "webhook", "workflow-event-def"):
        assert tell.json("list", kind) == []
    good(url, "PUT", "/v1/external-event-defs?wait=all", {"name": "gone"})
    assert tell("delete", "external-event-def", "gone") == "gone is deleted\n"
    assert "UNKNOWN" in tell("get", "external-event-def", "gone", code=1)


@pytest.mark.parametrize(
    "words",
    [
        ("why",),
        ("why", "run", "--at", "yesterday"),
        ("stop", "run", "--thread", "-1"),
        ("resume", "run", "{"),
        ("edit-variable", "run", "name", "not json"),
        ("edit-variable", "run", "name"),
        ("kill", "run", "--deadline", "soon"),
        ("change-state", "run", "guid", "DONE"),
        ("change-run-state", "run", "RUNNING"),
        ("set-labels", "run", "nothing"),
        ("logs", "run", "--min-level", "LOUD"),
        ("signal", "run", "paid", "{"),
        ("bulk", "explode", "--all"),
        ("bulk", "stop", "--status", "TIRED"),
        ("list", "sofas"),
        ("list", "wf-run", "--limit", "0"),
        ("get", "sofa", "1"),
        ("delete", "wf-spec", "waits", "0"),
        ("user-tasks", "complete", "run/guid", "ann", "[1]"),
        ("user-tasks", "list", "--status", "ASLEEP"),
        ("schedules", "make", "waits"),
        ("stop", "run", "-o", "xml"),
    ],
)
def test_a_wrong_command_line_is_explained(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(list(words))
    assert stopped.value.code == 2
    assert "error:" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ("stop", "nobody"),
        ("logs", "nobody"),
        ("retry", "nobody", "guid"),
        ("bulk", "stop", "--wf-spec", "waits", "--arguments", "[]"),
        ("get", "node-run", "nobody", "0", "0"),
        ("list", "variable", "nobody"),
        ("list", "node-run", "../x"),
        ("user-tasks", "get", "nobody/guid"),
        ("user-tasks", "claim", "no-slash", "ann"),
        ("schedules", "pause", "nobody"),
        ("signal", "nobody", "nothing"),
        ("delete", "task-def", "nobody"),
        ("get", "task-queue", "nobody"),
    ],
)
def test_what_the_server_refuses_is_told(tell: Told, words: tuple[str, ...]) -> None:
    said = tell(*words, code=1)
    assert said.startswith("penstock: ")
    assert "Traceback" not in said
