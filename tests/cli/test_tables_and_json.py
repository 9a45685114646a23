"""Every verb that shows what there is says the same as a table and as JSON, in an engine that has
something of each kind. A new verb wants its words here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import pytest

from penstock.cli.codes import Exit
from penstock.cli.shown import CELL_MAX, FORMATS
from penstock.core.ids import partition_of_run
from penstock.log.port import Message
from tests.cli.installed import installed
from tests.cli.verbs import Verb, all_verbs, options_of
from tests.controls import chain, declared, event, spec, user_task
from tests.gateway.served import PARTITIONS, Served, one_task, serving, wait_until

READS: Final = {verb.name: verb for verb in all_verbs() if verb.is_read}
AT_ONCE: Final = 4

WORDS: Final[dict[str, str]] = {
    **dict.fromkeys(("get wf-run", "why", "list node-run", "list variable"), "told"),
    "list workflow-event": "told",
    "list external-event": "other",
    **dict.fromkeys(("task-runs", "history", "list task-run"), "works"),
    **{f"get {kind}": name for kind, name in (
        ("wf-spec", "told"), ("task-def", "work"), ("user-task-def", "form"),
        ("external-event-def", "go"), ("workflow-event-def", "say"), ("struct-def", "place"),
        ("application", "shop"), ("schedule", "daily"), ("bulk-job", "BULK"),
        ("user-task", "FORM"), ("correlated-event", "go key"), ("node-run", "told 0 1"),
        ("task-run", "works TASK"), ("task-queue", "work"), ("variable", "told who"),
    )},
    "list user-task-run": "asks", "get thread-run": "told 0", "list thread-run": "told",
    "list worker": "work",
    **dict.fromkeys(("user-tasks get", "user-tasks audit", "user-tasks comments"), "FORM"),
    "schedules get": "daily", "events get": "go key", "bulk get": "BULK",
    "counts wf-spec": "works --bucket all", "counts task-def": "work --bucket all",
    "counts user-task-def": "form --bucket all", "metrics": "--bucket all",
    "dead-letters get": "0",
}  # fmt: skip
"""What is said after a verb that wants something said."""

EMPTY: Final = frozenset({"counts user-task-def"})
"""Of which there is nothing."""
CHANGING: Final = frozenset({"get task-queue", "list task-queue", "list worker", "quotas own"})
"""What is counted anew each time, if it can be in time: looked at for its columns alone."""


def _dead_letter(one: Any) -> list[str]:
    return [one["code"], one["at"], one["topic"], one["why"], one["retry"]]


OF_ITS_OWN: Final[dict[str, Callable[[Any], list[str]]]] = {
    "get wf-run": lambda run: [run["wf_run_id"], run["wf_spec"], run["status"]],
    "task-runs": lambda runs: [text for one in runs for text in (one["id"], one["taskId"])],
    "history": lambda story: [one["at"] for one in story["items"]],
    "doctor": lambda found: [one["what"] for one in found["items"] if one["check"] != "DISK"],
    "dead-letters list": lambda found: [str(found["total"]), found["items"][0]["at"]],
    "dead-letters get": _dead_letter,
    **dict.fromkeys(
        ("counts wf-spec", "counts task-def", "counts user-task-def"),
        lambda found: [what for one in found for what in one["counts"]],
    ),
}
"""Verbs with a table of their own, and what of their JSON has to stand in it."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    data, place = tmp_path_factory.mktemp("tables"), tmp_path_factory.mktemp("place")
    with serving(data, snapshots=str(place)) as one:
        yield one


