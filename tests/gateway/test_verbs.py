"""Operators' verbs over HTTP."""

import pytest

from penstock.cli import main
from tests.gateway.served import Served, wait_until, waiting_for_event


@pytest.fixture(scope="module", autouse=True)
def specs(served: Served) -> None:
    served.good("PUT", "/v1/external-event-defs?wait=all", {"name": "verbs-go"})
    served.good("PUT", "/v1/wf-specs?wait=all", waiting_for_event("verbs-event", "verbs-go"))


def test_a_run_is_paused_killed_restarted_and_deleted(served: Served) -> None:
    path = f"/v1/wf-runs/{served.run('verbs-event')}"
    paused = served.good("POST", f"{path}/actions/pause", {})
    killed = served.good("POST", f"{path}/actions/kill", {"deadline_ms": 0})
    restarted = served.good("POST", f"{path}/actions/restart", {})
    served.good("POST", f"{path}/actions/set-labels", {"labels": {"team": "a"}})
    skipped = served.good("POST", f"{path}/actions/skip", {"node": "wait"})

    statuses = [answer["wf_run_status"] for answer in (paused, killed, restarted, skipped)]
    assert statuses == ["HALTED", "ERROR", "RUNNING", "COMPLETED"]
    facts = served.good("GET", f"{path}/history")["items"]
    verbs = [fact["verb"] for fact in facts if fact["what"] == "OPERATOR"]
    assert verbs == ["PauseWfRun", "KillWfRun", "RestartWfRun", "SetLabels", "SkipNode"]
    served.good("DELETE", path)
    assert served.refused("GET", path)[:2] == (404, "WF_RUN_UNKNOWN")


