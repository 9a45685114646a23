"""How the client behaves when the server is busy, away or wrong, as a small server tells it."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from penstock import Client, Conflict, Unavailable
from penstock.sdk import api


class Scripted(ThreadingHTTPServer):
    """Answers from a list, the last one for ever; keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[tuple[int, dict[str, Any]]] = []
        self.asked: list[tuple[str, str, str | None]] = []


class _Handler(BaseHTTPRequestHandler):
    server: Scripted

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = (self.command, self.path, self.headers.get(api.COMMAND_ID))
        self.server.asked.append(asked)
        answers = self.server.answers
        status, body = answers.pop(0) if len(answers) > 1 else answers[0]
        if status == 0:  # go away without a word
            self.close_connection = True
            return
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.send_header(api.POSITION, "3:41")
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = _answer

    def log_message(self, format: str, *args: Any) -> None: ...


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    server = Scripted()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def client(scripted: Scripted) -> Iterator[Client]:
    with Client(f"http://127.0.0.1:{scripted.server_port}", deadline_s=5) as made:
        yield made


def busy(status: int) -> tuple[int, dict[str, Any]]:
    return status, {"error": {"code": "BUSY", "message": "try again"}}


def test_a_command_keeps_its_id_over_its_retries(scripted: Scripted, client: Client) -> None:
    scripted.answers = [busy(429), busy(503), (0, {}), busy(504), (201, {})]

    client.run("wf", x=1)

    ids = {command_id for _, _, command_id in scripted.asked}
    assert len(scripted.asked) == 5
    assert len(ids) == 1 and None not in ids


def test_two_commands_have_two_ids(scripted: Scripted, client: Client) -> None:
    scripted.answers = [(200, {})]
    client.stop("a")
    client.stop("a")
    assert len({command_id for _, _, command_id in scripted.asked}) == 2


def test_a_refusal_is_not_tried_again(scripted: Scripted, client: Client) -> None:
    scripted.answers = [(409, {"error": {"code": "WF_RUN_ENDED", "message": "over"}})]
    with pytest.raises(Conflict, match="WF_RUN_ENDED: over"):
        client.stop("a")
    assert len(scripted.asked) == 1


def test_the_deadline_ends_the_retries(scripted: Scripted) -> None:
    scripted.answers = [busy(503)]
    url = f"http://127.0.0.1:{scripted.server_port}"
    with Client(url, deadline_s=0.3) as client, pytest.raises(Unavailable, match="BUSY"):
        client.stop("a")
    assert len(scripted.asked) > 1


def test_nobody_there() -> None:
    with (
        Client("http://127.0.0.1:9", deadline_s=0.2) as client,
        pytest.raises(Unavailable, match="UNREACHABLE: no answer from http"),
    ):
        client.stop("a")


def test_a_page_of_somebody_else(scripted: Scripted, client: Client) -> None:
    scripted.answers = [(500, {"oops": 1})]
    with pytest.raises(api.PenstockError, match="HTTP_500"):
        client.stop("a")


def test_what_was_written_is_read(scripted: Scripted, client: Client) -> None:
    scripted.answers = [(200, {"status": "RUNNING"})]
    client.handle("other").status()
    client.stop("a")
    client.handle("a").status()
    client.handle("other").status()
    assert [path for _, path, _ in scripted.asked] == [
        "/v1/wf-runs/other",
        "/v1/wf-runs/a/actions/stop",
        "/v1/wf-runs/a?at_least=3%3A41",
        "/v1/wf-runs/other",
    ]


def test_pauses_grow_and_are_bounded() -> None:
    pauses = [api.pause_s(retry) for retry in range(40)]
    assert all(0 < pause <= api.PAUSE_MAX_S for pause in pauses)
    assert pauses[0] <= api.PAUSE_FIRST_S
    assert min(pauses[10:]) >= api.PAUSE_MAX_S / 2
