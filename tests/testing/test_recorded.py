"""Runs that are recorded, folded again, and folded against other definitions."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from penstock import Backoff, TaskError, sleep, task, wait_for_event, workflow
from penstock.cli.export import test_text as text_of
from penstock.cli.what_if import side_by_side, words
from penstock.core.commands import TYPE_OF
from penstock.core.errors import Reject
from penstock.gateway.unmasked import HIDES, bears_values
from penstock.gateway.what_if import WhatIf, what_if
from penstock.processor.recording import as_json, of_json
from penstock.sdk import api
from penstock.sdk.register import definitions_of
from penstock.sdk.workflow import Workflow
from penstock.testing import Engine, FoldedRun, Recorded, Run

SECRET = "4242-4242"


@task(max_attempts=3, backoff=Backoff(base=60.0, jitter=0.3))
def charge(card: str, cents: int) -> str:
    return f"receipt for {cents}"


@task
def ship(receipt: str) -> str:
    return f"parcel for {receipt}"


@task
def check(card: str) -> bool:
    return bool(card)


@task(masked=["card"])
def charge_masked(card: str) -> str:
    assert card == SECRET, "workers get the clear value"
    return "receipt"


@workflow
def order(card: str, cents: int = 100) -> str:
    receipt = charge(card, cents)
    wait_for_event("go", timeout=timedelta(hours=1))
    return ship(receipt)


@workflow(masked=["card"])
def masked_order(card: str) -> str:
    wait_for_event("go")
    return charge_masked(card)


@workflow
def parent(card: str) -> str:
    return order(card)


def instead(*, checked: bool = False, waits: bool = True, sleeps_s: int = 0) -> Workflow[..., str]:
    """The order, changed."""

    @workflow(name="order")
    def changed(card: str, cents: int = 100) -> str:
        if checked:
            check(card)
        receipt = charge(card, cents)
        if waits:
            wait_for_event("go", timeout=timedelta(hours=1))
        if sleeps_s:
            sleep(sleeps_s)
        return ship(receipt)

    return changed


def recording(run: Run[Any]) -> Any:
    """As the server gives it."""
    path = f"/v1/wf-runs/{run.id}/recording"
    told = run._engine.client.call(api.Call(method="GET", path=path)).body  # type: ignore[reportPrivateUsage]
    return json.loads(json.dumps(told))


def recorded(told: Any) -> FoldedRun:
    """Its text, as a file that somebody else runs."""
    space: dict[str, Any] = {}
    exec(text_of(told), space)  # noqa: S102 - it is what a user runs
    for name, made in space.items():
        if name.startswith("test_"):
            made()
    run: Recorded = space["RUN"]
    return run.fold()


def ended_order(engine: Engine) -> Run[str]:
    engine.register(order)
    engine.fake(charge, ConnectionError("away"), "receipt-1")
    run = engine.run(order, card=SECRET)
    engine.skip(90)
    run.put_event("go")
    assert run.result() == "parcel for receipt-1"
    return run


@pytest.mark.parametrize("partitions", [1, 3])
def test_an_exported_run_folds_to_the_same_story(partitions: int) -> None:
    """Retries with chance in them, events and time included."""
    with Engine(partitions=partitions) as engine:
        engine.register(order)
        others = [engine.run(order, card="1") for _ in range(3)]
        run = ended_order(engine)
        told = recording(run)
        folded = recorded(told)
        assert told["parts"] is None
        assert folded.story() == run.story()
        assert (folded.status, folded.output, folded.failure) == ("COMPLETED", run.result(), None)
        assert not any(other.id in json.dumps(told) for other in others), "it is of one run alone"


def test_a_run_that_stands_and_one_that_failed(penstock: Engine) -> None:
    penstock.register(order)
    penstock.fake(charge, TaskError("REFUSED", "no"))
    failed = penstock.run(order, card=SECRET)
    folded = recorded(recording(failed))
    assert (folded.status, folded.failure) == ("EXCEPTION", "REFUSED")

    penstock.fake(charge, "receipt")
    standing = penstock.run(order, card=SECRET)
    assert recorded(recording(standing)).status == "RUNNING"
    penstock.skip(3_700)
    assert recorded(recording(standing)).failure == "TIMEOUT"


def test_child_runs_come_with_the_family(penstock: Engine) -> None:
    penstock.register(parent)
    run = penstock.run(parent, card=SECRET)
    [child] = [node.output for node in run.node_runs() if node.node_type == "RUN_CHILD_WF"]
    penstock.client.handle(child).put_event("go")
    folded = recorded(recording(run))
    assert folded.story() == run.story()
    assert folded.output == "parcel for receipt for 100"

    found = changed(run, sleeps_s=60)
    assert found.instead[-1]["output"] == "parcel for receipt for 100"
    assert found.not_taken == ()


def test_a_definition_that_came_later_is_not_the_runs(penstock: Engine) -> None:
    """The newest version when the run began counts, not the newest now."""
    run = ended_order(penstock)
    penstock.register(instead(waits=False))
    assert recording(run)["parts"] is None


def test_masked_values_are_not_written_out(penstock: Engine) -> None:
    penstock.register(masked_order)
    run = penstock.run(masked_order, card=SECRET)
    run.put_event("go", {"said": "hello"})
    assert run.result() == "receipt"
    told = recording(run)
    assert SECRET not in json.dumps(told)
    assert told["masked"] == ["RunWf.variables.card"]
    text = text_of(told)
    assert SECRET not in text
    assert "RunWf.variables.card" in text
    assert recorded(told).status == "COMPLETED"


def test_what_a_schedule_began_is_not_told_apart_and_still_masked(penstock: Engine) -> None:
    """No command of the run's has begun it: that is said, and nothing masked gets out by it."""
    penstock.register(masked_order)
    plan = {"schedule_id": "hourly", "wf_spec": masked_order.name, "cron": "0 * * * *"}
    body = {**plan, "variables": {"card": SECRET}}
    penstock.client.call(api.command("POST", "/v1/schedules", body))
    penstock.skip(3_700)
    [found] = penstock.client.call(api.Call(method="GET", path="/v1/wf-runs")).body["items"]
    penstock.client.handle(found["wf_run_id"]).put_event("go")
    told = penstock.client.call(
        api.Call(method="GET", path=f"/v1/wf-runs/{found['wf_run_id']}/recording")
    ).body
    assert "a schedule" in told["parts"]
    assert SECRET not in json.dumps(told)