@pytest.fixture(scope="module")
def named(served: Served) -> dict[str, str]:
    """Something of each kind; the ids that the engine has given."""

    def put(path: str, **body: Any) -> None:
        served.good("PUT", f"/v1/{path}?wait=all", body)

    put("task-defs", name="work")
    put("external-event-defs", name="go", correlation={})
    put("workflow-event-defs", name="say")
    put("user-task-defs", name="form")
    put("struct-defs", name="place", fields=[{"name": "city", "type": "STR"}])
    put("applications", name="shop", webhook_url="https://shop.example/hooks", description="ours")
    put("wf-specs", **one_task("works", "work"))
    who = (declared("who", "STR", default="Ada"),)
    throws = {"type": "THROW_EVENT", "workflow_event_def": "say"}
    put("wf-specs", name="told", spec=chain(throws, event("go"), variables=who))
    put("wf-specs", name="asks", spec=chain(user_task("form", user="ada")))
    put("tenants", name="shop", description="a shop, and\x1b[31m what it sells")
    put("quotas", tenant="shop", live_runs=10)
    put("principals", name="ada", grants=[])
    keyed = {"key_id": "abcdefgh12", "owner": "ada", "salt": "s" * 20, "key_hash": "0" * 64}
    put("api-keys", **keyed, expires_at="2999-01-01T00:00:00Z", description="hers")
    for run in ("told", "asks", "works"):
        served.run(run, wf_run_id=run, labels={"of": run})
    served.run("told", wf_run_id="other")
    event_of = {"wf_run_id": "other", "event_def": "go", "content": {"a": "b" * 60}}
    served.good("POST", "/v1/external-events", event_of)
    served.good("POST", "/v1/correlated-events", {"event_def": "go", "key": "key", "content": 1})
    [task] = served.poll("work")
    measured = [{"name": "bytes", "kind": "counter", "value": 7.0}]
    end = {"status": "TASK_SUCCESS", "output": "x" * 60, "metrics": measured}
    assert served.report(task, **end).status_code == 200
    scheduled = {"schedule_id": "daily", "wf_spec": "told", "cron": "0 8 * * *"}
    served.good("POST", "/v1/schedules", scheduled)
    bulk = {"verb": "pause", "filter": {"wf_spec": "works"}, "dry_run": True}
    bulk_id = served.good("POST", "/v1/bulk", bulk)["bulk_id"]
    wait_until(lambda: served.good("GET", f"/v1/bulk/{bulk_id}")["status"] == "COMPLETED")
    [form] = served.good("GET", "/v1/wf-runs/asks/user-task-runs")["items"]
    comment = {"user_id": "ada", "text": "soon"}
    path = f"/v1/user-task-runs/{form['id']}"
    served.good("POST", f"{path}/comments", comment)
    made = served.made
    made.log.append_and_wait(Message(made.topics.commands, b"noise", b"noise", {}, 0))
    wait_until(lambda: served.good("GET", "/v1/dead-letters")["total"] == 1)
    until = served.good("POST", "/v1/snapshots")["until"]
    wait_until(lambda: {str(one["partition"]) for one in kept(served)} == {*until})
    return {"BULK": bulk_id, "FORM": form["id"], "TASK": task["guid"]}


def kept(served: Served) -> list[Any]:
    return served.good("GET", "/v1/snapshots")["items"]


def test_every_read_has_the_same_forms() -> None:
    wrong = [
        name
        for name, verb in READS.items()
        if list(options_of(verb, "-o")) != list(FORMATS) or not verb.has("--watch")
    ]
    assert wrong == []
    not_read = [verb.name for verb in all_verbs() if verb.has("--watch") and not verb.is_read]
    assert not_read == [], "a word for tests.cli.verbs.READ_WORDS"