def test_a_run_that_pauses_is_resumed(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    """By the route, and by the command line."""
    pauses = waiting_for_event("verbs-pauses", "verbs-go")
    pauses["spec"]["threads"]["main"]["nodes"]["wait"]["resumable"] = True
    served.good("PUT", "/v1/wf-specs?wait=all", pauses)
    first, second = served.run("verbs-pauses"), served.run("verbs-pauses")
    told = served.good("POST", f"/v1/wf-runs/{first}/actions/resume", {"content": {"a": 1}})
    assert told["wf_run_status"] == "COMPLETED"
    assert served.good("GET", f"/v1/wf-runs/{first}")["output"] == {"a": 1}
    with pytest.raises(SystemExit, match="2"):
        main(["resume", "--url", served.url, second, "{"])
    assert main(["resume", "--url", served.url, second, '{"a": 2}']) == 0
    assert main(["resume", "--url", served.url, second]) == 1
    said = capsys.readouterr()
    assert said.out == f"{second}  status COMPLETED  wf_run_status COMPLETED\n"
    assert "is no JSON" in said.err
    assert "WF_RUN_ENDED" in said.err
    assert served.good("GET", f"/v1/wf-runs/{second}")["output"] == {"a": 2}


def test_a_verb_that_is_refused_says_why(served: Served) -> None:
    path = f"/v1/wf-runs/{served.run('verbs-event')}"
    rescued = served.refused("POST", f"{path}/actions/rescue", {})
    deleted = served.refused("POST", f"{path}/actions/delete", {})
    wrong = served.refused("POST", f"{path}/actions/kill", {"wf_run_id": "other"})

    assert rescued[:2] == (409, "THREAD_NOT_FAILED")
    assert deleted[:2] == (409, "WF_RUN_LIVE")
    assert wrong[:2] == (400, "BAD_REQUEST")


def test_a_run_is_migrated(served: Served) -> None:
    """To the newest version; one that it can not follow is refused, and says why."""
    first = waiting_for_event("verbs-migrated", "verbs-go")
    served.good("PUT", "/v1/wf-specs?wait=all", first)
    path = f"/v1/wf-runs/{served.run('verbs-migrated')}"
    threads = first["spec"]["threads"]
    main = threads[first["spec"]["entrypoint"]]
    variables = [{"name": "who", "type": "STR", "required": True}]
    second = {**first["spec"], "threads": {**threads, "main": {**main, "variables": variables}}}
    served.good("PUT", "/v1/wf-specs?wait=all", {**first, "spec": second})

    refused = served.refused("POST", f"{path}/actions/migrate", {})
    plan = {"variables": {"main": {"who": "Ada"}}}
    migrated = served.good("POST", f"{path}/actions/migrate", plan)

    assert refused[:2] == (409, "MIGRATION_IMPOSSIBLE")
    assert (migrated["version"], migrated["done"]) == (2, True)
    assert served.good("GET", path)["version"] == 2


def test_a_run_is_replayed(served: Served) -> None:
    path = f"/v1/wf-runs/{served.run('verbs-event')}"
    first = served.good("POST", f"{path}/actions/replay", {})
    again = served.good("POST", f"{path}/actions/replay", {"position": 1})
    refused = served.refused("POST", f"{path}/actions/replay", {"position": 7})
    wrong = served.refused("POST", f"{path}/actions/replay", {"thread": 3})

    runs = [served.good("GET", f"/v1/wf-runs/{one['wf_run_id']}") for one in (first, again)]
    of = path.rpartition("/")[2]
    assert [one["replay"] for one in runs] == [
        {"replay_of": of, "original": of, "attempt": 2, "thread": 0, "position": position}
        for position in (None, 1)
    ]
    assert served.good("GET", path)["replay"] is None
    assert refused[:2] == (404, "NODE_RUN_UNKNOWN")
    assert wrong[:2] == (404, "THREAD_UNKNOWN")


def test_a_run_that_waits_for_a_place_is_forced(served: Served) -> None:
    """It shows as held until it has one; then there is nothing to force."""
    limited = waiting_for_event("verbs-limited", "verbs-go")
    limited["spec"]["limit"] = {"most": 1}
    served.good("PUT", "/v1/wf-specs?wait=all", limited)
    first, second = (f"/v1/wf-runs/{served.run('verbs-limited')}" for _ in range(2))
    wait_until(lambda: served.good("GET", first)["held"] != served.good("GET", second)["held"])
    held = second if served.good("GET", second)["held"] else first

    served.good("POST", f"{held}/actions/force", {})

    wait_until(lambda: not served.good("GET", held)["held"])
    refused = served.refused("POST", f"{held}/actions/force", {})
    assert refused[:2] == (409, "WF_RUN_NOT_HELD")
    assert served.good("GET", held)["refused_as"] is None


def test_a_run_that_has_ended_counts_as_an_operator_says(served: Served) -> None:
    served.good("PUT", "/v1/wf-specs?wait=all", waiting_for_event("verbs-counts", "verbs-go"))
    path = f"/v1/wf-runs/{served.run('verbs-counts')}"
    state = {"state": "COMPLETED"}
    refused = served.refused("POST", f"{path}/actions/change-run-state", state)
    assert refused[:2] == (409, "WF_RUN_LIVE")
    served.good("POST", f"{path}/actions/kill", {})
    wait_until(lambda: served.good("GET", path)["status"] == "ERROR")
    told = served.good("POST", f"{path}/actions/change-run-state", state)
    assert (told["status"], told["counts_as"]) == ("ERROR", "COMPLETED")
    assert served.good("GET", path)["counts_as"] == "COMPLETED"
    shown = served.good("GET", f"{path}?view=kestra")["state"]
    assert [one["state"] for one in shown["histories"]][-2:] == ["KILLED", "SUCCESS"]
    assert served.refused("POST", f"{path}/actions/change-run-state", {})[0] == 400


def test_a_warning_is_shown(served: Served) -> None:
    """Of the run, of its threads, of the node run, and in the history."""
    warned = waiting_for_event("verbs-warned", "verbs-go")
    for node in warned["spec"]["threads"]["main"]["nodes"].values():
        if node["type"] == "EXTERNAL_EVENT":
            node |= {"allow_failure": True, "timeout_ms": 1}
    served.good("PUT", "/v1/wf-specs?wait=all", warned)
    path = f"/v1/wf-runs/{served.run('verbs-warned')}"
    wait_until(lambda: served.good("GET", path)["status"] == "COMPLETED")

    shown = served.good("GET", path)
    assert (shown["warned"], shown["threads"][0]["warned"]) == (True, True)
    nodes = served.good("GET", f"{path}/node-runs")["items"]
    assert [node["warned"] for node in nodes] == [False, True, False]
    assert not any(node["skipped"] for node in nodes)
    facts = served.good("GET", f"{path}/history")["items"]
    told = [(fact["what"], fact["warned"]) for fact in facts if "warned" in fact]
    assert told[-1] == ("WF_RUN", True)
    assert ("NODE_RUN", True) in told