def test_every_command_that_bears_values_is_known_or_refused_where_something_is_masked(
    penstock: Engine,
) -> None:
    """A command that nobody has thought of is not written out: it has the recording refused."""
    bearing = {kind for kind in TYPE_OF if any(bears_values(kind))}
    assert bearing >= set(HIDES)
    penstock.register(masked_order)
    run = penstock.run(masked_order, card=SECRET)
    path = f"/v1/wf-runs/{run.id}/actions/skip"
    penstock.client.call(api.command("POST", path, {"output": "a secret?"}))
    with pytest.raises(Exception, match=r"SkipNode .* carries values") as refused:
        recording(run)
    assert "PAST_UNKNOWN" in str(refused.value)


def test_a_recording_survives_json(penstock: Engine) -> None:
    told = recording(ended_order(penstock))
    again = json.loads(json.dumps(as_json(of_json(told))))
    assert again == {name: told[name] for name in again}


# What if.


def changed(run: Run[Any], answers: Any = None, **how: Any) -> WhatIf:
    return what_if(of_json(recording(run)), definitions_of([instead(**how)]), answers)


def test_the_same_definition_goes_the_same_way(penstock: Engine) -> None:
    found = changed(ended_order(penstock))
    assert found.parting is None
    assert found.then == found.instead
    assert words(found) == "the run goes the same way, at the same times"


def test_a_step_less_parts_where_it_is_left_out(penstock: Engine) -> None:
    found = changed(ended_order(penstock), waits=False)
    assert found.parting is not None
    assert (found.parting.then or {})["node"] == "2-go"
    assert (found.parting.instead or {})["node"] == "2-ship"
    assert "they part at step" in words(found)
    assert found.not_taken == (), "the parcel's answer is found under its new number"


def test_a_new_task_has_no_answer_unless_one_is_given(penstock: Engine) -> None:
    run = ended_order(penstock)
    stuck = changed(run, checked=True)
    assert ((stuck.parting and stuck.parting.instead) or {})["node"] == "1-check"
    assert {one.command for one in stuck.not_taken} == {"ReportTask"}
    assert stuck.instead[-1]["what"] == "EXTERNAL_EVENT"

    answered = changed(run, {"check": True}, checked=True)
    assert answered.instead[-1]["status"] == "COMPLETED"
    assert answered.not_taken == ()


def test_time_passes_as_the_changed_definition_wants_it(penstock: Engine) -> None:
    """A sleep that is longer than the run lived; of one that still goes on no future is made up."""
    run = ended_order(penstock)
    found = changed(run, sleeps_s=7_200)
    assert found.instead[-1]["status"] == "COMPLETED"
    assert found.instead[-1]["at"] > found.then[-1]["at"]

    penstock.fake(charge, "receipt")
    standing = penstock.run(order, card=SECRET)
    found = changed(standing)
    assert found.parting is None
    assert found.stopped is None


def test_what_would_not_be_taken_is_refused(penstock: Engine) -> None:
    run = ended_order(penstock)

    [*_, put] = definitions_of([instead()])
    nothing_known = definitions_of([instead(checked=True)])[-1:]
    with pytest.raises(Reject, match="check"):
        what_if(of_json(recording(run)), nothing_known)
    assert what_if(of_json(recording(run)), [put]).parting is None


def test_two_stories_stand_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = list(side_by_side(["1  a", "2  b"], ["1  a", "2  c", "3  " + "d" * 90]))
    assert [line.split() for line in lines[1:3]] == [
        ["1", "a", "1", "a"],
        ["2", "b", "|", "2", "c"],
    ]
    assert "> 3  ddd" in lines[3]
    assert all(len(line) <= 80 for line in lines)
