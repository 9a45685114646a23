"""How the client behaves when the server is busy, away or wrong, as a small server tells it."""

import asyncio
import inspect
import time
from typing import Any

import pytest

from penstock import (
    AsyncClient,
    Client,
    Conflict,
    Incomplete,
    PenstockError,
    ServerError,
    Unavailable,
)
from penstock.sdk import api
from tests.sdk import scripted as served
from tests.sdk.scripted import HALTED, Scripted, busy
from tests.sdk.test_streams import END, told

MANY = 150
scripted, client = served.scripted, served.client

STARTED = {
    "repeated": False,
    "position": "3:41",
    "wf_run_id": "a",
    "wf_spec": "wf",
    "version": 1,
}


def test_a_command_keeps_its_id_over_its_retries(scripted: Scripted, client: Client) -> None:
    scripted.retry_after = "0"
    scripted.answers = [busy(429), busy(503), (0, {}), busy(504), (201, STARTED)]

    client.run("wf", x=1)

    ids = {command_id for _, _, command_id in scripted.asked}
    assert len(scripted.asked) == 5
    assert len(ids) == 1 and None not in ids


def test_two_commands_have_two_ids(scripted: Scripted, client: Client) -> None:
    scripted.answers = [(200, HALTED)]
    client.handle("a").stop()
    client.handle("a").stop()
    assert len({command_id for _, _, command_id in scripted.asked}) == 2


def test_a_refusal_is_not_tried_again(scripted: Scripted, client: Client) -> None:
    scripted.answers = [(409, {"error": {"code": "WF_RUN_ENDED", "message": "over"}})]
    with pytest.raises(Conflict, match="WF_RUN_ENDED: over"):
        client.handle("a").stop()
    assert len(scripted.asked) == 1


def test_the_deadline_ends_the_retries(scripted: Scripted) -> None:
    scripted.answers = [busy(503)]
    url = f"http://127.0.0.1:{scripted.server_port}"
    with Client(url, deadline_s=1.5) as client, pytest.raises(Unavailable, match="BUSY"):
        client.handle("a").stop()
    assert len(scripted.asked) > 1


def test_nobody_there() -> None:
    with (
        Client("http://127.0.0.1:9", deadline_s=0.2) as client,
        pytest.raises(Unavailable, match="UNREACHABLE: no answer from http"),
    ):
        client.handle("a").stop()


def test_a_page_of_somebody_else(scripted: Scripted, client: Client) -> None:
    scripted.answers = [(500, {"oops": 1})]
    with pytest.raises(api.PenstockError, match="HTTP_500"):
        client.handle("a").stop()


SOMEBODY_ELSE: list[tuple[int, dict[str, Any] | str]] = [
    (503, {"error": "upstream unavailable"}),
    (503, {"error": {"code": 7, "message": None}}),
    (502, "<html>Bad Gateway</html>"),
    (504, "null"),
    (503, '["away"]'),
    (200, "<html>Welcome</html>"),
    (200, ""),
]


@pytest.mark.parametrize("answer", SOMEBODY_ELSE)
def test_a_foreign_word_is_no_answer(scripted: Scripted, client: Client, answer: Any) -> None:
    scripted.answers = [answer, (200, HALTED)]
    assert client.handle("a").stop().status == "HALTED"
    assert len({command_id for _, _, command_id in scripted.asked}) == 1


@pytest.mark.parametrize("answer", [(302, ""), (404, "<html>?</html>"), (400, {"error": "what?"})])
def test_a_foreign_refusal_is_told(scripted: Scripted, client: Client, answer: Any) -> None:
    scripted.answers = [answer]
    with pytest.raises(PenstockError, match=f"HTTP_{answer[0]}"):
        client.handle("a").stop()


def test_what_was_written_is_read(scripted: Scripted, client: Client) -> None:
    scripted.answers = [(200, HALTED)]
    client.handle("other").status()
    client.handle("a").stop()
    client.handle("a").status()
    client.handle("other").status()
    assert [path for _, path, _ in scripted.asked] == [
        "/v1/wf-runs/other?brief=true",
        "/v1/wf-runs/a/actions/stop",
        "/v1/wf-runs/a?brief=true&at_least=3%3A41",
        "/v1/wf-runs/other?brief=true",
    ]


def test_pauses_grow_and_are_bounded() -> None:
    pauses = [api.pause_s(retry) for retry in range(40)]
    assert all(0 < pause <= api.PAUSE_MAX_S for pause in pauses)
    assert pauses[0] <= api.PAUSE_FIRST_S
    assert min(pauses[10:]) >= api.PAUSE_MAX_S / 2


@pytest.mark.parametrize("status", [408, 421], ids=["a late body", "another owner"])
def test_what_was_not_begun_is_asked_again(scripted: Scripted, client: Client, status: int) -> None:
    scripted.answers = [busy(status), (200, HALTED)]
    assert client.handle("a").stop().status == "HALTED"


@pytest.mark.parametrize("status", [421, 503])
def test_a_second_asked_for_until_there_is_an_owner_is_not_waited_out(status: int) -> None:
    error = api.error_of(status, "NOT_OWNER", "it has moved", (), after_s=1.0)
    assert api.pause_s(0, error) <= api.PAUSE_FIRST_S
    long = api.error_of(status, "UNAVAILABLE", "come back later", (), after_s=5.0)
    assert api.pause_s(0, long) >= 5.0


