"""Streams that are followed over broken connections, as a small server tells them."""

import json
import time
from itertools import islice
from typing import Any

import pytest

from penstock import (
    Client,
    Forbidden,
    InvalidRequest,
    NotFound,
    PenstockError,
    ServerError,
    Unavailable,
)
from penstock.sdk import api
from tests.sdk import scripted as served
from tests.sdk.scripted import Scripted, busy

scripted, client = served.scripted, served.client


def line(message: str) -> dict[str, Any]:
    of = {"wf_run_id": "a", "task_run": "t", "node": "n", "attempt": 1}
    return {**of, "at": "2026-01-01T00:00:00.000Z", "level": "INFO", "message": message}


def told(*messages: str) -> str:
    return "".join(f"event: log\ndata: {json.dumps(line(one))}\n\n" for one in messages)


def ending(code: str, status: int) -> str:
    of = {"code": code, "message": "so it is", "status": status}
    return f"event: error\ndata: {json.dumps(of)}\n\n"


END = "event: end\ndata: {}\n\n"


def test_a_stream_that_breaks_goes_on_where_it_was(scripted: Scripted, client: Client) -> None:
    """The server tells it from the beginning each time; lines that say the same are each told."""
    scripted.answers = [
        (200, told("one", "two")),
        (0, {}),
        busy(503),
        (200, ": quiet\n\n" + told("one", "two", "two")),
        (200, told("one", "two", "two", "three") + END),
    ]
    found = [one.message for one in client.handle("a").follow_logs()]
    assert found == ["one", "two", "two", "three"]
    assert len(scripted.asked) == 5


def test_a_line_ends_at_a_line_feed_alone(scripted: Scripted, client: Client) -> None:
    """Not at what Python takes for the end of one, too."""
    says = "one\u2028two\u2029three\u0085four"
    told_raw = f"event: log\r\ndata: {json.dumps(line(says), ensure_ascii=False)}\r\n\r\n"
    scripted.answers = [(200, told_raw + END)]
    assert [one.message for one in client.handle("a").follow_logs()] == [says]


def test_an_event_that_can_not_be_read_is_told(scripted: Scripted, client: Client) -> None:
    scripted.answers = [(200, "event: log\ndata: {\n\n")]
    with pytest.raises(ServerError, match="BAD_ANSWER"):
        list(client.handle("a").follow_logs())


def test_a_search_that_is_followed_goes_on_with_what_is_new(
    scripted: Scripted, client: Client
) -> None:
    """Nothing is told again, and nothing taken for something that was told before."""
    begin = 'event: begin\ndata: {"positions": ["0:1"]}\n\n'
    left = 'event: left\ndata: {"wf_run_id": "a"}\n\n'
    ended = ending("RESTORING", 503)
    scripted.answers = [(200, begin + left + ended), (0, {}), (200, begin + left)]
    news = client.follow_runs(wf_spec="x", status=["ERROR"])
    told_of = [(one.what, one.wf_run_id) for one in islice(news, 4)]
    assert told_of == [("begin", None), ("left", "a")] * 2


def test_a_stream_that_is_refused(scripted: Scripted, client: Client) -> None:
    scripted.answers = [(404, {"error": {"code": "WF_RUN_UNKNOWN", "message": "no"}})]
    with pytest.raises(NotFound, match="WF_RUN_UNKNOWN"):
        list(client.handle("a").follow_logs())
    assert len(scripted.asked) == 1


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("UNAUTHENTICATED", 401, Forbidden),
        ("PERMISSION_DENIED", 403, Forbidden),
        ("WF_RUN_UNKNOWN", 404, NotFound),
        ("BAD_FILTER", 400, InvalidRequest),
    ],
)
def test_a_stream_that_is_ended_for_good(
    scripted: Scripted, client: Client, code: str, status: int, kind: type[PenstockError]
) -> None:
    """What was told is given; then it is raised, and not asked for again."""
    scripted.answers = [(200, told("one") + ending(code, status))]
    lines = client.handle("a").follow_logs()
    assert next(lines).message == "one"
    with pytest.raises(kind, match=code) as raised:
        next(lines)
    assert raised.value.status == status
    assert len(scripted.asked) == 1


def test_pauses_grow_while_connections_end_soon(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though each begins well."""
    paused: list[float] = []
    monkeypatch.setattr(time, "sleep", paused.append)
    ends = 200, told("one") + ending("RESTORING", 503)
    scripted.answers = [*[ends] * 7, (200, END)]
    url = f"http://127.0.0.1:{scripted.server_port}"
    with Client(url) as client:
        assert [one.message for one in client.handle("a").follow_logs()] == ["one"]
    longest = [api.PAUSE_FIRST_S * 2**retry for retry in range(6)]
    for pause_s, most_s in zip(paused, longest, strict=False):
        assert most_s / 2 <= pause_s <= most_s


def test_what_is_missing_is_told(scripted: Scripted, client: Client) -> None:
    of = [{"partition": 2, "code": "RESTORING", "message": "soon"}]
    told_of: tuple[list[Any], ...] = of, []
    missing_event = 'event: missing\ndata: {"partitions": %s}\n\n'
    scripted.answers = [
        (200, "".join(missing_event % json.dumps(one) for one in told_of)),
    ]
    first, second = islice(client.follow_runs(), 2)
    assert [(one.partition, one.code) for one in first.missing] == [(2, "RESTORING")]
    assert (first.what, second.what, second.missing) == ("missing", "missing", ())


def test_a_stream_that_gives_up(scripted: Scripted) -> None:
    scripted.answers = [(200, "")]
    url = f"http://127.0.0.1:{scripted.server_port}"
    with Client(url, deadline_s=0.3) as client, pytest.raises(Unavailable, match="STREAM_ENDED"):
        list(client.handle("a").follow_logs())