@pytest.mark.timeout(300)
def test_the_table_is_the_json(
    served: Served, named: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    with installed(tmp_path_factory.mktemp("said")) as call, ThreadPoolExecutor(AT_ONCE) as threads:

        def problem(verb: Verb) -> str | None:
            said = WORDS.get(verb.name, "")
            words = [*verb.words, *(named.get(one, one) for one in said.split())]
            if verb.has("--url"):
                words += ["--url", served.url]
            as_json, table = (call(*words, "-o", form) for form in ("json", "table"))
            if (as_json.returncode, table.returncode, as_json.stderr) != (0, 0, ""):
                return f"{verb.name}: {as_json} {table}"
            why = differs(verb.name, json.loads(as_json.stdout), table.stdout)
            return why and f"{verb.name}: {why}\n{table.stdout}\n{as_json.stdout}"

        assert served.poll("work", wait_ms=0) == [], (
            "a worker is shown for a minute after it has asked"
        )
        in_order = sorted(READS.values(), key=lambda verb: verb.name not in CHANGING)
        found = [one for one in threads.map(problem, in_order) if one]
    assert not found, "\n".join(found)


def differs(name: str, value: Any, table: str) -> str | None:
    """Why a table does not say what the JSON does."""
    if "\x1b" in table:
        return "a terminal would obey it"
    if name in OF_ITS_OWN:
        missing = [one for one in OF_ITS_OWN[name](value) if one not in table]
        return f"not in the table: {missing}" if missing else None
    if isinstance(value, dict) and isinstance(value.get("items"), list) and "truncated" in value:
        value = value["items"]
    if not value:
        is_right = not table and (name in EMPTY or name.startswith("profiles"))
        return None if is_right else "there is nothing"
    rows = value if isinstance(value, list) else [value]
    shown = columns(table) if isinstance(value, list) else [fields(table)]
    if len(rows) != len(shown):
        return f"{len(rows)} items, {len(shown)} lines"
    for row, line in zip(rows, shown, strict=True):
        for column, cell in line.items():
            if column not in row and cell != "-":
                return f"there is no {column}"
            wanted = text(row.get(column))
            if column == "next_at" and "[" not in cell:  # a list has the first of several times
                wanted = text(row[column][0])
            if name not in CHANGING and cell not in (wanted.rstrip(), cut(wanted)):
                return f"{column} is {cell!r}, not {wanted!r}"
    return None


def columns(table: str) -> list[dict[str, str]]:
    head, *lines = table.splitlines()
    places = [(one.start(), one[0].lower()) for one in re.finditer(r"\S+", head)]
    ends = [start for start, _ in places[1:]] + [None]
    return [
        {name: line[start:end].rstrip() for (start, name), end in zip(places, ends, strict=True)}
        for line in lines
    ]


def fields(table: str) -> dict[str, str]:
    pairs = (line.partition(" ") for line in table.splitlines())
    return {name: value.strip() for name, _, value in pairs}


def cut(value: str) -> str:
    return value[: CELL_MAX - 1] + "…" if len(value) > CELL_MAX else value


def text(value: Any) -> str:
    """A value of JSON, as a line says it."""
    if value is None:
        return "-"
    said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return said.replace("\x1b", "\\u001b")


def test_a_snapshot_is_taken_when_it_is_asked_for(
    served: Served, named: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert named
    before = kept(served)
    served.run("told", wf_run_id="moves")
    with installed(tmp_path_factory.mktemp("said")) as call:
        taken = call("snapshot", "take", "--url", served.url)
        assert (taken.returncode, taken.stderr) == (0, "")
    number = partition_of_run("moves", PARTITIONS)
    after = [one for one in kept(served) if one["partition"] == number]
    assert after[0] not in before
    assert f"partition {number}: all before " in taken.stdout


def test_a_bench_leaves_nothing(
    served: Served, named: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert named
    with installed(tmp_path_factory.mktemp("said")) as call:
        done = call("bench", "--runs", "8", "--at-once", "4", "--url", served.url, "-o", "json")
    found = json.loads(done.stdout)
    assert (found["runs"], found["at_once"], found["left_behind"]) == (8, 4, 0)
    assert 0 < found["p50_ms"] <= found["p99_ms"] <= found["seconds"] * 1_000 + 1
    for path in ("wf-specs", "task-defs", "wf-runs"):
        assert "bench-" not in served.call("GET", f"/v1/{path}").text


def test_a_count_is_how_many_a_search_finds(
    served: Served, named: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert named
    runs = served.good("GET", "/v1/wf-runs?wf_spec=told")["items"]
    with installed(tmp_path_factory.mktemp("said")) as call:
        where = ("--wf-spec", "told", "--url", served.url)
        assert json.loads(call("count", "wf-run", *where, "-o", "json").stdout)["count"] == len(
            runs
        )
        assert call("count", "task-run", *where).stdout.split()[:2] == ["count", "0"]


def test_a_run_that_has_failed_has_a_code_of_its_own(
    served: Served, named: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """With --wait and with --follow; one that ends well tells its output."""
    assert named
    throws = {"type": "EXIT", "throws": {"name": "no-luck", "message": "today"}}
    fails = spec("exit", {"exit": throws})
    served.good("PUT", "/v1/wf-specs?wait=all", {"name": "fails", "spec": fails})
    served.good("PUT", "/v1/wf-specs?wait=all", {"name": "ends", "spec": chain()})
    with installed(tmp_path_factory.mktemp("said")) as call:
        for waits in ("--wait", "--follow"):
            failed = call("run", "fails", waits, "--url", served.url)
            assert (failed.returncode, failed.stderr.count("\n")) == (Exit.RUN_FAILED, 1)
            assert failed.stderr.startswith("penstock: no-luck: run ")
            ended = call("run", "ends", waits, "--url", served.url)
            assert (ended.returncode, ended.stdout.splitlines()[-1]) == (Exit.DONE, "null")
        assert call("run", "fails", "--url", served.url).returncode == Exit.DONE
