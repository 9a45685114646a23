"""What one tenant has been told of a place (a cursor, a position) tells another tenant nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from penstock.core.state.outputs import WorkerSignal
from tests.gateway.served import wait_until
from tests.gateway.test_tenants_apart import (
    DOCUMENT,
    MINE,
    ONE,
    THEIRS,
    TWO,
    Apart,
    answered,
    apart,
    furnish,
    path_of,
    referred,
)

__all__ = ["apart"]
FAR = 10**12
NEEDED = {"/v1/correlated-events": {"event_def": "same"}}
"""What a list wants to know besides."""


def reads_with(parameter: str) -> Iterator[str]:
    """The paths of what is read and takes a parameter."""
    for path, methods in DOCUMENT["paths"].items():
        known = map(referred, methods.get("get", {}).get("parameters", ()))
        if any(one["name"] == parameter and one["in"] == "query" for one in known):
            yield path


@pytest.fixture(scope="module")
def more(apart: Apart) -> Apart:
    """The other tenant has a second one of everything, so that his lists have a next page."""
    furnish(apart.two, THEIRS, "same-2")
    return apart


def test_a_cursor_of_the_other_s_goes_on_in_one_s_own(more: Apart) -> None:
    tried = 0
    for template in reads_with("cursor"):
        path, asked = path_of(template, more.guids[1]), NEEDED.get(template, {})
        answer = more.two.get(path, params={**asked, "limit": 1})
        cursor = answer.json().get("cursor") if answer.status_code == 200 else None
        if cursor is not None:
            for limit in (1, 1_000):
                query = {**asked, "limit": limit, "cursor": cursor}
                status, text = answered(more.one, "GET", path, params=query)
                assert status < 500, (path, text)
                assert THEIRS not in text, path
            tried += 1
    assert tried >= 15


@pytest.mark.parametrize("beyond", [0, FAR])
def test_a_position_of_the_other_s_shows_nothing_of_his(apart: Apart, beyond: int) -> None:
    """That of his newest write, or one that is never reached: asked for, and asked about."""
    label = {"labels": {"by": THEIRS}}
    wrote = apart.two.post("/v1/wf-runs/same/actions/set-labels", json=label).json()["position"]
    number, _, offset = wrote.partition(":")
    position = f"{number}:{int(offset) + beyond}"
    good = 0
    for parameter in ("at_least", "at"):
        for template in reads_with(parameter):
            path = path_of(template, apart.guids[1])
            params = {**NEEDED.get(template, {}), parameter: position}
            status, text = answered(apart.one, "GET", path, params=params)
            assert THEIRS not in text, (path, params)
            assert status in (200, 400, 403, 404, 409) or (beyond and status == 504), (path, text)
            good += status == 200
    assert good >= 25 or beyond


def test_signals_name_the_tenant_whose_task_is_to_stop(apart: Apart) -> None:
    """The topic is one for all, like that of events; over HTTP each hears of his own alone."""
    running: list[dict[str, Any]] = []
    for client, mark in ((apart.one, MINE), (apart.two, THEIRS)):
        run = {"wf_spec": "same", "wf_run_id": "stops", "variables": {"it": mark}}
        assert client.post("/v1/wf-runs", json=run).status_code == 201
        poll = {"worker": mark, "wait_ms": 20_000}
        [task] = client.post("/v1/task-queues/same/poll", json=poll).json()["tasks"]
        asked = {"guid": task["guid"], "grace_ms": 60_000}
        answer = client.post("/v1/wf-runs/stops/actions/shutdown-task", json=asked)
        assert answer.status_code == 200, answer.text
        named = {name: task[name] for name in ("wf_run_id", "guid", "attempt")}
        running.append({**named, "worker": mark})
    for client, own in ((apart.one, 0), (apart.two, 1)):
        answer = client.post("/v1/tasks/stops", json={"attempts": running})
        told = [one["stop"] for one in answer.json()["items"]]
        assert (told[own], told[1 - own]) == ("shutdown", "over")  # as of one that is nobody's

    def signals() -> list[WorkerSignal]:
        made = apart.served.made
        records = made.log.read_all(made.topics.worker_signals, 0)
        decoded = (made.avro.decode(record.value or b"")[0] for record in records)
        return [one for one in decoded if isinstance(one, WorkerSignal)]

    wait_until(lambda: len(signals()) >= 2)
    assert {one.worker: one.tenant for one in signals()} == {MINE: ONE, THEIRS: TWO}