def test_retry_after_is_obeyed(scripted: Scripted, client: Client) -> None:
    scripted.retry_after, scripted.answers = "1", [busy(429), (200, HALTED)]
    begun = time.monotonic()
    client.handle("a").stop()
    assert 1.0 <= time.monotonic() - begun < 15.0


def test_a_start_beyond_the_live_runs_is_told_at_once(scripted: Scripted, client: Client) -> None:
    """The fold has refused it, and knows of no time to come again: a try is a record in the log."""
    told = {"error": {"code": "QUOTA_EXCEEDED", "message": "3 live runs"}}
    scripted.answers = [(429, told), (201, STARTED)]
    with pytest.raises(Unavailable, match="QUOTA_EXCEEDED: 3 live runs"):
        client.run("wf")
    assert len(scripted.asked) == 1


def test_the_deadline_counts_before_a_wait_that_is_asked_for(scripted: Scripted) -> None:
    scripted.retry_after, scripted.answers = "50", [busy(503)]
    url = f"http://127.0.0.1:{scripted.server_port}"
    with Client(url, deadline_s=5) as client, pytest.raises(Unavailable) as raised:
        client.handle("a").stop()
    assert (raised.value.retry_after_s, len(scripted.asked)) == (50.0, 1)


def test_what_has_no_id_is_not_sent_twice(scripted: Scripted, client: Client) -> None:
    again = {"number": 1, "topic": "t", "position": "0:1"}
    scripted.retry_after = "0"
    scripted.answers = [busy(429), (503, {"error": {"code": "X", "message": ""}}), (200, again)]
    with pytest.raises(Unavailable):
        client.dead_letters.retry(1)
    assert len(scripted.asked) == 2  # what was turned away at once was tried again


def test_an_answer_of_another_version_is_told(scripted: Scripted, client: Client) -> None:
    scripted.answers = [(200, {"statuses": []})]
    with pytest.raises(ServerError, match="BAD_ANSWER: not the answer of this version"):
        client.handle("a").stop()
    assert len(scripted.asked) == 1


LATEST = [{"name": name, "version": 1} for name in "abc"]


def test_an_iterator_asks_for_a_page_when_it_needs_it(scripted: Scripted, client: Client) -> None:
    scripted.answers = [
        (200, {"items": LATEST[:1], "cursor": "x"}),
        busy(503),
        (200, {"items": [], "cursor": "y"}),
        (200, {"items": LATEST[1:], "cursor": None}),
    ]
    found = client.wf_specs.list()
    assert (next(found).name, len(scripted.asked)) == ("a", 1)
    assert [one.name for one in found] == ["b", "c"]
    assert [path.partition("cursor=")[2] for _, path, _ in scripted.asked] == ["", "x", "x", "y"]


def test_a_list_that_is_not_whole_says_so_at_its_end(scripted: Scripted, client: Client) -> None:
    scripted.answers = [(200, {"items": [], "cursor": None, "missing": [2]})]
    with pytest.raises(Incomplete) as raised:
        list(client.find_runs())
    assert (raised.value.missing, raised.value.code) == ([2], "INCOMPLETE")


def test_awaited_it_is_the_same(scripted: Scripted) -> None:
    scripted.answers = [
        (0, {}),
        busy(503),
        (200, HALTED),
        (200, told("one")),
        (200, told("one", "two") + END),
        (200, {"items": LATEST, "cursor": None, "missing": [0]}),
    ]

    async def test() -> None:
        async with AsyncClient(f"http://127.0.0.1:{scripted.server_port}", deadline_s=5) as client:
            run = client.handle("a")
            assert (await run.stop()).status == "HALTED"
            assert [one.message async for one in run.follow_logs()] == ["one", "two"]
            with pytest.raises(Incomplete):
                [one async for one in client.wf_specs.list()]

    asyncio.run(test())
    assert len({command_id for _, _, command_id in scripted.asked[:3]}) == 1


def test_methods_tell_what_they_are() -> None:
    assert inspect.signature(Client.find_runs).parameters.keys() == {"self", "newest", "which"}
    with Client("http://127.0.0.1:9") as client:
        assert list(inspect.signature(client.handle("a").stop).parameters) == ["thread"]
        assert "Halt the run" in (client.handle("a").stop.__doc__ or "")


def test_as_many_runs_are_awaited_as_one_likes() -> None:
    """Each wait has a connection of its own; none queues behind others."""

    async def test() -> None:
        come, over = asyncio.Semaphore(0), asyncio.Event()

        async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            assert b"until=ended" in await reader.readuntil(b"\r\n\r\n")
            come.release()
            await over.wait()
            writer.close()

        async with await asyncio.start_server(hold, "127.0.0.1", 0) as held:
            url = f"http://127.0.0.1:{held.sockets[0].getsockname()[1]}"
            async with AsyncClient(url) as client:
                waits = [asyncio.ensure_future(client.handle(str(n)).result()) for n in range(MANY)]
                for _ in range(MANY):
                    await asyncio.wait_for(come.acquire(), 20)
                over.set()
                for wait in waits:
                    wait.cancel()
                await asyncio.gather(*waits, return_exceptions=True)

    asyncio.run(test())
