"""What a task's function logs and measures is seen while it runs, each line once; over HTTP."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest

import penstock.sdk.context
from penstock import Client, TaskContext, Worker, task, workflow
from penstock.core.limits import PROGRESS_BYTES_MAX, VALUE_BYTES_MAX
from tests.sdk.servers import running_server

pytestmark = pytest.mark.timeout(150)


@task(heartbeat=30.0)
def wd_telling(ctx: TaskContext) -> None:
    for number in range(3):
        ctx.log(f"line {number}")
        ctx.counter("rows", 2)
        time.sleep(1.5)
    ctx.log("the last")
    ctx.counter("rows", 1)


@workflow
def wd_tell() -> None:
    wd_telling()


def test_words_come_while_a_task_runs_each_once(client: Client, server: str) -> None:
    client.register(wd_tell)
    with Worker(wd_tell, url=server):
        run = client.run(wd_tell)
        deadline = time.monotonic() + 45
        while not (seen := [line.message for line in run.logs().items]):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        (measured,) = run.metrics().items
        assert (seen[0], measured.value >= 2) == ("line 0", True)
        assert run.task_runs()[0].status == "TASK_RUNNING"
        run.result(timeout=20)
    assert [line.message for line in run.logs().items] == ["line 0", "line 1", "line 2", "the last"]
    assert run.metrics().items[0].value == 7
    assert run.task_runs()[0].attempts[0].logs == "line 0\nline 1\nline 2\nthe last"


def test_what_did_not_get_through_is_taken_again() -> None:
    context = TaskContext()
    context.log("one")
    context.counter("rows", 2)
    words = context.take_words()
    assert not context.has_words
    context.log("two")
    context.counter("rows", 3)
    context.give_back(words)
    logs, (rows,), _ = context.take_words()
    assert (logs, rows.value) == ("one\ntwo", 5)
    assert context.take_words() == ("", (), 0)


def test_a_piece_is_the_same_until_it_is_known_what_became_of_it() -> None:
    context = TaskContext()
    assert context.take_piece().piece == 0
    context.log("one")
    first = context.take_piece()
    context.log("two")
    assert context.take_piece() is first
    assert (first.piece, first.logs, context.has_words) == (1, "one", True)
    context.heard(first)
    second = context.take_piece()
    assert (second.piece, second.logs) == (2, "two")
    context.log("three")
    context.give_back(second)
    assert context.take_piece()[::2] == ("two\nthree", 3)
    context.heard(first)
    assert context.unheard is not None


@task
def wd_refused(ctx: TaskContext) -> None:
    ctx.log("before")
    time.sleep(1.2)
    ctx.heartbeat("x" * (PROGRESS_BYTES_MAX + 1))
    time.sleep(0.8)
    ctx.log("after")


@workflow
def wd_refuse() -> None:
    wd_refused()


def test_a_heartbeat_that_is_refused_loses_no_line(
    client: Client, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(penstock.sdk.context, "PROGRESS_BYTES_MAX", VALUE_BYTES_MAX)  # it is sent
    client.register(wd_refuse)
    with Worker(wd_refuse, url=server):
        run = client.run(wd_refuse)
        run.result(timeout=20)
    assert [line.message for line in run.logs().items] == ["before", "after"]


class Way(BaseHTTPRequestHandler):
    """Between a worker and its server; the first answers to some requests get lost on it."""

    protocol_version = "HTTP/1.1"
    server_url = ""
    losing = ""
    to_lose = 0
    lost = 0

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name: text for name, text in self.headers.items() if name.lower() != "host"}
        answer = httpx.post(self.server_url + self.path, content=body, headers=headers, timeout=60)
        if self.path.endswith(self.losing) and type(self).lost < self.to_lose:
            type(self).lost += 1
            self.close_connection = True
            return
        self.send_response(answer.status_code)
        self.send_header("Content-Type", answer.headers["content-type"])
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def bad_way(server_url: str, to_lose: int, losing: str = "/heartbeat") -> Iterator[str]:
    Way.server_url, Way.losing, Way.to_lose, Way.lost = server_url, losing, to_lose, 0
    way = ThreadingHTTPServer(("127.0.0.1", 0), Way)
    way.daemon_threads = True
    thread = Thread(target=way.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{way.server_port}"
    way.shutdown()
    way.server_close()
    thread.join()


@pytest.mark.parametrize("to_lose", [1, 1_000])
def test_words_whose_answer_was_lost_count_once(tmp_path: Path, to_lose: int) -> None:
    """They were heard. The next heartbeat says them again, or else the report does. The server is
    its own: a poll that is under way on the bad way goes on when its worker has left.
    """
    with running_server(tmp_path / "data") as server, Client(server) as client:
        client.register(wd_tell)
        with bad_way(server, to_lose) as url, Worker(wd_tell, url=url):
            run = client.run(wd_tell)
            run.result(timeout=30)
        assert Way.lost >= 1
        said = [line.message for line in run.logs().items]
        assert said == ["line 0", "line 1", "line 2", "the last"]
        assert run.metrics().items[0].value == 7
