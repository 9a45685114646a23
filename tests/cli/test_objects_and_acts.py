"""Verbs that are made of the client's methods, against a server: what they show, in each form, what
they do, and what they say to what is wrong.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from penstock.cli import main
from penstock.cli.acts import OF_RUN
from penstock.core.commands.schedule_wf import ScheduleWf
from penstock.sdk.calls.run_verbs import RunVerbs
from penstock.sdk.subject import asks
from tests.gateway.served import Served, one_task, serving, wait_until, waiting_for_event

Tell = Callable[..., str]
HOSTILE = "a\x1b[31m\u202eb"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("cli")) as one:
        one.good("PUT", "/v1/task-defs?wait=all", {"name": "work"})
        one.good("PUT", "/v1/external-event-defs?wait=all", {"name": "go"})
        one.good("PUT", "/v1/wf-specs?wait=all", one_task("spec", "work"))
        one.good("PUT", "/v1/wf-specs?wait=all", waiting_for_event("waits", "go"))
        yield one


@pytest.fixture
def tell(served: Served, capsys: pytest.CaptureFixture[str]) -> Tell:
    """What a verb says; if another code is expected, what it says to that."""

    def tell(*words: str, code: int = 0) -> str:
        try:
            got = main(list(words) if "--url" in words else [*words, "--url", served.url])
        except SystemExit as wrong:
            got = wrong.code
        said = capsys.readouterr()
        assert got == code, said
        return said.out if code == 0 else said.err

    return tell


def test_objects_are_shown_in_four_forms(tell: Tell) -> None:
    table = tell("list", "task-def").splitlines()
    assert table[0].split() == ["NAME", "KIND", "RETURN_TYPE", "CREATED_AT", "DESCRIPTION"]
    assert "work" in [line.split()[0] for line in table]
    assert "IDEMPOTENT" in tell("list", "task-def", "-o", "wide")
    [listed] = json.loads(tell("list", "task-def", "-o", "json"))
    assert yaml.safe_load(tell("get", "task-def", "work", "-o", "yaml")) == listed
    assert "idempotent    true" in tell("get", "task-def", "work")
    assert {"spec", "waits"} <= {line.split()[0] for line in tell("list", "wf-spec").splitlines()}
    assert json.loads(tell("get", "wf-spec", "spec", "1", "-o", "json"))["version"] == 1


def test_a_run_is_looked_into_and_found(served: Served, tell: Tell) -> None:
    """By the words that LittleHorse has: `get node-run RUN THREAD POSITION`."""
    run = served.run("waits")
    assert "EXTERNAL_EVENT" in tell("list", "node-run", run)
    assert "RUNNING" in tell("get", "node-run", run, "0", "1")
    found = tell("search", "wf-run", "--wf-spec", "waits", "--status", "RUNNING")
    assert found.splitlines()[1].split()[:4] == [run, "waits", "1", "RUNNING"]
    assert tell("search", "wf-run", "--status", "COMPLETED", "--wf-spec", "waits") == ""
    assert len(tell("search", "wf-run", "--limit", "1").splitlines()) == 2
    assert tell("list", "wf-run", "--limit", "1").splitlines()[1].startswith(run), "newest first"
    assert tell("signal", run, "go", '{"a": 1}')
    assert "COMPLETED" in tell("get", "wf-run", run)
    assert "EVENT_DEF" in tell("list", "external-event", run)
    assert run in tell("search", "node-run", "--event-def", "go", "--status", "COMPLETED")
    assert run in tell("search", "external-event", "--claimed", "--event-def", "go")
    assert run not in tell("search", "external-event", "--no-claimed")
    assert "THREAD_SPEC" in tell("list", "thread-run", run)
    assert "COMPLETED" in tell("get", "thread-run", run, "0")
    fields = '[{"name": "city", "type": "STR"}]'
    assert "true" in tell("validate", "struct-def", "address", fields)
    assert "BAD_TYPE" in tell("validate", "struct-def", "address", fields.replace("STR", "NONE"))
    served.poll("work", "a-worker", wait_ms=0)
    assert "a-worker" in tell("list", "worker", "work")
    assert tell("list", "schedule", "--wf-spec", "none", "--status", "ACTIVE") == ""
    counted = tell("count", "node-run", "--event-def", "go", "--status", "COMPLETED", "-o", "json")
    assert json.loads(counted) == {"count": 1, "lower_bound": False, "cursor": None, "missing": []}
    assert "spec" in tell("list", "wf-spec", "--prefix", "sp")
    assert "waits" not in tell("list", "wf-spec", "--prefix", "sp")


def test_runs_are_acted_on(served: Served, tell: Tell) -> None:
    run = served.run("waits")
    assert tell("pause", run).split() == ["status", "HALTED", "wf_run_status", "HALTED"]
    assert "RUNNING" in tell("resume", run)
    assert json.loads(tell("set-labels", run, "team=a", "by=x=y", "-o", "json"))["labels"] == {
        "team": "a",
        "by": "x=y",
    }
    assert "team" not in tell("set-labels", run, "--remove", "team")
    assert "ERROR" in tell("kill", run, "--no-cascade", "--deadline", "10s")
    assert "RUNNING" in tell("restart", run)
    assert "COMPLETED" in tell("skip", run, "--output", '"by hand"')
    assert json.loads(tell("get", "wf-run", run, "-o", "json"))["output"] == "by hand"
    assert "repeated" not in tell("delete-run", run)
    assert "WF_RUN_UNKNOWN" in tell("get", "wf-run", run, code=3)


def test_many_runs_are_counted_and_acted_on(served: Served, tell: Tell) -> None:
    run = served.run("spec")
    filter = '{"wf_spec": "spec"}'
    assert tell("bulk", "preview", "kill", filter).strip() == "1"
    assert tell("bulk", "start", "kill", filter, "--dry-run").strip() == "1"
    bulk_id = tell("bulk", "start", "kill", filter, "--arguments", '{"cascade": false}').strip()
    assert "COMPLETED" in tell("bulk", "wait", bulk_id)
    assert "ERROR" in tell("get", "wf-run", run)
    assert bulk_id in tell("bulk", "list")


def test_schedules_and_events(served: Served, tell: Tell) -> None:
    made = tell(
        *("schedules", "make", "waits", "0 8 * * *", "--schedule-id", "daily"),
        *("--time-zone", "Europe/Berlin", "--labels", "team=a", "--labels", "by=b"),
    )
    assert made.strip() == "daily"
    shown: Any = yaml.safe_load(tell("schedules", "get", "daily", "-o", "yaml"))
    assert (shown["time_zone"], shown["labels"]) == ("Europe/Berlin", {"team": "a", "by": "b"})
    mars = "schedules", "make", "waits", "0 8 * * *", "--time-zone", "Mars/X"
    assert "use a name such as 'Europe/Berlin'" in tell(*mars, code=1)
    assert "PAUSED" in tell("schedules", "pause", "daily")
    assert "daily" in tell("list", "schedule")
    assert tell("delete", "schedule", "daily") == ""
    served.append(ScheduleWf("waits", "0 8 * * *", "failed", time_zone="Mars/X"))
    failed = "list", "schedule", "--status", "FAILED"
    wait_until(lambda: tell(*failed))
    assert "time zone 'Mars/X' is not known here" in tell(*failed)
    assert "SCHEDULE_UNKNOWN" in tell("get", "schedule", "daily", code=3)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("resume", "one", "{"), "is no JSON"),
        (("edit-variable", "one", "name", "Ada"), "a text has quotes of its own"),
        (("set-labels", "one", "team"), "has not the form KEY=VALUE"),
        (("kill", "one", "--deadline", "soon"), "is no duration such as 30s"),
        (("search", "wf-run", "--started-after", "2026-01-01T00:00:00"), "has no time zone"),
        (("search", "wf-run", "--started-after", "yesterday"), "is no time such as"),
        (("search", "wf-run", "--child-filter", "ALL"), "invalid choice"),
        (("bulk", "preview", "kill", "[]"), "is no JSON object"),
        (("bulk", "preview", "kill", '{"wf_spec": 1}'), "wf_spec"),
        (("get", "node-run", "one", "first", "1"), "'first' is no whole number from 0 on"),
        (("get", "thread-run", "one", "-1"), "'-1' is no whole number from 0 on"),
        (("get", "thread-run", "one", "\u0661"), "is no whole number from 0 on"),
        (("list", "nothing"), "invalid choice"),
        # A path would lose these, and be another's: a script with an empty variable asks so.
        (("kill", ""), "no name below /v1/wf-runs is empty"),
        (("get", "wf-run", ".."), "no name below /v1/wf-runs is empty"),
        (("events", "get", "..", "wf-specs"), "no name below /v1/correlated-events is empty"),
        (("user-tasks", "claim", "one", "ada"), "'one' is no user task"),
        # The help that is named is the verb's own, and nothing is missing that may be left out.
        (("get", "variable", "one", "0", "name"), "arguments: name; see penstock get variable"),
        (("run",), "required: NAMESPACE.FLOW; see penstock run --help"),
        (("set-labels",), "required: WF_RUN_ID; see"),
    ],
)
def test_a_wrong_command_line_is_told(tell: Tell, words: tuple[str, ...], said: str) -> None:
    assert said in tell(*words, code=2)


def test_what_the_server_refuses_has_its_code(tell: Tell) -> None:
    """1 refused, 3 not there, 5 no answer."""
    assert "WF_RUN_UNKNOWN" in tell("stop", "nobody", code=3)
    assert "BULK" in tell("bulk", "wait", "nobody", code=3)
    assert tell("bulk", "preview", "dance", "{}", code=1)
    assert main(["list", "wf-spec", "--url", "http://127.0.0.1:9"]) == 5
    assert "is no address" in tell("list", "wf-spec", "--url", "nowhere", code=2)


def test_what_is_handed_to_other_verbs_is_whole(served: Served, tell: Tell) -> None:
    """A name that is cut is nobody's."""
    run = served.run("waits", wf_run_id="a" * 63)
    assert run in tell("list", "wf-run")
    head, *found = tell("search", "node-run", "--wf-spec", "waits").splitlines()
    assert head.split()[0] == "WF_RUN_ID"
    assert run in [line.split()[0] for line in found]
    [made] = tell("schedules", "make", "waits", "0 8 * * *", "--schedule-id", "b" * 60).split()
    [line] = [one for one in tell("list", "schedule").splitlines() if made in one]
    times = json.loads(tell("schedules", "get", made, "-o", "json"))["next_at"]
    assert len(times) > 1 and line.split()[-1] == times[0], "of several times the next one"
    tell("delete", "schedule", made)


def test_what_a_terminal_would_obey_is_shown(served: Served, tell: Tell) -> None:
    run = served.run("waits", labels={"hostile": HOSTILE})
    shown = tell("search", "wf-run", "--wf-spec", "waits", "-o", "wide", "--status", "RUNNING")
    assert run in shown
    assert "\\u001b[31m\\u202e" in shown
    assert "\x1b" not in shown


def test_every_verb_of_a_run_is_a_verb() -> None:
    """A method that is added to the handle is there on the command line, too."""
    methods = {name for name, one in vars(RunVerbs).items() if isinstance(one, asks)}
    assert set(OF_RUN.values()) == methods
