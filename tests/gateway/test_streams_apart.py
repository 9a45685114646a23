"""Two tenants that have the same names are told nothing of each other by any stream, for as long as
it goes on: one follows, the other one acts and is told of it, and only what one does oneself comes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from penstock.gateway.app import ROUTES
from penstock.gateway.load import Limits
from penstock.gateway.sent_events import MEDIA
from penstock.gateway.web import ApiRoute
from tests.gateway.keys import guarded
from tests.gateway.test_streams import told
from tests.gateway.test_tenants_apart import MINE, THEIRS, TWO, Apart, two_in

Told = tuple[str, Any]


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Apart]:
    """A gateway that asks for credentials, and both tenants."""
    limits = Limits(answer_timeout_s=5.0)
    with (
        guarded(tmp_path_factory.mktemp("apart"), limits=limits) as served,
        two_in([served]) as made,
    ):
        yield made


def send(client: httpx.Client, path: str, body: Any) -> Any:
    """A command that must be taken."""
    answer = client.post(path, json=body)
    assert answer.status_code < 300, answer.text
    return answer.json()


def labelled(client: httpx.Client, mark: str) -> str:
    """Something happens to a run."""
    body = {"labels": {"by": mark}}
    return send(client, "/v1/wf-runs/asks/actions/set-labels", body)["position"]


def logged(client: httpx.Client, mark: str) -> str:
    """A task of the run that is followed says something."""
    polled = {"worker": mark, "wait_ms": 20_000}
    [task] = send(client, "/v1/task-queues/same/poll", polled)["tasks"]
    report = {name: task[name] for name in ("wf_run_id", "guid", "attempt")}
    said = {"status": "TASK_SUCCESS", "output": mark, "logs": mark}
    return send(client, "/v1/tasks/report", report | said)["position"]


def queued(client: httpx.Client, mark: str) -> str:
    """One more task waits."""
    run = {"wf_spec": "same", "labels": {"by": mark}, "variables": {"it": mark}}
    return send(client, "/v1/wf-runs", run)["position"]


@dataclass(frozen=True)
class Stream:
    """A stream, what makes it tell something, and whether an event tells of that."""

    path: str
    act: Callable[[httpx.Client, str], str]
    tells: Callable[[Told, str, str], bool]
    begins: bool = True


def since(event: Told, position: str, _: str) -> bool:
    """Whether it is told of this position, or a later one."""
    number, _, offset = position.partition(":")
    name, data = event
    found = [one.partition(":") for one in data["positions"]] if name == "changed" else []
    return any(one[0] == number and int(one[2]) >= int(offset) for one in found)


def marked(event: Told, _: str, mark: str) -> bool:
    """Whether it tells of what has this mark."""
    return mark in str(event[1])


def waiting(event: Told, _: str, __: str) -> bool:
    """Whether it tells that tasks wait."""
    return event[1]["waiting"] > 0


STREAMS = (
    Stream("/v1/wf-runs/asks/follow", labelled, since),
    Stream("/v1/changes/wf-runs/follow", labelled, marked),
    Stream("/v1/wf-runs/live/logs/follow", logged, marked, begins=False),
    Stream("/v1/task-queues/same/follow", queued, waiting),  # the last: its tasks stay
)
OF_ALL = "/v1/changes/follow"


def test_all_streams_are_tried() -> None:
    paths = {
        one.path.replace("{wf_run_id}", "{}").replace("{task_def}", "{}")
        for one in ROUTES
        if isinstance(one, ApiRoute) and one.says is not None and one.says.media == MEDIA
    }
    tried = {one.path for one in STREAMS} | {OF_ALL}
    for name in ("/asks/", "/live/", "/same/"):
        tried = {path.replace(name, "/{}/") for path in tried}
    assert tried == paths


@contextmanager
def following(apart: Apart, client: httpx.Client, stream: Stream) -> Iterator[Iterator[Told]]:
    """What is told, behind what it begins with."""
    with client.stream("GET", stream.path) as answer:
        assert answer.status_code == 200
        events = told(answer.iter_lines())
        if "changes" in stream.path:
            numbers: set[str] = set()
            while len(numbers) < apart.served.made.topics.partitions:
                numbers |= {one.partition(":")[0] for one in next(events)[1]["positions"]}
        elif stream.begins:
            next(events)
        yield events


@pytest.mark.parametrize("stream", STREAMS, ids=lambda one: one.path)
def test_a_stream_tells_of_one_s_own_and_nothing_of_the_other_s(
    apart: Apart, stream: Stream
) -> None:
    """What the other one is told of has come to all streams that it was for."""
    if "live" in stream.path:
        for client, mark in ((apart.one, MINE), (apart.two, THEIRS)):
            run = {"wf_spec": "same", "wf_run_id": "live", "variables": {"it": mark}}
            send(client, "/v1/wf-runs", run)
    with (
        following(apart, apart.one, stream) as mine,
        following(apart, apart.two, stream) as theirs,
    ):
        position = stream.act(apart.two, THEIRS)
        while not stream.tells(next(theirs), position, THEIRS):
            pass
        position = stream.act(apart.one, MINE)
        event = next(mine)
        assert stream.tells(event, position, MINE), event
        assert not any(one in str(event) for one in (THEIRS, TWO))


def test_that_all_partitions_go_on_says_nothing_of_anybody(apart: Apart) -> None:
    """But how far they have come, as each answer does."""
    with apart.one.stream("GET", OF_ALL) as answer:
        lines = answer.iter_lines()
        events = told(lines)
        next(events)
        for client, mark in ((apart.two, THEIRS), (apart.one, MINE)):
            position = labelled(client, mark)
            while True:
                name, data = next(events)
                assert (name, list(data)) == ("changed", ["positions"])
                if since((name, data), position, mark):
                    break
